/** Tone by noise under one finger: across is tone, up is noise. */

import { wheelStep } from "./dial.js";
import { capitalised, spoken } from "./dials.js";

// The thumb stays within the pad at every corner.
const INSET_PIXELS = 13;

export class Pad {
  #box; #dials; #ends;

  constructor(box, dials, ends) {
    this.#box = box;
    this.#dials = dials;
    this.#ends = ends;
    const drag = (event) => {
      const bounds = box.getBoundingClientRect();
      dials.set("tone", (event.clientX - bounds.left - INSET_PIXELS) / (bounds.width - 2 * INSET_PIXELS));
      dials.set("noise", (bounds.bottom - event.clientY - INSET_PIXELS) / (bounds.height - 2 * INSET_PIXELS));
    };
    box.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      box.setPointerCapture(event.pointerId);
      drag(event);
    });
    box.addEventListener("pointermove", (event) => { if (box.hasPointerCapture(event.pointerId)) drag(event); });
    box.addEventListener("dblclick", () => ["tone", "noise"].forEach((name) => dials.follow(name)));
    box.addEventListener("wheel", (event) => {
      event.preventDefault();
      const name = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? "tone" : "noise";
      dials.set(name, dials.value(name) + wheelStep(event));
    }, { passive: false });
    box.addEventListener("keydown", (event) => this.#key(event));
    dials.addEventListener("change", () => this.#show());
    this.setEnds(ends);
  }

  setEnds(ends) {
    this.#ends = ends;
    // Tone and noise of one end each, or of both.
    const [first, second] = ends.map(capitalised);
    const corners = [`${first}, ${ends[1]} noise`, second, first, `${second}, ${ends[0]} noise`];
    this.#box.querySelectorAll("span").forEach((corner, i) => { corner.textContent = corners[i]; });
    this.#show();
  }

  #key(event) {
    const moves = {
      ArrowRight: ["tone", 1], ArrowLeft: ["tone", -1], ArrowUp: ["noise", 1], ArrowDown: ["noise", -1],
    };
    if (!(event.key in moves) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const [name, way] = moves[event.key];
    this.#dials.set(name, this.#dials.value(name) + way * (event.shiftKey ? 0.1 : 0.01));
  }

  #show() {
    const [tone, noise] = [this.#dials.value("tone"), this.#dials.value("noise")];
    const thumb = this.#box.querySelector(".thumb");
    thumb.style.left = `calc(${INSET_PIXELS}px + ${tone} * (100% - ${2 * INSET_PIXELS}px))`;
    thumb.style.bottom = `calc(${INSET_PIXELS}px + ${noise} * (100% - ${2 * INSET_PIXELS}px))`;
    this.#box.setAttribute("aria-valuenow", String(Math.round(tone * 100)));
    this.#box.setAttribute("aria-valuetext", `tone ${spoken(tone, this.#ends)}, noise ${spoken(noise, this.#ends)}`);
  }
}
