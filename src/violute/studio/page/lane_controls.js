/** Which dial's course the lane shows, and the buttons that switch it off and clear it. */

import { MOVABLE } from "./curves.js";
import { capitalised } from "./dials.js";

const find = (id) => document.getElementById(id);
const title = (name) => (name === "mix" ? "All together" : capitalised(name));

export class LaneControls {
  #curves;

  constructor(curves) {
    this.#curves = curves;
    find("lane-dial").append(...MOVABLE.map((name) => new Option(title(name), name)));
    find("lane-dial").addEventListener("change", () => curves.choose(find("lane-dial").value));
    find("lane-toggle").addEventListener("click", () => curves.drawn.setOn(!curves.drawn.isOn));
    find("lane-clear").addEventListener("click", () => curves.drawn.clear());
    for (const event of ["change", "choice"]) curves.addEventListener(event, () => this.#show());
    this.#show();
  }

  #show() {
    const curve = this.#curves.drawn;
    const n = curve.points.length;
    for (const id of ["lane-toggle", "lane-clear"]) {
      find(id).disabled = n === 0;
      find(id).style.visibility = n ? "" : "hidden";
    }
    find("lane-toggle").setAttribute("aria-pressed", String(curve.isOn));
    find("lane-toggle").textContent = curve.isOn ? "On" : "Off";
    const others = this.#curves.moving.filter((name) => name !== this.#curves.chosen);
    find("about-lane").textContent = others.length ? `${others.map(capitalised).join(", ")} moving, too`
      : n ? "" : "Draw it here, or record it (R)";
  }
}
