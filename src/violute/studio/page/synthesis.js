/**
 * Controls to sound: the sum of harmonics and filtered noise, from any position, in pieces of any size.
 *
 * The laws are those of `violute.synthesis.harmonics`: amplitudes and pitch move in straight lines from frame to
 * frame, the phase is the exact integral of the pitch, and over a leap to another note the old one fades at its own
 * pitch. Synthesis runs at the rate of the audio context; what a
 * voice of 44.1 kHz holds is the same at any rate, and silent above the Nyquist frequency of a lower one.
 *
 * The harmonics of one sample are a polynomial in Chebyshev's sense: sum_k a_k sin(k x) takes one multiplication
 * by 2 cos(x) a harmonic.
 *
 * Source: Clenshaw, A note on the summation of Chebyshev series (Math. Tables Aids Comp. 9, 1955).
 */

import { LevelMixer, Point } from "./levels.js";
import { BANDS_RATE_HZ, FilteredNoise } from "./noise.js";

const FADE_START = 0.9;
const FADE_STOP = 0.98;
const LEAP_RATIO = 2 ** (80 / 1200);
const LINE_APART = 2 ** 20; // draws of noise between those of two lines

/**
 * Samples from one frame to the next.
 *
 * @throws {Error} The rate is not a whole number of samples a frame.
 */
export function hopLength(sampleRate, frameRateHz) {
  const hop = sampleRate / frameRateHz;
  if (!Number.isInteger(hop)) {
    throw new Error(`the audio context runs at ${sampleRate} Hz: give it a multiple of ${frameRateHz} Hz, such as 44100`);
  }
  return hop;
}

/** Harmonics over one hop after the other. */
export class HarmonicBank {
  constructor(nHarmonics, sampleRate, hop) {
    this.hop = hop;
    this.hopSeconds = hop / sampleRate;
    this.nyquistHz = Math.min(sampleRate, BANDS_RATE_HZ) / 2;
    this.start = new Float64Array(nHarmonics);
    this.slope = new Float64Array(nHarmonics);
    this.startTurns = 0;
    this.nextTurns = 0;
    this.startHz = 0;
    this.stopHz = 0;
    this.nHeard = 0;
    this.left = new Float64Array(nHarmonics); // of the note that a leap leaves, fading over the hop
    this.leftHz = 0;
    this.nLeft = 0;
    this.crossing = new Uint16Array(nHarmonics);
    this.nCrossing = 0;
    this.from = null;
    this.to = null;
  }

  /** Phase at the start of the next hop, in turns. */
  seek(turns) {
    this.nextTurns = turns;
  }

  /** Enter the hop between two points. */
  enter(from, to) {
    const { start, slope, nyquistHz } = this;
    this.from = from;
    this.to = to;
    const isLeap = leaps(from.f0Hz, to.f0Hz);
    this.startHz = isLeap ? to.f0Hz : from.f0Hz;
    this.stopHz = to.f0Hz;
    this.leftHz = from.f0Hz;
    this.nLeft = 0;
    this.startTurns = this.nextTurns;
    this.nextTurns = advance(this.startTurns, from.f0Hz, to.f0Hz, this.hopSeconds);
    this.nHeard = 0;
    this.nCrossing = 0;
    const highestHz = Math.max(this.startHz, to.f0Hz);
    for (let k = 0; k < start.length; k += 1) {
      const number = k + 1;
      let begin = from.amplitudes[k] * nyquistFade(number * from.f0Hz, nyquistHz);
      if (isLeap) {
        this.left[k] = begin;
        if (begin !== 0) this.nLeft = number;
        begin = 0;
      }
      const end = to.amplitudes[k] * nyquistFade(number * to.f0Hz, nyquistHz);
      // A glide over Nyquist needs its fade at every sample: a straight line between two gains would alias.
      const crosses = number * highestHz >= nyquistHz && (begin !== 0 || end !== 0);
      if (crosses) {
        this.crossing[this.nCrossing] = k;
        this.nCrossing += 1;
      }
      start[k] = crosses ? 0 : begin;
      slope[k] = crosses ? 0 : end - begin;
      if (!crosses && (begin !== 0 || end !== 0)) this.nHeard = number;
    }
  }

