/** What a dropped file holds, at its own rate where the voice plays it, and what is saved of it. */

import { SAMPLE_RATE_HZ, handOver, isStreamRate } from "./instance.js";

const MOST_SECONDS = 3600;

/**
 * @param {ArrayBuffer} content Of a file in any format that the browser reads.
 * @returns {Promise<AudioBuffer>} One channel, or two.
 * @throws {Error} One line that says what is wrong.
 */
export async function decoded(content, name) {
  const rate = writtenRate(new DataView(content));
  const context = new OfflineAudioContext(1, 1, rate);
  let buffer;
  try {
    buffer = await context.decodeAudioData(content);
  } catch {
    throw new Error(`${name} is no recording that this browser reads: give WAV, FLAC, MP3, Ogg or M4A`);
  }
  if (buffer.length === 0) throw new Error(`${name} holds no sound: choose another`);
  if (buffer.duration > MOST_SECONDS) throw new Error(`${name} is longer than an hour: use violute convert for it`);
  return buffer;
}

/** The first two channels of a recording. */
export const sidesOf = (buffer) =>
  Array.from({ length: Math.min(buffer.numberOfChannels, 2) }, (_, side) => buffer.getChannelData(side));

/** Play all of it in a worker, faster than it sounds; settings as of `Sound`. */
export async function rendered(voice, buffer, { dials, levelDb }, onShare) {
  const worker = new Worker(new URL("render_worker.js", import.meta.url), { type: "module" });
  const done = new Promise((resolve, reject) => {
    worker.onerror = () => reject(new Error("the recording could not be played: load the page again"));
    worker.onmessage = ({ data }) => {
      if (data.problem) reject(new Error(data.problem));
      else if (data.rendered) resolve(data.rendered);
      else onShare(data.share);
    };
  });
  const sides = sidesOf(buffer).map((side) => side.slice());
  const { sampleRate } = buffer;
  const transfer = sides.map((side) => side.buffer);
  try {
    await handOver((module) => worker.postMessage({ module, voice, sides, sampleRate, dials, levelDb }, transfer));
    return await done;
  } finally {
    worker.terminate();
  }
}

// Browsers decode to the rate of their own, unless it is known before.
function writtenRate(view) {
  const word = (at) => (view.byteLength >= at + 4 ? view.getUint32(at) : 0);
  let rate = SAMPLE_RATE_HZ;
  if (word(0) === 0x52494646 && word(12) === 0x666d7420 && view.byteLength >= 28) rate = view.getUint32(24, true); // RIFF, fmt
  if (word(0) === 0x664c6143) rate = word(18) >>> 12; // fLaC
  return isStreamRate(rate) ? rate : SAMPLE_RATE_HZ;
}
