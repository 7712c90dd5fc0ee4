/**
 * One picture on the stage: spectrogram, pitch line and waveform of a stretch of time, under the play-head.
 * A worker reckons the columns; until they are there, the old ones stand in, stretched to their new place.
 */

import { STEPS_PER_DB, lowestOf, rowOf } from "./columns.js";
import { hue } from "./dials.js";
import { computed, inks } from "./inks.js";
import { handOver } from "./instance.js";

const PAINT_MS = 120;
const RANGE_DB = 62;
const MOST_COLUMNS = 1600;
const MARKS = [[5000, "5 kHz"], [2000, "2 kHz"], [1000, "1 kHz"], [500, "500"], [200, "200"], [100, "100"]];
const N_HUES = 32;

export class Panel {
  #spectrogram; #line; #waveform; #gutter; #timeline; #mixAt; #worker; #ask; #say;
  #lowestHz = 0; // where the picture begins
  #isPitchShown = true;
  #pitches = []; // of each line {f0, rate}: Hz (0 where silent) and frames per second
  #picture = null;
  #request = 0;
  #inks = new Map(); // by hue, as the theme has them
  #isWaiting = false; // for a frame to paint in
  #timer = 0;
  #most = 0.05; // the largest sample seen, for the scale of the waveform
  #top = 40 * STEPS_PER_DB;

