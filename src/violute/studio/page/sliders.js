/** Tone, noise, attack, vibrato and room: a slider each, and a link that lets it follow the large dial again. */

import { LINKED, NAMES, hue, spoken } from "./dials.js";

const ABOUT = {
  tone: "Colour of the steady note",
  noise: "Breath or bow",
  attack: "How notes begin",
  vibrato: "In loudness or in pitch",
  room: "From dry to a large hall",
};

export class Sliders {
  #dials; #ends;
  #rows = new Map();

  constructor(box, dials, ends) {
    this.#dials = dials;
    this.#ends = ends;
    box.append(...NAMES.map((name) => this.#make(name)));
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
    row.title = ABOUT[name];
    const label = document.createElement("label");
    label.htmlFor = `slider-${name}`;
    label.textContent = name[0].toUpperCase() + name.slice(1);
    const value = document.createElement("output");
    value.className = "value";
    value.htmlFor = `slider-${name}`;
    const input = document.createElement("input");
    Object.assign(input, { type: "range", id: `slider-${name}`, min: "0", max: "100", step: "1" });
    input.addEventListener("input", () => this.#dials.set(name, Number(input.value) / 100));
    input.addEventListener("dblclick", () => this.#dials.follow(name));
    row.append(label, value);
    if (LINKED.includes(name)) row.append(this.#link(name));
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
      if (this.#dials.isApart(name)) this.#dials.follow(name);
      else this.#dials.set(name, this.#dials.value(name));
    });
    return link;
  }

  #show() {
    for (const [name, row] of this.#rows) {
      const value = this.#dials.value(name);
      const input = row.querySelector("input");
      input.value = String(Math.round(value * 100));
      const percent = `${Math.round(value * 100)} %`;
      input.setAttribute("aria-valuetext", name === "room" ? percent : spoken(value, this.#ends));
      row.querySelector("output").textContent = percent;
      if (name !== "room") {
        input.style.setProperty("--thumb", hue(value));
        const isFollowing = !this.#dials.isApart(name);
        const link = row.querySelector(".follow");
        link.setAttribute("aria-pressed", String(isFollowing));
        link.title = isFollowing ? "Follows the dial: press to hold it here" : "Held here: press to follow the dial";
      }
    }
  }
}
