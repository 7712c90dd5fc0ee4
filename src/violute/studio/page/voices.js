/** The voices to choose from, in groups, with a line about each. */

import * as api from "./api.js";

const GROUPS = [
  ["Your own", (voice) => voice.is_own],
  ["Ready to play", (voice) => voice.is_live],
  ["Models to study", () => true],
];

// Of a built-in voice, as the page calls it.
export const shortName = (name) => name.replace(/^violute-/, "");

export class Voices extends EventTarget {
  #button; #box; #list;
  #voices = [];
  #chosen = null;

  constructor(button, box) {
    super();
    [this.#button, this.#box, this.#list] = [button, box, box.querySelector("div")];
    // Arrow keys look through the list; Enter or a press chooses.
    let isLooking = false;
    box.addEventListener("pointerdown", () => { isLooking = false; });
    box.addEventListener("keydown", (event) => {
      isLooking = event.key.startsWith("Arrow");
      if (event.key !== "Enter" || event.target.name !== "voice") return;
      event.preventDefault(); // the button that has the focus next would open the list again
      this.choose(event.target.value);
    });
    box.addEventListener("change", ({ target }) => { if (!isLooking) this.choose(target.value); });
    box.addEventListener("toggle", () => {
      isLooking = false;
      this.show(this.#chosen);
    });
  }

  get chosen() { return this.#chosen; }

  find(name) { return this.#voices.find((voice) => voice.name === name); }

  async load() {
    this.#voices = await api.listVoices().catch(() => []);
    this.#chosen ??= this.#voices[0]?.name ?? null;
    const left = [...this.#voices];
    const groups = GROUPS.map(([title, belongs]) => {
      const voices = left.filter(belongs);
      for (const voice of voices) left.splice(left.indexOf(voice), 1);
      return voices.length ? group(title, voices) : "";
    });
    this.#list.replaceChildren(...groups);
    this.show(this.#chosen);
  }

  // A voice file from the page's owner: it is sent and chosen.
  async add(file) {
    const { name } = await api.sendVoice(file);
    await this.load();
    this.choose(name);
  }

  show(name) {
    this.#chosen = name;
    this.#button.querySelector("#voice-name").textContent = shortName(name ?? "");
    for (const input of this.#list.querySelectorAll("input")) input.checked = input.value === name;
  }

  choose(name) {
    if (name === this.#chosen) return;
    this.show(name);
    if (this.#box.matches(":popover-open")) this.#box.hidePopover();
    this.dispatchEvent(new CustomEvent("chosen", { detail: this.find(name) }));
  }
}

function group(title, voices) {
  const set = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = title;
  set.append(legend, ...voices.map(({ name, description, is_live: isLive }) => {
    const label = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "voice", value: name });
    const shown = document.createElement("span");
    shown.textContent = shortName(name);
    const live = document.createElement("span");
    live.className = "live";
    live.textContent = isLive ? "live" : "rendered";
    live.title = isLive ? "Sounds while the dials turn" : "Sounds when the dials rest";
    const about = document.createElement("span");
    about.className = "small";
    about.textContent = description.split(/(?<=\.) /)[0];
    label.append(input, shown, live, about);
    return label;
  }));
  return set;
}
