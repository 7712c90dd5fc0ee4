/** Tone, noise, attack, vibrato and room: a slider each, and a link that lets it follow the large dial again. */

import { END_DIALS } from "./automation.js";
import { wheelStep } from "./dial.js";
import { NAMES, capitalised, hue, spoken } from "./dials.js";

const ABOUT = {
  tone: "Colour of the steady note",
  noise: "Noise beside the note, such as breath or bow",
  attack: "How notes begin",
  vibrato: "In loudness or in pitch",
  room: "From dry to a large hall",
};

export class Sliders {
  #dials; #ends;
  #rows = new Map();

  constructor(box, dials, ends, names = NAMES) {
    this.#dials = dials;
    this.#ends = ends;
    box.append(...names.map((name) => this.#make(name)));
    dials.addEventListener("change", () => this.#show());
    this.#show();
  }

  setEnds(ends) {
    this.#ends = ends;
    this.#show();
  }

  #make(name) {
    const row = document.createElement("div");
    row.className = name === "room" ? "slider plain-track" : "slider";
    row.title = `${ABOUT[name]}; a double click resets it`;
    const label = document.createElement("label");
    label.htmlFor = `slider-${name}`;
    label.textContent = capitalised(name);
    // No <output>: what the slider says itself would be said twice, and without its name.
    const value = document.createElement("span");
    value.className = "value";
    value.setAttribute("aria-hidden", "true");
    const input = document.createElement("input");
    Object.assign(input, { type: "range", id: `slider-${name}`, min: "0", max: "100", step: "1" });
    input.addEventListener("input", () => this.#dials.set(name, Number(input.value) / 100));
    input.addEventListener("dblclick", () => this.#dials.follow(name));
    row.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.#dials.set(name, this.#dials.value(name) + wheelStep(event));
    }, { passive: false });
    row.append(label, value);
    if (END_DIALS.includes(name)) row.append(this.#link(name));
    row.append(input);
    this.#rows.set(name, row);
    return row;
  }

  #link(name) {
    const link = document.createElement("button");
    link.type = "button";
    link.className = "follow";
    link.setAttribute("aria-label", `${name} follows the dial`);
    link.innerHTML = '<svg aria-hidden="true"><use href="/page/icons.svg#link"></use></svg>';
    link.addEventListener("click", () => {
      if (this.#dials.isHeld(name)) this.#dials.follow(name);
      else this.#dials.set(name, this.#dials.value(name));
    });
    return link;
  }

  #show() {
    for (const [name, row] of this.#rows) {
      const value = this.#dials.value(name);
      const isHeld = this.#dials.isHeld(name);
      const shown = [value, isHeld, this.#dials.isMoved(name), ...this.#ends].join();
      if (row.dataset.shown === shown) continue;
      row.dataset.shown = shown;
      const input = row.querySelector("input");
      input.value = String(Math.round(value * 100));
      const percent = `${Math.round(value * 100)} %`;
      const place = name === "room" ? percent : spoken(value, this.#ends);
      input.setAttribute("aria-valuetext", `${capitalised(name)} ${place}`);
      row.querySelector(".value").textContent = this.#dials.isMoved(name) ? `${percent}, moving` : percent;
      if (name !== "room") {
        input.style.setProperty("--thumb", hue(value));
        const isFollowing = !isHeld;
        const link = row.querySelector(".follow");
        link.setAttribute("aria-pressed", String(isFollowing));
        link.title = isFollowing ? "Follows the dial: press to hold it here" : "Held here: press to follow the dial";
      }
    }
  }
}
