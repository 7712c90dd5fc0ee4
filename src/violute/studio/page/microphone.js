/** Records one channel from the microphone, untouched by the browser's speech processing, as a WAV file. */

import { computed } from "./inks.js";
import { wavFile } from "./wav.js";

const REFUSALS = {
  NotAllowedError: "The microphone is not allowed here: allow it in the browser, or choose a file.",
  NotFoundError: "No microphone was found: connect one, or choose a file.",
  insecure: "Browsers allow the microphone on this machine or over https only: choose a file instead.",
};

/** What an input hears, untouched by speech processing; `wanted` are constraints, such as a device. */
export async function openInput(wanted = {}) {
  if (!navigator.mediaDevices) throw new Microphone.Refusal(REFUSALS.insecure);
  return navigator.mediaDevices.getUserMedia({
    audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, ...wanted },
  });
}

/** How late an input hears, as far as the browser knows. */
export const inputSeconds = (stream) => stream.getAudioTracks()[0]?.getSettings().latency ?? 0;

export class Microphone {
  #context; #source; #stream; #canvas;
  #blocks = [];
  #peaks = [];
  #nSamples = 0;

  static Refusal = class Refusal extends Error {
    static of(error) {
      if (error instanceof Refusal) return error;
      return new Refusal(REFUSALS[error.name] ?? "The microphone could not be opened: choose a file instead.");
    }
  };

  static async open(canvas, onSeconds) {
    const stream = await openInput({ channelCount: 1 });
    const microphone = new Microphone();
    try {
      await microphone.#start(stream, canvas, onSeconds);
    } catch (error) {
      await microphone.stop(); // or it would be listened to with nobody to end it
      throw error;
    }
    return microphone;
  }

  async #start(stream, canvas, onSeconds) {
    this.#stream = stream;
    this.#canvas = canvas;
    this.#context = new AudioContext({ latencyHint: "interactive" });
    await this.#context.audioWorklet.addModule("/page/capture_processor.js");
    const capture = new AudioWorkletNode(this.#context, "capture", { numberOfOutputs: 0 });
    capture.port.onmessage = ({ data }) => {
      this.#blocks.push(data);
      this.#nSamples += data.length;
      this.#peaks.push(data.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0));
      onSeconds(this.#nSamples / this.#context.sampleRate);
      this.#draw();
    };
    onSeconds(0);
    this.#source = this.#context.createMediaStreamSource(stream);
    this.#source.connect(capture);
  }

  // At the rate of the device, which not every browser brings to another.
  get context() { return this.#context; }

  // What is heard, for others that hear it, too.
  get source() { return this.#source; }

  get inputSeconds() { return inputSeconds(this.#stream); }

  // The recording so far, named by the time of day.
  async finish() {
    const { sampleRate } = this.#context;
    await this.stop();
    const time = new Date().toTimeString().slice(0, 5).replace(":", ".");
    return wavFile(`Recording ${time}.wav`, this.#blocks, sampleRate);
  }

  async stop() {
    this.#stream.getTracks().forEach((track) => track.stop());
    if (this.#context && this.#context.state !== "closed") await this.#context.close();
  }

  #draw() {
    const canvas = this.#canvas;
    const pen = canvas.getContext("2d");
    const [usual, clipped] = ["var(--violin)", "var(--bad)"].map((colour) => computed(canvas, colour));
    pen.clearRect(0, 0, canvas.width, canvas.height);
    const shown = this.#peaks.slice(-canvas.width / 4);
    shown.forEach((peak, i) => {
      const height = Math.max(2, Math.sqrt(peak) * canvas.height * 0.92);
      pen.fillStyle = peak > 0.98 ? clipped : usual;
      pen.fillRect(canvas.width - 4 * (shown.length - i), (canvas.height - height) / 2, 3, height);
    });
  }
}