  /** Add samples `first` to `last` of the hop to `out` from index `at`. */
  add(out, at, first, last) {
    const { start, slope, nHeard, hop, startTurns } = this;
    const linear = this.startHz * this.hopSeconds;
    const quadratic = 0.5 * (this.stopHz - this.startHz) * this.hopSeconds;
    for (let n = first; n < last; n += 1) {
      const position = n / hop;
      let turns = startTurns + (linear + quadratic * position) * position;
      turns -= Math.round(turns);
      const twice = 2 * Math.cos(2 * Math.PI * turns);
      let near = 0;
      let far = 0;
      for (let k = nHeard - 1; k >= 0; k -= 1) {
        const sum = start[k] + slope[k] * position + twice * near - far;
        far = near;
        near = sum;
      }
      let sample = near * Math.sin(2 * Math.PI * turns);
      if (this.nCrossing > 0) sample += this.crossingSum(turns, position);
      if (this.nLeft > 0) sample += (1 - position) * this.leftSum(startTurns + this.leftHz * this.hopSeconds * position);
      out[at + n - first] += sample;
    }
  }

  /** The note that was left, at a phase in turns. */
  leftSum(turns) {
    const { left, nLeft } = this;
    const phase = 2 * Math.PI * (turns - Math.round(turns));
    const twice = 2 * Math.cos(phase);
    let near = 0;
    let far = 0;
    for (let k = nLeft - 1; k >= 0; k -= 1) {
      const sum = left[k] + twice * near - far;
      far = near;
      near = sum;
    }
    return near * Math.sin(phase);
  }

  /** Sum of the few harmonics that glide over Nyquist within this hop. */
  crossingSum(turns, position) {
    const glideHz = this.startHz + (this.stopHz - this.startHz) * position;
    let sum = 0;
    for (let i = 0; i < this.nCrossing; i += 1) {
      const k = this.crossing[i];
      const gain = nyquistFade((k + 1) * glideHz, this.nyquistHz);
      if (gain === 0) continue;
      const begin = this.from.amplitudes[k];
      const amplitude = begin + (this.to.amplitudes[k] - begin) * position;
      sum += amplitude * gain * Math.sin(2 * Math.PI * (k + 1) * turns);
    }
    return sum;
  }
}

/** Gain of a sinusoid: 1 well below Nyquist, 0 shortly before it, smooth between. */
function nyquistFade(hz, nyquistHz) {
  const below = (FADE_STOP * nyquistHz - hz) / ((FADE_STOP - FADE_START) * nyquistHz);
  if (below <= 0) return 0;
  return below >= 1 ? 1 : below * below * (3 - 2 * below);
}

/** Whether the pitch leaps to another note rather than glides. */
function leaps(startHz, stopHz) {
  return stopHz > startHz * LEAP_RATIO || startHz > stopHz * LEAP_RATIO;
}

/** Phase one hop on, wrapped, in turns; after a leap, that of the new note. */
function advance(turns, startHz, stopHz, hopSeconds) {
  const firstHz = leaps(startHz, stopHz) ? stopHz : startHz;
  const next = turns + 0.5 * (firstHz + stopHz) * hopSeconds;
  return next - Math.round(next);
}

/** A performance that sounds at dials which may move meanwhile: the sum of its lines. */
export class Synthesiser {
  /**
   * @param {object[]} lines From `parseParameters`.
   * @param {number} sampleRate Of the output, in Hz.
   * @param {object} [options] For tests: `spectra` of the noise; `hasHarmonics` and `hasNoise`, true unless given.
   */
  constructor(lines, sampleRate, options = {}) {
    this.lines = lines.map((parameters, i) => new Line(parameters, sampleRate, { ...options, seed: i * LINE_APART }));
    this.nSamples = this.lines[0].nSamples;
  }

  get position() { return this.lines[0].position; }

  /** Move dials; heard from the next frame on, and in full one frame later. */
  setDials(dials) { for (const line of this.lines) line.setDials(dials); }

  /** @param {object} courses From `readCourses`. */
  setCourses(courses) { for (const line of this.lines) line.setCourses(courses); }

  /** @param {number|null} mix One place for all dials between the ends, whatever they say; null lets them. */
  holdMix(mix) { for (const line of this.lines) line.holdMix(mix); }

  /** @param {number} semitones Above the pitch that the parameters hold, whose colours stay. */
  transpose(semitones) { for (const line of this.lines) line.transpose(semitones); }

  /** @param {object|null} gains As of `LevelMixer.setGains`. */
  setGains(gains) { for (const line of this.lines) line.mixer.setGains(gains); }

