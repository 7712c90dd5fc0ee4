/**
 * The large dial: an arc from the first instrument to the second, turned by pointer, wheel or keys. Dials that do
 * not go with it are marked on the arc where they stand.
 */

import { END_DIALS } from "./automation.js";
import { capitalised, hue, spoken } from "./dials.js";

const SWEEP_DEGREES = 264;
const N_SEGMENTS = 66;
const N_HUES = 32;
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
  #here = "";

  constructor(box, dials) {
    this.#box = box;
    this.#dials = dials;
    this.#hand = box.querySelector(".hand");
    this.#drawArc();
    this.#drawTicks();
    box.addEventListener("pointerdown", (event) => this.#press(event));
    box.addEventListener("pointermove", (event) => { if (this.#isHeld) this.#drag(event); });
    for (const name of ["pointerup", "pointercancel"]) box.addEventListener(name, () => { this.#isHeld = false; });
    box.addEventListener("dblclick", () => dials.turn(0.5));
    box.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    box.addEventListener("keydown", (event) => this.#key(event));
    dials.addEventListener("change", () => this.#show());
    this.setEnds(["flute", "violin"]);
  }

  setEnds(ends) {
    this.#ends = ends;
    ends.forEach((name, i) => { this.#box.querySelector(`.end${i} span`).textContent = capitalised(name); });
    this.#show();
  }

  #show() {
    const { mix } = this.#dials;
    const percent = Math.round(mix * 100);
    this.#hand.setAttribute("transform", `translate(${X} ${Y}) rotate(${degrees(mix)})`);
    [100 - percent, percent].forEach((share, i) => {
      this.#box.querySelector(`.end${i} strong`).textContent = String(share);
    });
    const apart = END_DIALS.filter((name) => this.#dials.isHeld(name) || this.#dials.isMoved(name));
    const told = apart.map((name) => {
      if (this.#dials.isMoved(name)) return `${name} moves`;
      return `${name} held at ${Math.round(this.#dials.value(name) * 100)}`;
    }).join(", ");
    this.#box.querySelector(".held").textContent = told && capitalised(told);
    this.#drawMarks(apart);
    this.#box.setAttribute("aria-valuenow", String(percent));
    this.#box.setAttribute("aria-valuetext", spoken(mix, this.#ends) + (told && `; ${told}`));
    // Every element may be of this colour, so it goes in steps that nobody sees.
    const here = hue(Math.round(mix * N_HUES) / N_HUES);
    if (here !== this.#here) document.documentElement.style.setProperty("--here", here);
    this.#here = here;
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
    this.#dials.turn(this.#dials.mix + wheelStep(event));
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
      const path = make("path", { d: `M${point(from, RADIUS)}A${RADIUS} ${RADIUS} 0 0 1 ${point(to, RADIUS)}` });
      path.style.stroke = hue((i + 0.5) / N_SEGMENTS);
      if (i === 0 || i === N_SEGMENTS - 1) path.style.strokeLinecap = "round";
      group.append(path);
    }
  }

  #drawTicks() {
    const group = this.#box.querySelector(".ticks");
    for (let i = 0; i <= 20; i += 1) {
      const [[x1, y1], [x2, y2]] = [point(i / 20, 77), point(i / 20, i % 5 ? 73 : 69)];
      group.append(make("line", { x1, y1, x2, y2, class: i % 5 === 0 ? "main" : "" }));
    }
  }

  #drawMarks(names) {
    this.#box.querySelector(".marks").replaceChildren(...names.flatMap((name) => {
      const value = this.#dials.value(name);
      const [[x1, y1], [x2, y2], [cx, cy]] = [point(value, 84), point(value, 104), point(value, 109)];
      const letter = make("text", { x: cx, y: cy });
      letter.textContent = name[0].toUpperCase();
      return [make("line", { x1, y1, x2, y2 }), make("circle", { cx, cy, r: 7 }), letter];
    }));
  }
}

export function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  Object.entries(attributes).forEach(([key, value]) => element.setAttribute(key, value));
  return element;
}

// A hundredth for each notch of a wheel, five with Shift.
export function wheelStep(event) {
  const way = Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : -event.deltaY;
  return Math.sign(way) * (event.shiftKey ? 0.05 : 0.01);
}
