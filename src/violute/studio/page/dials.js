/**
 * Where the dials stand. The large one turns tone, noise, attack and vibrato together, until one of them is
 * held; it then stays where it was put, as `--mix 0.5 --tone 0.3` does on the command line. Any of them may also
 * be moved by a course, which passes as soon as the course is off.
 */

import { END_DIALS } from "./automation.js";

export const NAMES = [...END_DIALS, "room"];

/** The small room of `violute convert`. */
export const DEFAULT_ROOM = 0.2;

// Whole percents: what is shown is what is heard, saved and written as a command.
const settled = (value) => Math.round(Math.min(1, Math.max(0, value)) * 100) / 100;

export class Dials extends EventTarget {
  #mix = 0.5;
  #held = new Map();
  #room = DEFAULT_ROOM;
  #moved = new Map(); // by courses: where they are just now

  get mix() { return this.#moved.get("mix") ?? this.#mix; }

  isHeld(name) { return this.#held.has(name); }
  isMoved(name) { return this.#moved.has(name); }

  // Of any of them, and of the large one, "mix".
  value(name) {
    if (name === "mix") return this.mix;
    if (this.#moved.has(name)) return this.#moved.get(name);
    return name === "room" ? this.#room : this.#held.get(name) ?? this.mix;
  }

  // All five as they stand where no course moves them.
  values() {
    return { ...Object.fromEntries(END_DIALS.map((name) => [name, this.#held.get(name) ?? this.#mix])), room: this.#room };
  }

  // Those that differ from the large dial, as the command line takes them.
  apart() { return { ...Object.fromEntries(this.#held), ...(this.#room === DEFAULT_ROOM ? {} : { room: this.#room }) }; }

  turn(mix) {
    this.#mix = settled(mix);
    this.#moved.delete("mix");
    this.#tell({ by: "hand", name: "mix" });
  }

  set(name, value) {
    if (name === "room") this.#room = settled(value);
    else this.#held.set(name, settled(value));
    this.#moved.delete(name);
    this.#tell({ by: "hand", name });
  }

  // Shows where a course has moved a dial, or that none does any more (null).
  move(name, value) {
    const next = value === null ? undefined : settled(value);
    if (next === this.#moved.get(name)) return;
    if (next === undefined) this.#moved.delete(name);
    else this.#moved.set(name, next);
    this.#tell({ by: "automation", name });
  }

  follow(name) {
    if (name === "room") this.#room = DEFAULT_ROOM;
    else this.#held.delete(name);
    this.#tell({ by: "hand", name });
  }

  get state() { return { mix: this.#mix, held: Object.fromEntries(this.#held), room: this.#room }; }

  restore({ mix = 0.5, held = {}, room = DEFAULT_ROOM }) {
    [this.#mix, this.#room] = [mix, room];
    this.#held = new Map(Object.entries(held));
    this.#tell({ by: "hand", name: "all" });
  }

  #tell(detail) { this.dispatchEvent(new CustomEvent("change", { detail })); }
}

// The colour of a place between the ends, as CSS.
export function hue(value) {
  const [first, second] = value < 0.5 ? ["flute", "between"] : ["between", "violin"];
  return `color-mix(in oklab, var(--${second}) ${(value < 0.5 ? value : value - 0.5) * 200}%, var(--${first}))`;
}

// "flute", "35 % violin", "violin".
export function spoken(value, ends) {
  const percent = Math.round(value * 100);
  if (percent === 0) return ends[0];
  if (percent === 100) return ends[1];
  return `${percent} % ${ends[1]}`;
}

// What a voice is called after its instruments.
export const hybridName = ([from, to]) => `${/^[aeiou]/i.test(to) ? "An" : "A"} ${to}\u2060–\u2060${from} that does not exist`;

export const capitalised = (text) => text[0].toUpperCase() + text.slice(1);
