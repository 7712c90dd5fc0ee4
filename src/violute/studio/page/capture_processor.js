/** Runs in the audio thread: hands the first channel on in blocks of about a twentieth of a second. */

const BLOCK_SAMPLES = 2048;

registerProcessor("capture", class extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK_SAMPLES);
  #filled = 0;

  process([[channel]]) {
    if (!channel) return true;
    this.#block.set(channel, this.#filled);
    this.#filled += channel.length;
    if (this.#filled === BLOCK_SAMPLES) {
      this.port.postMessage(this.#block.slice());
      this.#filled = 0;
    }
    return true;
  }
});
