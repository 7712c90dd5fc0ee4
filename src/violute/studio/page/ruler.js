/** Times along the top of the pictures. */

import { clock } from "./timeline.js";

const STEPS_SECONDS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300];
const APART_PIXELS = 64;

export class Ruler {
  #box; #timeline;

  constructor(box, timeline) {
    this.#box = box;
    this.#timeline = timeline;
    timeline.addEventListener("view", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(box);
  }

  #draw() {
    const { start, end, span, duration } = this.#timeline;
    const most = this.#box.clientWidth / APART_PIXELS;
    if (duration === 0 || most < 1) return;
    const step = STEPS_SECONDS.find((seconds) => span / seconds <= most) ?? STEPS_SECONDS.at(-1);
    const marks = [];
    for (let i = Math.ceil(start / step - 1e-9); i * step <= end; i += 1) {
      const mark = document.createElement("span");
      mark.textContent = clock(i * step, step < 1 ? 1 : 0);
      mark.style.left = `${(100 * this.#timeline.place(i * step)).toFixed(3)}%`;
      marks.push(mark);
    }
    this.#box.replaceChildren(...marks);
  }
}
