/**
 * Reckons the pictures of a panel off the page's own thread, from samples or from live parameters; a newer
 * request puts an end to the one at hand. What goes wrong goes back as { problem }, one line.
 */

import { readCourses } from "./automation.js";
import { Columns, extent } from "./columns.js";
import { Instance, SAMPLE_RATE_HZ } from "./instance.js";
import { parseParameters } from "./parameters.js";
import { Draws, Performance } from "./performance.js";

const COLUMNS_A_TURN = 64;

let open = null;
const opened = new Promise((resolve) => { open = resolve; }); // with the module, which comes first
let samples = null;
let sampleRate = 0;
let draws = null;
let performed = null;
let latest = 0;

const breath = () => new Promise((resolve) => { setTimeout(resolve); });

addEventListener("message", ({ data }) => {
  receive(data).catch((error) => postMessage({ problem: error.message }));
});

async function receive(data) {
  if (data.type === "module") { open(new Instance(data.module)); return; }
  latest = data.request ?? 0; // what is loaded anew ends the drawing of what was there
  const instance = await opened;
  if (data.type === "draw") { await draw(instance, data); return; }
  performed?.close();
  performed = samples = null;
  if (data.type === "samples") ({ samples, sampleRate } = data);
  else perform(instance, data.buffer);
}

function perform(instance, buffer) {
  draws ??= new Draws(instance, parseParameters(buffer));
  performed = new Performance(instance, draws, instance.put(new Uint8Array(buffer)), buffer.byteLength);
  sampleRate = SAMPLE_RATE_HZ;
}

async function draw(instance, { request, start, end, nColumns, nRows, lowestHz, dials, courses, semitones }) {
  if (!samples && !performed) return;
  const columns = new Columns(instance, { sampleRate, nRows, lowestHz });
  const edge = (i) => Math.floor((start + (i / nColumns) * (end - start)) * sampleRate);
  const sound = performed
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
    if (request !== latest) break;
  }
  columns.close();
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
    performed.setDials(dials);
    performed.transpose(semitones);
    performed.setCourses(readCourses(courses));
  }

  reach(centre) {
    const from = Math.max(0, Math.floor(centre - this.#size / 2));
    const to = Math.ceil(centre + this.#size / 2);
    if (to <= this.#stop && from >= this.first) return;
    const isNear = from <= this.#stop && from >= this.first;
    if (isNear) this.samples.copyWithin(0, from - this.first, this.#stop - this.first);
    const kept = isNear ? this.#stop - from : 0;
    if (!isNear) performed.seek(from);
    this.first = from;
    // A little ahead where the next column lies within it, no further where it does not.
    const until = isNear ? this.samples.length : to - from;
    performed.render(this.samples, kept, until);
    this.#stop = from + until;
  }
}
