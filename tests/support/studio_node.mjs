// Runs a piece of the page's synthesis in Node: a JSON job in, raw float32 samples out.
//
//   node studio_node.mjs FOLDER_OF_MODULES JOB.json OUTPUT.f32

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, jobPath, outputPath] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${folder}/${name}.js`));
const job = JSON.parse(readFileSync(jobPath, "utf-8"));

function bytes(path) {
  const content = readFileSync(path);
  return content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength);
}

// White spectra that the test brings: re and im of one frame after the other.
function broughtSpectra(path, nBins) {
  const flat = new Float32Array(bytes(path));
  const half = flat.length / 2;
  const nFrames = half / nBins;
  return { re: flat.subarray(0, half), im: flat.subarray(half), offset: (frame) => (frame % nFrames) * nBins };
}

const { parseParameters } = await load("parameters");

const tasks = {
  async play() {
    const { Synthesiser } = await load("synthesis");
    const { readCourses, withDials, DIALS } = await load("automation");
    const options = { hasHarmonics: job.hasHarmonics, hasNoise: job.hasNoise };
    if (job.spectra) options.spectra = broughtSpectra(job.spectra, job.nBins);
    const synthesiser = new Synthesiser(parseParameters(bytes(job.parameters)), job.sampleRate, options);
    const pieces = [];
    for (const step of job.steps) {
      if (step.dials) synthesiser.setDials(withDials(DIALS, step.dials));
      if (step.automation) synthesiser.setCourses(readCourses(step.automation));
      if (step.hold !== undefined) synthesiser.holdMix(step.hold);
      if (step.gains) synthesiser.setGains(step.gains);
      if (step.seek !== undefined) synthesiser.seek(step.seek);
      const out = new Float32Array(step.play ?? synthesiser.nSamples - synthesiser.position);
      for (let at = 0; at < out.length; at += 128) synthesiser.render(out, at, Math.min(at + 128, out.length));
      pieces.push(out);
    }
    const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  },

  async fft() {
    const { InverseFft } = await load("fft");
    const flat = new Float32Array(bytes(job.input));
    const out = new Float32Array(job.length);
    new InverseFft(job.length).transform(flat.subarray(0, flat.length / 2), flat.subarray(flat.length / 2), out);
    return out;
  },

  async column() {
    const { Columns } = await load("columns");
    const columns = new Columns(job.sampleRate, job.nRows);
    const levels = new Uint8Array(job.nRows);
    columns.write(new Float32Array(bytes(job.input)), job.centre, levels, 0);
    return Float32Array.of(columns.size, ...levels);
  },

  async halves() {
    return (await load("parameters")).HALVES;
  },

  async room() {
    return (await load("room")).roomResponse(job.size, job.sampleRate, job.side);
  },

  async refusal() {
    try {
      parseParameters(bytes(job.parameters));
    } catch (error) {
      process.stdout.write(error.message);
    }
    return new Float32Array(0);
  },
};

const out = await tasks[job.task]();
writeFileSync(outputPath, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
