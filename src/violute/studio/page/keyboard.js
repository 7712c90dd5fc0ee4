/** Every key of the page, and the list that `?` shows. */

const KEY = "violute.keys";

export class Keyboard {
  #actions; #dialog;
  #isOn = true;

  // `actions`: [keys, what they do, function(event)], keys as `KeyboardEvent.key` names them.
  constructor(dialog, actions) {
    this.#dialog = dialog;
    this.#actions = [...actions, [["?"], "This list", () => this.show()]];
    const list = dialog.querySelector("dl");
    this.#actions.push([["Ctrl-Z", "Ctrl-Y"], "Undo, redo", () => {}]);
    for (const [keys, about] of this.#actions) {
      const term = document.createElement("dt");
      // Capitals and the unshifted plus do the same and need no line of their own.
      term.append(...keys.filter((key) => key !== "=" && !/^[A-Z]$/.test(key)).map(cap));
      const text = document.createElement("dd");
      text.textContent = about;
      list.append(term, text);
    }
    const box = dialog.querySelector("input");
    // Whoever speaks to the machine may not want single letters to act.
    box.checked = this.#isOn = readChoice();
    box.addEventListener("change", () => {
      this.#isOn = box.checked;
      try { localStorage.setItem(KEY, this.#isOn ? "on" : "off"); } catch { /* private windows forget it */ }
    });
    addEventListener("keydown", (event) => this.#press(event));
  }

  // Ctrl-Z and its kin, which work wherever the focus is; `undo()` and `redo()` do it.
  static listenForUndo(undo, redo) {
    addEventListener("keydown", (event) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      if (key !== "z" && key !== "y") return;
      event.preventDefault();
      if (key === "y" || event.shiftKey) redo();
      else undo();
    });
  }

  show() { if (!this.#dialog.open) this.#dialog.showModal(); }

  #press(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || this.#dialog.open) return;
    if (event.target.matches("select, input:not([type=range])") || event.target.closest("[popover]")) return;
    if (!this.#isOn && event.key !== "?") return;
    // What is in focus keeps the keys that are its own.
    const isOnControl = event.target.closest("button, input, [role=slider], [tabindex], summary");
    if (isOnControl && event.key === "Enter") return;
    if (event.key === " " && event.target.matches("button")) return;
    if (event.target.matches("input[type=range]") && /^(Arrow|Page|Home|End)/.test(event.key)) return;
    const found = this.#actions.find(([keys]) => keys.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[2](event);
  }
}

const NAMES = { " ": "Space", ArrowLeft: "←", ArrowRight: "→", ArrowUp: "↑", ArrowDown: "↓", Escape: "Esc" };

function cap(key) {
  const made = document.createElement("kbd");
  made.textContent = NAMES[key] ?? (key.length === 1 ? key.toUpperCase() : key);
  return made;
}

function readChoice() {
  try {
    return localStorage.getItem(KEY) !== "off";
  } catch {
    return true;
  }
}
