/** The page without a server: chooses what plays, and shows how it does. */

import { END_DIALS } from "./automation.js";
import { DialView } from "./dial.js";
import { Dials, capitalised, hybridName } from "./dials.js";
import { liveModule } from "./instance.js";
import { Live } from "./live.js";
import { liveSettings } from "./live_node.js";
import { offerFile } from "./offer.js";
import { Output, OutputSliders } from "./output.js";
import { decoded, rendered, sidesOf } from "./recording.js";
import { Sliders } from "./sliders.js";
import { Sound } from "./sound.js";
import { watchTheme } from "./theme.js";
import { clock as clockOf } from "./timeline.js";
import { wavFile } from "./wav.js";

const FAILURE_MS = 9000;
const CLIPPED = 0.99;
const OWN = "own"; // the choice of a voice file that was opened
const $ = (id) => document.getElementById(id);
const clock = (seconds) => clockOf(seconds, 1);
const offerWav = (name, blocks, sampleRate) => offerFile(wavFile(name, blocks, sampleRate), name);

const dials = new Dials();
const output = new Output();
const dial = new DialView($("dial"), dials);
// What a stream cannot do, as it knows no frame to come, is not offered: vibrato and transposition.
const sliders = new Sliders($("sliders"), dials, ["flute", "violin"], [...END_DIALS.filter((name) => name !== "vibrato"), "room"]);
new OutputSliders($("output"), output, ["wet", "level_db"]);
watchTheme($("theme"), () => {});

let site, module, voice, sound;
let buffer = null; // the recording that was chosen
let name = "";
let place = 0; // where it stands still
let own = null; // a voice file that was opened
let chosen = ""; // of the voices, the one that plays
let failureTimer = 0;

const settings = () => liveSettings(dials, output);

function fail(error) {
  clearTimeout(failureTimer);
  $("failure").textContent = error.message;
  $("failure").hidden = false;
  failureTimer = setTimeout(() => { $("failure").hidden = true; }, FAILURE_MS);
}

// What a press begins, and what is said where it fails.
const when = (id, event, action) => $(id).addEventListener(event, async (happened) => {
  try {
    $("failure").hidden = true;
    await action(happened);
  } catch (error) {
    fail(error);
  }
});

async function fetched(file) {
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file} is missing on this site: load the page again`);
  return answer.arrayBuffer();
}

// State

function show(state) {
  document.body.dataset.state = state;
  const isPlaying = state === "playing";
  $("play").disabled = buffer === null && !sound?.hasMicrophone;
  $("play").setAttribute("aria-label", isPlaying ? "Pause" : state === "live" ? "Stop" : "Play");
  $("play").querySelector("use").setAttribute("href", `icons.svg#${isPlaying || state === "live" ? "pause" : "play"}`);
  $("seek").disabled = buffer === null || state === "live";
  $("save").disabled = buffer === null;
  $("devices").hidden = state !== "live";
  $("piece").textContent = state === "live" ? "Microphone" : name || "Nothing plays yet";
  showPlace();
}

function showPlace() {
  const seconds = document.body.dataset.state === "playing" ? Math.min(sound.seconds, buffer.duration) : place;
  $("place").textContent = clock(seconds);
  if (buffer === null) return;
  $("seek").value = String(seconds);
  $("seek").setAttribute("aria-valuetext", `${clock(seconds)} of ${clock(buffer.duration)}`);
}

function showDelay() {
  if (!sound.isOpen) return;
  const { whole, ofVoice } = sound.delays;
  $("delay").textContent = `${Math.round(1000 * whole)} ms from what comes in to what you hear, ${Math.round(1000 * ofVoice)} of them the voice's own.`;
}

function meter(id, peak) {
  const percent = Math.round(100 * Math.min(1, Math.sqrt(peak)));
  $(id).setAttribute("aria-valuenow", String(percent));
  $(id).style.setProperty("--level", `${percent}%`);
  $(id).toggleAttribute("data-clips", peak >= CLIPPED);
}

// What plays

async function play() {
  const from = place >= buffer.duration - 0.05 ? 0 : place;
  await sound.play(buffer, from);
  show("playing");
}

function pause() {
  if (document.body.dataset.state === "playing") place = Math.min(sound.seconds, buffer.duration);
  sound.stop();
  show("ready");
}

async function open(content, title) {
  const found = await decoded(content, title);
  if (sound.isOpen) sound.stop();
  [buffer, name, place] = [found, title, 0];
  $("seek").max = String(buffer.duration);
  $("length").textContent = `of ${clock(buffer.duration)}`;
  // Browsers give no sound before the first press, and a file that is dropped is none.
  if (navigator.userActivation?.hasBeenActive ?? true) await play();
  else show("ready");
}

async function openMicrophone(deviceId = "") {
  await sound.listen(deviceId);
  $("device").replaceChildren(...(await sound.devices()).map(({ deviceId: id, label }, i) =>
    new Option(label || `Input ${i + 1}`, id, false, id === sound.deviceId)));
  show("live");
  showDelay();
}

async function openVoiceFile(file) {
  const content = await file.arrayBuffer();
  take(content);
  const choice = [...$("voice").options].find(({ value }) => value === OWN);
  if (!choice) $("voice").append(new Option(file.name, OWN));
  else choice.textContent = file.name;
  $("voice").value = chosen = OWN;
  own = content;
}

