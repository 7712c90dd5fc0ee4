/**
 * The course of a dial: break-points of seconds and mix, straight lines between them, held before and
 * after; the same that `violute convert --automation` reads.
 */

const SMALLEST_GAP_SECONDS = 0.01;
const TOLERANCE = 0.015;

const rounded = (seconds, mix) => [
  Math.round(Math.max(0, seconds) * 1000) / 1000, Math.round(Math.min(1, Math.max(0, mix)) * 1000) / 1000,
];

export class Curve extends EventTarget {
  #points = [];
  #isOn = false;

  get points() { return this.#points.map((point) => [...point]); }
  get isOn() { return this.#isOn && this.#points.length > 0; }

  // What plays: the break-points, or null.
  get playing() { return this.isOn ? this.points : null; }

  get state() { return { points: this.points, isOn: this.#isOn }; }

  restore({ points, isOn }) {
    this.#points = points.map((point) => [...point]);
    this.#isOn = isOn;
    this.#tell();
  }

  setOn(isOn) {
    this.#isOn = isOn;
    this.#tell();
  }

  clear() {
    this.#points = [];
    this.#isOn = false;
    this.#tell();
  }

  // Adds a point, in place of any that is nearer than a hundredth of a second; returns its number.
  add(seconds, mix) {
    const point = rounded(seconds, mix);
    const kept = this.#points.filter(([at]) => Math.abs(at - point[0]) >= SMALLEST_GAP_SECONDS);
    this.#points = [...kept, point].sort((a, b) => a[0] - b[0]);
    this.#isOn = true;
    this.#tell();
    return this.#points.indexOf(point);
  }

  // Moves a point up to its neighbours.
  move(i, seconds, mix) {
    const low = i > 0 ? this.#points[i - 1][0] + SMALLEST_GAP_SECONDS : 0;
    const high = i < this.#points.length - 1 ? this.#points[i + 1][0] - SMALLEST_GAP_SECONDS : Infinity;
    this.#points[i] = rounded(Math.min(high, Math.max(low, seconds)), mix);
    this.#tell();
  }

  remove(i) {
    this.#points.splice(i, 1);
    if (this.#points.length === 0) this.#isOn = false;
    this.#tell();
  }

  // Puts a stroke, drawn or recorded, in place of what stood in its time.
  replace(stroke) {
    if (stroke.length === 0) return;
    const from = stroke[0][0];
    const to = stroke.at(-1)[0];
    const drawn = [];
    for (const [seconds, mix] of simplified(stroke, TOLERANCE)) {
      const point = rounded(seconds, mix);
      if (drawn.length === 0 || point[0] >= drawn.at(-1)[0] + SMALLEST_GAP_SECONDS) drawn.push(point);
    }
    const outside = this.#points.filter(
      ([at]) => at < from - SMALLEST_GAP_SECONDS || at > to + SMALLEST_GAP_SECONDS,
    );
    this.#points = [...outside, ...drawn].sort((a, b) => a[0] - b[0]);
    this.#isOn = true;
    this.#tell();
  }

  at(seconds) {
    const points = this.#points;
    const next = points.findIndex(([at]) => at > seconds);
    if (next === 0) return points[0][1];
    if (next < 0) return points.at(-1)[1];
    const [[from, low], [to, high]] = [points[next - 1], points[next]];
    return low + ((high - low) * (seconds - from)) / (to - from);
  }

  #tell() { this.dispatchEvent(new Event("change")); }
}

// Leaves out points that a straight line between others stays within `tolerance` of.
// Source: Douglas & Peucker, Algorithms for the reduction of the number of points (Cartographica 1973); the
// distance is taken along the mix, for time and mix have no common unit.
export function simplified(points, tolerance) {
  if (points.length < 3) return points;
  const [[from, low], [to, high]] = [points[0], points.at(-1)];
  let [worst, farthest] = [0, 0];
  for (let i = 1; i < points.length - 1; i += 1) {
    const line = low + ((high - low) * (points[i][0] - from)) / Math.max(1e-9, to - from);
    const distance = Math.abs(points[i][1] - line);
    if (distance > farthest) [worst, farthest] = [i, distance];
  }
  if (farthest <= tolerance) return [points[0], points.at(-1)];
  const before = simplified(points.slice(0, worst + 1), tolerance);
  return [...before.slice(0, -1), ...simplified(points.slice(worst), tolerance)];
}
