/**
 * Columns of a log-frequency spectrogram: a Hann window and one FFT a column, read off at rows that are evenly
 * spaced in pitch. Levels are bytes of half a decibel from -120 dB; a full-scale sine reads 0 dB.
 */

import { InverseFft } from "./fft.js";

export const LOWEST_HZ = 100;
export const HIGHEST_HZ = 10000;
export const LEVEL_FLOOR_DB = -120;
export const STEPS_PER_DB = 2;

export const rowOf = (hz, nRows) => nRows * (1 - Math.log(hz / LOWEST_HZ) / Math.log(HIGHEST_HZ / LOWEST_HZ));

export class Columns {
  #fft; #window; #power; #rows;

  // `nRows` from the highest (0) to the lowest.
  constructor(sampleRate, nRows) {
    this.size = 2 ** Math.round(Math.log2(0.085 * sampleRate));
    const { size } = this;
    this.#fft = new InverseFft(size);
    this.#window = Float64Array.from(
      { length: size }, (_, i) => (2 / size) * (1 - Math.cos((2 * Math.PI * i) / size)),
    );
    this.#power = new Float64Array(size / 2);
    this.#rows = Array.from({ length: nRows }, (_, row) => {
      const edge = (at) => (size / sampleRate) * LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (1 - at / nRows);
      return [edge(row + 1), edge(row)].map((bin) => Math.min(bin, size / 2 - 2));
    });
  }

  // Writes the levels of the window centred on `centre` into `levels`, from the highest row down.
  write(samples, centre, levels, offset) {
    this.#measure(samples, Math.round(centre) - this.size / 2);
    for (let row = 0; row < this.#rows.length; row += 1) {
      const [low, high] = this.#rows[row];
      const db = 10 * Math.log10(this.#peak(low, high) + 1e-13);
      levels[offset + row] = Math.min(255, Math.max(0, Math.round((db - LEVEL_FLOOR_DB) * STEPS_PER_DB)));
    }
  }

  // The strongest bin that a row holds; low rows are narrower than a bin and stand between two.
  #peak(low, high) {
    const power = this.#power;
    const first = Math.ceil(low);
    if (first > high) {
      const bin = Math.floor(low);
      const share = (low + high) / 2 - bin;
      return (1 - share) * power[bin] + share * power[bin + 1];
    }
    let most = 0;
    for (let bin = first; bin <= high; bin += 1) most = Math.max(most, power[bin]);
    return most;
  }

  // Power of each bin. Even and odd samples are the real and imaginary parts of one transform of half the length;
  // it turns the other way round, which changes the sign of phases and no power.
  #measure(samples, start) {
    const { re, im, cos, sin, reversed } = this.#fft;
    const half = this.size / 2;
    for (let k = 0; k < half; k += 1) {
      const at = start + 2 * k;
      re[reversed[k]] = (samples[at] ?? 0) * this.#window[2 * k];
      im[reversed[k]] = (samples[at + 1] ?? 0) * this.#window[2 * k + 1];
    }
    this.#fft.butterflies();
    for (let k = 0; k < half; k += 1) {
      const mirror = (half - k) % half;
      const evenRe = (re[k] + re[mirror]) / 2;
      const evenIm = (im[k] - im[mirror]) / 2;
      const oddRe = (im[k] + im[mirror]) / 2;
      const oddIm = (re[mirror] - re[k]) / 2;
      const partRe = evenRe + cos[k] * oddRe - sin[k] * oddIm;
      const partIm = evenIm + cos[k] * oddIm + sin[k] * oddRe;
      this.#power[k] = partRe * partRe + partIm * partIm;
    }
  }
}

// Lowest and highest sample between two places, for the waveform.
export function extent(samples, from, to) {
  let [low, high] = [0, 0];
  const stop = Math.min(samples.length, Math.max(to, from + 1));
  for (let i = Math.max(0, from); i < stop; i += 1) {
    if (samples[i] < low) low = samples[i];
    if (samples[i] > high) high = samples[i];
  }
  return [low, high];
}
