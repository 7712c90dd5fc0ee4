/**
 * Mixes the two ends frame by frame, as `violute.families.ddsp.levels` does: roots of levels in straight lines, pitch and
 * loudness of the source, attacks and vibrato with dials of their own.
 */

import { DIALS, END_DIALS, interpolate } from "./automation.js";
import { HALVES } from "./parameters.js";

const LEAST_POWER = 1e-14;
const LEAST_GAIN = 1e-9;
const LOUDNESS_IS_KEPT = { mixes: [0, 1], gain: [1, 1] };

/** What sounds at one frame. */
export class Point {
  constructor(nHarmonics, nBands) {
    this.f0Hz = 0;
    this.amplitudes = new Float64Array(nHarmonics);
    this.bandPower = new Float64Array(nBands);
  }
}

export class LevelMixer {
  /** @param {object} parameters From `parseParameters`. */
  constructor(parameters) {
    this.parameters = parameters;
    this.dials = { ...DIALS };
    this.courses = {}; // of dials that move, as `readCourses` returns them
    this.heldMix = null;
    this.semitones = 0; // above what the parameters hold
    this.gains = LOUDNESS_IS_KEPT;
  }

  /** @param {{mixes: number[], gain: number[]}|null} gains Linear gain of the sound at some places of the dial. */
  setGains(gains) {
    this.gains = gains ?? LOUDNESS_IS_KEPT;
  }

  /** A dial's value at a frame. */
  dialAt(name, frame) {
    if (this.heldMix !== null && END_DIALS.includes(name)) return this.heldMix;
    const course = this.courses[name];
    if (course) return interpolate(course.seconds, course.mix, frame / this.parameters.frameRateHz);
    return this.dials[name];
  }

  /** Whether the line is silent at a frame; frames beyond the last hold it. */
  rests(frame) {
    return this.parameters.row[Math.min(frame, this.parameters.nFrames - 1)] < 0;
  }

  /** Pitch at a frame, with its vibrato where the dial puts it, in Hz. */
  f0Hz(frame) {
    const { f0_hz: f0Hz, vibrato_cents: cents, nFrames } = this.parameters;
    const dial = this.dialAt("vibrato", frame);
    const moved = cents[frame] + dial * (cents[nFrames + frame] - cents[frame]);
    // Rounded as the renderer rounds it, so that phases stay together over hours.
    return Math.fround(f0Hz[frame] * 2 ** (moved / 1200 + this.semitones / 12));
  }

  /**
   * Work out what sounds at a frame.
   *
   * @param {number} frame Frames beyond the last hold it.
   * @param {Point} point Is overwritten.
   */
  at(frame, point) {
    const parameters = this.parameters;
    const { nFrames, nRows, nHarmonics, nBands } = parameters;
    const i = Math.min(Math.max(frame, 0), nFrames - 1);
    const row = parameters.row[i];
    point.f0Hz = this.f0Hz(i);
    if (row < 0) {
      point.amplitudes.fill(0);
      point.bandPower.fill(0);
      return;
    }
    const attackShare = parameters.attack_share[i];
    const tone = this.dialAt("tone", i);
    const noise = this.dialAt("noise", i);
    const attack = this.dialAt("attack", i);
    const toneWeight = this.weight(tone + attackShare * (attack - tone));
    const noiseWeight = this.weight(noise + attackShare * (attack - noise));

    const power =
      heardPower(parameters.harmonic_power, row, toneWeight) + heardPower(parameters.noise_power, row, noiseWeight);
    const vibratoDb = parameters.vibrato_db;
    const addedDb = vibratoDb[i] + this.dialAt("vibrato", i) * (vibratoDb[nFrames + i] - vibratoDb[i]);
    const loudness = 10 ** ((parameters.loudness_db[i] + addedDb) / 20);
    const gain = loudness / Math.sqrt(Math.max(power, LEAST_POWER));
    const level = interpolate(this.gains.mixes, this.gains.gain, tone);

    const harmonicGain = gain * parameters.gate[i] * level;
    const roots = parameters.harmonic_root;
    let first = row * nHarmonics;
    let second = (nRows + row) * nHarmonics;
    for (let k = 0; k < nHarmonics; k += 1) {
      const low = HALVES[roots[first + k]];
      const root = low + toneWeight * (HALVES[roots[second + k]] - low);
      point.amplitudes[k] = root * root * harmonicGain;
    }
    const noiseGain = Math.max(gain, LEAST_GAIN) * level;
    const noiseRoots = parameters.noise_root;
    first = row * nBands;
    second = (nRows + row) * nBands;
    for (let band = 0; band < nBands; band += 1) {
      const low = HALVES[noiseRoots[first + band]];
      const root = low + noiseWeight * (HALVES[noiseRoots[second + band]] - low);
      const amplitude = root * root * noiseGain;
      point.bandPower[band] = amplitude * amplitude;
    }
  }

  weight(mix) {
    return interpolate(this.parameters.dialMix, this.parameters.dialWeight, mix);
  }
}

/** Heard power of a mixture from its five terms in a row. */
function heardPower(terms, row, weight) {
  const rest = 1 - weight;
  const at = 5 * row;
  const ends = rest ** 4 * terms[at] + weight ** 4 * terms[at + 4];
  const near = 4 * rest * weight * (rest * rest * terms[at + 1] + weight * weight * terms[at + 3]);
  return ends + near + 6 * rest * rest * weight * weight * terms[at + 2];
}
