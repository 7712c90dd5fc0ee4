/** What the server renders for the page: until it is there, the picture of before is dimmed and says so. */

import { capitalised } from "./dials.js";
import { TimeLeft } from "./time_left.js";

const PATIENCE_MS = 300; // what is there sooner needs no words

export class Making {
  #panel; #box; #names;
  #under = new Map(); // by label: {what, left, share, timer}

  // `names(what)` says what is made, as people call it.
  constructor(panel, box, names) {
    [this.#panel, this.#box, this.#names] = [panel, box, names];
  }

  show({ what, label, share }) {
    if (share === null) {
      clearTimeout(this.#under.get(label)?.timer);
      this.#under.delete(label);
    } else if (this.#under.has(label)) {
      this.#under.get(label).share = share;
    } else {
      const timer = setTimeout(() => this.#draw(), PATIENCE_MS);
      this.#under.set(label, { what, share, left: new TimeLeft(), timer });
      return;
    }
    this.#draw();
  }

  #draw() {
    const last = [...this.#under.values()].at(-1);
    this.#box.hidden = !last;
    this.#panel.toggleAttribute("data-stale", [...this.#under.values()].some(({ what }) => what === "hybrid"));
    if (!last) return;
    const left = last.left.after(last.share);
    this.#box.querySelector("span").textContent = `${capitalised(this.#names(last.what))} is being rendered${left && `, ${left}`}`;
    this.#box.querySelector("progress").value = last.share;
  }
}
