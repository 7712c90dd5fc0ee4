/** How much sound was lost, because the voice or the machine was late: as the browser tells, or by its clocks. */

const LATE_SECONDS = 0.1; // by which the clock of the sound falls behind where there is a gap
const CALM_SECONDS = 2; // after a voice was opened, which takes the audio thread a moment

export class Gaps {
  seconds = 0;
  #before = 0; // lost while it was calm
  #calmUntil = 0;
  #byClock = 0;
  #lead = Infinity;

  /** What is lost from now on for a while does not count. */
  calm(now) { this.#calmUntil = now + CALM_SECONDS; }

  /**
   * Look again, some times a second.
   *
   * @param {number} now Seconds of any clock.
   * @param {number} played Seconds of the sound's own clock.
   * @param {object} [stats] `AudioContext.playbackStats`, of browsers that have it.
   * @returns {number} Seconds lost so far.
   */
  see(now, played, stats = null) {
    const lead = now - played;
    if (lead > this.#lead + LATE_SECONDS) {
      this.#byClock += lead - this.#lead;
      this.#lead = lead;
    }
    this.#lead = Math.min(this.#lead, lead);
    const lost = stats ? stats.underrunDuration : this.#byClock;
    if (now < this.#calmUntil) this.#before = lost - this.seconds;
    this.seconds = Math.max(this.seconds, lost - this.#before);
    return this.seconds;
  }

  /** The clocks go apart where the sound is halted, or the page is not seen. */
  halt() { this.#lead = Infinity; }
}
