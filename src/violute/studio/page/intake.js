/** Ways in: drop, choose, record, or an example; and what the page says while it works or when it failed. */

import * as api from "./api.js";
import { make } from "./dial.js";
import { hybridName } from "./dials.js";
import { Microphone } from "./microphone.js";
import { sentence } from "./notice.js";
import { offerFile } from "./offer.js";
import { TimeLeft } from "./time_left.js";
import { clock } from "./timeline.js";

const find = (id) => document.getElementById(id);

export class Intake {
  #session; #voice; #others; #play; #monitor; #ends = [];
  #left = null; // TimeLeft of what is under way
  #making = null; // TimeLeft of what the server renders before the piece can be played
  #microphone = null;
  #isAsking = false; // for the microphone, which may take as long as its owner thinks

  // `voice()` names the chosen voice; `wake()` is told of every press, for browsers let sound begin only then;
  // `others(files)` gets what is not played at once; `play()` plays the take; `monitor` plays along.
  constructor(session, { voice, wake, others, play, monitor }) {
    this.#session = session;
    this.#voice = voice;
    this.#others = others;
    this.#play = play;
    this.#monitor = monitor;
    const choose = () => { wake(); find("file").click(); };
    for (const id of ["choose", "retry"]) find(id).addEventListener("click", choose);
    find("file").addEventListener("change", () => {
      const files = [...find("file").files];
      find("file").value = "";
      this.#open(files);
    });
    find("another").addEventListener("click", () => {
      session.chooseAnother();
      find("choose").focus();
    });
    find("cancel").addEventListener("click", () => session.cancel());
    find("back").addEventListener("click", () => session.rest());
    find("record").addEventListener("click", () => { wake(); this.#record(); });
    find("record-stop").addEventListener("click", () => this.#useRecording());
    find("rest").addEventListener("click", () => session.rest());
    find("forget").addEventListener("click", () => session.forget());
    for (const id of ["rescue", "save-recording"]) {
      find(id).addEventListener("click", () => offerFile(session.latest.file, session.latest.name));
    }
    find("record-cancel").addEventListener("click", () => this.#stopRecording());
    this.#listenForDrops(wake);
    session.addEventListener("state", ({ detail }) => this.#show(detail));
    this.#offer(wake);
  }

  async #offer(wake) {
    const [examples, limits] = await Promise.all([
      api.listExamples().catch(() => []), api.readLimits().catch(() => null),
    ]);
    find("examples").append(...examples.map((example) => card(example, async () => {
      wake();
      if (await this.#session.openExample(example.name, example.title, this.#voice())) this.#play();
    })));
    this.#chooseExamples();
    if (!limits) return;
    find("limits").textContent = stated(limits);
    find("file").accept = ["audio/*", ...limits.types, ".onnx"].join();
  }

  // What the voice is called after its instruments, and the pieces for it.
  setEnds(ends) {
    this.#ends = ends;
    const [from, to] = ends;
    find("hybrid-name").textContent = hybridName(ends);
    find("hybrid-dial").textContent = `Hear it play, and turn it from ${from} to ${to} as it goes.`;
    this.#chooseExamples();
  }

  // Pieces of other instruments may lie outside of what the voice hears; all are offered where none is of its own.
  #chooseExamples() {
    const cards = [...find("examples").children];
    const own = cards.filter((item) => this.#ends.includes(item.firstChild.dataset.example));
    for (const item of cards) {
      item.hidden = own.length > 0 && !own.includes(item);
      item.firstChild.dataset.end = this.#ends.indexOf(item.firstChild.dataset.example);
    }
  }

  #show({ state, name, progress, text }) {
    find("back").hidden = this.#session.take === null;
    if (state === "working") {
      find("working-title").textContent = name;
      if (find("working-text").textContent !== text) find("working-text").textContent = text;
      find("progress").value = progress;
      this.#left ??= new TimeLeft();
      find("working-left").textContent = this.#left.after(progress);
    } else {
      [this.#left, this.#making] = [null, null];
    }
    if (state === "failed") find("failure").textContent = sentence(text, name);
    find("rescue").hidden = !this.#session.latest?.isOwn;
    find("save-recording").hidden = !this.#session.recording?.isOwn;
    if (state !== "recording") {
      this.#monitor.end();
      this.#microphone?.stop();
    }
  }

  #listenForDrops(wake) {
    const hasFile = (event) => [...event.dataTransfer.types].includes("Files");
    addEventListener("dragover", (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      find("veil").hidden = false;
    });
    addEventListener("dragleave", (event) => { if (!event.relatedTarget) find("veil").hidden = true; });
    addEventListener("drop", (event) => {
      if (!hasFile(event)) return;
      event.preventDefault();
      find("veil").hidden = true;
      wake();
      this.#open([...event.dataTransfer.files]);
    });
  }

  // The first recording is played; other recordings and voices are handed on.
  #open(files) {
    const first = files.findIndex((file) => !isVoice(file));
    const [file] = first < 0 ? [] : files.splice(first, 1);
    if (files.length) this.#others(files);
    if (file) this.#session.openFile(file, this.#voice());
  }

  async #record() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.#microphone = await Microphone.open(find("input-level"), (seconds) => {
        find("recorded").textContent = clock(Math.floor(seconds));
      });
    } catch (error) {
      this.#session.openFailed("Recording", Microphone.Refusal.of(error).message);
      return;
    } finally {
      this.#isAsking = false;
    }
    this.#monitor.begin(this.#microphone);
    this.#session.startRecording();
    find("record-stop").focus();
  }

  async #useRecording() {
    this.#monitor.end();
    const file = await this.#microphone.finish();
    this.#microphone = null;
    this.#session.openFile(file, this.#voice(), { isOwn: true });
  }

  // Says what the server makes before the piece can be played.
  showMaking(share) {
    if (share === null) return;
    find("working-text").textContent = "Playing it in this voice";
    find("progress").value = share;
    this.#making ??= new TimeLeft();
    find("working-left").textContent = this.#making.after(share);
  }

  #stopRecording() {
    this.#microphone?.stop();
    this.#microphone = null;
    this.#session.rest();
  }
}

