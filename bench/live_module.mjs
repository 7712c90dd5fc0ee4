// Plays a sound through the page's module in Node, block by block, and says what `violute-live` says of itself.
//
//   node live_module.mjs FOLDER_OF_THE_PAGE VOICE.live SOUND.f32 RATE BLOCK MIX ROOM

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, voicePath, soundPath, ...numbers] = process.argv.slice(2);
const [sampleRate, block, mix, room] = numbers.map(Number);
const { Live } = await import(pathToFileURL(`${folder}/live.js`));
const module = await WebAssembly.compile(readFileSync(`${folder}/live.wasm`));
const live = new Live(module, readFileSync(voicePath), { sampleRate, roomSize: room, nChannels: 2 });
live.turn({ tone: mix, noise: mix, attack: mix });

const content = readFileSync(soundPath);
const sound = new Float32Array(content.buffer, content.byteOffset, content.length / 4);
const played = [new Float32Array(block), new Float32Array(block)];
const nWarm = Math.floor(sampleRate / block);
let [worst, began, nCounted] = [0, null, 0];
for (let at = 0, number = 0; at + block <= sound.length; at += block, number += 1) {
  if (number === nWarm) began = process.cpuUsage();
  const started = performance.now();
  live.process([sound.subarray(at, at + block)], played);
  if (number < nWarm) continue;
  worst = Math.max(worst, performance.now() - started);
  nCounted += 1;
}
const { user, system } = process.cpuUsage(began);
const percent = (100 * (user + system)) / 1e6 / ((nCounted * block) / sampleRate);
console.log(`${live.latencySamples} samples late, ${percent.toFixed(2)} % of a core, worst block ${worst.toFixed(2)} ms`);