  /** Go to a sample; the phase is what it would be had all before it been played at these dials. */
  seek(sample) { for (const line of this.lines) line.seek(sample); }

  /**
   * Add sound to `out` from `start` up to `stop`, and go on by as much; silence after the end.
   *
   * @param {Float32Array} out
   */
  render(out, start, stop) { for (const line of this.lines) line.render(out, start, stop); }
}

/** One line; what its methods do `Synthesiser` says. */
class Line {
  constructor(parameters, sampleRate, { spectra, seed, hasHarmonics = true, hasNoise = true }) {
    const { nFrames, nHarmonics, nBands, frameRateHz } = parameters;
    this.hop = hopLength(sampleRate, frameRateHz);
    this.nSamples = nFrames * this.hop;
    this.mixer = new LevelMixer(parameters);
    this.harmonics = hasHarmonics ? new HarmonicBank(nHarmonics, sampleRate, this.hop) : null;
    this.noise = hasNoise ? new FilteredNoise({ nBands, sampleRate, hopLength: this.hop, spectra }) : null;
    this.seed = seed;
    this.position = 0;
    this.frame = -1; // of the hop at hand; none yet
    this.isSilent = false;
    this.from = new Point(nHarmonics, nBands);
    this.to = new Point(nHarmonics, nBands);
    this.fromNoise = new Float64Array(2 * this.hop);
    this.toNoise = new Float64Array(2 * this.hop);
    this.turns = new Float64Array(nFrames + 1); // phase at each frame, as far as it is known
    this.nTurns = 0;
  }

  setDials(dials) {
    if (dials.vibrato !== this.mixer.dials.vibrato) this.nTurns = 0;
    this.mixer.dials = dials;
  }

  setCourses(courses) {
    this.mixer.courses = courses;
    this.nTurns = 0;
  }

  holdMix(mix) {
    this.mixer.heldMix = mix;
    this.nTurns = 0;
  }

  transpose(semitones) {
    this.mixer.semitones = semitones;
    this.nTurns = 0;
  }

  seek(sample) {
    this.position = Math.min(Math.max(Math.round(sample), 0), this.nSamples);
    this.frame = -1;
  }

  render(out, start, stop) {
    let at = start;
    while (at < stop && this.position < this.nSamples) {
      const frame = Math.floor(this.position / this.hop);
      if (frame !== this.frame) this.enter(frame);
      const first = this.position - frame * this.hop;
      const last = Math.min(this.hop, first + stop - at);
      if (this.harmonics !== null && !this.isSilent) this.harmonics.add(out, at, first, last);
      if (this.noise !== null && !this.isSilent) {
        for (let n = first; n < last; n += 1) out[at + n - first] += this.fromNoise[this.hop + n] + this.toNoise[n];
      }
      at += last - first;
      this.position += last - first;
    }
  }

  enter(frame) {
    const isNext = this.frame === frame - 1 && this.frame >= 0 && !this.isSilent;
    this.frame = frame;
    this.isSilent = this.mixer.rests(frame) && this.mixer.rests(frame + 1);
    if (this.isSilent) return;
    if (isNext) {
      [this.from, this.to] = [this.to, this.from];
      [this.fromNoise, this.toNoise] = [this.toNoise, this.fromNoise];
    } else {
      this.mixer.at(frame, this.from);
      if (this.noise !== null) this.noise.draw(this.seed + frame, this.from.bandPower, this.fromNoise);
      if (this.harmonics !== null) this.harmonics.seek(this.turnsAt(frame));
    }
    this.mixer.at(frame + 1, this.to);
    if (this.noise !== null) this.noise.draw(this.seed + frame + 1, this.to.bandPower, this.toNoise);
    if (this.harmonics !== null) this.harmonics.enter(this.from, this.to);
  }

  /** Phase at a frame, in turns: the integral of the pitch from the start. */
  turnsAt(frame) {
    const hopSeconds = 1 / this.mixer.parameters.frameRateHz;
    if (this.nTurns === 0) this.nTurns = 1;
    if (frame >= this.nTurns) {
      let startHz = this.mixer.f0Hz(this.nTurns - 1);
      for (let i = this.nTurns; i <= frame; i += 1) {
        const stopHz = this.mixer.f0Hz(i);
        this.turns[i] = advance(this.turns[i - 1], startHz, stopHz, hopSeconds);
        startHz = stopHz;
      }
      this.nTurns = frame + 1;
    }
    return this.turns[frame];
  }
}