export const isVoice = (file) => /\.onnx$/i.test(file.name);

// An example with its waveform, to be played with one press.
function card({ name, title, seconds, peaks }, play) {
  const button = document.createElement("button");
  Object.assign(button, { type: "button", className: "example" });
  button.dataset.example = name;
  const [what, work] = title.split(", ");
  button.innerHTML = '<span class="disc"><svg aria-hidden="true"><use href="/page/icons.svg#play"></use></svg></span>'
    + "<strong></strong><span class=\"small\"></span>";
  button.querySelector("strong").textContent = `${what}, ${work}`;
  button.querySelector(".small").textContent = `Solo ${name} · ${clock(seconds)}`;
  const wave = make("svg", { class: "wave", viewBox: `0 0 ${peaks.length} 2`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const d = peaks.map((peak, i) => `M${i} ${(1 - peak).toFixed(3)}h.7v${(2 * peak).toFixed(3)}h-.7z`).join("");
  wave.append(make("path", { d }));
  button.append(wave);
  button.addEventListener("click", play);
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function stated({ max_upload_bytes: bytes, max_seconds: seconds, types }) {
  const parts = [];
  if (types?.length) parts.push(types.map((type) => type.slice(1).toUpperCase()).filter((type) => type !== "AIF").join(", "));
  if (seconds >= 120) parts.push(`up to ${Math.round(seconds / 60)} minutes`);
  else if (seconds) parts.push(`up to ${Math.round(seconds)} seconds`);
  if (bytes) parts.push(`${Math.round(bytes / 1e6)} MB`);
  return `${parts.join(" · ")} · nothing leaves this machine`;
}
