/**
 * The audio thread's end of the engine: one position in the piece, and everything that can be heard there.
 *
 * Output 0 is the live synthesis in mono, on its way to the room; output 1 are recordings in stereo (the source,
 * renderings), which go past it. What is not heard is not computed.
 */

import { DIALS, readCourses, withDials } from "./automation.js";
import { Instance } from "./instance.js";
import { TOO_LARGE, parseParameters } from "./parameters.js";
import { Draws, Performance } from "./performance.js";

const CROSS_FADE_SECONDS = 0.02;
const EDGE_SECONDS = 0.008;
const REPORT_SECONDS = 0.02;
const PCM = 1 / 32767;

/** Something whose gain moves to its target in straight lines, a block at a time. */
class Fader {
  constructor(seconds, target = 0) {
    this.perSample = 1 / (seconds * sampleRate);
    this.gain = target;
    this.target = target;
  }

  get isSilent() {
    return this.gain === 0 && this.target === 0;
  }

  /** Move on by n samples and return the gain that is reached. */
  move(n) {
    const most = n * this.perSample;
    this.gain += Math.min(Math.max(this.target - this.gain, -most), most);
    return this.gain;
  }
}

class StudioProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: { module } }) {
    super();
    this.instance = new Instance(module);
    this.draws = null;
    this.coming = new Map(); // parameters that are on their way, by number: { address, nBytes }
    this.performance = null;
    this.voiceFader = new Fader(CROSS_FADE_SECONDS);
    this.clips = []; // recordings that sound or may sound: { role, channels, fader }
    this.dials = { ...DIALS };
    this.courses = {};
    this.listening = "hybrid";
    this.gains = { wet: 1, dry: 0 }; // of the hybrid, and of the recording beside it
    this.semitones = 0;
    this.held = 0; // semitones that the parameters hold
    this.presence = new Fader(EDGE_SECONDS); // of everything: no click where playing starts, stops or jumps
    this.isPlaying = false;
    this.position = 0;
    this.jump = 0; // number of the last seek that was made
    this.changes = []; // what would click: done in the silence between a fade out and a fade in
    this.loop = null;
    this.length = 0;
    this.scratch = new Float32Array(128);
    this.sinceReport = 0;
    this.peak = 0;
    this.energy = 0;
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  receive({ id, type, ...content }) {
    try {
      this[`on_${type}`](content);
      this.port.postMessage({ type: "done", id });
    } catch (error) {
      this.port.postMessage({ type: "done", id, error: error.message });
    }
  }

  on_begin({ number, nBytes }) {
    try {
      this.coming.set(number, { address: this.instance.lend(nBytes), nBytes });
    } catch {
      throw new Error(TOO_LARGE);
    }
  }

  on_piece({ number, at, bytes }) {
    new Uint8Array(this.instance.buffer, this.coming.get(number).address + at).set(new Uint8Array(bytes));
  }

  on_load({ number, gains, semitones }) {
    const performance = number === null ? null : this.open(number);
    performance?.setGains(gains);
    this.change(() => {
      this.performance?.close();
      this.performance = performance;
      this.held = semitones;
      performance?.transpose(this.semitones - semitones);
      performance?.setDials(this.dials);
      performance?.setCourses(this.courses);
      this.clips = this.clips.filter((clip) => clip.role === "source");
      this.turnToWhatIsHeard();
    });
  }

  open(number) {
    const { instance } = this;
    const { address, nBytes } = this.coming.get(number);
    this.coming.delete(number);
    try {
      this.draws ??= new Draws(instance, parseParameters(instance.buffer, address, nBytes));
      return new Performance(instance, this.draws, address, nBytes);
    } catch (error) {
      instance.free(address);
      throw error;
    }
  }

  on_clear({ jump }) {
    this.isPlaying = false;
    this.loop = null;
    this.courses = {};
    this.presence.target = 0;
    this.change(() => {
      this.performance?.close();
      this.performance = null;
      this.clips = [];
      this.position = 0;
      this.jump = jump;
      this.length = 0;
    });
  }

  on_clip({ role, channels }) {
    this.inTurn(() => {
      for (const clip of this.clips) if (clip.role === role) clip.role = "retired";
      this.clips.push({ role, channels, fader: new Fader(CROSS_FADE_SECONDS) });
      this.turnToWhatIsHeard();
      this.clips = this.clips.filter((clip) => clip.role !== "retired" || !clip.fader.isSilent);
    });
  }

  on_length({ samples }) {
    this.inTurn(() => {
      this.length = samples;
      this.position = Math.min(this.position, samples);
    });
  }

  on_play() {
    if (this.position >= this.length) this.position = this.loop?.start ?? 0;
    this.isPlaying = true;
    this.presence.target = 1;
  }

  on_pause() {
    this.isPlaying = false;
    this.presence.target = 0;
  }

  on_seek({ sample, jump }) {
    this.change(() => {
      this.position = sample;
      this.jump = jump;
      this.report();
    });
  }

  on_loop({ loop }) {
    this.loop = loop;
  }

  on_dials({ dials }) {
    this.dials = withDials(this.dials, dials);
    this.performance?.setDials(this.dials);
  }

