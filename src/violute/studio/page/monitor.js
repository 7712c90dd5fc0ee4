/** Playing along: what the microphone hears sounds in the chosen voice at once, while it is recorded. */

import * as api from "./api.js";
import { handOver } from "./instance.js";
import { sentence } from "./intake.js";

const HEADPHONES = "Wear headphones, or the microphone hears the hybrid, too.";
const REST_MS = 300; // after which a room of another size is made
const ROOM_STEP = 0.02;

export class Monitor extends EventTarget {
  #box; #about; #voice; #dials; #output;
  #microphone = null;
  #node = null;
  #contents = new Map(); // of voices, by name
  #timer = 0;
  #size = 0; // of the room that sounds

  // `voice()` is the chosen voice, as the studio lists it.
  constructor(box, about, { voice, dials, output }) {
    super();
    [this.#box, this.#about, this.#voice, this.#dials, this.#output] = [box, about, voice, dials, output];
    box.addEventListener("change", () => this.#follow());
    dials.addEventListener("change", () => this.#turn());
    output.addEventListener("change", () => this.#turn());
  }

  get isOn() { return this.#node !== null; }

  // A recording begins.
  begin(microphone) {
    this.#microphone = microphone;
    this.#box.checked = false;
    this.refresh();
  }

  end() {
    this.#stop();
    this.#microphone = null;
  }

  // The voice may be another one.
  refresh() {
    if (!this.#microphone) return;
    const { is_live: isLive, name } = this.#voice() ?? {};
    this.#stop();
    this.#box.disabled = !isLive;
    if (!isLive) this.#box.checked = false;
    this.#tell(isLive ? HEADPHONES : `${name} is rendered: choose a live voice to hear it while you play.`);
    if (this.#box.checked) this.#follow();
  }

  async #follow() {
    if (!this.#box.checked) {
      this.#stop();
      this.#tell(HEADPHONES);
      return;
    }
    const [microphone, { name }] = [this.#microphone, this.#voice()];
    this.#tell("Getting the voice ready");
    try {
      const [voice] = await Promise.all([
        this.#content(name), microphone.context.audioWorklet.addModule("/page/live_processor.js"),
      ]);
      await handOver((module) => {
        const isWanted = microphone === this.#microphone && this.#box.checked && name === this.#voice().name;
        if (isWanted && !this.isOn) this.#start(microphone, module, voice);
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  async #content(name) {
    if (!this.#contents.has(name)) this.#contents.set(name, await api.readLiveVoice(name));
    return this.#contents.get(name);
  }

  #start(microphone, module, voice) {
    const { context, source } = microphone;
    this.#size = this.#dials.values().room;
    const node = new AudioWorkletNode(context, "violute-live", {
      outputChannelCount: [2], processorOptions: { module, voice, roomSize: this.#size },
    });
    node.port.onmessage = ({ data: { latencySamples, problem } }) => {
      if (problem) this.#fail(new Error(problem));
      else this.#tell(`${late(microphone, latencySamples)} ${HEADPHONES}`);
    };
    source.connect(node).connect(context.destination);
    this.#node = node;
    this.#turn();
    this.dispatchEvent(new Event("change"));
  }

  #stop() {
    clearTimeout(this.#timer);
    if (!this.#node) return;
    this.#microphone.source.disconnect(this.#node);
    this.#node.disconnect();
    this.#node.port.postMessage({ isClosed: true });
    this.#node = null;
    this.dispatchEvent(new Event("change"));
  }

  #turn() {
    if (!this.#node) return;
    const { tone, noise, attack, room } = this.#dials.values();
    const { wet, level_db: levelDb } = this.#output.state;
    this.#node.port.postMessage({ dials: { tone, noise, attack, room, wet }, levelDb });
    clearTimeout(this.#timer);
    if (Math.abs(room - this.#size) < ROOM_STEP) return;
    this.#timer = setTimeout(() => {
      this.#size = room;
      this.#node?.port.postMessage({ roomSize: room });
    }, REST_MS);
  }

  #fail(error) {
    this.#stop();
    this.#box.checked = false;
    this.#tell(sentence(error.message));
  }

  #tell(text) { this.#about.textContent = text; }
}

// What the voice and this machine's sound add up to, as far as the browser knows.
function late({ context, inputSeconds }, latencySamples) {
  const milliseconds = (seconds) => `${Math.round(1000 * seconds)} ms`;
  const voice = latencySamples / context.sampleRate;
  const all = voice + inputSeconds + context.baseLatency + (context.outputLatency ?? 0);
  return `You hear yourself ${milliseconds(all)} later, ${milliseconds(voice)} of them for the voice.`;
}
