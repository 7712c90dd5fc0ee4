/** Places of all dials that are worth hearing; each can be undone. */

import { DEFAULT_ROOM } from "./dials.js";

const PRESETS = [
  ["Half and half", { mix: 0.5 }],
  ["Breathy bow", { mix: 0.85, held: { noise: 0.05, attack: 0.6 } }],
  ["Singing reed", { mix: 0.3, held: { noise: 0.15, vibrato: 1 } }],
  ["Bowed flute", { mix: 0.1, held: { noise: 0.9, attack: 1 } }],
  ["Far away", { mix: 0.5, room: 0.75 }],
];

export class Presets {
  #dials;
  #buttons = new Map();

  constructor(box, dials) {
    this.#dials = dials;
    for (const [name, state] of PRESETS) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => dials.restore(state));
      this.#buttons.set(button, state);
      box.append(button);
    }
    dials.addEventListener("change", () => this.#show());
    this.#show();
  }

  #show() {
    const now = JSON.stringify(sorted(this.#dials.state));
    for (const [button, state] of this.#buttons) {
      button.setAttribute("aria-pressed", String(JSON.stringify(sorted(state)) === now));
    }
  }
}

const sorted = ({ mix, held = {}, room = DEFAULT_ROOM }) => [mix, Object.entries(held).sort(), room];
