/**
 * From a file, an example or the microphone to a take that is ready to play. One take at a time; the one before
 * stays until the next is ready, so that a bad file costs nothing.
 */

import * as api from "./api.js";

const PATIENCE = { queued: "Waiting for its turn", analysing: "Listening for pitch, loudness and attacks" };

export class Session extends EventTarget {
  take = null;
  recording = null; // what the take is made of: {name, file or example, isOwn, id, voice, lines}
  #state = "empty";
  #pending = null; // {controller, id, stop, recording}
  #prepare; #keep;

  // `prepare(state, recording, signal)` fetches what playing needs; `keep(recording)` takes it down for later.
  constructor(prepare, keep) {
    super();
    this.#prepare = prepare;
    this.#keep = keep;
  }

  get state() { return this.#state; }

  // The recording at hand or on its way, which the microphone's owner may want to save.
  get latest() { return this.#pending?.recording ?? this.#failed ?? this.recording; }
  #failed = null;

  openFile(file, voice, { isOwn = false, lines = "auto" } = {}) {
    return this.#open({ name: file.name, file, isOwn, voice, lines }, (tell, signal) => api.takeFile(file, voice, lines, {
      onProgress: (share) => tell(0.2 * share, "Reading it in"), signal,
    }));
  }

  openExample(example, title, voice) {
    return this.#open({ name: title, example, voice, lines: "auto" }, () => api.takeExample(example, voice, "auto"));
  }

  // The same recording in another voice, or as one line or chords.
  change({ voice = this.take.voice, lines = this.take.lines }) {
    return this.#open({ ...this.recording, voice, lines }, () => api.changeVoice(this.take.id, voice, lines));
  }

  // What was kept: the studio may have it still, or else gets it again.
  async restore(recording) {
    const { id, file, example, name, voice, lines, isOwn } = recording;
    const [state] = await api.findTakes(id).catch(() => []);
    const isAlike = state?.voice === voice && String(state?.lines) === String(lines);
    const isHere = isAlike && ["queued", "analysing", "ready"].includes(state.status);
    if (isHere) return this.#open(recording, async () => state);
    return file ? this.openFile(file, voice, { isOwn, lines }) : this.openExample(example, name, voice);
  }

  // Returns the take, or nothing where none came of it.
  async #open(recording, begin) {
    this.#drop();
    const { name } = recording;
    const pending = { controller: new AbortController(), id: null, stop: () => {}, recording };
    this.#pending = pending;
    this.#failed = null;
    const { signal } = pending.controller;
    const tell = (progress, text) => {
      if (this.#pending === pending) this.#tell("working", { name, progress, text });
    };
    tell(0, "Reading it in");
    this.#keep(recording);
    try {
      const begun = await begin(tell, signal);
      pending.id = begun.id;
      if (signal.aborted) {
        if (begun.id !== this.take?.id) api.removeTake(begun.id);
        return null;
      }
      this.#keep({ ...recording, id: begun.id });
      const ready = await this.#wait(pending, tell);
      tell(0.98, "Tuning up");
      await this.#prepare(ready, recording, signal);
      if (signal.aborted) return null;
      const before = this.take;
      this.take = ready;
      this.recording = { ...recording, id: ready.id, voice: ready.voice, lines: ready.lines };
      this.#keep(this.recording);
      this.#pending = null;
      if (before && before.id !== ready.id) api.removeTake(before.id);
      this.#tell("ready", { take: ready });
      return ready;
    } catch (error) {
      if (signal.aborted || error.name === "AbortError") return null;
      this.#drop();
      this.#failed = recording;
      if (!recording.isOwn) this.#keep(this.recording); // or it would fail again after every reload
      this.#tell("failed", { name, text: error.message });
      return null;
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
  rest() {
    this.#failed = null;
    this.#keep(this.recording);
    this.#tell(this.take ? "ready" : "empty", { take: this.take, isBack: true });
  }

  // The recording goes, here and from the studio.
  forget() {
    this.#drop();
    if (this.take) api.removeTake(this.take.id);
    [this.take, this.recording, this.#failed] = [null, null, null];
    this.#keep(null);
    this.#tell("empty", {});
  }

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
