/**
 * Columns of a log-frequency spectrogram: a Hann window and one FFT a column, read off at rows that are evenly
 * spaced in pitch. Levels are bytes of half a decibel from -120 dB; a full-scale sine reads 0 dB.
 */

const USUAL_LOWEST_HZ = 100;
const DEEP_LOWEST_HZ = 50;
const DEEP_NOTE_HZ = 120;
const HIGHEST_HZ = 10000;
export const LEVEL_FLOOR_DB = -120;
export const STEPS_PER_DB = 2;

// Where a frequency stands in a picture that begins at the lowest one.
export const rowOf = (hz, nRows, lowestHz) =>
  nRows * (1 - Math.log(hz / lowestHz) / Math.log(HIGHEST_HZ / lowestHz));

// Where the picture of a piece begins, whose pitches are lines {f0}: an octave deeper where there are deep notes.
export const lowestOf = (pitches) =>
  (pitches.some(({ f0 }) => f0.some((hz) => hz > 0 && hz < DEEP_NOTE_HZ)) ? DEEP_LOWEST_HZ : USUAL_LOWEST_HZ);

export class Columns {
  #instance; #spectrum; #framed; #power; #rows;

  // `nRows` from the highest (0) to the lowest; spectra are made by an `Instance` of the core.
  constructor(instance, { sampleRate, nRows, lowestHz }) {
    this.size = 2 ** Math.round(Math.log2(0.085 * sampleRate));
    const { size } = this;
    this.#instance = instance;
    this.#spectrum = instance.ask((core) => core.violute_spectrum_open(size));
    this.#framed = instance.put(new Float32Array(size));
    this.#power = new Float32Array(size / 2);
    this.#rows = Array.from({ length: nRows }, (_, row) => {
      const edge = (at) => (size / sampleRate) * lowestHz * (HIGHEST_HZ / lowestHz) ** (1 - at / nRows);
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

  // Power of each bin.
  #measure(samples, start) {
    const { exports, buffer } = this.#instance;
    const framed = new Float32Array(buffer, this.#framed, this.size);
    const [from, to] = [Math.max(start, 0), Math.min(start + this.size, samples.length)];
    framed.fill(0);
    if (to > from) framed.set(samples.subarray(from, to), from - start);
    const magnitudes = new Float32Array(buffer, exports.violute_spectrum_of(this.#spectrum, this.#framed), this.size / 2);
    for (let k = 0; k < magnitudes.length; k += 1) this.#power[k] = magnitudes[k] * magnitudes[k];
  }

  // Let go of what it has in the instance.
  close() {
    this.#instance.exports.violute_spectrum_close(this.#spectrum);
    this.#instance.free(this.#framed);
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

// All channels of an AudioBuffer in one.
export function mixedDown(buffer) {
  const mono = new Float32Array(buffer.length);
  for (let channel = 0; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    for (let i = 0; i < mono.length; i += 1) mono[i] += samples[i] / buffer.numberOfChannels;
  }
  return mono;
}
