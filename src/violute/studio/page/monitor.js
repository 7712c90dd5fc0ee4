/** Playing along: what the microphone hears sounds in the chosen voice at once, while it is recorded. */

import * as api from "./api.js";
import { LiveNode, liveSettings } from "./live_node.js";
import { sentence } from "./notice.js";

const HEADPHONES = "Wear headphones, or the microphone hears the hybrid, too.";

export class Monitor extends EventTarget {
  #box; #about; #voice; #dials; #output;
  #microphone = null;
  #node = null;
  #contents = new Map(); // of voices, by name

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
      const voice = await this.#content(name);
      const isWanted = () =>
        microphone === this.#microphone && this.#box.checked && name === this.#voice().name && !this.isOn;
      if (!isWanted()) return;
      const node = await LiveNode.open(microphone.context, voice, this.#settings(), { isWanted });
      if (!node) return;
      if (isWanted()) this.#start(microphone, node);
      else node.close();
    } catch (error) {
      this.#fail(error);
    }
  }

  async #content(name) {
    if (!this.#contents.has(name)) this.#contents.set(name, await api.readLiveVoice(name));
    return this.#contents.get(name);
  }

  #start(microphone, node) {
    const { context, source } = microphone;
    node.port.onmessage = ({ data: { latencySamples, problem } }) => {
      if (problem) this.#fail(new Error(problem));
      else this.#tell(`${late(node.delays(latencySamples, microphone.inputSeconds))} ${HEADPHONES}`);
    };
    source.connect(node.audio).connect(context.destination);
    this.#node = node;
    this.#turn();
    this.dispatchEvent(new Event("change"));
  }

  #stop() {
    if (!this.#node) return;
    this.#microphone.source.disconnect(this.#node.audio);
    this.#node.close();
    this.#node = null;
    this.dispatchEvent(new Event("change"));
  }

  #settings() { return liveSettings(this.#dials, this.#output); }

  #turn() { this.#node?.turn(this.#settings()); }

  #fail(error) {
    this.#stop();
    this.#box.checked = false;
    this.#tell(sentence(error.message));
  }

  #tell(text) { this.#about.textContent = text; }
}

// What the voice and this machine's sound add up to, as far as the browser knows.
function late({ ofVoice, whole }) {
  const milliseconds = (seconds) => `${Math.round(1000 * seconds)} ms`;
  return `You hear yourself ${milliseconds(whole)} later, ${milliseconds(ofVoice)} of them for the voice.`;
}
