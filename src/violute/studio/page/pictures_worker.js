/**
 * Reckons the pictures of a panel off the page's own thread, from samples or from live parameters; a newer
 * request puts an end to the one at hand.
 */

import { readCourses } from "./automation.js";
import { Columns, extent } from "./columns.js";
import { parseParameters } from "./parameters.js";
import { Synthesiser } from "./synthesis.js";

// A whole number of samples a frame, and harmonics up to the top of the picture.
const PICTURE_RATE_HZ = 22000;
const COLUMNS_A_TURN = 64;

let samples = null;
let sampleRate = 0;
let synthesiser = null;
let latest = 0;

const breath = () => new Promise((resolve) => { setTimeout(resolve); });

addEventListener("message", ({ data }) => {
  latest = data.request ?? 0; // what is loaded anew ends the drawing of what was there
  if (data.type === "samples") {
    ({ samples, sampleRate } = data);
    synthesiser = null;
  } else if (data.type === "parameters") {
    synthesiser = new Synthesiser(parseParameters(data.buffer), PICTURE_RATE_HZ);
    sampleRate = PICTURE_RATE_HZ;
    samples = null;
  } else if (samples || synthesiser) {
    draw(data);
  }
});

async function draw({ request, start, end, nColumns, nRows, dials, courses, semitones }) {
  const columns = new Columns(sampleRate, nRows);
  const edge = (i) => Math.floor((start + (i / nColumns) * (end - start)) * sampleRate);
  const sound = synthesiser
    ? new Synthesised(edge(nColumns) - edge(0), columns.size, { dials, courses, semitones })
    : { samples, first: 0 };
  for (let from = 0; from < nColumns; from += COLUMNS_A_TURN) {
    const n = Math.min(COLUMNS_A_TURN, nColumns - from);
    const levels = new Uint8Array(n * nRows);
    const lows = new Float32Array(n);
    const highs = new Float32Array(n);
    for (let i = 0; i < n; i += 1) {
      const left = edge(from + i);
      const right = edge(from + i + 1);
      const centre = (left + right) / 2;
      sound.reach?.(centre);
      columns.write(sound.samples, centre - sound.first, levels, i * nRows);
      [lows[i], highs[i]] = extent(sound.samples, left - sound.first, right - sound.first);
    }
    const isDone = from + n === nColumns;
    postMessage({ request, from, levels, lows, highs, isDone }, [levels.buffer, lows.buffer, highs.buffer]);
    await breath();
    if (request !== latest) return;
  }
}

// A window of sound that goes from column to column; where columns lie far apart it leaps over what none shows.
class Synthesised {
  #size; #stop;

  constructor(length, size, { dials, courses, semitones }) {
    const reach = Math.max(size, Math.ceil(length / 64));
    this.#size = size;
    this.samples = new Float32Array(2 * reach + size);
    this.first = 0;
    this.#stop = -1; // nothing is there yet, so the first column seeks
    synthesiser.setDials(dials);
    synthesiser.transpose(semitones);
    synthesiser.setCourses(readCourses(courses));
  }

  reach(centre) {
    const from = Math.max(0, Math.floor(centre - this.#size / 2));
    const to = Math.ceil(centre + this.#size / 2);
    if (to <= this.#stop && from >= this.first) return;
    const isNear = from <= this.#stop && from >= this.first;
    if (isNear) this.samples.copyWithin(0, from - this.first, this.#stop - this.first);
    const kept = isNear ? this.#stop - from : 0;
    if (!isNear) synthesiser.seek(from);
    this.first = from;
    this.samples.fill(0, kept);
    // A little ahead where the next column lies within it, no further where it does not.
    const until = isNear ? this.samples.length : to - from;
    synthesiser.render(this.samples, kept, until);
    this.#stop = from + until;
  }
}
