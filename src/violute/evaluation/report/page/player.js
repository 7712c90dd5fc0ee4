"use strict";

// Plays one sound at a time, in a loop; another sound goes on from the same place, so that only the
// timbre changes under the ear.
const player = (() => {
  const encoded = JSON.parse(document.getElementById("sounds").textContent);
  const decoded = new Map();
  let context = null;
  let source = null;
  let sound = null;
  let begun = 0;
  let request = 0;
  const watchers = [];

  const tell = () => watchers.forEach((watch) => watch(sound));

  function decode(name) {
    if (!decoded.has(name)) {
      const bytes = Uint8Array.from(atob(encoded[name]), (character) => character.charCodeAt(0));
      decoded.set(name, context.decodeAudioData(bytes.buffer));
    }
    return decoded.get(name);
  }

  function silence() {
    if (source) source.stop();
    source = null;
  }

  function stop() {
    request += 1;
    silence();
    sound = null;
    tell();
  }

  async function play(name, { restart = false } = {}) {
    // Browsers allow sound only after a key or a click, so the context is made on the first one.
    if (!context) context = new AudioContext();
    if (context.state === "suspended") context.resume();
    const mine = ++request;
    const buffer = await decode(name);
    if (mine !== request) return;
    const place = source && !restart ? context.currentTime - begun : 0;
    silence();
    source = context.createBufferSource();
    source.buffer = buffer;
    source.loop = true;
    source.connect(context.destination);
    const offset = place % buffer.duration;
    source.start(0, offset);
    begun = context.currentTime - offset;
    sound = name;
    tell();
  }

  return { play, stop, watch: (watcher) => watchers.push(watcher), get sound() { return sound; } };
})();

for (const button of document.querySelectorAll("#listen button[data-sound]")) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-pressed") === "true") player.stop();
    else player.play(button.dataset.sound);
  });
}

player.watch((sound) => {
  for (const button of document.querySelectorAll("#listen button[data-sound]")) {
    button.setAttribute("aria-pressed", String(button.dataset.sound === sound));
  }
});
