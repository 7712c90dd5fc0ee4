/** Puts the page together: one set of dials, one timeline, one player, and the views that show them. */

import * as api from "./api.js";
import { Curve } from "./curve.js";
import { DialView } from "./dial.js";
import { Dials } from "./dials.js";
import { Export } from "./export.js";
import { Intake, sentence } from "./intake.js";
import { Keyboard } from "./keyboard.js";
import { Lane } from "./lane.js";
import { Pad } from "./pad.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { Session } from "./session.js";
import { Sliders } from "./sliders.js";
import { watchTheme } from "./theme.js";
import { Timeline, clock } from "./timeline.js";
import { Transport } from "./transport.js";
import { View } from "./view.js";

const NOTICE_MS = 4500;
const PICTURE_REST_MS = 220;

const find = (id) => document.getElementById(id);
const ENDS = ["flute", "violin"];

const dials = new Dials();
const curve = new Curve();
const timeline = new Timeline();
const player = new Player({ dials, curve, timeline });
const dialView = new DialView(find("dial"), dials);
const sliders = new Sliders(find("sliders"), dials, ENDS);
const pad = new Pad(find("pad"), dials, ENDS);
const lane = new Lane(find("curve"), { curve, timeline, dials, ends: ENDS, say });
const transport = new Transport(player, timeline);
const saving = new Export(player, say);
const session = new Session(prepare);
let voices = [];

const sourcePanel = new Panel(find("panel-source"), timeline, { hue: "var(--soft)" });
const hybridPanel = new Panel(find("panel-hybrid"), timeline, {
  hue: "var(--here)", ask: () => ({ dials: dials.values(), automation: curve.playing }),
});
const actions = { seek: (seconds) => player.seek(seconds), loop: (loop) => player.setLoop(loop) };
for (const id of ["panel-source", "panel-hybrid"]) new View(find(id).querySelector(".view"), timeline, actions);
new View(find("lane"), timeline, actions, { isSelecting: false });
new Intake(session, { voice: () => find("voice").value || null, wake });

let noticeTimer = 0;

function say(text) {
  clearTimeout(noticeTimer);
  find("notice").textContent = sentence(text);
  find("notice").hidden = false;
  noticeTimer = setTimeout(() => { find("notice").hidden = true; }, NOTICE_MS);
}

// Loads everything that a ready take needs before the page shows it.
async function prepare(take, signal) {
  const { source, parameters, pitch } = await player.open(take, signal);
  curve.clear();
  const mono = mixedDown(source);
  sourcePanel.load({ type: "samples", samples: mono, sampleRate: source.sampleRate }, [mono.buffer]);
  if (parameters) hybridPanel.load({ type: "parameters", buffer: parameters }, [parameters]);
  for (const panel of [sourcePanel, hybridPanel]) panel.setPitch(pitch);
}

function mixedDown(buffer) {
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] += samples[i] / buffer.numberOfChannels;
  }
  return mono;
}

session.addEventListener("state", ({ detail: { state, take, isBack } }) => {
  transport.enable(state === "ready");
  find("another").hidden = state !== "ready";
  find("cancel-choice").hidden = state !== "empty" || session.take === null;
  find("notice").hidden = true;
  if (state !== "ready") {
    if (player.isPlaying) player.pause();
    return;
  }
  find("voice").value = take.voice;
  showEnds(take.ends);
  if (isBack) return;
  find("piece").textContent = take.name;
  find("about-source").textContent = about(take);
  saving.setTake(take);
  find("about-hybrid").textContent = "";
  showWarnings();
  find("play").focus();
});

// Those of a voice that is rendered by the server follow the dials.
function showWarnings() {
  const about = find("about-hybrid");
  const warnings = player.warnings.map((line) => sentence(line)).join(" ");
  if (warnings && warnings !== about.textContent) say(warnings);
  about.textContent = warnings;
  about.title = warnings;
}

function about(take) {
  const channels = { 1: "mono", 2: "stereo" }[take.n_channels] ?? `${take.n_channels} channels`;
  return `${clock(take.duration_seconds)} · ${take.sample_rate / 1000} kHz · ${channels}`;
}

function showEnds(ends) {
  for (const view of [dialView, sliders, pad, lane, transport]) view.setEnds(ends);
}

