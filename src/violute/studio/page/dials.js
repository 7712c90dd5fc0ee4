/**
 * Where the dials stand. The large one turns tone, noise, attack and vibrato together, until one of them is
 * moved apart; it then stays where it was put, as `--mix 0.5 --tone 0.3` does on the command line.
 */

export const LINKED = ["tone", "noise", "attack", "vibrato"];
export const NAMES = [...LINKED, "room"];

/** The small room of `violute convert`. */
export const DEFAULT_ROOM = 0.2;

// Whole percents: what is shown is what is heard, saved and written as a command.
const settled = (value) => Math.round(Math.min(1, Math.max(0, value)) * 100) / 100;

export class Dials extends EventTarget {
  #mix = 0.5;
  #apart = new Map();
  #room = DEFAULT_ROOM;

  get mix() { return this.#mix; }

  isApart(name) { return this.#apart.has(name); }

  value(name) { return name === "room" ? this.#room : this.#apart.get(name) ?? this.#mix; }

  // All five, as the engine takes them.
  values() { return Object.fromEntries(NAMES.map((name) => [name, this.value(name)])); }

  // Those that differ from the large dial, as the command line takes them.
  apart() { return { ...Object.fromEntries(this.#apart), ...(this.#room === DEFAULT_ROOM ? {} : { room: this.#room }) }; }

  // `by` is "hand" or "automation".
  turn(mix, by = "hand") {
    const next = settled(mix);
    if (next === this.#mix && by !== "hand") return;
    this.#mix = next;
    this.#tell({ by, isTurn: true });
  }

  set(name, value) {
    if (name === "room") this.#room = settled(value);
    else this.#apart.set(name, settled(value));
    this.#tell({ by: "hand", isTurn: false });
  }

  follow(name) {
    this.#apart.delete(name);
    this.#tell({ by: "hand", isTurn: false });
  }

  // All but the room: a moving dial carries the four along.
  followAll() {
    if (this.#apart.size === 0) return;
    this.#apart.clear();
    this.#tell({ by: "automation", isTurn: false });
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
