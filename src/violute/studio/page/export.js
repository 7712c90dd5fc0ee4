/** Saving what is heard: a file made by the server at the recording's own rate, and the command that makes the same. */

import * as api from "./api.js";
import { sentence } from "./notice.js";
import { offerFile } from "./offer.js";
import { Segments } from "./segments.js";

const find = (id) => document.getElementById(id);
const REST_MS = 250;

export class Export {
  #player; #timeline; #say; #formats;
  #take = null;
  #format = "wav";
  #timer = 0;
  #controller = null;
  #files = {}; // that the command reads, by name
  #command = null;
  #isStale = true; // whether the command is of settings that stood before

  constructor(player, timeline, say) {
    this.#player = player;
    this.#timeline = timeline;
    this.#say = say;
    this.#formats = new Segments(find("format"), "format", (format) => {
      this.#format = format;
      this.#formats.choose(format);
      this.refresh();
    });
    find("bits").addEventListener("change", () => this.refresh());
    timeline.addEventListener("loop", () => {
      find("loop-only").disabled = timeline.loop === null;
      if (!timeline.loop) find("loop-only").checked = false;
      this.refresh();
    });
    find("loop-only").addEventListener("change", () => this.refresh());
    find("save").addEventListener("click", () => this.save());
    find("copy").addEventListener("click", () => this.copy());
  }

  setTake(take) {
    this.#take = take;
    for (const id of ["save", "copy"]) find(id).disabled = take === null;
    this.refresh(0);
  }

  #settings() {
    const bits = Number(find("bits").value) || null;
    const loop = find("loop-only").checked ? this.#timeline.loop : null;
    const span = loop?.map((seconds) => Math.round(1000 * seconds) / 1000) ?? null; // as a command reads well
    return { ...this.#player.settings(), format: this.#format, voice: this.#take.voice, bits, span };
  }

  // Asks for the command anew when the dials rest.
  refresh(rest = REST_MS) {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.#isStale = true;
    if (this.#take) this.#timer = setTimeout(() => this.#readCommand(), rest);
  }

  // Whether nothing failed; given up, and asked for anew, where a setting changes meanwhile.
  async #readCommand() {
    clearTimeout(this.#timer);
    this.#controller?.abort();
    this.#controller = new AbortController();
    try {
      const { signal } = this.#controller;
      const { command, files } = await api.readCommand(this.#take.id, this.#settings(), signal);
      [this.#command, this.#files] = [command, files];
      this.#isStale = false;
      find("command").textContent = command;
      return true;
    } catch (error) {
      if (error.name !== "AbortError") this.#say(error.message);
      return error.name === "AbortError";
    }
  }

  async save() {
    const button = find("save");
    if (!this.#take || button.disabled) return;
    button.disabled = true;
    button.textContent = "Saving…";
    try {
      const { blob, warnings, name } = await api.render(this.#take.id, this.#settings());
      offerFile(blob, name);
      this.#say([`Saved ${name}`, ...warnings].map((line) => sentence(line)).join(" "));
    } catch (error) {
      this.#say(error.message);
    } finally {
      button.disabled = this.#take === null;
      button.textContent = "Save";
    }
  }

  async copy() {
    while (this.#take && this.#isStale) if (!(await this.#readCommand())) return;
    if (!this.#take) return;
    try {
      await navigator.clipboard.writeText(this.#command);
      const names = Object.keys(this.#files).join(", ");
      this.#say(names ? `Command copied; what it reads is saved beside it: ${names}` : "Command copied");
    } catch {
      find("command").closest("details").open = true;
      getSelection().selectAllChildren(find("command"));
      this.#say("The browser keeps the clipboard to itself: the command is selected, copy it by hand");
    }
    for (const [name, content] of Object.entries(this.#files)) offerFile(new Blob([content], { type: "text/csv" }), name);
  }
}
