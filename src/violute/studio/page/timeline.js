/** The stretch of time that is shown, the loop, and the play-head: shared by both pictures and the moving dial. */

const SHORTEST_SECONDS = 0.5;

export class Timeline extends EventTarget {
  duration = 0;
  start = 0;
  end = 1;
  loop = null; // [seconds, seconds]
  seconds = 0;

  reset(duration) {
    this.duration = duration;
    [this.start, this.end] = [0, Math.max(duration, 0.001)];
    this.setLoop(null);
    this.moveTo(0);
    this.#tell("view");
  }

  get span() { return this.end - this.start; }

  // Share of the width, from 0 (left) to 1 (right), and back.
  place(seconds) { return (seconds - this.start) / this.span; }
  at(place) { return Math.min(this.duration, Math.max(0, this.start + place * this.span)); }

  zoom(factor, about = this.seconds) {
    const held = about < this.start || about > this.end ? (this.start + this.end) / 2 : about;
    const span = Math.min(this.duration, Math.max(Math.min(SHORTEST_SECONDS, this.duration), this.span / factor));
    this.#show(held - (span * (held - this.start)) / this.span, span);
  }

  scroll(seconds) { this.#show(this.start + seconds, this.span); }

  moveTo(seconds) {
    this.seconds = seconds;
    this.#tell("position");
  }

  // Turns the page when the play-head leaves what is shown.
  keepInView() {
    if (this.seconds < this.start || this.seconds > this.end) this.#show(this.seconds - 0.05 * this.span, this.span);
  }

  setLoop(loop) {
    this.loop = loop;
    this.#tell("loop");
  }

  #show(start, span) {
    const from = Math.min(Math.max(0, start), Math.max(0, this.duration - span));
    if (Math.abs(from - this.start) < 1e-6 && Math.abs(span - this.span) < 1e-6) return;
    [this.start, this.end] = [from, from + span];
    this.#tell("view");
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }
}

export function clock(seconds, decimals = 0) {
  // Rounded before it is split, or 59.96 would read 0:60.0.
  const rounded = Number(seconds.toFixed(decimals));
  const minutes = Math.floor(rounded / 60);
  const rest = (rounded - 60 * minutes).toFixed(decimals);
  return `${minutes}:${rest.padStart(decimals ? 3 + decimals : 2, "0")}`;
}
