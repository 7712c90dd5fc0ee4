"use strict";

// The blind trials: A/B/X and ratings, by keyboard or mouse, answers saved as a JSON file.
const listening = (() => {
  const prepared = JSON.parse(document.getElementById("prepared-trials").textContent);
  const box = document.getElementById("test");
  const QUESTIONS = {
    quality: ["How good does it sound, beside the reference?", "bad", "as good as the reference"],
    fusion: ["Is it one instrument, or several at once?", "several at once", "one instrument"],
  };
  const numbers = crypto.getRandomValues(new Uint32Array(3));
  const session = [...numbers.slice(1)].map((number) => number.toString(16).padStart(8, "0")).join("");
  const random = generator(numbers[0]);
  const answers = [];
  let trials = [];
  let state = null; // of the trial at hand
  let listener = "";
  let started = "";

  // Mulberry32: small, seeded, and the seed is in the answers.
  function generator(seed) {
    let state = seed;
    return () => {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
    };
  }

  function shuffled(items) {
    const mixed = [...items];
    for (let i = mixed.length - 1; i > 0; i -= 1) {
      const j = Math.floor(random() * (i + 1));
      [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
    }
    return mixed;
  }

  function element(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  const key = (name) => element("kbd", {}, name);
  const say = (text) => { box.querySelector(".say").textContent = text; };

  function show(...children) {
    box.replaceChildren(...children, element("p", { class: "say", role: "status" }));
  }

  function welcome() {
    const name = element("input", { id: "listener", autocomplete: "off", maxlength: "60" });
    show(
      element("p", {}, `${prepared.trials.length} trials. You can stop and save at any time.`),
      element("p", {}, element("label", { for: "listener" }, "Your name, or any word that tells you apart: "), name),
      element("p", {}, element("button", { id: "start", onclick: begin }, "Start"), " ", key("Enter")),
    );
  }

  function begin() {
    listener = document.getElementById("listener").value.trim();
    started = new Date().toISOString();
    trials = shuffled(prepared.trials);
    if (trials.length === 0) finish();
    else next();
    box.focus();
  }

  function next() {
    player.stop();
    const trial = trials[answers.length];
    if (!trial) { finish(); return; }
    state = { trial, begun: performance.now(), plays: 0, heard: new Set() };
    if (trial.kind === "abx") showPair();
    else showRating();
  }

  function header() {
    return element("p", { class: "help" }, `Trial ${answers.length + 1} of ${trials.length}: ${state.trial.clip}`);
  }

  function hear(label, sound) {
    state.heard.add(label);
    state.plays += 1;
    for (const button of box.querySelectorAll("button[data-label]")) {
      button.setAttribute("aria-pressed", String(button.dataset.label === label));
    }
    player.play(sound);
  }

  const playButton = (label, sound) => element(
    "button", { "data-label": label, "aria-pressed": "false", onclick: () => hear(label, sound) }, label,
  );

  function showPair() {
    const { trial } = state;
    state.swapped = random() < 0.5;
    const [a, b] = state.swapped ? [trial.b, trial.a] : [trial.a, trial.b];
    state.x = random() < 0.5 ? "a" : "b";
    state.answer = null;
    state.sounds = { A: a.sound, B: b.sound, X: (state.x === "a" ? a : b).sound };
    state.pair = [a, b];
    const choose = (answer) => () => choosePair(answer);
    show(
      header(),
      element("h3", {}, "X is A or B. Which one?"),
      element("p", {}, ...["A", "B", "X"].flatMap((label) => [playButton(label, state.sounds[label]), " "]),
        key("A"), " ", key("B"), " ", key("X"), " play, ", key("Space"), " stops"),
      element("p", {}, element("button", { "data-answer": "a", onclick: choose("a") }, "X is A"), " ", key("1"), " ",
        element("button", { "data-answer": "b", onclick: choose("b") }, "X is B"), " ", key("2")),
      element("p", {}, element("button", { onclick: confirm }, "Next"), " ", key("Enter")),
    );
  }

  function choosePair(answer) {
    state.answer = answer;
    for (const button of box.querySelectorAll("button[data-answer]")) {
      button.setAttribute("aria-pressed", String(button.dataset.answer === answer));
    }
    say("");
  }

  function showRating() {
    const { trial } = state;
    const [question, low, high] = QUESTIONS[trial.question];
    state.stimuli = shuffled(trial.stimuli);
    state.ratings = state.stimuli.map(() => null);
    state.current = 0;
    const rows = state.stimuli.map((stimulus, i) => element(
      "div", { class: "row", "data-row": String(i) },
      element("button", {
        "data-label": String(i + 1), "aria-pressed": "false", onclick: () => select(i, true),
      }, String(i + 1)),
      element("input", {
        type: "range", min: "0", max: "100", value: "50", step: "1", tabindex: "-1",
        "aria-label": `Rating of sound ${i + 1}`, oninput: (event) => rate(i, Number(event.target.value)),
      }),
      element("output", {}, "?"),
    ));
    show(
      header(),
      element("h3", {}, question),
      element("p", {}, playButton("Reference", trial.reference), " ", key("R")),
      element("div", { class: "scale" }, element("span", {}, low), element("span", {}, high)),
      ...rows,
      element("p", { class: "help" }, key("1"), " to ", key("9"), " or ", key("↑"), key("↓"), " play a sound, ",
        key("←"), key("→"), " rate it (with ", key("Shift"), " in tens), ", key("Space"), " stops"),
      element("p", {}, element("button", { onclick: confirm }, "Next"), " ", key("Enter")),
    );
    select(0, false);
  }

  function select(i, isPlayed) {
    state.current = i;
    for (const row of box.querySelectorAll(".row")) row.classList.toggle("current", row.dataset.row === String(i));
    if (isPlayed) hear(String(i + 1), state.stimuli[i].sound);
  }

  function rate(i, rating) {
    const row = box.querySelectorAll(".row")[i];
    if (state.current !== i) select(i, false);
    state.ratings[i] = Math.min(100, Math.max(0, rating));
    row.querySelector("input").value = String(state.ratings[i]);
    row.querySelector("output").textContent = String(state.ratings[i]);
    say("");
  }

  function confirm() {
    const { trial } = state;
    const answer = {
      id: trial.id, kind: trial.kind, clip: trial.clip, plays: state.plays,
      seconds: Math.round(performance.now() - state.begun) / 1000,
    };
    const who = ({ contender, mix }) => ({ contender, mix });
    if (trial.kind === "abx") {
      if (!["A", "B", "X"].every((label) => state.heard.has(label))) { say("Play A, B and X first."); return; }
      if (!state.answer) { say("Say first whether X is A or B."); return; }
      // Saved in the page's order, whatever order the listener met.
      const told = (letter) => (state.swapped ? { a: "b", b: "a" }[letter] : letter);
      Object.assign(answer, {
        a: who(trial.a), b: who(trial.b), x: told(state.x), answer: told(state.answer), swapped: state.swapped,
      });
    } else {
      const unheard = state.stimuli.findIndex((_, i) => !state.heard.has(String(i + 1)));
      if (unheard >= 0) { say(`Play sound ${unheard + 1} first.`); return; }
      const unrated = state.ratings.findIndex((rating) => rating === null);
      if (unrated >= 0) { say(`Rate sound ${unrated + 1} first.`); return; }
      answer.question = trial.question;
      answer.ratings = state.stimuli.map((stimulus, i) => ({
        role: stimulus.role, ...who(stimulus), rating: state.ratings[i],
      }));
    }
    answers.push(answer);
    next();
  }

  function finish() {
    player.stop();
    state = null;
    show(
      element("h3", {}, "Thank you."),
      element("p", {}, `${answers.length} answers. Save them as a file and send it to whoever asked you.`),
      element("p", {}, element("button", { id: "save", onclick: save }, "Save answers"), " ", key("E")),
    );
  }

  const results = () => ({
    schema: "violute.listening", schema_version: 1, report: prepared.report, listener, session, seed: numbers[0],
    started, finished: new Date().toISOString(), n_trials: trials.length, answers,
  });

  function save() {
    const text = JSON.stringify(results(), null, 1);
    const address = URL.createObjectURL(new Blob([text], { type: "application/json" }));
    element("a", { href: address, download: `violute-answers-${session}.json` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 10_000);
  }

  function pressed(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const isTyping = event.target.matches("input:not([type=range]), textarea");
    const letter = event.key.toLowerCase();
    if (!started) {
      if (event.key === "Enter" && isTyping) { event.preventDefault(); begin(); }
      return;
    }
    if (isTyping) return;
    if (event.key === " ") { event.preventDefault(); player.stop(); return; }
    if (letter === "e") { save(); return; }
    // A button in focus answers Enter itself.
    if (event.key === "Enter" && event.target.matches("button, a")) return;
    if (!state) return;
    const isHandled = state.trial.kind === "abx" ? pressedInPair(event.key, letter) : pressedInRating(event, letter);
    if (isHandled) event.preventDefault();
  }

  function pressedInPair(name, letter) {
    if (["a", "b", "x"].includes(letter)) hear(letter.toUpperCase(), state.sounds[letter.toUpperCase()]);
    else if (name === "1") choosePair("a");
    else if (name === "2") choosePair("b");
    else if (name === "Enter") confirm();
    else return false;
    return true;
  }

  function pressedInRating(event, letter) {
    const n = state.stimuli.length;
    const rating = state.ratings[state.current] ?? 50;
    const step = event.shiftKey ? 10 : 1;
    if (letter === "r") hear("Reference", state.trial.reference);
    else if (/^[1-9]$/.test(event.key) && Number(event.key) <= n) select(Number(event.key) - 1, true);
    else if (event.key === "ArrowDown") select((state.current + 1) % n, true);
    else if (event.key === "ArrowUp") select((state.current + n - 1) % n, true);
    else if (event.key === "ArrowRight") rate(state.current, rating + step);
    else if (event.key === "ArrowLeft") rate(state.current, rating - step);
    else if (event.key === "Home") rate(state.current, 0);
    else if (event.key === "End") rate(state.current, 100);
    else if (event.key === "Enter") confirm();
    else return false;
    return true;
  }

  welcome();
  document.addEventListener("keydown", pressed);
  return { results };
})();