dials.addEventListener("change", ({ detail }) => {
  if (detail.by === "automation") return;
  hybridPanel.refresh(PICTURE_REST_MS);
  saving.refresh();
});
curve.addEventListener("change", () => {
  const n = curve.points.length;
  for (const id of ["lane-toggle", "lane-clear"]) {
    find(id).disabled = n === 0;
    find(id).style.visibility = n ? "" : "hidden";
  }
  find("lane-toggle").setAttribute("aria-pressed", String(curve.isOn));
  find("lane-toggle").textContent = curve.isOn ? "On" : "Off";
  find("about-lane").textContent = n ? "" : "Draw it here, or record it (R)";
  hybridPanel.refresh(PICTURE_REST_MS);
  saving.refresh();
});
curve.clear();
find("lane-toggle").addEventListener("click", () => curve.setOn(!curve.isOn));
find("lane-clear").addEventListener("click", () => curve.clear());
find("cancel-choice").addEventListener("click", () => session.rest());

player.addEventListener("overruled", () => say("Your hand has the dial: the drawn course is off"));
player.addEventListener("failed", ({ detail }) => say(detail));
player.addEventListener("record", () => {
  if (player.isRecording && !player.isPlaying) say("Press play and turn the dial");
});
player.addEventListener("rendering", ({ detail }) => {
  const mono = mixedDown(detail);
  hybridPanel.load({ type: "samples", samples: mono, sampleRate: detail.sampleRate }, [mono.buffer]);
  if (session.state === "ready") showWarnings();
});

watchTheme(find("theme"), () => { for (const panel of [sourcePanel, hybridPanel]) panel.paint(); });
// The hue of the hybrid follows the dial; a picture is coloured once a frame at most.
let isColouring = false;
dials.addEventListener("change", () => {
  if (isColouring) return;
  isColouring = true;
  requestAnimationFrame(() => { isColouring = false; hybridPanel.paint(); });
});

// The first of two keys goes back or down, the second on or up.
const way = ({ key }) => (["ArrowRight", ".", "End"].includes(key) ? 1 : -1);
const whenReady = (act) => (event) => { if (session.state === "ready") act(event); };
const keyboard = new Keyboard(find("keys"), [
  [[" "], "Play or pause", whenReady(() => player.toggle())],
  [["ArrowLeft", "ArrowRight"], "Turn the dial (with Shift in tens)", turn],
  [["a", "A"], "Hear the recording", whenReady(() => player.listenTo("source"))],
  [["b", "B"], "Hear the hybrid", whenReady(() => player.listenTo("hybrid"))],
  [["1", "2"], "Hear the first or the second instrument", whenReady(({ key }) => player.listenTo(`end${key - 1}`))],
  [[",", "."], "Back or on by two seconds", whenReady((event) => player.seek(timeline.seconds + 2 * way(event)))],
  [["Home", "End"], "To the beginning or the end", whenReady((event) => player.seek(way(event) * timeline.duration))],
  [["l", "L"], "Loop on or off", whenReady(() => transport.toggleLoop())],
  [["[", "]"], "Loop from here, or up to here", whenReady((event) => transport.markLoop(event.key === "[" ? 0 : 1))],
  [["+", "-", "="], "Zoom in or out", whenReady((event) => timeline.zoom(event.key === "-" ? 1 / 1.6 : 1.6))],
  [["r", "R"], "Record the dial's movement", whenReady(() => player.toggleRecording())],
  [["d", "D"], "Drawn course on or off", whenReady(() => curve.setOn(!curve.isOn))],
  [["s", "S"], "Save the file", whenReady(() => saving.save())],
  [["c", "C"], "Copy the command", whenReady(() => saving.copy())],
  [["o", "O"], "Choose a recording", () => { wake(); find("file").click(); }],
  [["t", "T"], "Light or dark", () => find("theme").click()],
  [["Escape"], "Cancel, go back, or end the loop", () => escape()],
]);
find("help").addEventListener("click", () => keyboard.show());

function turn(event) {
  dials.turn(dials.mix + way(event) * (event.shiftKey ? 0.1 : 0.01));
}

// What keeps the engine from starting is told when it is needed.
function wake() {
  player.wake().catch(() => {});
}

function escape() {
  if (session.state === "working" || session.state === "recording") session.cancel();
  else if (session.state !== "ready") session.rest();
  else player.setLoop(null);
}

async function offerVoices() {
  voices = await api.listVoices().catch(() => []);
  find("voice").append(...voices.map(({ name, description }) => {
    const option = new Option(name, name);
    option.title = description;
    return option;
  }));
  find("voice-choice").hidden = voices.length < 2;
  if (voices.length) showEnds(voices[0].ends);
}

find("voice").addEventListener("change", () => {
  const voice = voices.find(({ name }) => name === find("voice").value);
  if (session.state === "ready") session.openVoice(voice.name);
  else showEnds(voice.ends);
});
offerVoices();
