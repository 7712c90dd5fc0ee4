/**
 * What sounds: a recording or the microphone, through the voice, to the loudspeakers.
 *
 * Events: `level` ({ heard, played }), `problem` ({ line }), `gap` ({ seconds }) and `ended`.
 */

import { Gaps } from "./gaps.js";
import { handOver } from "./instance.js";
import { Microphone, inputSeconds, openInput } from "./microphone.js";

const RATES = [44100, 96000];
const OTHER_RATE = 48000;
const NEW_ROOM_MS = 150;
const LOOK_MS = 250; // between looks for gaps

/** The node that plays the voice in any context, offline ones too. */
export async function liveNode(context, voice, settings) {
  await context.audioWorklet.addModule(new URL("live_processor.js", import.meta.url));
  const roomSize = settings.dials.room;
  return handOver((module) => new AudioWorkletNode(context, "violute-live", {
    outputChannelCount: [2], channelCount: 2, channelCountMode: "clamped-max",
    processorOptions: { module, voice, roomSize, isWatched: true, ...settings },
  }));
}

export class Sound extends EventTarget {
  #settings; #opening = null; #context = null; #node; #source = null; #stream = null; #roomTimer = 0; #blocks = null; #recorded;
  #voice; #startedAt = 0; #gaps = new Gaps();
  latencySamples = 0;
  memoryBytes = 0;

  constructor(voice, settings) {
    super();
    this.#voice = voice;
    this.#settings = settings;
  }

  get isOpen() { return this.#context !== null; }
  get hasMicrophone() { return this.#stream !== null; }
  get isRecording() { return this.#blocks !== null; }
  get currentTime() { return this.#context?.currentTime ?? 0; }

  /** What of it the voice itself takes. */
  get voiceSeconds() { return this.#context ? this.latencySamples / this.#context.sampleRate : 0; }

  /** From input to output in seconds, as far as the browser tells. */
  get latencySeconds() {
    if (!this.#context) return 0;
    const before = this.#stream ? inputSeconds(this.#stream) : 0;
    const after = (this.#context.baseLatency ?? 0) + (this.#context.outputLatency ?? 0);
    return before + this.voiceSeconds + after;
  }

  /** Browsers give sound only after a press, so this is called by one. */
  async start() {
    this.#opening ??= this.#open();
    try {
      await this.#opening;
    } catch (error) {
      this.#opening = null; // the next press tries again
      throw error;
    }
    await this.#context.resume();
  }

  async #open() {
    if (!globalThis.isSecureContext || !globalThis.AudioWorkletNode) {
      throw new Error("This browser plays no voice here: open the page over https or from this machine, in a newer one.");
    }
    let context = new AudioContext({ latencyHint: "interactive" });
    if (context.sampleRate < RATES[0] || context.sampleRate > RATES[1]) {
      await context.close();
      context = new AudioContext({ latencyHint: "interactive", sampleRate: OTHER_RATE });
    }
    try {
      this.#node = await liveNode(context, this.#voice, this.#settings);
    } catch (error) {
      await context.close();
      throw error;
    }
    this.#node.port.onmessage = ({ data }) => this.#receive(data);
    this.#node.connect(context.destination);
    this.#context = context;
    setInterval(() => this.#watch(), LOOK_MS);
  }

  setVoice(voice) {
    this.#voice = voice;
    this.#node?.port.postMessage({ voice });
  }

  /** Turn dials, at once; a room takes its size where the hand rests. */
  turn(settings) {
    const { room } = this.#settings.dials;
    this.#settings = settings;
    this.#node?.port.postMessage(settings);
    if (settings.dials.room === room) return;
    clearTimeout(this.#roomTimer);
    this.#roomTimer = setTimeout(() => {
      this.#node?.port.postMessage({ roomSize: this.#settings.dials.room });
    }, NEW_ROOM_MS);
  }

  async play(buffer, seconds) {
    await this.start();
    this.stop();
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.onended = () => { if (this.#source === source) this.#tell("ended"); };
    source.connect(this.#node);
    source.start(0, seconds);
    this.#source = source;
    this.#startedAt = this.#context.currentTime - seconds;
  }

  /** Where the recording is. */
  get seconds() { return this.#source ? this.#context.currentTime - this.#startedAt : 0; }

  /** Let neither a recording nor the microphone in any more. */
  stop() {
    const source = this.#source;
    this.#source = null;
    source?.stop?.();
    source?.disconnect();
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }

  /** @throws {Error} One line that says why there is no microphone. */
  async listen(deviceId = "") {
    await this.start();
    const stream = await openInput({ latency: 0, ...(deviceId && { deviceId: { exact: deviceId } }) })
      .catch((error) => { throw Microphone.Refusal.of(error); });
    this.stop();
    this.#stream = stream;
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(this.#node);
    this.#node.port.postMessage({ isReset: true });
    stream.getAudioTracks()[0].onended = () => { if (this.#stream === stream) this.#tell("ended"); };
  }

  async devices() {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter(({ kind, deviceId }) => kind === "audioinput" && deviceId);
  }

  get deviceId() { return this.#stream?.getAudioTracks()[0].getSettings().deviceId ?? ""; }

  async record() {
    await this.start();
    this.#blocks = [];
    this.#node.port.postMessage({ isRecording: true });
  }

  /** What was recorded since: blocks of two sides each. */
  async finish() {
    const done = new Promise((resolve) => { this.#recorded = resolve; });
    this.#node.port.postMessage({ isRecording: false });
    await done;
    const blocks = this.#blocks;
    this.#blocks = null;
    return { blocks, sampleRate: this.#context.sampleRate };
  }

  #receive({ latencySamples, problem, peaks, memoryBytes, sides, isLast }) {
    if (problem) this.#tell("problem", { line: problem });
    if (latencySamples) {
      this.latencySamples = latencySamples;
      this.#gaps.calm(performance.now() / 1000);
    }
    if (sides) this.#blocks?.push(sides);
    if (isLast) this.#recorded();
    if (!peaks) return;
    this.memoryBytes = memoryBytes;
    this.#tell("level", peaks);
  }

  #watch() {
    const { state, currentTime, playbackStats } = this.#context;
    if (state !== "running" || document.hidden) {
      this.#gaps.halt();
      return;
    }
    const before = this.#gaps.seconds;
    const seconds = this.#gaps.see(performance.now() / 1000, currentTime, playbackStats);
    if (seconds > before) this.#tell("gap", { seconds });
  }

  #tell(type, detail = {}) { this.dispatchEvent(new CustomEvent(type, { detail })); }
}
