// Measured in the browser by `studio_engine.py`: how long the engine takes, and how soon a dial is heard.

import { Engine } from "/page/engine.js";
import { handOver } from "/page/instance.js";

const RATE = 44100;
const PROCESSOR = { processorUrl: "/page/processor.js" };

const rest = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function load(engine, gains = null) {
  await engine.load(await (await fetch("/parameters.bin")).arrayBuffer(), { gains });
}

// Without a sound card, as fast as it goes: seconds of work for `seconds` of sound.
export async function offline(seconds, dials) {
  const context = new OfflineAudioContext(2, RATE * seconds, RATE);
  const engine = await Engine.create(context, PROCESSOR);
  await load(engine);
  engine.setDials(dials);
  await engine.play();
  const began = performance.now();
  await context.startRendering();
  return (performance.now() - began) / 1000;
}

let live = null;

export async function begin(dials, gains) {
  live ??= await Engine.create(new AudioContext({ sampleRate: RATE, latencyHint: "interactive" }), PROCESSOR);
  await load(live, gains);
  live.setDials(dials);
  await live.seek(0);
  await live.play();
  await rest(300);
  const { context } = live;
  return { state: context.state, baseMs: 1000 * context.baseLatency, outputMs: 1000 * context.outputLatency };
}

export async function pause() {
  await live.pause();
  await rest(100);
}

let along = null; // a microphone at the rate of the device, and the voice that plays along

export async function hearMicrophone() {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false } });
  const context = new AudioContext({ latencyHint: "interactive" });
  const source = new MediaStreamAudioSourceNode(context, { mediaStream: stream });
  source.connect(new GainNode(context, { gain: 0 })).connect(context.destination);
  await context.audioWorklet.addModule("/page/live_processor.js");
  along = { context, source };
  return context.sampleRate;
}

// Milliseconds that the voice is late.
export async function playAlong(room) {
  const { context, source } = along;
  const voice = await (await fetch("/voice.live")).arrayBuffer();
  const node = await handOver((module) => new AudioWorkletNode(context, "violute-live", {
    outputChannelCount: [2], processorOptions: { module, voice, roomSize: room },
  }));
  const told = new Promise((resolve) => { node.port.onmessage = ({ data }) => resolve(data); });
  source.connect(node).connect(context.destination);
  return (1000 * (await told).latencySamples) / context.sampleRate;
}

export async function endAlong() {
  along.source.mediaStream.getTracks().forEach((track) => track.stop());
  await along.context.close();
}

// Milliseconds of the page's clock from `setDials` to the moment at which the sound has changed by half. The dial
// moves the level by 20 dB here, through the gains, so that it is plain when it has.
export async function latencies(nTrials) {
  const analyser = new AnalyserNode(live.context, { fftSize: 256 });
  live.output.connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  const level = () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  };
  const found = [];
  for (let trial = 0; trial < nTrials; trial += 1) {
    live.setDials({ tone: 0 });
    await rest(120 + 7 * (trial % 10));
    const before = level();
    const moved = performance.now();
    live.setDials({ tone: 1 });
    while (level() > 0.5 * before && performance.now() - moved < 500) await rest(0);
    found.push(performance.now() - moved);
  }
  live.output.disconnect(analyser);
  return found;
}
