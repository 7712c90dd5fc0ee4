/**
 * What sounds: a recording or the microphone, through the voice, to the loudspeakers.
 *
 * Events: `level` ({ heard, played }), `problem` ({ line }), `gap` ({ seconds }) and `ended`.
 */

import { Gaps } from "./gaps.js";
import { isStreamRate } from "./instance.js";
import { LiveNode } from "./live_node.js";
import { Microphone, inputSeconds, openInput } from "./microphone.js";

const OTHER_RATE = 48000;
const LOOK_MS = 250; // between looks for gaps

export class Sound extends EventTarget {
  #settings; #opening = null; #context = null; #node; #source = null; #stream = null; #blocks = null; #recorded;
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

  /** As of `LiveNode`, once it is open. */
  get delays() { return this.#node.delays(this.latencySamples, this.#stream ? inputSeconds(this.#stream) : 0); }

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
    if (!isStreamRate(context.sampleRate)) {
      await context.close();
      context = new AudioContext({ latencyHint: "interactive", sampleRate: OTHER_RATE });
    }
    try {
      this.#node = await LiveNode.open(context, this.#voice, this.#settings, { isWatched: true });
    } catch (error) {
      await context.close();
      throw error;
    }
    this.#node.port.onmessage = ({ data }) => this.#receive(data);
    this.#node.audio.connect(context.destination);
    this.#context = context;
    setInterval(() => this.#watch(), LOOK_MS);
  }

  setVoice(voice) {
    this.#voice = voice;
    this.#node?.port.postMessage({ voice });
  }

  /** Settings as of `liveSettings`. */
  turn(settings) {
    this.#settings = settings;
    this.#node?.turn(settings);
  }

  async play(buffer, seconds) {
    await this.start();
    this.stop();
    const source = new AudioBufferSourceNode(this.#context, { buffer });
    source.onended = () => { if (this.#source === source) this.#tell("ended"); };
    source.connect(this.#node.audio);
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
    this.#source.connect(this.#node.audio);
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
