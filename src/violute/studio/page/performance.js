/**
 * A performance that sounds at dials which may move meanwhile: the core in `live/` plays its live parameters, as a
 * rendering is played, at 44.1 kHz, without a room.
 */

import { END_DIALS } from "./automation.js";
import { SAMPLE_RATE_HZ } from "./instance.js";
import { DRAWS, LINE_ARRAYS, parseParameters } from "./parameters.js";

const MOST_AT_ONCE = 4096; // samples
const BYTES_PER_POINTER = 4;

/** What a renderer draws at random: its noise, and the walls of its rooms. */
export class Draws {
  #instance; #draws;

  /**
   * @param {Instance} instance
   * @param {object} parameters From `parseParameters`; any, for they all draw from the same.
   */
  constructor(instance, { draws }) {
    this.#instance = instance;
    const drawn = DRAWS.map((name) => instance.put(draws[name].slice()));
    this.#draws = instance.ask((core) => core.violute_draws_open(...drawn));
    instance.free(...drawn);
    if (this.#draws === 0) throw new Error("there is not enough memory for noise: close other pages");
  }

  get address() { return this.#draws; }

  /**
   * The impulse response of a room without the direct sound; its energy is 1.
   *
   * @param {number} size The dial, 0 to 1.
   * @param {number} side 0, or 1 for the walls as the right loudspeaker plays them.
   * @returns {Float32Array}
   */
  room(size, side = 0) {
    const { exports } = this.#instance;
    const length = this.#instance.ask((core) => core.violute_draws_room(this.#draws, size, side, 0, 0));
    const out = this.#instance.lend(4 * length);
    this.#instance.ask(() => exports.violute_draws_room(this.#draws, size, side, out, length));
    const response = new Float32Array(this.#instance.buffer, out, length).slice();
    this.#instance.free(out);
    return response;
  }
}

export class Performance {
  #instance; #content; #out; #performance;
  #view = new Float32Array(0);

  /**
   * @param {Instance} instance
   * @param {Draws} draws Of the same instance.
   * @param {number} content Where its live parameters lie in the instance's memory; it frees them at its end.
   * @param {number} nBytes How long they are.
   * @throws {Error} They are none, or damaged.
   */
  constructor(instance, draws, content, nBytes) {
    const { nFrames, nHarmonics, dialMix, dialHz, dialWeight, lines } = parseParameters(instance.buffer, content, nBytes);
    this.#instance = instance;
    this.#content = content;
    const [mixes, hz, weights] = [dialMix, dialHz, dialWeight].map((values) => instance.put(values));
    this.#performance = instance.askOrRefuse((core, ...problem) =>
      core.violute_performance_open(draws.address, nFrames, nHarmonics, mixes, dialMix.length, hz, dialHz.length, weights,
        ...problem));
    instance.free(mixes, hz, weights);
    this.nSamples = (nFrames * SAMPLE_RATE_HZ) / lines[0].frameRateHz;
    try {
      for (const line of lines) this.#add(line);
      this.#out = instance.lend(4 * MOST_AT_ONCE);
    } catch (error) {
      instance.exports.violute_performance_close(this.#performance);
      throw error;
    }
  }

  #add(line) {
    const instance = this.#instance;
    const pointers = instance.put(Uint32Array.from(LINE_ARRAYS, (name) => line[name].byteOffset));
    try {
      instance.askOrRefuse((core, ...problem) => core.violute_performance_add_line(
        this.#performance, pointers, line.nRows, line.noiseSeed, ...problem));
    } finally {
      instance.free(pointers);
    }
  }

  get position() { return this.#instance.exports.violute_performance_position(this.#performance); }

  /** Move dials; heard from the next frame on, and in full one frame later. */
  setDials(dials) {
    END_DIALS.forEach((name, i) => {
      this.#instance.exports.violute_performance_turn(this.#performance, i, dials[name]);
    });
  }

  /** @param {object} courses From `readCourses`; dials without one stand where they are. */
  setCourses(courses) {
    const instance = this.#instance;
    END_DIALS.forEach((name, i) => {
      const { seconds = new Float64Array(0), mix = seconds } = courses[name] ?? {};
      const [times, values] = [instance.put(seconds), instance.put(mix)];
      instance.ask((core) => core.violute_performance_move(this.#performance, i, times, values, seconds.length));
      instance.free(times, values);
    });
  }

  /** @param {number|null} mix One place for all dials between the ends, whatever they say; null lets them. */
  holdMix(mix) { this.#instance.exports.violute_performance_hold(this.#performance, mix ?? NaN); }

  /** @param {number} semitones Above the pitch that the parameters hold, whose colours stay. */
  transpose(semitones) { this.#instance.exports.violute_performance_transpose(this.#performance, semitones); }

  /** @param {{mixes: number[], gain: number[]}|null} gains Linear gain of the sound at some places of the dial. */
  setGains(gains) {
    const { mixes, gain } = gains ?? { mixes: [0], gain: [1] };
    const instance = this.#instance;
    const curves = [instance.put(Float64Array.from(mixes)), instance.put(Float64Array.from(gain))];
    instance.ask((core) => core.violute_performance_gains(this.#performance, ...curves, mixes.length));
    instance.free(...curves);
  }

  /** Go to a sample; the phase is what it would be had all before it been played at these dials. */
  seek(sample) { this.#instance.exports.violute_performance_seek(this.#performance, Math.round(sample)); }

  /**
   * Write sound to `out` from `start` up to `stop`, and go on by as much; silence after the end.
   *
   * @param {Float32Array} out
   */
  render(out, start, stop) {
    const { exports, buffer } = this.#instance;
    if (this.#view.buffer !== buffer) this.#view = new Float32Array(buffer, this.#out, MOST_AT_ONCE);
    for (let at = start; at < stop; at += MOST_AT_ONCE) {
      const n = Math.min(MOST_AT_ONCE, stop - at);
      exports.violute_performance_play(this.#performance, this.#out, n);
      for (let i = 0; i < n; i += 1) out[at + i] = this.#view[i];
    }
  }

  /** Let go of its memory; nothing can be asked afterwards. */
  close() {
    this.#instance.exports.violute_performance_close(this.#performance);
    this.#instance.free(this.#out, this.#content);
  }
}