  // `mixAt(seconds)` is the place between the ends that colours a column, null for none; `ask` adds to a request what
  // the worker needs to know; `say` tells in one line why there is no picture.
  constructor(box, timeline, { mixAt, say, ask = () => ({}) }) {
    [this.#spectrogram, this.#line, this.#waveform] = ["spectrogram", "line", "waveform"].map(
      (name) => box.querySelector(`.${name}`),
    );
    this.#timeline = timeline;
    this.#mixAt = mixAt;
    this.#ask = ask;
    this.#say = (problem) => say(`the picture cannot be drawn, for ${problem}`);
    this.#gutter = box.querySelector(".gutter");
    this.#beginAt(lowestOf([]));
    this.#worker = new Worker("/page/pictures_worker.js", { type: "module" });
    handOver((module) => this.#worker.postMessage({ type: "module", module }))
      .catch((error) => this.#say(error.message));
    this.#worker.addEventListener("message", ({ data }) => this.#receive(data));
    new ResizeObserver(() => this.refresh(120)).observe(this.#spectrogram);
    timeline.addEventListener("view", () => { this.paint(); this.refresh(120); });
  }

  // Hands the worker what it draws from; nothing of it comes back.
  load(message, transfer = []) {
    this.#picture = null;
    this.#most = 0.05;
    this.#top = 40 * STEPS_PER_DB;
    this.#worker.postMessage(message, transfer);
    this.refresh();
  }

  showPitch(isShown) {
    this.#isPitchShown = isShown;
    this.#paintLine();
  }

  // So many semitones above what was heard.
  setPitches(pitches, semitones = 0) {
    this.#pitches = pitches.map((pitch) => ({ ...pitch, ratio: 2 ** (semitones / 12) }));
    this.#beginAt(lowestOf(pitches));
    this.#paintLine();
  }

  #beginAt(lowestHz) {
    if (lowestHz === this.#lowestHz) return;
    this.#lowestHz = lowestHz;
    labelScale(this.#gutter, lowestHz);
    const canvas = this.#spectrogram;
    canvas.ariaLabel = canvas.ariaLabel.replace(/\d+ Hz/, `${lowestHz} Hz`);
  }

  // Draws anew after a rest of so many milliseconds.
  refresh(rest = 0) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#order(), rest);
  }

  get isDone() { return this.#picture?.isDone ?? false; }

  #order() {
    const bounds = this.#spectrogram.getBoundingClientRect();
    if (bounds.width < 2 || bounds.height < 2 || this.#timeline.duration === 0) return;
    const nColumns = Math.min(MOST_COLUMNS, Math.round(bounds.width * density()));
    const nRows = Math.round(bounds.height * density());
    this.#request += 1;
    const { start, end } = this.#timeline;
    const next = {
      request: this.#request, start, end, nColumns, nRows, isDone: false,
      levels: new Uint8Array(nColumns * nRows), lows: new Float32Array(nColumns), highs: new Float32Array(nColumns),
    };
    if (this.#picture) carry(this.#picture, next);
    this.#picture = next;
    const asked = { type: "draw", request: this.#request, start, end, nColumns, nRows, lowestHz: this.#lowestHz };
    this.#worker.postMessage({ ...asked, ...this.#ask() });
    this.paint();
  }

  #receive({ problem, request, from, levels, lows, highs, isDone }) {
    if (problem) { this.#say(problem); return; }
    const picture = this.#picture;
    if (picture?.request !== request) return;
    picture.levels.set(levels, from * picture.nRows);
    picture.lows.set(lows, from);
    picture.highs.set(highs, from);
    for (const level of levels) if (level > this.#top) this.#top = level;
    for (let i = 0; i < lows.length; i += 1) this.#most = Math.max(this.#most, -lows[i], highs[i]);
    picture.isDone = isDone;
    this.#paintSoon();
  }

  // However many columns came, they are painted once a frame, and not in every one while more are on their way.
  #paintSoon() {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setTimeout(() => requestAnimationFrame(() => {
      this.#isWaiting = false;
      if (!this.#picture) return; // loaded anew meanwhile
      this.#paintSpectrogram();
      this.#paintWaveform();
    }), this.#picture?.isDone ? 0 : PAINT_MS);
  }

  paint() {
    if (!this.#picture) return;
    this.#inks.clear(); // the theme may have changed
    this.#paintSpectrogram();
    this.#paintLine();
    this.#paintWaveform();
  }

  #paintSpectrogram() {
    const { levels, nColumns, nRows, start, end } = this.#picture;
    const image = new ImageData(nColumns, nRows);
    const pixels = new Uint32Array(image.data.buffer);
    const low = this.#top - RANGE_DB * STEPS_PER_DB;
    const scale = 255 / (RANGE_DB * STEPS_PER_DB);
    for (let column = 0; column < nColumns; column += 1) {
      const table = this.#inksAt(start + ((column + 0.5) / nColumns) * (end - start));
      for (let row = 0; row < nRows; row += 1) {
        const shade = (levels[column * nRows + row] - low) * scale;
        pixels[row * nColumns + column] = table[shade < 0 ? 0 : shade > 255 ? 255 : shade | 0];
      }
    }
    const canvas = this.#spectrogram;
    [canvas.width, canvas.height] = [nColumns, nRows];
    const pen = canvas.getContext("2d");
    pen.putImageData(image, 0, 0);
    if (start === this.#timeline.start && end === this.#timeline.end) return;
    // While a new one is on its way, the picture is moved to where its time now stands.
    const still = document.createElement("canvas");
    [still.width, still.height] = [nColumns, nRows];
    still.getContext("2d").putImageData(image, 0, 0);
    pen.clearRect(0, 0, nColumns, nRows);
    const left = this.#timeline.place(start) * nColumns;
    pen.drawImage(still, left, 0, this.#timeline.place(end) * nColumns - left, nRows);
  }

  // A hue for each of a few places between the ends.
  #hueAt(seconds) {
    const mix = this.#mixAt(seconds);
    return mix === null ? "var(--soft)" : hue(Math.round(mix * N_HUES) / N_HUES);
  }

  #inksAt(seconds) {
    const wanted = this.#hueAt(seconds);
    if (!this.#inks.has(wanted)) this.#inks.set(wanted, inks(this.#spectrogram, wanted));
    return this.#inks.get(wanted);
  }

  #paintWaveform() {
    const canvas = this.#waveform;
    const pen = fitted(canvas);
    const { nColumns, lows, highs, start, end } = this.#picture;
    const middle = canvas.height / 2;
    const scale = (middle * 0.92) / this.#most;
    const left = this.#timeline.place(start) * canvas.width;
    const step = (this.#timeline.place(end) * canvas.width - left) / nColumns;
    let shown = null;
    for (let i = 0; i < nColumns; i += 1) {
      const wanted = this.#hueAt(start + ((i + 0.5) / nColumns) * (end - start));
      if (wanted !== shown) pen.fillStyle = computed(canvas, (shown = wanted));
      const height = Math.max(1, (highs[i] - lows[i]) * scale);
      pen.fillRect(left + i * step, middle - highs[i] * scale - (height === 1 ? 0.5 : 0), Math.max(step, 0.6), height);
    }
  }

  #paintLine() {
    const canvas = this.#line;
    const pen = fitted(canvas);
    pen.beginPath();
    if (this.#isPitchShown) for (const pitch of this.#pitches) this.#tracePitch(pen, pitch);
    pen.lineJoin = "round";
    pen.strokeStyle = computed(canvas, "var(--ink)");
    pen.lineWidth = density();
    pen.stroke();
  }

  #tracePitch(pen, { f0, rate, ratio }) {
    const { canvas } = pen;
    const first = Math.max(0, Math.floor(this.#timeline.start * rate));
    const last = Math.min(f0.length - 1, Math.ceil(this.#timeline.end * rate));
    const stride = Math.max(1, Math.floor((last - first) / (2 * canvas.width)));
    let isDown = false;
    for (let i = first; i <= last; i += stride) {
      if (f0[i] > 0) {
        const [x, y] = [this.#timeline.place(i / rate) * canvas.width, rowOf(f0[i] * ratio, canvas.height, this.#lowestHz)];
        if (isDown) pen.lineTo(x, y); else pen.moveTo(x, y);
      }
      isDown = f0[i] > 0;
    }
  }
}

// Frequencies beside the picture.
function labelScale(gutter, lowestHz) {
  const scale = document.createElement("div");
  scale.className = "scale";
  scale.append(...MARKS.filter(([hz]) => hz > lowestHz).map(([hz, text]) => {
    const mark = document.createElement("span");
    mark.textContent = text;
    mark.style.top = `${100 * rowOf(hz, 1, lowestHz)}%`;
    return mark;
  }));
  gutter.replaceChildren(scale);
}

const density = () => Math.min(2, devicePixelRatio || 1);

// Fits a canvas to its place on the screen, wipes it, and returns its pen.
function fitted(canvas) {
  const bounds = canvas.getBoundingClientRect();
  [canvas.width, canvas.height] = [Math.round(bounds.width * density()), Math.round(bounds.height * density())];
  return canvas.getContext("2d");
}

// Fills a new picture with what the old one shows of the same time.
function carry(old, next) {
  for (let i = 0; i < next.nColumns; i += 1) {
    const seconds = next.start + ((i + 0.5) / next.nColumns) * (next.end - next.start);
    const from = Math.floor(((seconds - old.start) / (old.end - old.start)) * old.nColumns);
    if (from < 0 || from >= old.nColumns) continue;
    [next.lows[i], next.highs[i]] = [old.lows[from], old.highs[from]];
    for (let row = 0; row < next.nRows; row += 1) {
      const at = Math.floor(((row + 0.5) / next.nRows) * old.nRows);
      next.levels[i * next.nRows + row] = old.levels[from * old.nRows + at];
    }
  }
}
