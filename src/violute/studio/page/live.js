/**
 * Plays the voice in real time: the core in `live/`, built as `live.wasm`, on a page, in a worklet, in a worker or in
 * Node.
 *
 *     const module = await WebAssembly.compile(bytesOfLiveWasm); // once; it can be posted to worklets and workers
 *     const live = new Live(module, bytesOfVoiceLive, { sampleRate: 48000 });
 *     live.turn({ tone: 0.3, noise: 0.3, attack: 0.3 });
 *     live.process([input], [left, right]);           // any number of samples, `live.latencySamples` late
 *     live.close();
 *
 * A voice is the content of a file that `violute export VOICE voice.live` wrote.
 */

import { Instance, SAMPLE_RATE_HZ } from "./instance.js";

/** Tone, noise and attack stand between the ends; the room, and how much of the hybrid is heard, don't. */
export const LIVE_DIALS = ["tone", "noise", "attack", "room", "wet"];

const BLOCK = 1024; // Samples that cross into the core at once; what comes out is the same whatever it is.
const SIDES = 2;

export class Live {
  #instance; #core; #live; #sounds;
  #views = [];

  /**
   * @param {WebAssembly.Module} module Of `live.wasm`.
   * @param {Uint8Array|ArrayBuffer} voice Stays the caller's.
   * @param {object} [options]
   * @param {number} [options.sampleRate] Of what comes and goes, such as `isStreamRate` takes.
   * @param {number} [options.roomSize] 0 (none) to 1 (hall); the dial of the room says how much of it is heard.
   * @param {number} [options.nChannels] Of what goes, 1 or 2.
   * @throws {Error} One line that says what is wrong.
   */
  constructor(module, voice, { sampleRate = SAMPLE_RATE_HZ, roomSize = 0, nChannels = 1 } = {}) {
    this.sampleRate = sampleRate;
    this.nChannels = nChannels;
    const instance = this.#instance = new Instance(module);
    this.#core = instance.exports;
    const content = new Uint8Array(voice);
    const bytes = instance.put(content);
    this.#live = instance.askOrRefuse((core, ...problem) =>
      core.violute_live_open(bytes, content.length, sampleRate, roomSize, nChannels, ...problem));
    instance.free(bytes);
    this.#sounds = Array.from({ length: 2 * SIDES }, () => instance.lend(4 * BLOCK));
    this.turn({ room: roomSize });
  }

  /** What is known of the voice: its name, its ends, its licence. */
  get card() { return JSON.parse(this.#instance.text(this.#core.violute_live_card(this.#live))); }

  /** Memory that the core holds; playing takes no more. */
  get memoryBytes() { return this.#core.memory.buffer.byteLength; }

  /** How far the output runs behind the input. */
  get latencySamples() { return this.#core.violute_live_latency(this.#live); }

  /**
   * Turn dials, 0 to 1, from the next frame of 10 ms on.
   *
   * @throws {Error} An unknown dial, or a value that is no number from 0 to 1.
   */
  turn(dials) {
    for (const [name, value] of Object.entries(dials)) {
      const dial = LIVE_DIALS.indexOf(name);
      if (dial < 0) throw new Error(`there is no dial ${name}: give ${LIVE_DIALS.join(", ")}`);
      if (!(value >= 0 && value <= 1)) throw new Error(`${name} stands at ${value}: give 0 to 1`);
      this.#core.violute_live_turn(this.#live, dial, value);
    }
  }

  /** Make what goes louder or softer, by -24 to 24 dB, within 20 ms. */
  setLevel(levelDb) { this.#core.violute_live_level(this.#live, levelDb); }

  /** Let what came through as it is, as late as the hybrid, or the hybrid again. */
  setBypass(isBypassed) { this.#core.violute_live_bypass(this.#live, Number(isBypassed)); }

  /** Change the size of the room; it takes some milliseconds here, and the room fades in within a fifth of a second. */
  resizeRoom(size) {
    const isDone = this.#instance.ask((core) => core.violute_live_resize_room(this.#live, size));
    if (!isDone) throw new Error(`a room of size ${size} came: give 0 to 1`);
  }

  /** Forget all sound, as after opening; dials, level, bypass and the room stay. */
  reset() { this.#core.violute_live_reset(this.#live); }

  /**
   * Play a block of any size. What comes and goes may be the same arrays.
   *
   * @param {Float32Array[]} inputs One channel, or two, of which the voice hears the mean.
   * @param {Float32Array[]} outputs One or two, as long.
   */
  process(inputs, outputs) {
    const views = this.#blocks();
    const [leftIn, rightIn, leftOut, rightOut] = this.#sounds;
    for (let at = 0; at < inputs[0].length; at += BLOCK) {
      const n = Math.min(BLOCK, inputs[0].length - at);
      for (let side = 0; side < inputs.length; side += 1) {
        for (let i = 0; i < n; i += 1) views[side][i] = inputs[side][at + i];
      }
      if (inputs.length === 1) {
        this.#core.violute_live_process(this.#live, leftIn, leftOut, rightOut, n);
      } else {
        this.#core.violute_live_process_stereo(this.#live, leftIn, rightIn, leftOut, rightOut, n);
      }
      for (let side = 0; side < outputs.length; side += 1) {
        for (let i = 0; i < n; i += 1) outputs[side][at + i] = views[SIDES + side][i];
      }
    }
  }

  /** Let go of the voice; nothing can be asked afterwards. */
  close() {
    this.#core.violute_live_close(this.#live);
    this.#instance = this.#core = this.#live = null;
  }

  // The core's memory moves when it grows, which it does at no other time than when something is asked of it.
  #blocks() {
    const { buffer } = this.#instance;
    if (this.#views[0]?.buffer !== buffer) this.#views = this.#sounds.map((at) => new Float32Array(buffer, at, BLOCK));
    return this.#views;
  }
}