// A voice that cannot be played leaves the one before, so it is tried first, in a stream that nobody hears.
function take(content) {
  const trial = new Live(module, content);
  const { ends } = trial.card;
  trial.close();
  voice = content;
  sound?.setVoice(content);
  dial.setEnds(ends);
  sliders.setEnds(ends);
  $("title").textContent = hybridName(ends);
}

// Presses

when("play", "click", () => {
  if (["playing", "live"].includes(document.body.dataset.state)) pause();
  else return play();
});
when("seek", "input", async () => {
  place = Number($("seek").value);
  if (document.body.dataset.state === "playing") await play();
  else showPlace();
});
when("choose", "click", () => $("file").click());
when("file", "change", async () => {
  const [file] = $("file").files;
  $("file").value = "";
  if (file) await bring(file);
});
when("open-voice", "click", () => $("voice-file").click());
when("voice-file", "change", async () => {
  const [file] = $("voice-file").files;
  $("voice-file").value = "";
  if (file) await openVoiceFile(file);
});
when("voice", "change", async () => {
  try {
    take($("voice").value === OWN ? own : await fetched($("voice").value));
    chosen = $("voice").value;
  } catch (error) {
    $("voice").value = chosen;
    throw error;
  }
});
when("device", "change", () => openMicrophone($("device").value));
when("microphone", "click", () => $("headphones").showModal());
when("headphones", "close", async () => {
  if ($("headphones").returnValue === "yes") await openMicrophone();
});
when("record", "click", async () => {
  const isOn = !sound.isRecording;
  if (isOn) await sound.record();
  $("record").setAttribute("aria-pressed", String(isOn));
  $("record").querySelector("span").textContent = isOn ? "Stop and save" : "Record";
  if (isOn) return;
  const { blocks, sampleRate } = await sound.finish();
  const time = new Date().toTimeString().slice(0, 8).replaceAll(":", ".");
  offerWav(`Violute ${time}.wav`, blocks, sampleRate);
  $("saved").textContent = `Saved Violute ${time}.wav.`;
});
when("save", "click", async () => {
  $("save").disabled = true;
  $("share").hidden = false;
  const saved = `${name.replace(/\.[^.]*$/, "")}_hybrid.wav`;
  try {
    const sides = await rendered(voice, buffer, settings(), (share) => { $("share").value = share; });
    offerWav(saved, [sides], buffer.sampleRate);
    $("saved").textContent = `Saved ${saved}, ${clock(buffer.duration)}, ${sidesOf(buffer).length === 2 ? "stereo" : "mono"}.`;
  } finally {
    $("share").hidden = true;
    $("save").disabled = false;
  }
});

// What is dropped: a voice file by its name, or else a recording.
const bring = (file) => /\.live$/i.test(file.name)
  ? openVoiceFile(file)
  : file.arrayBuffer().then((content) => open(content, file.name));
for (const type of ["dragenter", "dragover"]) addEventListener(type, (event) => { event.preventDefault(); $("veil").hidden = false; });
addEventListener("dragleave", (event) => { if (event.relatedTarget === null) $("veil").hidden = true; });
addEventListener("drop", (event) => {
  event.preventDefault();
  $("veil").hidden = true;
  const [file] = event.dataTransfer.files;
  if (file) bring(file).catch(fail);
});

function listen() {
  sound.addEventListener("level", ({ detail }) => {
    meter("heard", detail.heard);
    meter("played", detail.played);
    showPlace();
    showDelay();
  });
  sound.addEventListener("problem", ({ detail }) => fail(new Error(detail.line)));
  sound.addEventListener("ended", () => {
    const wasLive = document.body.dataset.state === "live";
    place = wasLive ? place : buffer.duration;
    sound.stop();
    show("ready");
    if (wasLive) fail(new Error("The microphone was taken away: connect it again, or choose a recording."));
  });
  sound.addEventListener("gap", ({ detail }) => {
    $("gaps").textContent = `${detail.seconds.toFixed(2)} s of the sound were lost: close other programs where it grows.`;
  });
  for (const dialsOrOutput of [dials, output]) dialsOrOutput.addEventListener("change", () => sound.turn(settings()));
}

async function start() {
  site = JSON.parse(new TextDecoder().decode(await fetched("site.json")));
  module = await liveModule();
  $("voice").replaceChildren(...site.voices.map(({ name: title, file }) => new Option(title, file)));
  take(await fetched(site.voices[0].file));
  chosen = site.voices[0].file;
  sound = new Sound(voice, settings());
  listen();
  $("examples").replaceChildren(...site.examples.map(({ instrument, file }) => {
    const button = document.createElement("button");
    Object.assign(button, { type: "button", textContent: `a ${instrument}` });
    button.dataset.example = instrument;
    button.addEventListener("click", async () => {
      try {
        await open(await fetched(file), `${capitalised(instrument)}`);
      } catch (error) {
        fail(error);
      }
    });
    return button;
  }));
  show("empty");
  document.body.dataset.isReady = "";
  // Private windows of some browsers keep nothing: there it plays as well, while there is a net.
  await navigator.serviceWorker?.register("service_worker.js").catch(() => {});
}

start().catch(fail);
