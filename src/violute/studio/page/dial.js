/** The large dial: an arc from the first instrument to the second, turned by pointer, wheel or keys. */

import { hue, spoken } from "./dials.js";

const SWEEP_DEGREES = 264;
const N_SEGMENTS = 66;
const RADIUS = 94;
const [X, Y] = [112, 110]; // its middle
const WIDTH = 224; // of the drawing
const SVG = "http://www.w3.org/2000/svg";

const degrees = (mix) => (mix - 0.5) * SWEEP_DEGREES;

function point(mix, radius) {
  const angle = (degrees(mix) * Math.PI) / 180;
  return [X + radius * Math.sin(angle), Y - radius * Math.cos(angle)].map((number) => number.toFixed(2));
}

export class DialView {
  #box; #dials; #ends; #hand;
  #isHeld = false;

  constructor(box, dials) {
    this.#box = box;
    this.#dials = dials;
    this.#hand = box.querySelector(".hand");
    this.#drawArc();
    this.#drawTicks();
    box.addEventListener("pointerdown", (event) => this.#press(event));
    box.addEventListener("pointermove", (event) => { if (this.#isHeld) this.#drag(event); });
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, () => { this.#isHeld = false; });
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    box.addEventListener("keydown", (event) => this.#key(event));
    dials.addEventListener("change", () => this.#show());
    this.setEnds(["flute", "violin"]);
  }

  setEnds(ends) {
    this.#ends = ends;
    ends.forEach((name, i) => { this.#box.querySelector(`.end${i}`).textContent = name; });
    this.#show();
  }

  #show() {
    const { mix } = this.#dials;
    this.#hand.setAttribute("transform", `translate(${X} ${Y}) rotate(${degrees(mix)})`);
    this.#box.querySelector("strong").textContent = `${Math.round(mix * 100)} %`;
    this.#box.querySelector(".reading span").textContent = mix === 0 ? `all ${this.#ends[0]}` : this.#ends[1];
    this.#box.setAttribute("aria-valuenow", String(Math.round(mix * 100)));
    this.#box.setAttribute("aria-valuetext", spoken(mix, this.#ends));
    document.documentElement.style.setProperty("--here", hue(mix));
  }

  #press(event) {
    if (event.button !== 0) return;
    this.#box.setPointerCapture(event.pointerId);
    this.#isHeld = true;
    this.#drag(event, true);
  }

  #drag(event, isFirst = false) {
    const bounds = this.#box.querySelector("svg").getBoundingClientRect();
    const scale = bounds.width / WIDTH;
    const across = event.clientX - bounds.left - X * scale;
    const down = event.clientY - bounds.top - Y * scale;
    // Near the middle the angle means nothing.
    if (Math.hypot(across, down) < 14 * scale) return;
    const mix = (Math.atan2(across, -down) * 180) / Math.PI / SWEEP_DEGREES + 0.5;
    // Below the dial, from one end to the other, there is no way through: the hand stays at its end.
    if (!isFirst && Math.abs(mix - this.#dials.mix) > 0.5) return;
    this.#dials.turn(mix);
  }

  #wheel(event) {
    event.preventDefault();
    const way = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : -event.deltaY;
    this.#dials.turn(this.#dials.mix + Math.sign(way) * (event.shiftKey ? 0.05 : 0.01));
  }

  #key(event) {
    const step = event.shiftKey ? 0.1 : 0.01;
    const { mix } = this.#dials;
    const targets = {
      ArrowRight: mix + step, ArrowUp: mix + step, ArrowLeft: mix - step, ArrowDown: mix - step,
      PageUp: mix + 0.1, PageDown: mix - 0.1, Home: 0, End: 1,
    };
    if (!(event.key in targets) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.#dials.turn(targets[event.key]);
  }

  #drawArc() {
    const group = this.#box.querySelector(".arc");
    for (let i = 0; i < N_SEGMENTS; i += 1) {
      // A hair of overlap hides the seams.
      const [from, to] = [i / N_SEGMENTS, Math.min(1, (i + 1.15) / N_SEGMENTS)];
      const path = document.createElementNS(SVG, "path");
      path.setAttribute("d", `M${point(from, RADIUS)}A${RADIUS} ${RADIUS} 0 0 1 ${point(to, RADIUS)}`);
      path.style.stroke = hue((i + 0.5) / N_SEGMENTS);
      if (i === 0 || i === N_SEGMENTS - 1) path.style.strokeLinecap = "round";
      group.append(path);
    }
  }

  #drawTicks() {
    const group = this.#box.querySelector(".ticks");
    for (let i = 0; i <= 20; i += 1) {
      const line = document.createElementNS(SVG, "line");
      const [[x1, y1], [x2, y2]] = [point(i / 20, 77), point(i / 20, i % 5 ? 73 : 69)];
      Object.entries({ x1, y1, x2, y2 }).forEach(([name, value]) => line.setAttribute(name, value));
      if (i % 5 === 0) line.classList.add("main");
      group.append(line);
    }
  }
}
