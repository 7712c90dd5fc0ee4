/** Play, position, what is listened to, loop, recording of the dial, and zoom. */

import { capitalised } from "./dials.js";
import { Segments } from "./segments.js";
import { clock } from "./timeline.js";

const find = (id) => document.getElementById(id);
const SHOW_MS = 90;
const BUTTONS = ["play", "seek", "loop", "arm", "zoom-in", "zoom-out"];

export class Transport {
  #player; #timeline; #listen;
  #shownAt = 0;

  constructor(player, timeline) {
    this.#player = player;
    this.#timeline = timeline;
    this.#listen = new Segments(find("listen"), "listen", (what) => player.listenTo(what));
    find("play").addEventListener("click", () => player.toggle());
    find("seek").addEventListener("input", (event) => player.seek(Number(event.target.value)));
    find("loop").addEventListener("click", () => this.toggleLoop());
    find("arm").addEventListener("click", () => player.toggleRecording());
    find("zoom-in").addEventListener("click", () => timeline.zoom(1.6));
    find("zoom-out").addEventListener("click", () => timeline.zoom(1 / 1.6));
    player.addEventListener("play", () => this.#showPlaying());
    player.addEventListener("listen", () => this.#listen.choose(player.listening));
    player.addEventListener("record", () => find("arm").setAttribute("aria-pressed", String(player.isRecording)));
    timeline.addEventListener("position", () => this.#showPosition());
    timeline.addEventListener("loop", () => find("loop").setAttribute("aria-pressed", String(timeline.loop !== null)));
  }

  enable(isEnabled) {
    for (const id of BUTTONS) find(id).disabled = !isEnabled;
    this.#listen.enable(isEnabled);
    if (!isEnabled) return;
    find("seek").max = String(this.#timeline.duration);
    this.#showPosition();
    find("length").textContent = `/ ${clock(this.#timeline.duration)}`;
  }

  setEnds(ends) {
    ends.forEach((name, i) => {
      document.querySelector(`[data-listen="end${i}"]`).textContent = capitalised(name);
    });
  }

  // Loops what is shown, or from here on, or not at all.
  toggleLoop() {
    const { loop, start, end, duration, seconds } = this.#timeline;
    if (loop) this.#player.setLoop(null);
    else if (end - start < duration - 0.01) this.#player.setLoop([start, end]);
    else this.#player.setLoop([seconds < duration - 1 ? seconds : 0, duration]);
  }

  // One end of the loop at the play-head.
  markLoop(which) {
    const { loop, seconds, duration } = this.#timeline;
    const marks = loop ? [...loop] : [0, duration];
    marks[which] = seconds;
    if (marks[1] - marks[0] > 0.05) this.#player.setLoop(marks);
  }

  #showPlaying() {
    const { isPlaying } = this.#player;
    const button = find("play");
    button.setAttribute("aria-label", isPlaying ? "Pause" : "Play");
    button.querySelector("use").setAttribute("href", `/page/icons.svg#${isPlaying ? "pause" : "play"}`);
  }

  // Called at every frame of playing, of which the play-heads need all and these need few.
  #showPosition() {
    if (this.#player.isPlaying && performance.now() - this.#shownAt < SHOW_MS) return;
    this.#shownAt = performance.now();
    const { seconds, duration } = this.#timeline;
    const told = duration ? `${clock(seconds)} of ${clock(duration)}` : "No recording";
    find("now").textContent = clock(seconds, 1);
    find("seek").value = String(seconds);
    find("seek").setAttribute("aria-valuetext", told);
    find("seek").style.setProperty("--track", track(duration ? seconds / duration : 0));
  }
}

const track = (share) => `linear-gradient(90deg, var(--ink) ${100 * share}%, var(--line) ${100 * share}%)`;
