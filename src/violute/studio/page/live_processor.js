/** Runs in the audio thread: plays the voice in real time, stereo out, and turns its dials meanwhile. */

import { Live } from "./live.js";

const REPORT_SECONDS = 0.05;
const BLOCK_SAMPLES = 4096; // of what is recorded, a message
const N_SIDES = 2;

registerProcessor("violute-live", class extends AudioWorkletProcessor {
  #module; #isWatched;
  #live = null;
  #settings = { dials: {}, levelDb: 0, roomSize: 0 };
  #silence = new Float32Array(0);
  #peaks = { heard: 0, played: 0 };
  #sinceReport = 0;
  #block = null; // of what is being recorded
  #filled = 0;

  /**
   * `module` and `voice` as of `Live`; the node is told { latencySamples }, or { problem } in one line. Where it
   * `isWatched`, { peaks, memoryBytes } follow some times a second.
   */
  constructor({ processorOptions: { module, voice, isWatched = false, ...settings } }) {
    super();
    this.#module = module;
    this.#isWatched = isWatched;
    this.port.onmessage = ({ data }) => this.#receive(data);
    this.#receive({ ...settings, voice });
  }

  // Each of these may come alone. What is recorded comes back as { sides }, block by block, the last one { isLast }.
  #receive({ voice, dials = {}, levelDb, roomSize, isReset, isRecording, isClosed }) {
    const settings = this.#settings;
    Object.assign(settings.dials, dials);
    settings.levelDb = levelDb ?? settings.levelDb;
    settings.roomSize = roomSize ?? settings.roomSize;
    if (voice !== undefined) this.#open(voice);
    if (this.#live === null) return;
    this.#live.turn(dials);
    if (levelDb !== undefined) this.#live.setLevel(levelDb);
    if (roomSize !== undefined && voice === undefined) this.#live.resizeRoom(roomSize);
    if (isReset) this.#live.reset();
    if (isRecording === true) this.#block = this.#newBlock();
    if (isRecording === false) this.#handOn({ isLast: true });
    if (isClosed) this.#close();
  }

  #open(voice) {
    const { dials, levelDb, roomSize } = this.#settings;
    try {
      const live = new Live(this.#module, voice, { sampleRate, roomSize, nChannels: N_SIDES });
      live.turn(dials);
      live.setLevel(levelDb);
      this.#close();
      this.#live = live;
      this.port.postMessage({ latencySamples: live.latencySamples });
    } catch (error) {
      this.port.postMessage({ problem: error.message });
    }
  }

  #close() {
    this.#live?.close();
    this.#live = null;
  }

  process([heard], [played]) {
    if (this.#live === null) return false;
    const n = played[0].length;
    if (heard.length === 0 && this.#silence.length !== n) this.#silence = new Float32Array(n);
    const input = heard.length > 0 ? heard : [this.#silence];
    this.#live.process(input, played);
    if (this.#block) this.#keep(played, n);
    if (this.#isWatched) this.#watch(input[0], played[0]);
    return true;
  }

  #keep(played, n) {
    played.forEach((side, i) => this.#block[i].set(side, this.#filled));
    this.#filled += n;
    if (this.#filled + n <= BLOCK_SAMPLES) return;
    this.#handOn({ isLast: false });
    this.#block = this.#newBlock();
  }

  #handOn({ isLast }) {
    if (this.#block === null) return;
    const sides = this.#block.map((side) => side.slice(0, this.#filled));
    this.#block = null;
    this.port.postMessage({ sides, isLast }, sides.map((side) => side.buffer));
  }

  #newBlock() {
    this.#filled = 0;
    return Array.from({ length: N_SIDES }, () => new Float32Array(BLOCK_SAMPLES));
  }

  #watch(heard, played) {
    this.#peaks.heard = largest(heard, this.#peaks.heard);
    this.#peaks.played = largest(played, this.#peaks.played);
    this.#sinceReport += played.length;
    if (this.#sinceReport < REPORT_SECONDS * sampleRate) return;
    this.port.postMessage({ peaks: this.#peaks, memoryBytes: this.#live.memoryBytes });
    this.#peaks = { heard: 0, played: 0 };
    this.#sinceReport = 0;
  }
});

function largest(samples, peak) {
  for (const sample of samples) if (Math.abs(sample) > peak) peak = Math.abs(sample);
  return peak;
}
