/** Runs in the audio thread: plays the voice in real time, mono in, stereo out, and turns its dials meanwhile. */

import { Live } from "./live.js";

registerProcessor("violute-live", class extends AudioWorkletProcessor {
  #live = null;
  #silence = new Float32Array(0);

  /** `module` and `voice` as of `Live`; the node is told { latencySamples }, or { problem } in one line. */
  constructor({ processorOptions: { module, voice, roomSize } }) {
    super();
    this.port.onmessage = ({ data }) => this.#receive(data);
    try {
      this.#live = new Live(module, voice, { sampleRate, roomSize, nChannels: 2 });
      this.port.postMessage({ latencySamples: this.#live.latencySamples });
    } catch (error) {
      this.port.postMessage({ problem: error.message });
    }
  }

  // Each of these may come alone.
  #receive({ dials, levelDb, roomSize, isClosed }) {
    if (this.#live === null) return;
    if (dials !== undefined) this.#live.turn(dials);
    if (levelDb !== undefined) this.#live.setLevel(levelDb);
    if (roomSize !== undefined) this.#live.resizeRoom(roomSize);
    if (!isClosed) return;
    this.#live.close();
    this.#live = null;
  }

  process([[heard]], [played]) {
    if (this.#live === null) return false;
    const n = played[0].length;
    if (!heard && this.#silence.length !== n) this.#silence = new Float32Array(n);
    this.#live.process([heard ?? this.#silence], played);
    return true;
  }
});
