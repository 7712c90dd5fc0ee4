/**
 * The course of a dial drawn over time: a stroke draws, a double click adds a point or takes one away, points are
 * dragged or moved by keys. A single click goes there, as on the pictures.
 */

import { make } from "./dial.js";
import { capitalised, spoken } from "./dials.js";
import { clock } from "./timeline.js";

const GRAB_PIXELS = 12;
const DRAG_PIXELS = 4;
const MARGIN_PIXELS = 9;

export class Lane {
  #svg; #curves; #timeline; #dials; #ends; #say; #seek;
  #chosen = -1;
  #held = null; // what the pointer does: {point} or {stroke}

  // `say` announces a change to those who do not see it.
  constructor(svg, { curves, timeline, dials, ends, say, seek }) {
    this.#svg = svg;
    this.#curves = curves;
    this.#seek = seek;
    this.#timeline = timeline;
    this.#dials = dials;
    this.#ends = ends;
    this.#say = say;
    svg.addEventListener("pointerdown", (event) => this.#press(event));
    svg.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) svg.addEventListener(name, () => this.#release());
    svg.addEventListener("dblclick", (event) => this.#doubleClick(event));
    svg.addEventListener("keydown", (event) => this.#key(event));
    curves.addEventListener("change", () => this.#draw());
    curves.addEventListener("choice", () => {
      this.#chosen = -1;
      this.#showEnds();
      this.#draw();
    });
    dials.addEventListener("change", () => { if (!this.#curve.isOn) this.#draw(); });
    timeline.addEventListener("view", () => this.#draw());
    new ResizeObserver(() => this.#draw()).observe(svg);
  }

  get #curve() { return this.#curves.drawn; }

  // Where the dial stands whose course this is.
  get #rest() { return this.#dials.value(this.#curves.chosen); }

  setEnds(ends) {
    this.#ends = ends;
    this.#showEnds();
  }

  #showEnds() {
    const [low, high] = this.#curves.chosen === "room" ? ["dry", "hall"] : this.#ends;
    document.getElementById("lane-high").textContent = capitalised(high);
    document.getElementById("lane-low").textContent = capitalised(low);
  }

  #place([seconds, mix]) {
    const { clientWidth, clientHeight } = this.#svg;
    const y = MARGIN_PIXELS + (1 - mix) * (clientHeight - 2 * MARGIN_PIXELS);
    return [this.#timeline.place(seconds) * clientWidth, y];
  }

  #at(event) {
    const bounds = this.#svg.getBoundingClientRect();
    const mix = 1 - (event.clientY - bounds.top - MARGIN_PIXELS) / (bounds.height - 2 * MARGIN_PIXELS);
    return [this.#timeline.at((event.clientX - bounds.left) / bounds.width), Math.min(1, Math.max(0, mix))];
  }

  #near(event) {
    const bounds = this.#svg.getBoundingClientRect();
    const distances = this.#curve.points.map((point) => {
      const [x, y] = this.#place(point);
      return Math.hypot(event.clientX - bounds.left - x, event.clientY - bounds.top - y);
    });
    const nearest = Math.min(...distances, Infinity);
    return nearest < GRAB_PIXELS ? distances.indexOf(nearest) : -1;
  }

  #press(event) {
    if (event.button !== 0) return;
    this.#svg.setPointerCapture(event.pointerId);
    this.#chosen = this.#near(event);
    this.#held = this.#chosen >= 0 ? { point: this.#chosen } : { stroke: [this.#at(event)], x: event.clientX };
    this.#draw();
  }

  #drag(event) {
    if (!this.#held) return;
    if (this.#held.point !== undefined) {
      this.#curve.move(this.#held.point, ...this.#at(event));
    } else {
      this.#held.isDrag ||= Math.abs(event.clientX - this.#held.x) > DRAG_PIXELS;
      this.#held.stroke.push(this.#at(event));
      this.#draw();
    }
  }

  #release() {
    const held = this.#held;
    this.#held = null;
    if (!held?.stroke) return;
    // A stroke may go back and forth; the last pass over a moment counts.
    const [from, to] = [held.stroke[0][0], held.stroke.at(-1)[0]];
    const way = Math.sign(to - from) || 1;
    const rising = [];
    for (const point of held.stroke.reverse()) {
      if (rising.length === 0 || (rising.at(-1)[0] - point[0]) * way > 0) rising.push(point);
    }
    if (held.isDrag) this.#curve.replace(way > 0 ? rising.reverse() : rising);
    else this.#seek(rising.at(-1)[0]);
    this.#draw();
  }

  #doubleClick(event) {
    if (this.#chosen >= 0) this.#remove();
    else this.#chosen = this.#curve.add(...this.#at(event));
    this.#draw();
  }

  #remove() {
    this.#curve.remove(this.#chosen);
    this.#chosen = Math.min(this.#chosen, this.#curve.points.length - 1);
    this.#say("Point removed");
    this.#draw();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { points } = this.#curve;
    const step = event.shiftKey ? 10 : 1;
    const moves = { ArrowUp: [0, 0.01], ArrowDown: [0, -0.01], ArrowRight: [0.05, 0], ArrowLeft: [-0.05, 0] };
    if (event.key === "Enter") {
      this.#chosen = this.#curve.add(this.#timeline.seconds, this.#rest);
    } else if (event.key === "PageUp" || event.key === "PageDown") {
      this.#chosen = Math.min(points.length - 1, Math.max(0, this.#chosen + (event.key === "PageUp" ? -1 : 1)));
    } else if (event.key in moves && this.#chosen >= 0) {
      const [seconds, mix] = points[this.#chosen];
      const [across, up] = moves[event.key];
      this.#curve.move(this.#chosen, seconds + across * step, mix + up * step);
    } else if (["Delete", "Backspace"].includes(event.key) && this.#chosen >= 0) {
      this.#remove();
    } else return;
    event.preventDefault();
    event.stopPropagation();
    this.#draw();
    const chosen = this.#curve.points[this.#chosen];
    if (!chosen || ["Delete", "Backspace"].includes(event.key)) return;
    this.#say(`Point at ${clock(chosen[0], 1)}: ${spoken(chosen[1], this.#ends)}`);
  }

  #draw() {
    const { points, isOn } = this.#curve;
    if (this.#chosen >= points.length) this.#chosen = -1;
    const width = this.#svg.clientWidth;
    const line = (course) => {
      const places = course.map((point) => this.#place(point));
      const before = [Math.min(0, places[0][0]), places[0][1]];
      const after = [Math.max(width, places.at(-1)[0]), places.at(-1)[1]];
      const held = [before, ...places, after];
      return `M${held.map((place) => place.map((number) => number.toFixed(1)).join(" ")).join("L")}`;
    };
    const parts = [this.#gradient()];
    const stroke = this.#curves.chosen === "room" ? "currentColor" : "url(#way)";
    if (!isOn) parts.push(make("path", { class: "rest", d: line([[0, this.#rest]]) }));
    if (points.length) parts.push(make("path", { class: isOn ? "course" : "course off", d: line(points), stroke }));
    if (this.#held?.isDrag) {
      const drawn = this.#held.stroke.map((point) => this.#place(point).map((number) => number.toFixed(1)).join(" "));
      parts.push(make("path", { class: "course", d: `M${drawn.join("L")}`, stroke }));
    }
    points.forEach((point, i) => {
      const [cx, cy] = this.#place(point);
      const isChosen = i === this.#chosen;
      parts.push(make("circle", { cx, cy, r: isChosen ? 6 : 4.5, class: isChosen ? "chosen" : "" }));
    });
    this.#svg.replaceChildren(...parts);
  }

  // From one end's colour at the bottom to the other's at the top.
  #gradient() {
    const height = this.#svg.clientHeight - MARGIN_PIXELS;
    const gradient = make("linearGradient", { id: "way", gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: MARGIN_PIXELS, y2: height });
    gradient.append(...["0", ".5", "1"].map((offset) => make("stop", { offset })));
    return gradient;
  }
}
