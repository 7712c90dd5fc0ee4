/** The node that plays a voice in real time, in any context, offline ones too: how it is made, turned and let go. */

import { handOver } from "./instance.js";

const REST_MS = 150; // after which a room of another size is made

/** What dials and output say to a node. */
export function liveSettings(dials, output) {
  const { tone, noise, attack, room } = dials.values();
  return { dials: { tone, noise, attack, room, wet: output.state.wet }, levelDb: output.state.level_db };
}

// No `AudioWorkletNode` itself, which pages have over https alone, and this module is read by others, too.
export class LiveNode {
  #room; #timer = 0;

  /**
   * Settings as of `liveSettings`.
   *
   * @returns {Promise<LiveNode|null>} null where it is not wanted any more once all is there.
   */
  static async open(context, voice, settings, { isWatched = false, isWanted = () => true } = {}) {
    await context.audioWorklet.addModule(new URL("live_processor.js", import.meta.url));
    return handOver((module) => (isWanted() ? new LiveNode(context, { module, voice, isWatched, ...settings }) : null));
  }

  constructor(context, options) {
    this.#room = options.dials.room;
    /** What is connected. */
    this.audio = new AudioWorkletNode(context, "violute-live", {
      outputChannelCount: [2], channelCount: 2, channelCountMode: "clamped-max",
      processorOptions: { ...options, roomSize: this.#room },
    });
  }

  /** Tells what the processor does. */
  get port() { return this.audio.port; }

  /** Turn dials, at once; a room takes its size where the hand rests. */
  turn(settings) {
    this.port.postMessage(settings);
    const { room } = settings.dials;
    if (room === this.#room) return;
    this.#room = room;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.port.postMessage({ roomSize: room }), REST_MS);
  }

  /**
   * In seconds, what the voice takes, and what lies between input and output, as far as the browser tells.
   *
   * @param {number} latencySamples As the port told.
   * @param {number} inputSeconds What a microphone takes.
   */
  delays(latencySamples, inputSeconds = 0) {
    const { sampleRate, baseLatency = 0, outputLatency = 0 } = this.audio.context;
    const ofVoice = latencySamples / sampleRate;
    return { ofVoice, whole: inputSeconds + ofVoice + baseLatency + outputLatency };
  }

  /** It plays no more. */
  close() {
    clearTimeout(this.#timer);
    this.audio.disconnect();
    this.port.postMessage({ isClosed: true });
  }
}
