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

const { parseParameters } = await load("parameters");
const { Draws, Performance } = await load("performance");
const { Instance } = await load("instance");
const instance = new Instance(new WebAssembly.Module(readFileSync(`${folder}/live.wasm`)));

function opened(path) {
  const content = bytes(path);
  const draws = new Draws(instance, parseParameters(content));
  return new Performance(instance, draws, instance.put(new Uint8Array(content)), content.byteLength);
}

const tasks = {
  async play() {
    const { readCourses, withDials, DIALS } = await load("automation");
    const performance = opened(job.parameters);
    const pieces = [];
    for (const step of job.steps) {
      if (step.dials) performance.setDials(withDials(DIALS, step.dials));
      if (step.automation !== undefined) performance.setCourses(readCourses(step.automation));
      if (step.hold !== undefined) performance.holdMix(step.hold);
      if (step.gains) performance.setGains(step.gains);
      if (step.seek !== undefined) performance.seek(step.seek);
      const out = new Float32Array(step.play ?? performance.nSamples - performance.position);
      const block = job.block ?? 128;
      for (let at = 0; at < out.length; at += block) performance.render(out, at, Math.min(at + block, out.length));
      pieces.push(out);
    }
    performance.close();
    const whole = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  },

  // Bytes of memory that there are after each of many pieces was opened, played and closed.
  async memory() {
    const sizes = new Float32Array(job.rounds);
    const content = bytes(job.parameters);
    const draws = new Draws(instance, parseParameters(content));
    for (let i = 0; i < job.rounds; i += 1) {
      const address = instance.put(new Uint8Array(content));
      const performance = new Performance(instance, draws, address, content.byteLength);
      performance.render(new Float32Array(9999), 0, 9999);
      performance.close();
      sizes[i] = instance.buffer.byteLength;
    }
    return sizes;
  },

  async column() {
    const { Columns } = await load("columns");
    const { sampleRate, nRows, lowestHz } = job;
    const columns = new Columns(instance, { sampleRate, nRows, lowestHz });
    const levels = new Uint8Array(job.nRows);
    columns.write(new Float32Array(bytes(job.input)), job.centre, levels, 0);
    columns.close();
    return Float32Array.of(columns.size, ...levels);
  },

  async room() {
    return new Draws(instance, parseParameters(bytes(job.parameters))).room(job.size, job.side);
  },

  async refusal() {
    try {
      opened(job.parameters);
    } catch (error) {
      process.stdout.write(error.message);
    }
    return new Float32Array(0);
  },
};

const out = await tasks[job.task]();
writeFileSync(outputPath, new Uint8Array(out.buffer, out.byteOffset, out.byteLength));
