/** Ways in: drop, choose, record, or an example; and what the page says while it works or when it failed. */

import * as api from "./api.js";
import { Microphone } from "./microphone.js";
import { clock } from "./timeline.js";

const find = (id) => document.getElementById(id);

export class Intake {
  #session; #voice;
  #microphone = null;
  #isAsking = false; // for the microphone, which may take as long as its owner thinks

  // `voice()` names the chosen voice; `wake()` is told of every press, for browsers let sound begin only then.
  constructor(session, { voice, wake }) {
    this.#session = session;
    this.#voice = voice;
    const choose = () => { wake(); find("file").click(); };
    for (const id of ["choose", "retry"]) find(id).addEventListener("click", choose);
    find("file").addEventListener("change", () => {
      const [file] = find("file").files;
      find("file").value = "";
      if (file) this.#session.openFile(file, this.#voice());
    });
    find("another").addEventListener("click", () => {
      session.chooseAnother();
      find("choose").focus();
    });
    find("cancel").addEventListener("click", () => session.cancel());
    find("back").addEventListener("click", () => session.rest());
    find("record").addEventListener("click", () => { wake(); this.#record(); });
    find("record-stop").addEventListener("click", () => this.#useRecording());
    find("record-cancel").addEventListener("click", () => this.#stopRecording());
    this.#listenForDrops(wake);
    session.addEventListener("state", ({ detail }) => this.#show(detail));
    this.#offer(wake);
  }

  async #offer(wake) {
    const [examples, limits] = await Promise.all([
      api.listExamples().catch(() => []), api.readLimits().catch(() => null),
    ]);
    if (examples.length) find("examples").append("or try ");
    find("examples").append(...examples.map(({ name, title }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.example = name;
      button.textContent = title;
      button.addEventListener("click", () => { wake(); this.#session.openExample(name, title, this.#voice()); });
      return button;
    }));
    if (limits) find("limits").textContent = stated(limits);
  }

  #show({ state, name, progress, text }) {
    find("back").hidden = this.#session.take === null;
    if (state === "working") {
      find("working-title").textContent = name;
      if (find("working-text").textContent !== text) find("working-text").textContent = text;
      find("progress").value = progress;
    }
    if (state === "failed") find("failure").textContent = sentence(text, name);
    if (state !== "recording") this.#microphone?.stop();
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
      const [file] = event.dataTransfer.files;
      if (file) this.#session.openFile(file, this.#voice());
    });
  }

  async #record() {
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      this.#microphone = await Microphone.open(find("input-level"), (seconds) => {
        find("recorded").textContent = clock(Math.floor(seconds));
      });
    } catch (error) {
      const { Refusal } = Microphone;
      this.#session.openFailed("Recording", error instanceof Refusal ? error.message : Refusal.of(error).message);
      return;
    } finally {
      this.#isAsking = false;
    }
    this.#session.startRecording();
    find("record-stop").focus();
  }

  async #useRecording() {
    const file = await this.#microphone.finish();
    this.#microphone = null;
    this.#session.openFile(file, this.#voice());
  }

  #stopRecording() {
    this.#microphone?.stop();
    this.#microphone = null;
    this.#session.rest();
  }
}

// The library's one-line messages as a page shows them; a name at the beginning keeps its own letters.
export function sentence(text, name = null) {
  const begun = name !== null && text.startsWith(name) ? text : text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

function stated({ max_upload_bytes: bytes, max_seconds: seconds, types }) {
  const parts = [];
  if (types?.length) parts.push(types.map((type) => type.replace(/^\./, "").toUpperCase()).join(", "));
  if (seconds >= 120) parts.push(`up to ${Math.round(seconds / 60)} minutes`);
  else if (seconds) parts.push(`up to ${Math.round(seconds)} seconds`);
  if (bytes) parts.push(`${Math.round(bytes / 1e6)} MB`);
  return `${parts.join(" · ")} · nothing leaves this machine`;
}
