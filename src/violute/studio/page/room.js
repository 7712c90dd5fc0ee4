/**
 * The impulse response of a room, drawn as `violute.synthesis.room` draws it: early reflections at the very same
 * places, then noise that decays alike, of the page's own draws.
 *
 * Source: Moorer, About this reverberation business (Computer Music Journal 3(2), 1979).
 */

import { FilteredNoise, noiseBands } from "./noise.js";

const FRAME_RATE_HZ = 100;
const N_BANDS = 64;
const SHORTEST_RT60_SECONDS = 0.3;
const LONGEST_RT60_SECONDS = 2.2;
const BASS_RATIO = 1.3;
const BASS_HZ = 250;
const AIR_HZ = 8000;
const REFLECTIONS_SECONDS = 0.06;
const REFLECTIONS_SHARE = 0.25;
const NEXT_SIDE_FRAMES = 100000; // where the other side's noise is drawn from

/**
 * What the renderer's generators give for the early reflections of either side: their places, and whether they are
 * inverted.
 */
const REFLECTIONS = [[
  [0.6369616873214543, 1],
  [0.2697867137638703, 1],
  [0.04097352393619469, -1],
  [0.016527635528529094, 1],
  [0.8132702392002724, 1],
  [0.9127555772777217, -1],
  [0.6066357757671799, -1],
  [0.7294965609839984, 1],
  [0.5436249914654229, 1],
], [
  [0.5118216247002567, -1],
  [0.9504636963259353, -1],
  [0.14415961271963373, 1],
  [0.9486494471372439, 1],
  [0.31183145201048545, 1],
  [0.42332644897257565, 1],
  [0.8277025938204418, 1],
  [0.4091991363691613, -1],
  [0.5495936876730595, -1],
]];

/** Decay at 1 kHz that a dial stands for. */
export function rt60Seconds(dial) {
  return SHORTEST_RT60_SECONDS * (LONGEST_RT60_SECONDS / SHORTEST_RT60_SECONDS) ** dial;
}

/**
 * Response without the direct sound; its energy is 1.
 *
 * @param {number} size The dial, 0 to 1.
 * @param {number} sampleRate In Hz.
 * @param {number} side 0, or 1 for the walls as the right loudspeaker plays them.
 * @returns {Float32Array} Taps; those of the first frame are silent.
 */
export function roomResponse(size, sampleRate, side = 0) {
  const rt60 = rt60Seconds(size);
  const hop = Math.round(sampleRate / FRAME_RATE_HZ);
  const tail = decayingNoise(rt60, sampleRate, hop, side * NEXT_SIDE_FRAMES);
  const reflections = REFLECTIONS[side];
  const early = new Float32Array(tail.length);
  const spread = (REFLECTIONS_SECONDS * rt60) / LONGEST_RT60_SECONDS;
  reflections.forEach(([place, sign], i) => {
    // The root makes reflections come denser and denser; they weaken as their way grows.
    const arrival = Math.sqrt((i + place) / reflections.length);
    early[Math.floor(arrival * spread * sampleRate)] += sign / (1 + 2 * arrival);
  });
  const tailGain = Math.sqrt((1 - REFLECTIONS_SHARE) / energy(tail));
  const earlyGain = Math.sqrt(REFLECTIONS_SHARE / energy(early));
  const response = new Float32Array(hop + tail.length);
  for (let n = 0; n < tail.length; n += 1) response[hop + n] = tail[n] * tailGain + early[n] * earlyGain;
  const whole = Math.sqrt(energy(response));
  for (let n = 0; n < response.length; n += 1) response[n] /= whole;
  return response;
}

function decayingNoise(rt60, sampleRate, hop, firstFrame) {
  const nFrames = Math.ceil((rt60 * sampleRate) / hop);
  const tail = new Float32Array(nFrames * hop);
  const noise = new FilteredNoise({ nBands: N_BANDS, sampleRate, hopLength: hop });
  const decays = Float64Array.from(noiseBands(N_BANDS), (hz) => {
    const walls = rt60 * (1 + (BASS_RATIO - 1) / (1 + (hz / BASS_HZ) ** 2));
    return 1 / (1 / walls + (hz / AIR_HZ) ** 2);
  });
  const power = new Float64Array(N_BANDS);
  const draw = new Float64Array(2 * hop);
  for (let frame = 0; frame <= nFrames; frame += 1) {
    const seconds = Math.min(frame, nFrames - 1) / FRAME_RATE_HZ;
    for (let band = 0; band < N_BANDS; band += 1) power[band] = 10 ** ((-6 * seconds) / decays[band]);
    noise.draw(firstFrame + frame, power, draw);
    const start = (frame - 1) * hop;
    for (let n = Math.max(-start, 0); n < 2 * hop && start + n < tail.length; n += 1) tail[start + n] += draw[n];
  }
  // Lands the cut end at silence.
  for (let n = 0; n < tail.length; n += 1) tail[n] *= (1 - n / (tail.length - 1)) ** 0.25;
  return tail;
}

function energy(samples) {
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return sum;
}
