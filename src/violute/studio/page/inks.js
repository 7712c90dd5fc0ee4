/** The colours of a spectrogram, from the page's own: silence is the ground, then the hue, then the ink. */

const N_COLOURS = 256;

const MOST_TABLES = 120;
const tables = new Map();

// 256 colours as RGBA in one 32-bit number each, from quiet to loud.
export function inks(element, hue) {
  const values = ["var(--well)", hue, `color-mix(in oklab, ${hue} 25%, var(--ink))`];
  const colours = values.map((value) => computed(element, value));
  const key = colours.join();
  let table = tables.get(key);
  if (!table) {
    if (tables.size > MOST_TABLES) tables.clear();
    tables.set(key, table = mixed(colours.map(bytesOf)));
  }
  return table;
}

// A colour as the theme has it, for canvases, which know no variables.
export function computed(element, value) {
  element.style.color = value;
  const { color } = getComputedStyle(element);
  element.style.color = "";
  return color;
}

// Red, green and blue of a colour, however the browser writes it.
function bytesOf(colour) {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  pen.fillStyle = colour;
  pen.fillRect(0, 0, 1, 1);
  return pen.getImageData(0, 0, 1, 1).data;
}

function mixed([ground, hue, ink]) {
  const stops = [[0, ground], [0.62, hue], [1, ink]];
  const table = new Uint32Array(N_COLOURS);
  const bytes = new Uint8Array(table.buffer);
  for (let i = 0; i < N_COLOURS; i += 1) {
    const at = i / (N_COLOURS - 1);
    const above = Math.max(1, stops.findIndex(([place]) => place >= at));
    const [[from, first], [to, second]] = [stops[above - 1], stops[above]];
    const share = (at - from) / (to - from);
    for (let part = 0; part < 3; part += 1) bytes[4 * i + part] = first[part] + share * (second[part] - first[part]);
    bytes[4 * i + 3] = 255;
  }
  return table;
}
