/** Recordings that were dropped together: the first is played, the others wait in line. */

export class Queue extends EventTarget {
  files = [];
  #box;

  constructor(box) {
    super();
    this.#box = box;
    this.#show();
  }

  add(files) {
    this.files.push(...files);
    this.#changed();
  }

  #take(i) {
    const [file] = this.files.splice(i, 1);
    this.#changed();
    this.dispatchEvent(new CustomEvent("chosen", { detail: file }));
  }

  #changed() {
    this.#show();
    this.dispatchEvent(new Event("change"));
  }

  #show() {
    this.#box.hidden = this.files.length === 0;
    this.#box.querySelector("ul").replaceChildren(...this.files.map((file, i) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = file.name;
      button.title = `Play ${file.name}`;
      button.addEventListener("click", () => this.#take(i));
      item.append(button);
      return item;
    }));
  }
}
