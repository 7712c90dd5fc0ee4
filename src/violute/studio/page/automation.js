/**
 * Dials that stand or move: numbers from 0 to 1, or break-points [[seconds, mix], ...] as `violute.Mix` has them.
 */

/** Dials that lie between the two ends; break-points without a name move these together, not the room. */
export const END_DIALS = ["tone", "noise", "attack", "vibrato"];

/** All dials, as `violute.Mix` has them when none is named. */
export const DIALS = { tone: 0.5, noise: 0.5, attack: 0.5, vibrato: 0.5, room: 0 };

/**
 * Break-points as two arrays.
 *
 * @param {Array<[number, number]>} points Seconds rising from 0 or later, mix from 0 to 1.
 * @returns {{seconds: Float64Array, mix: Float64Array}}
 * @throws {Error} No points, or malformed ones.
 */
export function readAutomation(points) {
  if (!Array.isArray(points) || points.length === 0) throw new Error("the automation has no break-points");
  let before = -Infinity;
  points.forEach((point, i) => {
    const [seconds, mix] = Array.isArray(point) && point.length === 2 ? point : [NaN, NaN];
    if (!(Number.isFinite(seconds) && seconds >= 0 && mix >= 0 && mix <= 1)) {
      throw new Error(`break-point ${i + 1}: give seconds from 0 on and a mix from 0 to 1`);
    }
    if (seconds <= before) throw new Error(`break-point ${i + 1}: put times in rising order`);
    before = seconds;
  });
  return {
    seconds: Float64Array.from(points, (point) => point[0]),
    mix: Float64Array.from(points, (point) => point[1]),
  };
}

/**
 * Courses of dials, by name.
 *
 * @param {Array<[number, number]>|Object<string, Array<[number, number]>>|null} courses Break-points of all dials
 *   between the ends, or of each that moves; null where none does.
 * @throws {Error} An unknown dial, no points, or malformed ones.
 */
export function readCourses(courses) {
  if (courses === null) return {};
  if (Array.isArray(courses)) {
    const course = readAutomation(courses);
    return Object.fromEntries(END_DIALS.map((name) => [name, course]));
  }
  return Object.fromEntries(Object.entries(courses).map(([name, points]) => {
    if (!END_DIALS.includes(name)) throw new Error(`there is no ${name} to move: give ${END_DIALS.join(", ")}`);
    return [name, readAutomation(points)];
  }));
}

/**
 * Dials with some of them replaced.
 *
 * @throws {Error} An unknown dial, or a value that is no number from 0 to 1.
 */
export function withDials(dials, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (!(name in DIALS)) throw new Error(`there is no dial ${name}: give ${Object.keys(DIALS).join(", ")}`);
    if (!(value >= 0 && value <= 1)) throw new Error(`${name} is ${value}: give a number from 0 to 1`);
  }
  return { ...dials, ...changes };
}
