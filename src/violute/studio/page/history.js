/** Undo and redo: what stood before each change, taken down when the hand rests. */

const REST_MS = 350;
const MOST = 200;

export class History extends EventTarget {
  #read; #write; #now;
  #past = [];
  #future = [];
  #timer = 0;

  // `read()` returns all that can be undone, as plain values; `write(state)` puts it back.
  constructor(read, write) {
    super();
    this.#read = read;
    this.#write = write;
    this.#now = JSON.stringify(read());
  }

  get canUndo() { return this.#past.length > 0; }
  get canRedo() { return this.#future.length > 0; }

  // Something has changed.
  note() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#commit(), REST_MS);
  }

  // Another piece: nothing of the one before is to come back.
  begin() {
    clearTimeout(this.#timer);
    [this.#past, this.#future] = [[], []];
    this.#now = JSON.stringify(this.#read());
    this.#tell();
  }

  undo() { this.#go(this.#past, this.#future); }
  redo() { this.#go(this.#future, this.#past); }

  #go(from, to) {
    this.#commit();
    if (from.length === 0) return;
    to.push(this.#now);
    this.#now = from.pop();
    this.#write(JSON.parse(this.#now));
    clearTimeout(this.#timer); // what that has changed is no change
    this.#tell();
  }

  #commit() {
    clearTimeout(this.#timer);
    const next = JSON.stringify(this.#read());
    if (next === this.#now) return;
    this.#past.push(this.#now);
    if (this.#past.length > MOST) this.#past.shift();
    this.#now = next;
    this.#future = [];
    this.#tell();
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}