  on_automation({ courses }) {
    this.courses = readCourses(courses);
    this.performance?.setCourses(this.courses);
  }

  on_output({ gains }) {
    this.gains = gains;
    this.turnToWhatIsHeard();
  }

  on_transpose({ semitones }) {
    this.semitones = semitones;
    this.performance?.transpose(semitones - this.held);
  }

  on_listen({ to }) {
    this.listening = to;
    this.turnToWhatIsHeard();
  }

  /** Fade in what is listened to and the others out; a recording comes before live synthesis. */
  turnToWhatIsHeard() {
    const heard = this.clips.find((clip) => clip.role === this.listening);
    const isHybrid = this.listening !== "source";
    for (const clip of this.clips) {
      clip.fader.target = clip === heard ? (isHybrid ? this.gains.wet : 1) : 0;
      if (isHybrid && clip.role === "source") clip.fader.target = this.gains.dry;
    }
    const isVoice = !heard && this.performance !== null && this.listening !== "source";
    this.voiceFader.target = isVoice ? this.gains.wet : 0;
    if (isVoice) this.performance.holdMix({ end0: 0, end1: 1 }[this.listening] ?? null);
    if (!this.presence.isSilent) return;
    // Nobody hears a cross-fade in silence.
    this.voiceFader.gain = this.voiceFader.target;
    for (const clip of this.clips) clip.fader.gain = clip.fader.target;
  }

  process(_inputs, outputs) {
    if (this.presence.isSilent && this.changes.length === 0) return true;
    const [voice] = outputs[0];
    const stereo = outputs[1];
    const n = voice.length;
    this.turnBack();
    const before = this.presence.gain;
    const slope = (this.presence.move(n) - before) / n;
    this.playVoice(voice, n);
    for (const clip of this.clips) if (!clip.fader.isSilent) this.playClip(clip, stereo, n);
    for (let i = 0; i < n; i += 1) {
      const gain = before + slope * i;
      voice[i] *= gain;
      stereo[0][i] *= gain;
      stereo[1][i] *= gain;
      const sample = voice[i] + 0.5 * (stereo[0][i] + stereo[1][i]);
      this.energy += sample * sample;
      this.peak = Math.max(this.peak, Math.abs(sample));
    }
    this.position += n;
    this.sinceReport += n;
    this.arrive();
    return true;
  }

  /** Do what would click: at once in silence, or else after a fade out. */
  change(action) {
    this.changes.push(action);
    if (this.presence.isSilent) this.makeChanges();
  }

  /** Do what would not click: at once, but never before the changes that wait. */
  inTurn(action) {
    if (this.changes.length > 0) this.changes.push(action);
    else action();
  }

  makeChanges() {
    while (this.changes.length > 0) this.changes.shift()();
  }

  /** Fade out where changes wait or a loop ends; make the changes once that is done. */
  turnBack() {
    if (this.loop !== null && this.isPlaying && this.changes.length === 0) {
      const rest = this.loop.end - this.position;
      if (rest > 0 && rest <= EDGE_SECONDS * sampleRate) {
        const { start } = this.loop;
        this.changes.push(() => { this.position = start; });
      }
    }
    if (this.changes.length === 0) return;
    this.presence.target = 0;
    if (this.presence.gain > 0) return;
    this.makeChanges();
    this.presence.target = this.isPlaying ? 1 : 0;
  }

  /** Stop where the piece ends; report now and then. */
  arrive() {
    const hasEnded = this.isPlaying && this.changes.length === 0 && this.position >= this.length;
    if (hasEnded) {
      this.isPlaying = false;
      this.presence.gain = 0;
      this.presence.target = 0;
      this.position = this.length;
    }
    if (this.sinceReport >= REPORT_SECONDS * sampleRate || this.presence.isSilent) this.report();
    if (hasEnded) this.port.postMessage({ type: "ended" });
  }

  playVoice(voice, n) {
    if (this.performance === null || this.voiceFader.isSilent) return;
    if (this.performance.position !== this.position) this.performance.seek(this.position);
    this.performance.render(this.scratch, 0, n);
    const before = this.voiceFader.gain;
    const slope = (this.voiceFader.move(n) - before) / n;
    for (let i = 0; i < n; i += 1) voice[i] = this.scratch[i] * (before + slope * i);
  }

  playClip({ channels, fader }, stereo, n) {
    const before = fader.gain;
    const slope = (fader.move(n) - before) / n;
    for (let side = 0; side < 2; side += 1) {
      const samples = channels[Math.min(side, channels.length - 1)];
      const last = Math.min(n, samples.length - this.position);
      for (let i = 0; i < last; i += 1) {
        stereo[side][i] += samples[this.position + i] * PCM * (before + slope * i);
      }
    }
  }

  report() {
    const rms = this.sinceReport > 0 ? Math.sqrt(this.energy / this.sinceReport) : 0;
    this.port.postMessage({
      type: "position", sample: this.position, jump: this.jump, time: currentTime, peak: this.peak, rms,
    });
    this.sinceReport = 0;
    this.energy = 0;
    this.peak = 0;
  }
}

registerProcessor("violute-studio", StudioProcessor);
