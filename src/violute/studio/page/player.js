/**
 * Between the page and the engine: fetches what a take needs, keeps the engine at the dials, moves the play-head,
 * and writes down the dial's movement while it is being recorded.
 */

import * as api from "./api.js";
import { MOVABLE } from "./curves.js";
import { Engine } from "./engine.js";
import { SAMPLE_RATE_HZ } from "./instance.js";
import { parseParameters } from "./parameters.js";

const REST_MS = 300;
const LOOK_MS = 400;
const ALONE = { wet: 1, level_db: 0 }; // what the page adds itself
const SHOW_MS = 60; // between two places of a dial that moves

export class Player extends EventTarget {
  listening = "hybrid";
  warnings = []; // what to know about the hybrid at the dials
  isRecording = false;
  #dials; #curves; #timeline; #output;
  #context = null;
  #engine = null;
  #starting = null;
  #take = null;
  #stroke = [];
  #timer = 0;
  #rendering = null; // AbortController of a rendering under way
  #rendered = new Set(); // ends that were asked for
  #count = 0; // of renderings
  #held = 0; // semitones that the engine's live parameters hold
  #shownAt = 0;

  constructor({ dials, curves, timeline, output }) {
    super();
    this.#dials = dials;
    this.#curves = curves;
    this.#timeline = timeline;
    this.#output = output;
    output.addEventListener("change", ({ detail }) => this.#finish(detail));
    dials.addEventListener("change", ({ detail }) => this.#turned(detail));
    curves.addEventListener("change", () => this.#follow());
  }

  get isPlaying() { return this.#engine?.isPlaying ?? false; }

  // To be called in a press or a drop: browsers let sound begin only then.
  wake() {
    this.#context ??= new AudioContext({ sampleRate: SAMPLE_RATE_HZ, latencyHint: "interactive" });
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start() {
    this.#engine = await Engine.create(this.#context, { processorUrl: "/page/processor.js" });
    this.#engine.addEventListener("ended", () => {
      this.stopRecording();
      this.#tell("play");
    });
  }

  // Fetches and loads a take; returns the source's samples, the parameters and the semitones that they hold, and the
  // pitches of the recording, for the pictures.
  async open(take, signal) {
    const { transpose: semitones } = this.#output;
    const [source, live] = await Promise.all([
      api.readSource(take.id, signal).then(async (bytes) => {
        await this.wake();
        return this.#context.decodeAudioData(bytes);
      }),
      take.is_live ? api.readParameters(take.id, semitones, signal) : null,
    ]);
    signal.throwIfAborted();
    const { parameters = null, gains = null } = live ?? {};
    if (this.isPlaying) this.pause();
    clearTimeout(this.#timer);
    const isSame = take.id === this.#take?.id; // in another voice, where loop, play-head and zoom stay
    this.#take = take;
    this.warnings = take.warnings;
    if (!isSame) this.#timeline.reset(take.duration_seconds);
    this.#rendered.clear();
    await this.#engine.clear();
    await this.#engine.load(parameters, { gains, semitones, isWide: take.n_channels === 2 });
    this.#held = semitones;
    await this.#engine.loadSource(source);
    if (isSame) {
      this.seek(this.#timeline.seconds);
      this.setLoop(this.#timeline.loop);
    }
    // The slider may have moved while the take was fetched.
    this.#finish(semitones === this.#output.transpose ? "all" : "transpose");
    if (parameters) {
      this.#engine.setDials(this.#dials.values());
      this.#engine.setAutomation(this.#curves.courses(this.#dials));
    } else {
      await this.#render(signal);
    }
    this.listenTo("hybrid");
    return {
      source, parameters, semitones,
      pitches: parameters ? parseParameters(parameters).lines.map((line) => pitchOf(line, 2 ** (-semitones / 12))) : [],
    };
  }

  async toggle() {
    if (!this.#take) return;
    if (this.isPlaying) { this.pause(); return; }
    if (this.#timeline.seconds >= this.#timeline.duration - 0.02) this.seek(0);
    await this.#context.resume();
    await this.#engine.play();
    if (this.isRecording) this.#beginStroke();
    this.#tell("play");
    this.#tick();
  }

  pause() {
    this.#engine.pause();
    this.stopRecording();
    this.#tell("play");
  }

  seek(seconds) {
    if (!this.#take) return;
    const within = Math.min(this.#timeline.duration, Math.max(0, seconds));
    this.#endStroke();
    this.#engine.seek(within);
    this.#timeline.moveTo(within);
    this.#timeline.keepInView();
    this.#showAutomation();
  }

  setLoop(loop) {
    this.#timeline.setLoop(loop);
    if (!loop) { this.#engine.setLoop(null); return; }
    this.#engine.setLoop(...loop);
    // Whoever marks a loop wants to hear it.
    const { seconds } = this.#timeline;
    if (seconds < loop[0] || seconds >= loop[1]) this.seek(loop[0]);
  }

  listenTo(what) {
    this.listening = what;
    this.#engine?.listenTo(what);
    if (this.#take && !this.#take.is_live) this.#renderEnd().catch((error) => this.#fail(error));
    this.#tell("listen");
  }

  // Arms and disarms the recording of the dial's movement.
  toggleRecording() {
    if (this.isRecording) { this.stopRecording(); return; }
    this.isRecording = true;
    this.#curves.drawn.setOn(false);
    if (this.isPlaying) this.#beginStroke();
    this.#tell("record");
  }

  stopRecording() {
    if (!this.isRecording) return;
    this.#endStroke();
    this.isRecording = false;
    this.#tell("record");
  }

  // Where the dial stands whose course is drawn or recorded.
  get #place() { return this.#dials.value(this.#curves.chosen); }

  #beginStroke() { this.#stroke = [[this.#engine.currentSeconds, this.#place]]; }

  #endStroke() {
    const stroke = this.#stroke;
    this.#stroke = [];
    if (!this.isRecording || stroke.length === 0) return;
    const last = [this.#timeline.seconds, this.#place];
    if (last[0] > stroke.at(-1)[0]) stroke.push(last);
    if (stroke.length > 1) this.#curves.drawn.replace(stroke);
  }

  #turned({ by, name }) {
    if (by === "automation" || !this.#engine) return;
    if (this.isRecording && this.isPlaying && name === this.#curves.chosen) {
      // The dial rested until now, whatever the straight line from the point before would say.
      const seconds = this.#engine.currentSeconds;
      const [before, value] = this.#stroke.at(-1) ?? [seconds, this.#place];
      if (seconds > before + 0.06) this.#stroke.push([seconds - 0.03, value]);
      if (seconds > before) this.#stroke.push([seconds, this.#place]);
    } else if (this.#curves.of(name)?.isOn) {
      this.#curves.of(name).setOn(false);
      this.dispatchEvent(new CustomEvent("overruled", { detail: name }));
    }
    this.#send();
  }

  // The recording beside the hybrid, and the level, are heard at once; so is another pitch of a live voice, whose
  // colours there follow when the hand rests.
  #finish(name) {
    if (!this.#take) return;
    const { wet, dry } = this.#output.gains;
    this.#engine.setOutput({ wet, dry: dry / this.#take.source_gain });
    this.#engine.setTranspose(this.#output.transpose);
    if (name !== "transpose") return;
    this.#rendered.clear();
    clearTimeout(this.#timer);
    const again = this.#take.is_live ? () => this.#retune() : () => Promise.all([this.#render(), this.#renderEnd()]);
    this.#timer = setTimeout(() => again().catch((error) => this.#fail(error)), REST_MS);
  }

  async #retune() {
    const [take, { transpose: semitones }] = [this.#take, this.#output];
    this.#rendering?.abort();
    this.#rendering = new AbortController();
    const { parameters, gains } = await api.readParameters(take.id, semitones, this.#rendering.signal);
    if (take !== this.#take) return;
    await this.#engine.retune(parameters, { gains, semitones });
    this.#held = semitones;
    this.dispatchEvent(new CustomEvent("retuned", { detail: { parameters, semitones } }));
  }

  #follow() {
    if (!this.#engine || !this.#take) return;
    this.#send();
    this.#showAutomation();
  }

  // Tells engine or server where the dials stand and how they move.
  #send() {
    if (!this.#take) return;
    if (!this.#take.is_live) { this.#renderSoon(); return; }
    this.#engine.setDials(this.#dials.values());
    this.#engine.setAutomation(this.#curves.courses(this.#dials));
  }

  #showAutomation() {
    this.#shownAt = performance.now();
    for (const name of MOVABLE) {
      const curve = this.#curves.of(name);
      const value = curve.isOn ? curve.at(this.#timeline.seconds) : null;
      this.#dials.move(name, value);
      if (name === "room" && value !== null && this.#take?.is_live) this.#engine.setDials({ room: value });
    }
  }

  #tick() {
    if (!this.isPlaying) return;
    const seconds = this.#engine.currentSeconds;
    if (seconds < this.#timeline.seconds - 0.05 && this.isRecording) {
      // The loop began anew.
      this.#endStroke();
      this.#curves.drawn.setOn(false);
      this.#beginStroke();
    }
    this.#timeline.moveTo(Math.min(seconds, this.#timeline.duration));
    this.#timeline.keepInView();
    if (performance.now() - this.#shownAt > SHOW_MS) this.#showAutomation();
    requestAnimationFrame(() => this.#tick());
  }

  // Drops what was to be rendered: the take is about to change. `refresh` asks for it again.
  hold() {
    if (this.isPlaying) this.pause();
    clearTimeout(this.#timer);
    this.#rendering?.abort();
  }

  refresh() {
    if (!this.#take) return;
    if (!this.#take.is_live) this.#renderSoon();
    else if (this.#held !== this.#output.transpose) this.#finish("transpose");
  }

  // Voices without live parameters are rendered by the server: the hybrid when the dials rest, an end when it is
  // first listened to.
  #renderSoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#render().catch((error) => this.#fail(error)), REST_MS);
  }

  async #render(signal) {
    if (!this.#take || this.#take.is_live) return;
    this.#rendering?.abort();
    this.#rendering = new AbortController();
    const mine = this.#rendering;
    signal?.addEventListener("abort", () => mine.abort());
    const { rendering, warnings } = await this.#fetched("hybrid", { ...this.settings(), ...ALONE }, mine.signal);
    await this.#engine.loadRendering(rendering);
    this.warnings = [...new Set([...this.#take.warnings, ...warnings])];
    this.dispatchEvent(new CustomEvent("rendering", { detail: rendering }));
  }

  async #renderEnd() {
    const end = this.listening;
    if (!["end0", "end1"].includes(end) || this.#rendered.has(end)) return;
    this.#rendered.add(end);
    const take = this.#take;
    const { rendering } = await this.#fetched(end, {
      mix: end === "end0" ? 0 : 1, dials: {}, transpose: this.#output.transpose,
    }).catch((error) => {
      this.#rendered.delete(end); // so that the next press asks for it again
      throw error;
    });
    if (take === this.#take) await this.#engine.loadRendering(rendering, { as: end });
  }

  // Tells of what it makes, and how far that is, in events `making`.
  async #fetched(what, settings, signal) {
    const take = this.#take;
    const label = `${what}-${(this.#count += 1)}`;
    const tell = (share) => this.dispatchEvent(new CustomEvent("making", { detail: { what, label, share } }));
    const look = setInterval(async () => {
      const share = await api.readProgress(take.id, label).catch(() => null);
      if (share !== null) tell(share);
    }, LOOK_MS);
    tell(0);
    try {
      const asked = { ...settings, format: "wav", voice: take.voice, label };
      const { blob, warnings } = await api.render(take.id, asked, signal);
      const rendering = await this.#context.decodeAudioData(await blob.arrayBuffer());
      signal?.throwIfAborted();
      return { rendering, warnings };
    } finally {
      clearInterval(look);
      tell(null);
    }
  }

  // What a rendering is asked for, in the terms of the server.
  settings() {
    const own = this.#curves.moving.filter((name) => name !== "mix");
    const courses = Object.fromEntries(own.map((name) => [name, this.#curves.of(name).points]));
    const dials = { ...this.#dials.apart(), ...courses };
    const { playing } = this.#curves.of("mix");
    const output = this.#output.state;
    return playing ? { automation: playing, dials, ...output } : { mix: this.#dials.mix, dials, ...output };
  }

  #fail(error) {
    if (error.name !== "AbortError") this.dispatchEvent(new CustomEvent("failed", { detail: error.message }));
  }

  #tell(name) { this.dispatchEvent(new Event(name)); }
}

// Where a line of live parameters sounds, its pitch in Hz; 0 elsewhere.
function pitchOf({ f0_hz: f0, gate, row, frameRateHz }, ratio) {
  return { f0: f0.map((hz, i) => (gate[i] > 0.5 && row[i] >= 0 ? hz * ratio : 0)), rate: frameRateHz };
}
