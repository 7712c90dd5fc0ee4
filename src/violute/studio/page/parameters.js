/**
 * Reads the live parameters of a performance; `violute.voices.live_parameters` describes the file.
 *
 * Levels stay in the 16 bits in which they come and are widened through a table when a frame needs them.
 */

const FORMAT = "violute-live";
const VERSION = 3;
const TYPES = { float16: Uint16Array, float32: Float32Array, int32: Int32Array };
const SHAPES = {
  row: ["frame"],
  f0_hz: ["frame"],
  loudness_db: ["frame"],
  gate: ["frame"],
  attack_share: ["frame"],
  vibrato_cents: [2, "frame"],
  vibrato_db: [2, "frame"],
  harmonic_root: [2, "row", "harmonic"],
  noise_root: [2, "row", "band"],
  harmonic_power: ["row", 5],
  noise_power: ["row", 5],
};

/**
 * @param {ArrayBuffer} buffer As the server sends it; the arrays returned look into it.
 * @returns {object[]} Of each line nFrames, nRows, frameRateHz, sampleRate, nHarmonics, nBands, dialMix, dialWeight
 *   and the arrays, named as in the file: those of the first end, then those of the second.
 * @throws {Error} Not live parameters, of another version, or cut short.
 */
export function parseParameters(buffer) {
  const header = readHeader(buffer);
  if (header.format !== FORMAT) throw new Error("these are no live parameters of a performance");
  if (header.version !== VERSION) {
    throw new Error(`live parameters of version ${header.version}: this page reads version ${VERSION}`);
  }
  return header.lines.map((line) => parseLine(buffer, header, line));
}

function parseLine(buffer, header, line) {
  const sizes = { frame: header.n_frames, row: line.n_rows, harmonic: header.n_harmonics, band: header.n_bands };
  const parameters = {
    nFrames: header.n_frames,
    nRows: line.n_rows,
    frameRateHz: header.frame_rate_hz,
    sampleRate: header.sample_rate,
    nHarmonics: header.n_harmonics,
    nBands: header.n_bands,
    dialMix: Float64Array.from(header.dial, (point) => point[0]),
    dialWeight: Float64Array.from(header.dial, (point) => point[1]),
  };
  for (const [name, shape] of Object.entries(SHAPES)) {
    const entry = line.arrays[name];
    const wanted = shape.map((size) => sizes[size] ?? size);
    const Type = TYPES[entry?.dtype];
    if (!Type || String(entry.shape) !== String(wanted)) {
      throw new Error(`live parameters: ${name} is missing or not of shape ${wanted}`);
    }
    const length = wanted.reduce((product, size) => product * size, 1);
    const start = header.start + entry.offset;
    if (start + length * Type.BYTES_PER_ELEMENT > buffer.byteLength) {
      throw new Error(`live parameters: ${name} is cut short`);
    }
    parameters[name] = new Type(buffer, start, length);
  }
  return parameters;
}

function readHeader(buffer) {
  const length = buffer.byteLength >= 4 ? new DataView(buffer).getUint32(0, true) : Infinity;
  if (4 + length > buffer.byteLength) throw new Error("these are no live parameters of a performance");
  const text = latin(new Uint8Array(buffer, 4, length));
  try {
    return { ...JSON.parse(text), start: 4 + length };
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

/** Value of every half-precision number, by its bits (IEEE 754-2008, binary16). */
export const HALVES = halves();

function halves() {
  const table = new Float32Array(65536);
  for (let bits = 0; bits < 65536; bits += 1) {
    const exponent = (bits >> 10) & 31;
    const fraction = (bits & 1023) / 1024;
    let value = exponent === 0 ? fraction * 2 ** -14 : (1 + fraction) * 2 ** (exponent - 15);
    if (exponent === 31) value = fraction === 0 ? Infinity : NaN;
    table[bits] = bits & 32768 ? -value : value;
  }
  return table;
}
