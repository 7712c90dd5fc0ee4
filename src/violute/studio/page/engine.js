/**
 * Plays a performance so that every dial is heard while it moves; the page's only way to sound.
 *
 *     const engine = await Engine.create(new AudioContext(), { processorUrl: "/page/processor.js" });
 *     await engine.load(parameters, { gains });        // ArrayBuffer of `violute.voices.live_parameters`
 *     await engine.loadSource(audioBuffer);            // for A/B
 *     await engine.play();
 *     engine.setDials({ tone: 0.3, room: 0.2 });
 *
 * Live synthesis is mono and goes through the room: a convolution with a response of the dial's size, beside the
 * dry sound. The source and renderings go past it. All of them share one position.
 *
 * Events: `position` ({ seconds }), `level` ({ peak, rms }) and `ended`, each in `event.detail`.
 */

import { DIALS, readCourses, withDials } from "./automation.js";
import { Instance, SAMPLE_RATE_HZ, handOver, liveModule } from "./instance.js";
import { parseParameters } from "./parameters.js";
import { Draws } from "./performance.js";

export const LISTENING = ["hybrid", "source", "end0", "end1"];

const SHORTEST_LOOP_SECONDS = 0.1;
const SMOOTHING_SECONDS = 0.008;
const NEW_ROOM_SECONDS = 0.15;
const ROOM_STEP = 0.01;
const CEILING = 0.89; // -1 dBTP, as renderings have it
const HEADROOM = 4;
const PIECE_BYTES = 2 ** 21; // copied within a millisecond, while the audio thread has three

export class Engine extends EventTarget {
  /**
   * @param {BaseAudioContext} audioContext At the rate of the voices, 44.1 kHz; the browser brings its sound to that of
   *   the device.
   * @param {object} [options]
   * @param {string|URL} [options.processorUrl] Of `processor.js`.
   * @param {AudioNode} [options.destination] Where the sound goes; the context's own unless given.
   * @throws {Error} The context's rate does not fit, or the browser has no audio worklet.
   */
  static async create(audioContext, { processorUrl, destination } = {}) {
    if (audioContext.sampleRate !== SAMPLE_RATE_HZ) {
      throw new Error(`the audio context runs at ${audioContext.sampleRate} Hz: give it ${SAMPLE_RATE_HZ} Hz`);
    }
    if (!globalThis.isSecureContext) {
      throw new Error("browsers synthesise on pages over https or of their own machine only: open such an address");
    }
    if (!audioContext.audioWorklet) throw new Error("this browser cannot synthesise on a page: use a newer one");
    await Promise.all([
      liveModule(),
      audioContext.audioWorklet.addModule(processorUrl ?? new URL("processor.js", import.meta.url)),
    ]);
    return handOver((module) => new Engine(audioContext, destination ?? audioContext.destination, module));
  }

  /** Use `Engine.create`. */
  constructor(audioContext, destination, module) {
    super();
    this.context = audioContext;
    this.isPlaying = false;
    this.listening = "hybrid";
    this.dials = { ...DIALS };
    this.durationSeconds = 0;
    this.waiting = new Map();
    this.count = 0;
    this.loads = 0;
    this.jumps = 0;
    this.last = { sample: 0, time: 0 };
    this.loop = null;
    this.isLive = false;
    this.isWide = false;
    this.source = false;
    this.renderings = new Set();

    this.node = new AudioWorkletNode(audioContext, "violute-studio", {
      numberOfInputs: 0, numberOfOutputs: 2, outputChannelCount: [1, 2], processorOptions: { module },
    });
    this.node.port.onmessage = ({ data }) => this.receive(data);
    this.voiceBus = new GainNode(audioContext);
    this.output = new GainNode(audioContext, { gain: 1 / HEADROOM });
    const ceiling = new WaveShaperNode(audioContext, { curve: ceilingCurve() });
    this.node.connect(this.voiceBus, 0);
    this.node.connect(this.output, 1);
    this.voiceBus.connect(this.output).connect(ceiling).connect(destination);
    this.module = module;
    this.walls = null; // what rooms are drawn from, once parameters came
    this.room = { size: 0, convolver: null, wet: null, changedAt: -Infinity, timer: 0 };
  }

