// What a test does with the engine, as a module of the page: renders a scene without a sound card.

import { Engine } from "/page/engine.js";

const encode = (samples) => {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
};

export async function parameters() {
  return (await fetch("/parameters.bin")).arrayBuffer();
}

export function sine(rate, seconds, hz, level, nChannels = 1) {
  const buffer = new AudioBuffer({ length: Math.round(rate * seconds), sampleRate: rate, numberOfChannels: nChannels });
  for (let side = 0; side < nChannels; side += 1) {
    const samples = buffer.getChannelData(side);
    for (let n = 0; n < samples.length; n += 1) samples[n] = (level * Math.sin((2 * Math.PI * hz * n) / rate)) / (side + 1);
  }
  return buffer;
}

// Renders `seconds`; `steps` are [seconds, method, ...arguments] on the engine, in rising order of time.
export async function scene({ rate = 44100, seconds, nChannels = 1, steps = [], gains = null, load = true, source, rendering }) {
  const context = new OfflineAudioContext(nChannels, Math.round(rate * seconds), rate);
  const engine = await Engine.create(context, { processorUrl: "/page/processor.js" });
  const events = [];
  for (const type of ["position", "ended", "level"]) {
    engine.addEventListener(type, ({ detail }) => events.push({ type, ...detail }));
  }
  if (load) await engine.load(await parameters(), { gains });
  if (source) await engine.loadSource(sine(rate, ...source));
  if (rendering) await engine.loadRendering(sine(rate, ...rendering));
  const take = async (step) => {
    const [, method, ...given] = step;
    if (method === "load") await engine.load(await parameters());
    else if (method === "loadRendering") await engine.loadRendering(sine(rate, ...given));
    else await engine[method](...given);
  };
  for (const at of new Set(steps.map((step) => step[0]))) {
    const now = steps.filter((step) => step[0] === at);
    if (at === 0) for (const step of now) await take(step);
    else {
      context.suspend(at).then(async () => {
        for (const step of now) await take(step);
        context.resume();
      });
    }
  }
  const began = performance.now();
  const buffer = await context.startRendering();
  const wallSeconds = (performance.now() - began) / 1000;
  await new Promise((resolve) => { setTimeout(resolve, 50); }); // the last events are on their way
  return {
    wallSeconds,
    events,
    isPlaying: engine.isPlaying,
    currentSeconds: engine.currentSeconds,
    durationSeconds: engine.durationSeconds,
    sides: Array.from({ length: nChannels }, (_, side) => encode(buffer.getChannelData(side))),
  };
}
