/** Plays a whole recording through the voice as fast as it goes: as many samples, the voice's lag taken off. */

import { Live } from "./live.js";

const CHUNK = 1 << 15;

onmessage = ({ data }) => {
  try {
    const rendered = render(data);
    postMessage({ rendered }, rendered.map((side) => side.buffer));
  } catch (error) {
    postMessage({ problem: error.message });
  }
};

function render({ module, voice, sides, sampleRate, dials, levelDb }) {
  const live = new Live(module, voice, { sampleRate, roomSize: dials.room, nChannels: sides.length });
  live.turn(dials);
  live.setLevel(levelDb);
  const [{ length }] = sides;
  const lag = live.latencySamples;
  const played = sides.map(() => new Float32Array(length));
  for (let at = 0; at < length + lag; at += CHUNK) {
    const n = Math.min(CHUNK, length + lag - at);
    const heard = sides.map((side) => {
      const piece = new Float32Array(n);
      piece.set(side.subarray(Math.min(at, length), Math.min(at + n, length)));
      return piece;
    });
    const out = sides.map(() => new Float32Array(n));
    live.process(heard, out);
    out.forEach((piece, i) => played[i].set(piece.subarray(Math.max(lag - at, 0)), Math.max(at - lag, 0)));
    postMessage({ share: Math.min(1, (at + n) / (length + lag)) });
  }
  live.close();
  return played;
}