  /** Where the play-head is heard to be. */
  get currentSeconds() {
    const rate = this.context.sampleRate;
    if (!this.isPlaying) return this.last.sample / rate;
    const elapsed = this.context.currentTime - this.last.time - (this.context.outputLatency ?? 0);
    const seconds = this.last.sample / rate + elapsed;
    const end = this.loop !== null && this.last.sample / rate < this.loop[1] ? this.loop[1] : this.durationSeconds;
    return Math.min(Math.max(seconds, 0), end);
  }

  /**
   * Take a performance with live parameters; renderings of one before are dropped.
   *
   * @param {ArrayBuffer|null} parameters Stay the caller's; null for a voice that is only rendered.
   * @param {object} [options]
   * @param {{mixes: number[], gain: number[]}} [options.gains] Linear gain that makes the synthesis as loud as the
   *   source, at some places of the dial.
   * @param {number} [options.semitones] By which the parameters were transposed.
   * @param {boolean} [options.isWide] Whether the walls sound from both loudspeakers, as for a stereo recording.
   * @throws {Error} These are no live parameters.
   */
  async load(parameters, { gains = null, semitones = 0, isWide = false } = {}) {
    this.isWide = isWide;
    this.room.size = -1; // the next room is a new one
    if (parameters !== null) {
      const parsed = parseParameters(parameters);
      const { nFrames, lines: [{ frameRateHz }] } = parsed;
      this.walls ??= new Draws(new Instance(this.module), parsed);
      if (!this.source) await this.setDuration((nFrames - 1) / frameRateHz);
    }
    await this.retune(parameters, { gains, semitones });
    this.isLive = parameters !== null;
    this.renderings.clear();
    this.turnRoom();
  }

  /** Take other parameters of the same piece, such as those of another pitch; arguments as of `load`. */
  async retune(parameters, { gains = null, semitones = 0 } = {}) {
    if (parameters === null) return this.ask("load", { number: null, gains, semitones });
    // Piece by piece: a copy of all that an hour has would hold up the sound.
    this.loads += 1;
    const number = this.loads;
    await this.ask("begin", { number, nBytes: parameters.byteLength });
    for (let at = 0; at < parameters.byteLength; at += PIECE_BYTES) {
      const bytes = parameters.slice(at, at + PIECE_BYTES);
      await this.ask("piece", { number, at, bytes }, [bytes]);
    }
    return this.ask("load", { number, gains, semitones });
  }

  /** Forget the piece, for another one; dials and what is listened to stay. */
  async clear() {
    this.isPlaying = false;
    this.isLive = false;
    this.source = false;
    this.loop = null;
    this.durationSeconds = 0;
    this.last = { sample: 0, time: 0 };
    this.renderings.clear();
    this.jumps += 1;
    this.openVoice();
    await this.ask("clear", { jump: this.jumps });
  }

  /** Take the recording itself, for A/B; it says how long the piece is. */
  async loadSource(audioBuffer) {
    this.source = true;
    await this.setDuration(audioBuffer.duration);
    await this.loadClip("source", audioBuffer);
  }

  /**
   * Take a rendering by the server, room and all, for a voice without live parameters; fades in if it is listened to.
   *
   * @param {AudioBuffer} audioBuffer
   * @param {object} [options]
   * @param {string} [options.as] "hybrid", "end0" or "end1".
   */
  async loadRendering(audioBuffer, { as = "hybrid" } = {}) {
    if (!["hybrid", "end0", "end1"].includes(as)) throw new Error(`a rendering is no ${as}: give hybrid, end0 or end1`);
    if (!this.source) await this.setDuration(audioBuffer.duration);
    await this.loadClip(as, audioBuffer);
    this.renderings.add(as);
    this.openVoice();
  }

