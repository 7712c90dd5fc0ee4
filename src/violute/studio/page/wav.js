/** A WAV file of 16-bit samples from blocks of floats. */

const HEADER_BYTES = 44;

/** A block is one channel, or a list of channels, of which each block has as many. */
export function wavFile(name, blocks, sampleRate) {
  const pieces = blocks.map((block) => (Array.isArray(block) ? block : [block]));
  const nSides = pieces[0]?.length ?? 1;
  const nSamples = nSides * pieces.reduce((sum, [first]) => sum + first.length, 0);
  const view = new DataView(new ArrayBuffer(HEADER_BYTES + 2 * nSamples));
  const text = (at, letters) => [...letters].forEach((letter, i) => view.setUint8(at + i, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, HEADER_BYTES - 8 + 2 * nSamples, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true); // PCM
  view.setUint16(22, nSides, true);
  view.setUint32(24, sampleRate, true);
  view.setUint32(28, 2 * nSides * sampleRate, true);
  view.setUint16(32, 2 * nSides, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * nSamples, true);
  let at = HEADER_BYTES;
  for (const sides of pieces) {
    for (let i = 0; i < sides[0].length; i += 1) {
      for (const side of sides) {
        view.setInt16(at, Math.round(Math.min(1, Math.max(-1, side[i])) * 32767), true);
        at += 2;
      }
    }
  }
  return new File([view], name, { type: "audio/wav" });
}
