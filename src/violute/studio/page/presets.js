/** Places of all dials that are worth hearing; each can be undone. */

import { DEFAULT_ROOM, capitalised } from "./dials.js";

// What each is called where the ends are `first` and `second`, and where its dials stand.
const PRESETS = [
  [() => "Half and half", { mix: 0.5 }],
  [() => "Far away", { mix: 0.5, room: 0.75 }],
  [(first, second) => `${second}, ${first} noise`, { mix: 0.85, held: { noise: 0.05, attack: 0.6 } }],
  [(first, second) => `${first}, ${second} vibrato`, { mix: 0.3, held: { noise: 0.15, vibrato: 1 } }],
  [(first, second) => `${first}, ${second} attack`, { mix: 0.1, held: { noise: 0.9, attack: 1 } }],
];

export class Presets {
  #dials;
  #buttons = PRESETS.map(() => Object.assign(document.createElement("button"), { type: "button" }));

  constructor(box, dials, ends) {
    this.#dials = dials;
    this.#buttons.forEach((button, i) => button.addEventListener("click", () => dials.restore(PRESETS[i][1])));
    box.append(...this.#buttons);
    dials.addEventListener("change", () => this.#show());
    this.#show();
    this.setEnds(ends);
  }

  setEnds(ends) {
    this.#buttons.forEach((button, i) => { button.textContent = capitalised(PRESETS[i][0](...ends)); });
  }

  #show() {
    const now = JSON.stringify(sorted(this.#dials.state));
    this.#buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(JSON.stringify(sorted(PRESETS[i][1])) === now));
    });
  }
}

const sorted = ({ mix, held = {}, room = DEFAULT_ROOM }) => [mix, Object.entries(held).sort(), room];