  /** Begin or go on; from the start if the end was reached. */
  async play() {
    if (this.context.state === "suspended" && !(this.context instanceof OfflineAudioContext)) {
      await this.context.resume();
    }
    if (this.last.sample / this.context.sampleRate >= this.durationSeconds) this.last.sample = 0;
    this.last.time = this.context.currentTime;
    this.isPlaying = true;
    return this.ask("play");
  }

  pause() {
    this.last.sample = Math.round(this.currentSeconds * this.context.sampleRate);
    this.isPlaying = false;
    return this.ask("pause");
  }

  /** Go to a time; past the end is the end. */
  seek(seconds) {
    const sample = Math.round(Math.min(Math.max(seconds, 0), this.durationSeconds) * this.context.sampleRate);
    this.last = { sample, time: this.context.currentTime };
    this.jumps += 1;
    return this.ask("seek", { sample, jump: this.jumps });
  }

  /** Play from start to end over and over; `setLoop(null)` ends that. A play-head beyond the loop plays on. */
  setLoop(start, end = null) {
    this.loop = null;
    if (start !== null && end !== null) {
      const last = Math.min(Math.max(start, end), this.durationSeconds);
      const first = Math.max(Math.min(start, end, last - SHORTEST_LOOP_SECONDS), 0);
      this.loop = [first, last];
    }
    const [first, last] = (this.loop ?? [0, 0]).map((seconds) => Math.round(seconds * this.context.sampleRate));
    return this.ask("loop", { loop: this.loop && { start: first, end: last } });
  }

  /**
   * Move some dials; heard within 20 ms.
   *
   * @throws {Error} An unknown dial, or a value that is no number from 0 to 1.
   */
  setDials(changes) {
    this.dials = withDials(this.dials, changes);
    if ("room" in changes) this.turnRoom();
    return this.ask("dials", { dials: changes });
  }

  /** @param {{wet: number, dry: number}} gains Linear, of the hybrid and of the recording beside it. */
  setOutput(gains) { return this.ask("output", { gains }); }

  /** @param {number} semitones Above the recording, at once; the colours stay until `retune` brings those up there. */
  setTranspose(semitones) { return this.ask("transpose", { semitones }); }

  /**
   * Move tone, noise, attack and vibrato along break-points, as `Mix` does; the room stays where it is.
   *
   * @param {Array<[number, number]>|Object<string, Array<[number, number]>>|null} courses [[seconds, mix], ...] for
   *   the four together, or for each that moves, by name; null gives the dials back.
   * @throws {Error} Malformed points.
   */
  setAutomation(courses) {
    readCourses(courses);
    return this.ask("automation", { courses });
  }

  /** Cross-fade to "hybrid", "source", "end0" or "end1" at the same position. */
  listenTo(what) {
    if (!LISTENING.includes(what)) throw new Error(`there is no ${what} to listen to: give ${LISTENING.join(", ")}`);
    this.listening = what;
    this.openVoice();
    return this.ask("listen", { to: what });
  }

  /** Fall silent and let go of everything; the context stays the caller's. */
  close() {
    clearTimeout(this.room.timer);
    this.node.disconnect();
    this.output.disconnect();
    this.node.port.close();
  }

  async setDuration(seconds) {
    this.durationSeconds = seconds;
    await this.ask("length", { samples: Math.round(seconds * this.context.sampleRate) });
  }

  async loadClip(role, audioBuffer) {
    if (audioBuffer.sampleRate !== this.context.sampleRate) {
      throw new Error(`the recording runs at ${audioBuffer.sampleRate} Hz: decode it with the engine's own context`);
    }
    const sides = Array.from({ length: Math.min(audioBuffer.numberOfChannels, 2) }, (_, side) =>
      toPcm(audioBuffer.getChannelData(side)),
    );
    await this.ask("clip", { role, channels: sides }, sides.map((side) => side.buffer));
  }

  /** Ask the audio thread for something; resolves when it is done there. */
  ask(type, content = {}, transfer = []) {
    this.count += 1;
    const id = this.count;
    const done = new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
    this.node.port.postMessage({ id, type, ...content }, transfer);
    return done;
  }

