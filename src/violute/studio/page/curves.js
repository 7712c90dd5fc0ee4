/** The courses of all dials, one of which is being drawn; the dial that turns several of them has one, too. */

import { END_DIALS } from "./automation.js";
import { Curve } from "./curve.js";
import { NAMES } from "./dials.js";

export const MOVABLE = ["mix", ...NAMES];

export class Curves extends EventTarget {
  #curves = new Map(MOVABLE.map((name) => [name, new Curve()]));
  #chosen = "mix";

  constructor() {
    super();
    for (const curve of this.#curves.values()) curve.addEventListener("change", () => this.#tell("change"));
  }

  get chosen() { return this.#chosen; }
  get drawn() { return this.#curves.get(this.#chosen); }

  of(name) { return this.#curves.get(name); }
  get moving() { return MOVABLE.filter((name) => this.of(name).isOn); }

  choose(name) {
    this.#chosen = name;
    this.#tell("choice");
  }

  clear() { for (const curve of this.#curves.values()) curve.clear(); }

  // What engine and pictures take: the course of each dial between the ends that moves. One that is held or has a
  // course of its own does not go with the large dial.
  courses(dials) {
    const found = {};
    for (const name of END_DIALS) {
      const points = this.of(name).playing ?? (dials.isHeld(name) ? null : this.of("mix").playing);
      if (points) found[name] = points;
    }
    return found;
  }

  get state() {
    return Object.fromEntries(MOVABLE.map((name) => [name, this.of(name).state]).filter(([, { points }]) => points.length));
  }

  restore(state) {
    for (const name of MOVABLE) this.of(name).restore(state[name] ?? { points: [], isOn: false });
  }

  #tell(type) { this.dispatchEvent(new Event(type)); }
}
