/** How long something will take still, from the share of it that is done. */

const FIRST_SHARE = 0.03; // before, there is too little to go by

export class TimeLeft {
  #begun = performance.now();
  #from = null; // where it stood when it began to move

  // In words, or nothing as long as that is not known.
  after(share) {
    if (this.#from === null && share > 0) {
      this.#from = share;
      this.#begun = performance.now();
    }
    const done = share - (this.#from ?? share);
    if (done < FIRST_SHARE) return "";
    const seconds = (((performance.now() - this.#begun) / done) * (1 - share)) / 1000;
    if (seconds < 1.5) return "a moment left";
    if (seconds < 90) return `${Math.ceil(seconds)} s left`;
    return `${Math.ceil(seconds / 60)} min left`;
  }
}