  receive(data) {
    if (data.type === "done") {
      const { resolve, reject } = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if (data.error) reject(new Error(data.error));
      else resolve();
    } else if (data.type === "position") {
      if (data.jump < this.jumps) return; // from before a jump that was asked for since
      this.last = { sample: data.sample, time: data.time };
      this.tell("position", { seconds: this.currentSeconds });
      this.tell("level", { peak: data.peak, rms: data.rms });
    } else if (data.type === "ended") {
      this.isPlaying = false;
      this.tell("ended", {});
    }
  }

  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  /** Let live synthesis and its room through, or not: a hall would ring on after the switch to another sound. */
  openVoice() {
    const isHeard = this.isLive && this.listening !== "source" && !this.renderings.has(this.listening);
    // The room adds as much energy as the dial squared; a rendering is as loud with it as without.
    this.glide(this.voiceBus.gain, isHeard ? 1 / Math.hypot(1, this.dials.room) : 0);
  }

  /** Set how much of the room is heard, at once, and its size, a little later where the dial still moves. */
  turnRoom() {
    this.openVoice();
    if (this.room.wet) this.glide(this.room.wet.gain, this.dials.room);
    if (Math.abs(this.dials.room - this.room.size) < ROOM_STEP && (this.room.wet || this.dials.room === 0)) return;
    clearTimeout(this.room.timer);
    const rest = NEW_ROOM_SECONDS - (performance.now() / 1000 - this.room.changedAt);
    if (rest <= 0 || !this.room.wet) this.enterRoom();
    else this.room.timer = setTimeout(() => this.enterRoom(), rest * 1000);
  }

  enterRoom() {
    const { context, room } = this;
    const { wet, convolver } = room;
    if (wet) {
      wet.gain.setTargetAtTime(0, context.currentTime, NEW_ROOM_SECONDS / 3);
      setTimeout(() => {
        this.node.disconnect(convolver);
        wet.disconnect();
      }, NEW_ROOM_SECONDS * 3000);
    }
    Object.assign(room, { size: this.dials.room, convolver: null, wet: null, changedAt: performance.now() / 1000 });
    if (room.size === 0 || this.walls === null) return;
    const sides = (this.isWide ? [0, 1] : [0]).map((side) => this.walls.room(room.size, side));
    const { length } = sides[0];
    const buffer = new AudioBuffer({ length, numberOfChannels: sides.length, sampleRate: context.sampleRate });
    sides.forEach((response, side) => buffer.copyToChannel(response, side));
    room.convolver = new ConvolverNode(context, { buffer, disableNormalization: true });
    room.wet = new GainNode(context, { gain: wet ? 0 : this.dials.room });
    if (wet) room.wet.gain.setTargetAtTime(this.dials.room, context.currentTime, NEW_ROOM_SECONDS / 3);
    this.node.connect(room.convolver, 0);
    room.convolver.connect(room.wet).connect(this.voiceBus);
  }

  glide(param, value) {
    if (this.context.currentTime === 0) param.value = value;
    else param.setTargetAtTime(value, this.context.currentTime, SMOOTHING_SECONDS);
  }
}

/** Sixteen bits are all that the preview has, in half the memory. */
function toPcm(samples) {
  const pcm = new Int16Array(samples.length);
  for (let n = 0; n < pcm.length; n += 1) pcm[n] = Math.round(Math.min(Math.max(samples[n], -1), 1) * 32767);
  return pcm;
}

/** Passes everything on up to the ceiling and bends what is above, so that no sound is clipped hard. */
function ceilingCurve() {
  const n = 4097;
  const curve = new Float32Array(n);
  for (let i = 0; i < n; i += 1) {
    const sample = HEADROOM * ((2 * i) / (n - 1) - 1);
    const over = Math.max(Math.abs(sample) - CEILING, 0);
    const bent = Math.min(Math.abs(sample), CEILING) + (1 - CEILING) * Math.tanh(over / (1 - CEILING));
    curve[i] = Math.sign(sample) * bent;
  }
  return curve;
}
