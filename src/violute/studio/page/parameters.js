/** Reads the live parameters of a performance; `violute.voices.live_parameters` describes the file. */

const FORMAT = "violute-live";
const VERSION = 4;
const FRAME_RATE_HZ = 100;
const TYPES = {
  float16: Uint16Array, float32: Float32Array, float64: Float64Array, int32: Int32Array, uint64: BigUint64Array,
};
const N_BANDS = 64;
const OF_A_LINE = {
  row: ["int32", "frame"],
  f0_hz: ["float32", "frame"],
  loudness_db: ["float32", "frame"],
  gate: ["float32", "frame"],
  attack_share: ["float32", "frame"],
  vibrato_cents: ["float32", 2, "frame"],
  vibrato_db: ["float32", 2, "frame"],
  harmonic_root: ["float16", 2, "row", "harmonic"],
  noise_root: ["float16", 2, "row", N_BANDS],
  harmonic_power: ["float32", "row", 5],
  noise_power: ["float32", "row", 5],
};
const DRAWN = { "noise.state": ["uint64", 4], "room.arrivals": ["float64", 2, 9], "room.signs": ["float64", 2, 9] };

/** Most bytes of them that a page takes: the core has 2 GB, and holds those of the piece before until they sound. */
export const MOST_BYTES = 1e9;

export const TOO_LARGE = "this piece needs more memory than a page has: send a shorter one, or play it by `violute convert`";

/** The arrays of a line, and those of the draws, in the order in which the core takes them. */
export const LINE_ARRAYS = Object.keys(OF_A_LINE);
export const DRAWS = Object.keys(DRAWN);

/**
 * @param {ArrayBuffer} buffer Holds them as the server sends them; the arrays returned look into it.
 * @param {number} [start] Where in it they begin, a multiple of 8.
 * @param {number} [nBytes] How long they are.
 * @returns {object} nFrames, nHarmonics, dialMix, dialHz, dialWeight (a row for each Hz), the arrays `draws` by name, and `lines`, of each nRows,
 *   noiseSeed, frameRateHz and the arrays, named as in the file: those of the first end, then those of the second.
 * @throws {Error} Not live parameters, of another version, or cut short.
 */
export function parseParameters(buffer, start = 0, nBytes = buffer.byteLength - start) {
  const header = readHeader(buffer, start, nBytes);
  if (header.format !== FORMAT) throw new Error("these are no live parameters of a performance");
  if (header.version !== VERSION) {
    throw new Error(`live parameters of version ${header.version}: this page reads version ${VERSION}`);
  }
  if (header.frame_rate_hz !== FRAME_RATE_HZ) {
    throw new Error(`live parameters of ${header.frame_rate_hz} frames a second: this page plays ${FRAME_RATE_HZ}`);
  }
  const read = (entries, kinds, sizes = {}) => Object.fromEntries(Object.entries(kinds).map(([name, kind]) => {
    const [dtype, ...shape] = kind.map((size) => sizes[size] ?? size);
    const lying = { buffer, start: header.start, end: start + nBytes };
    return [name, arrayOf(entries?.[name], { name, dtype, shape, ...lying })];
  }));
  const { n_frames: nFrames, n_harmonics: nHarmonics, frame_rate_hz: frameRateHz } = header;
  return {
    nFrames,
    nHarmonics,
    dialMix: Float64Array.from(header.dial.mixes),
    dialHz: Float64Array.from(header.dial.hz),
    dialWeight: Float64Array.from(header.dial.places.flat()),
    draws: read(header.draws, DRAWN),
    lines: header.lines.map(({ n_rows: nRows, noise_seed: noiseSeed, arrays }) => {
      const sizes = { frame: nFrames, row: nRows, harmonic: nHarmonics };
      return { nRows, noiseSeed, frameRateHz, ...read(arrays, OF_A_LINE, sizes) };
    }),
  };
}

function arrayOf(entry, { name, dtype, shape, buffer, start, end }) {
  if (entry?.dtype !== dtype || String(entry.shape) !== String(shape)) {
    throw new Error(`live parameters: ${name} is missing or not ${dtype} of shape ${shape}`);
  }
  const Type = TYPES[dtype];
  const length = shape.reduce((product, size) => product * size, 1);
  const first = start + entry.offset;
  if (first + length * Type.BYTES_PER_ELEMENT > end) throw new Error(`live parameters: ${name} is cut short`);
  return new Type(buffer, first, length);
}

function readHeader(buffer, start, nBytes) {
  const length = nBytes >= 4 ? new DataView(buffer).getUint32(start, true) : Infinity;
  if (4 + length > nBytes) throw new Error("these are no live parameters of a performance");
  const text = latin(new Uint8Array(buffer, start + 4, length));
  try {
    return { ...JSON.parse(text), start: start + 4 + length };
  } catch {
    throw new Error("these are no live parameters of a performance");
  }
}

// An audio worklet has no TextDecoder; the header is ASCII.
function latin(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
