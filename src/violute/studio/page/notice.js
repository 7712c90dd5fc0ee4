/** One sentence at a time, shown for a while and read out to those who do not see it. */

import { capitalised } from "./dials.js";

const NOTICE_MS = 4500;
const LETTER_MS = 70; // for whoever reads slowly

export class Notice {
  #box;
  #timer = 0;

  constructor(box) { this.#box = box; }

  say(text) {
    clearTimeout(this.#timer);
    this.#box.textContent = sentence(text);
    this.#box.hidden = false;
    this.#timer = setTimeout(() => this.hide(), Math.max(NOTICE_MS, LETTER_MS * text.length));
  }

  hide() { this.#box.hidden = true; }
}

// The library's one-line messages as a page shows them; a name at the beginning keeps its own letters.
export function sentence(text, name = null) {
  const begun = name !== null && text.startsWith(name) ? text : capitalised(text);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}
