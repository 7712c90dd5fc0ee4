/** A row of buttons of which one is chosen, by press or by arrow keys. */

export class Segments {
  #buttons; #onChoice; #key;

  // `key` names the data attribute that tells the buttons apart.
  constructor(box, key, onChoice) {
    this.#buttons = [...box.querySelectorAll("button")];
    this.#key = key;
    this.#onChoice = onChoice;
    for (const button of this.#buttons) button.addEventListener("click", () => onChoice(button.dataset[key]));
    box.addEventListener("keydown", (event) => this.#move(event));
  }

  #move(event) {
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!way || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    const i = this.#buttons.findIndex((button) => button.getAttribute("aria-checked") === "true");
    const next = this.#buttons[(i + way + this.#buttons.length) % this.#buttons.length];
    next.focus();
    this.#onChoice(next.dataset[this.#key]);
  }

  choose(value) {
    for (const button of this.#buttons) {
      const isChosen = button.dataset[this.#key] === value;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen ? 0 : -1;
    }
  }

  enable(isEnabled) { for (const button of this.#buttons) button.disabled = !isEnabled; }
}
