// Plays a job through the page's real-time module in Node: JSON in, raw float32 samples out, the left channel first.
//
//   node live_node.mjs FOLDER_OF_THE_PAGE JOB.json OUTPUT.f32
//
// A job has a voice, a sound, options of `Live` and steps: { turn, level, bypass, resizeRoom,
// reset, n } plays n samples in blocks of `block`.
// Standard output is JSON: { latency, card } of what was played, or { problem }.

import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, jobPath, outputPath] = process.argv.slice(2);
const { Live } = await import(pathToFileURL(`${folder}/live.js`));
const job = JSON.parse(readFileSync(jobPath, "utf-8"));

function sound(path) {
  const content = readFileSync(path);
  return new Float32Array(content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength));
}

function play(live) {
  const flat = sound(job.sound);
  const length = flat.length / job.sides;
  const heard = Array.from({ length: job.sides }, (_, side) => flat.subarray(side * length, (side + 1) * length));
  const channels = Array.from({ length: live.nChannels }, () => new Float32Array(length));
  let at = 0;
  for (const { turn = {}, level = null, resizeRoom = null, bypass = null, reset = false, n = length } of job.steps) {
    live.turn(turn);
    if (level !== null) live.setLevel(level);
    if (bypass !== null) live.setBypass(bypass);
    if (resizeRoom !== null) live.resizeRoom(resizeRoom);
    if (reset) live.reset();
    const stop = Math.min(at + n, length);
    for (; at < stop; at += job.block) {
      const last = Math.min(at + job.block, stop);
      live.process(heard.map((side) => side.subarray(at, last)), channels.map((side) => side.subarray(at, last)));
    }
    at = stop;
  }
  return channels;
}

function answer() {
  const module = new WebAssembly.Module(readFileSync(`${folder}/live.wasm`));
  const live = new Live(module, readFileSync(job.voice), job.options);
  if (job.turn) live.turn(job.turn);
  const told = { latency: live.latencySamples, card: live.card };
  const channels = play(live);
  live.close();
  writeFileSync(outputPath, channels.map((channel) => new Uint8Array(channel.buffer)).reduce((a, b) => Buffer.concat([a, b])));
  return told;
}

let told;
try {
  told = answer();
} catch (error) {
  if (error.constructor !== Error) throw error; // Others are mistakes of our own.
  told = { problem: error.message };
}
process.stdout.write(JSON.stringify(told));
