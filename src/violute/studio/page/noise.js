/**
 * Breath and bow: white noise shaped by the levels of mel-spaced bands, as `violute.synthesis.noise` does it.
 *
 * The bands are those of a sound at 44.1 kHz at any rate; above its 22.05 kHz there is nothing. The draws are
 * the page's own, so the noise has the same level and colour as a rendering's, not the same samples.
 */

import { InverseFft } from "./fft.js";

export const BANDS_RATE_HZ = 44100;
const LOWEST_BAND_HZ = 50;
const N_DRAWS = 256;

const hzToMel = (hz) => 2595 * Math.log10(1 + hz / 700);
const melToHz = (mel) => 700 * (10 ** (mel / 2595) - 1);

/** Centres of the bands in Hz, evenly spaced in mel. */
export function noiseBands(nBands) {
  const low = hzToMel(LOWEST_BAND_HZ);
  const step = (hzToMel(BANDS_RATE_HZ / 2) - low) / (nBands - 1);
  return Float64Array.from({ length: nBands }, (_, band) => melToHz(low + step * band));
}

/** Samples of one draw at a hop: the least power of two that holds two hops. */
export function drawLength(hopLength) {
  return 2 ** Math.ceil(Math.log2(Math.max(2 * hopLength, 4)));
}

/** Uniform numbers from 0 to 1 from a seed. Source: Mulberry32 (T. Ettinger, 2017). */
export function generator(seed) {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Spectra of white noise of RMS 1, met in an order that depends on nothing but the frame. */
export class WhiteSpectra {
  /** @param {number} length Samples of a draw. */
  constructor(length) {
    this.nBins = length / 2 + 1;
    this.re = new Float32Array(N_DRAWS * this.nBins);
    this.im = new Float32Array(N_DRAWS * this.nBins);
    const random = generator(20261122);
    for (let i = 0; i < this.re.length; i += 1) {
      const bin = i % this.nBins;
      const isReal = bin === 0 || bin === this.nBins - 1;
      // Box & Muller (1958); a real bin has the power of both parts in one.
      const radius = Math.sqrt(-2 * Math.log(1 - random()) * (isReal ? length : length / 2));
      const angle = 2 * Math.PI * random();
      this.re[i] = radius * Math.cos(angle);
      this.im[i] = isReal ? 0 : radius * Math.sin(angle);
    }
  }

  /** Where the spectrum of a frame begins in `re` and `im`. */
  offset(frame) {
    // The finaliser of MurmurHash3 (A. Appleby): neighbouring frames land far apart.
    let key = Math.imul(frame + 1, 0x9e3779b1);
    key = Math.imul(key ^ (key >>> 16), 0x85ebca6b);
    key = Math.imul(key ^ (key >>> 13), 0xc2b2ae35);
    return ((key ^ (key >>> 16)) >>> 0) % N_DRAWS * this.nBins;
  }
}

const shared = new Map();

/** White spectra of a length, drawn once: they take ten milliseconds and some megabytes. */
export function sharedSpectra(length) {
  if (!shared.has(length)) shared.set(length, new WhiteSpectra(length));
  return shared.get(length);
}

/** Noise of given band levels, two hops of it around each frame, windowed for overlap-add. */
export class FilteredNoise {
  /**
   * @param {object} options
   * @param {number} options.nBands
   * @param {number} options.sampleRate Of the output, in Hz.
   * @param {number} options.hopLength Output samples per frame.
   * @param {object} [options.spectra] White noise; the shared one unless a test brings its own.
   */
  constructor({ nBands, sampleRate, hopLength, spectra }) {
    const length = drawLength(hopLength);
    const nBins = length / 2 + 1;
    this.hopLength = hopLength;
    this.spectra = spectra ?? sharedSpectra(length);
    this.fft = new InverseFft(length);
    this.drawn = new Float64Array(length);
    this.re = new Float64Array(nBins);
    this.im = new Float64Array(nBins);
    // Equal density per Hz is more power where there are more Hz.
    this.scale = sampleRate / BANDS_RATE_HZ;
    this.below = new Uint16Array(nBins);
    this.shareAbove = new Float32Array(nBins);
    const mel = Float64Array.from(noiseBands(nBands), hzToMel);
    const step = (mel[nBands - 1] - mel[0]) / (nBands - 1);
    this.nBins = nBins;
    for (let bin = 0; bin < nBins; bin += 1) {
      const hz = (bin * sampleRate) / length;
      if (hz > BANDS_RATE_HZ / 2) {
        this.nBins = bin;
        break;
      }
      const place = Math.min(Math.max((hzToMel(hz) - mel[0]) / step, 0), nBands - 1);
      this.below[bin] = Math.min(Math.floor(place), nBands - 2);
      this.shareAbove[bin] = place - this.below[bin];
    }
    this.window = Float64Array.from({ length: 2 * hopLength }, (_, n) =>
      Math.sin((Math.PI * (n + 0.5)) / (2 * hopLength)),
    );
  }

  /**
   * Draw the noise of a frame: it begins one hop before the frame and ends one hop after.
   *
   * @param {number} draw Chooses the draw: the frame, or another number for another line of it.
   * @param {Float64Array} bandPower Power of each band relative to white noise of RMS 1.
   * @param {Float64Array} out Two hops of samples.
   */
  draw(draw, bandPower, out) {
    const { re, im, below, shareAbove, spectra, scale } = this;
    const offset = spectra.offset(draw);
    for (let bin = 0; bin < this.nBins; bin += 1) {
      const band = below[bin];
      const low = bandPower[band];
      const gain = Math.sqrt((low + shareAbove[bin] * (bandPower[band + 1] - low)) * scale);
      re[bin] = gain * spectra.re[offset + bin];
      im[bin] = gain * spectra.im[offset + bin];
    }
    this.fft.transform(re, im, this.drawn);
    for (let n = 0; n < 2 * this.hopLength; n += 1) out[n] = this.drawn[n] * this.window[n];
  }
}
