/**
 * Inverse FFT of a real signal: half-length complex radix-2 transform, nothing allocated per call.
 *
 * Source: Cooley & Tukey (1965); packing of a real signal of N samples into N / 2 complex ones as in
 * Press et al., Numerical Recipes (3rd ed. 2007), section 12.3.
 */
export class InverseFft {
  /** @param {number} length Samples; a power of two, 4 or more. */
  constructor(length) {
    const half = length / 2;
    this.length = length;
    this.re = new Float64Array(half);
    this.im = new Float64Array(half);
    this.cos = Float64Array.from({ length: half }, (_, k) => Math.cos((2 * Math.PI * k) / length));
    this.sin = Float64Array.from({ length: half }, (_, k) => Math.sin((2 * Math.PI * k) / length));
    const bits = Math.log2(half);
    this.reversed = Uint32Array.from({ length: half }, (_, k) => {
      let index = 0;
      for (let bit = 0; bit < bits; bit += 1) index |= ((k >> bit) & 1) << (bits - 1 - bit);
      return index;
    });
  }

  /**
   * Samples whose spectrum is given; as NumPy's `irfft` does it.
   *
   * @param {ArrayLike<number>} re Real parts of bins 0 to length / 2.
   * @param {ArrayLike<number>} im Imaginary parts; those of the first and the last bin do not count.
   * @param {Float32Array|Float64Array} out `length` samples.
   */
  transform(re, im, out) {
    const half = this.length / 2;
    const scale = 1 / this.length;
    for (let k = 0; k < half; k += 1) {
      const mirror = half - k;
      const ownIm = k === 0 ? 0 : im[k];
      const mirrorIm = k === 0 ? 0 : im[mirror];
      const oddRe = re[k] - re[mirror];
      const oddIm = ownIm + mirrorIm;
      const turnedRe = oddRe * this.cos[k] - oddIm * this.sin[k];
      const turnedIm = oddRe * this.sin[k] + oddIm * this.cos[k];
      const index = this.reversed[k];
      this.re[index] = re[k] + re[mirror] - turnedIm;
      this.im[index] = ownIm - mirrorIm + turnedRe;
    }
    this.butterflies();
    for (let k = 0; k < half; k += 1) {
      out[2 * k] = this.re[k] * scale;
      out[2 * k + 1] = this.im[k] * scale;
    }
  }

  butterflies() {
    const { re, im, cos, sin } = this;
    const half = this.length / 2;
    for (let size = 1; size < half; size *= 2) {
      const step = half / size; // twiddles are those of the whole length, twice as fine
      for (let j = 0; j < size; j += 1) {
        const c = cos[j * step];
        const s = sin[j * step];
        for (let a = j; a < half; a += 2 * size) {
          const b = a + size;
          const turnedRe = re[b] * c - im[b] * s;
          const turnedIm = re[b] * s + im[b] * c;
          re[b] = re[a] - turnedRe;
          im[b] = im[a] - turnedIm;
          re[a] += turnedRe;
          im[a] += turnedIm;
        }
      }
    }
  }
}
