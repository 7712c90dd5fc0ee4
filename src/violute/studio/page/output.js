/** What becomes of the hybrid beside its mix: how much of the recording stays beside it, how loud, at which pitch. */

import { wheelStep } from "./dial.js";

const signed = (value) => (value > 0 ? `+${value}` : String(value).replace("-", "\u2212"));
const percent = (value) => `${Math.round(100 * value)} %`;
const SETTINGS = {
  wet: { label: "Dry/wet", about: "How much of the hybrid, the rest is the recording", usual: 1, least: 0, most: 1,
    step: 0.01, shown: percent, said: (value) => `${percent(value)} hybrid` },
  level_db: { label: "Level", about: "Louder or softer than the recording", usual: 0, least: -12, most: 12, step: 1,
    shown: (value) => `${signed(value)} dB` },
  transpose: { label: "Transpose", about: "Semitones above or below the recording", usual: 0, least: -12, most: 12,
    step: 1, shown: signed, said: (value) => `${signed(value)} semitone${Math.abs(value) === 1 ? "" : "s"}` },
};
const NAMES = Object.keys(SETTINGS);

export class Output extends EventTarget {
  #values = Object.fromEntries(NAMES.map((name) => [name, SETTINGS[name].usual]));

  get state() { return { ...this.#values }; }
  get transpose() { return this.#values.transpose; }

  // Linear gains of the hybrid and of the recording beside it, at equal power.
  get gains() {
    const level = 10 ** (this.#values.level_db / 20);
    return { wet: Math.sqrt(this.#values.wet) * level, dry: Math.sqrt(1 - this.#values.wet) * level };
  }

  set(name, value) {
    const { least, most, step } = SETTINGS[name];
    const settled = Number((Math.round(Math.min(most, Math.max(least, value)) / step) * step).toFixed(2));
    if (settled === this.#values[name]) return;
    this.#values[name] = settled;
    this.dispatchEvent(new CustomEvent("change", { detail: name }));
  }

  reset(name) { this.set(name, SETTINGS[name].usual); }

  restore(state = {}) { for (const name of NAMES) this.set(name, state[name] ?? SETTINGS[name].usual); }
}

export class OutputSliders {
  #output; #names;

  constructor(box, output, names = NAMES) {
    this.#output = output;
    this.#names = names;
    box.append(...names.map((name) => this.#make(name)));
    output.addEventListener("change", () => this.#show());
    this.#show();
  }

  #make(name) {
    const { label: text, about, least, most, step } = SETTINGS[name];
    const row = document.createElement("div");
    row.className = "slider plain-track";
    row.title = `${about}; a double click resets it`;
    row.innerHTML = `<label for="output-${name}">${text}</label><span class="value" aria-hidden="true"></span>`;
    const input = document.createElement("input");
    Object.assign(input, { type: "range", id: `output-${name}`, min: least, max: most, step });
    input.addEventListener("input", () => this.#output.set(name, Number(input.value)));
    input.addEventListener("dblclick", () => this.#output.reset(name));
    row.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#output.set(name, Number(input.value) + Math.sign(wheelStep(event)) * step);
    }, { passive: false });
    row.append(input);
    return row;
  }

  #show() {
    for (const name of this.#names) {
      const input = document.getElementById(`output-${name}`);
      const value = this.#output.state[name];
      const { label, shown, said = shown } = SETTINGS[name];
      input.value = String(value);
      input.setAttribute("aria-valuetext", `${label} ${said(value)}`);
      input.parentElement.querySelector(".value").textContent = shown(value);
    }
  }
}
