/** Saving what is heard: a file made by the server at the recording's own rate, and the command that makes the same. */

import * as api from "./api.js";
import { sentence } from "./intake.js";
import { Segments } from "./segments.js";

const find = (id) => document.getElementById(id);
const REST_MS = 250;

export class Export {
  #player; #say; #formats;
  #take = null;
  #format = "wav";
  #timer = 0;
  #controller = null;
  #csv = null;

  constructor(player, say) {
    this.#player = player;
    this.#say = say;
    this.#formats = new Segments(find("format"), "format", (format) => {
      this.#format = format;
      this.#formats.choose(format);
      this.refresh();
    });
    find("save").addEventListener("click", () => this.save());
    find("copy").addEventListener("click", () => this.copy());
  }

  setTake(take) {
    this.#take = take;
    for (const id of ["save", "copy"]) find(id).disabled = take === null;
    this.refresh(0);
  }

  #settings() { return { ...this.#player.settings(), format: this.#format, voice: this.#take.voice }; }

  // Asks for the command anew when the dials rest.
  refresh(rest = REST_MS) {
    clearTimeout(this.#timer);
    if (this.#take) this.#timer = setTimeout(() => this.#readCommand(), rest);
  }

  async #readCommand() {
    this.#controller?.abort();
    this.#controller = new AbortController();
    try {
      const { signal } = this.#controller;
      const { command, automation_csv: csv } = await api.readCommand(this.#take.id, this.#settings(), signal);
      find("command").textContent = command;
      this.#csv = csv ?? null;
    } catch (error) {
      if (error.name !== "AbortError") this.#say(error.message);
    }
  }

  async save() {
    const button = find("save");
    if (!this.#take || button.disabled) return;
    button.disabled = true;
    button.textContent = "Saving…";
    try {
      const { blob, warnings, name } = await api.render(this.#take.id, this.#settings());
      hand(blob, name);
      this.#say([`Saved ${name}`, ...warnings].map((line) => sentence(line)).join(" "));
    } catch (error) {
      this.#say(error.message);
    } finally {
      button.disabled = this.#take === null;
      button.textContent = "Save";
    }
  }

  async copy() {
    if (!this.#take) return;
    try {
      await navigator.clipboard.writeText(find("command").textContent);
      this.#say(this.#csv ? "Command copied; mix.csv, which it reads, is saved beside it" : "Command copied");
    } catch {
      getSelection().selectAllChildren(find("command"));
      this.#say("The browser keeps the clipboard to itself: the command is selected, copy it by hand");
    }
    if (this.#csv) hand(new Blob([this.#csv], { type: "text/csv" }), "mix.csv");
  }
}

// Gives the browser a file to save.
function hand(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
