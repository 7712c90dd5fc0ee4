/**
 * From a file, an example or the microphone to a take that is ready to play. One take at a time; the one before
 * stays until the next is ready, so that a bad file costs nothing.
 */

import * as api from "./api.js";

const PATIENCE = { queued: "Waiting for its turn", analysing: "Listening for pitch, loudness and attacks" };

export class Session extends EventTarget {
  take = null;
  #state = "empty";
  #pending = null; // {controller, id, stop}
  #prepare;

  // `prepare(state, signal)` fetches what playing needs.
  constructor(prepare) {
    super();
    this.#prepare = prepare;
    addEventListener("pagehide", () => {
      for (const id of [this.take?.id, this.#pending?.id]) if (id) api.removeTake(id);
    });
  }

  get state() { return this.#state; }

  openFile(file, voice) {
    return this.#open(file.name, (tell, signal) => api.takeFile(file, voice, {
      onProgress: (share) => tell(0.2 * share, "Reading it in"), signal,
    }));
  }

  openExample(name, title, voice) { return this.#open(title, () => api.takeExample(name, voice)); }

  openVoice(voice) { return this.#open(this.take.name, () => api.changeVoice(this.take.id, voice)); }

  async #open(name, begin) {
    this.#drop();
    const pending = { controller: new AbortController(), id: null, stop: () => {} };
    this.#pending = pending;
    const { signal } = pending.controller;
    const tell = (progress, text) => {
      if (this.#pending === pending) this.#tell("working", { name, progress, text });
    };
    tell(0, "Reading it in");
    try {
      const begun = await begin(tell, signal);
      pending.id = begun.id;
      if (signal.aborted) {
        if (begun.id !== this.take?.id) api.removeTake(begun.id);
        return;
      }
      const ready = await this.#wait(pending, tell);
      tell(0.98, "Tuning up");
      await this.#prepare(ready, signal);
      if (signal.aborted) return;
      const before = this.take;
      this.take = ready;
      this.#pending = null;
      if (before && before.id !== ready.id) api.removeTake(before.id);
      this.#tell("ready", { take: ready });
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return;
      this.#drop();
      this.#tell("failed", { name, text: error.message });
    }
  }

  #wait(pending, tell) {
    return new Promise((resolve, reject) => {
      pending.controller.signal.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
      pending.stop = api.watchTake(pending.id, (state) => {
        if (state.status === "ready") resolve(state);
        else if (state.status === "failed") reject(new Error(state.message || "The recording could not be played."));
        else if (state.status === "cancelled") reject(new Error("The analysis was cancelled."));
        else tell(0.2 + 0.75 * (state.progress ?? 0), PATIENCE[state.status]);
      });
    });
  }

  cancel() {
    this.#drop();
    this.rest();
  }

  // Back to the take that was there, or to none.
  rest() { this.#tell(this.take ? "ready" : "empty", { take: this.take, isBack: true }); }

  // A failure before anything was sent.
  openFailed(name, text) { this.#tell("failed", { name, text }); }

  startRecording() { this.#tell("recording", {}); }

  // Puts the page in the state of choosing another recording; the take stays.
  chooseAnother() { this.#tell("empty", {}); }

  #drop() {
    const pending = this.#pending;
    this.#pending = null;
    if (!pending) return;
    pending.stop();
    pending.controller.abort();
    if (pending.id && pending.id !== this.take?.id) api.removeTake(pending.id);
  }

  #tell(state, detail) {
    this.#state = state;
    document.body.dataset.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, ...detail } }));
  }
}
