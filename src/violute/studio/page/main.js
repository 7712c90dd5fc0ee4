/** Puts the page together: one set of dials, one timeline, one player, and the views that show them. */

import { mixedDown } from "./columns.js";
import { Curves } from "./curves.js";
import { DialView } from "./dial.js";
import { Dials } from "./dials.js";
import { Export } from "./export.js";
import { History } from "./history.js";
import { Intake, isVoice } from "./intake.js";
import { Keeper } from "./keeper.js";
import { Keyboard } from "./keyboard.js";
import { Lane } from "./lane.js";
import { LaneControls } from "./lane_controls.js";
import { Making } from "./making.js";
import { Monitor } from "./monitor.js";
import { Notice, sentence } from "./notice.js";
import { Output, OutputSliders } from "./output.js";
import { Pad } from "./pad.js";
import { Panel } from "./panel.js";
import { Player } from "./player.js";
import { Presets } from "./presets.js";
import { Queue } from "./queue.js";
import { Ruler } from "./ruler.js";
import { Segments } from "./segments.js";
import { Session } from "./session.js";
import { Sliders } from "./sliders.js";
import { watchTheme } from "./theme.js";
import { Timeline, clock } from "./timeline.js";
import { Transport } from "./transport.js";
import { View } from "./view.js";
import { Voices, shortName } from "./voices.js";

const PICTURE_REST_MS = 220;
const KEEP_REST_MS = 300;
const VOICE_OPTION = / \(--voice ([^\s)]+)\)/;

const find = (id) => document.getElementById(id);
const ENDS = ["flute", "violin"];

const dials = new Dials();
const curves = new Curves();
const timeline = new Timeline();
const output = new Output();
const player = new Player({ dials, curves, timeline, output });
const notice = new Notice(find("notice"));
const say = (text) => notice.say(text);
const seek = (seconds) => player.seek(seconds);
const keeper = new Keeper();
const session = new Session(prepare, (recording) => keeper.keepRecording(recording));
const dialView = new DialView(find("dial"), dials);
const sliders = new Sliders(find("sliders"), dials, ENDS);
const pad = new Pad(find("pad"), dials, ENDS);
const lane = new Lane(find("curve"), { curves, timeline, dials, ends: ENDS, say, seek });
const transport = new Transport(player, timeline);
const saving = new Export(player, timeline, say);
const voices = new Voices(find("voice-button"), find("voices"));
const queue = new Queue(find("queue"));
const making = new Making(find("panel-hybrid"), find("making"), (what) => ({
  hybrid: "the hybrid", end0: session.take.ends[0], end1: session.take.ends[1],
})[what]);
const history = new History(readState, writeState);
new LaneControls(curves);
new OutputSliders(find("output"), output);
const presets = new Presets(find("presets"), dials, ENDS);
new Ruler(find("ruler"), timeline);

const mixAt = (seconds) => (curves.of("mix").isOn ? curves.of("mix").at(seconds) : dials.mix);
const sourcePanel = new Panel(find("panel-source"), timeline, { mixAt: () => null, say });
const hybridPanel = new Panel(find("panel-hybrid"), timeline, {
  mixAt, say, ask: () => ({ dials: dials.values(), courses: curves.courses(dials), semitones: output.transpose - held }),
});
const panels = [sourcePanel, hybridPanel];
const actions = { seek, loop: (loop) => player.setLoop(loop) };
for (const id of ["panel-source", "panel-hybrid"]) new View(find(id).querySelector(".view"), timeline, actions);
new View(find("lane"), timeline, actions, { isSelecting: false });
const monitor = new Monitor(find("monitor"), find("about-monitor"), { voice: () => voices.find(voices.chosen), dials, output });
monitor.addEventListener("change", () => {
  document.body.toggleAttribute("data-monitor", monitor.isOn);
  enablePanel();
});
const intake = new Intake(session, {
  voice: () => voices.chosen, wake, others: takeOthers, play: () => player.toggle(), monitor,
});

let heard = []; // pitches of the recording, line by line
let held = 0; // semitones that the picture's parameters hold
let kept = null; // dials and courses of a session that is taken up again

// Loads everything that a ready take needs before the page shows it.
async function prepare(take, recording, signal) {
  const before = { dials: dials.state, curves: curves.state, output: output.state };
  if (kept) writeSettings(kept);
  else if (take.id !== session.take?.id) curves.clear();
  kept = null;
  try {
    const { source, parameters, pitches, semitones } = await player.open(take, signal);
    const mono = mixedDown(source);
    sourcePanel.load({ type: "samples", samples: mono, sampleRate: source.sampleRate }, [mono.buffer]);
    if (parameters) hybridPanel.load({ type: "parameters", buffer: parameters }, [parameters]);
    [heard, held] = [pitches, semitones];
    sourcePanel.setPitches(heard);
    hybridPanel.setPitches(heard, output.transpose);
  } catch (error) {
    writeSettings(before);
    throw error;
  }
}

let shownId = null; // of the take whose history is at hand

session.addEventListener("state", ({ detail: { state, take, isBack } }) => {
  transport.enable(state === "ready");
  enablePanel();
  find("another").hidden = state !== "ready";
  find("cancel-choice").hidden = state !== "empty" || session.take === null;
  notice.hide();
  showHistory();
  if (state === "empty" && !session.take) showPiece(null);
  if (state !== "ready") {
    player.hold();
    return;
  }
  voices.show(take.voice);
  showEnds(take.ends);
  if (isBack) { player.refresh(); return; }
  showPiece(take);
  showLines(take);
  saving.setTake(take);
  find("about-hybrid").textContent = "";
  showWarnings();
  find("play").focus();
  if (take.id === shownId) history.note();
  else history.begin();
  shownId = take.id;
  keepSettings();
});

// Dials turn where there is something to hear.
function enablePanel() { find("panel").inert = session.take === null && !monitor.isOn; }

function showPiece(take) {
  find("piece").textContent = take ? session.recording.name : "";
  find("about-source").textContent = take ? about(take) : "";
}

// Those of a voice that is rendered by the server follow the dials.
function showWarnings() {
  const about = find("about-hybrid");
  const text = player.warnings.map((line) => sentence(line)).join(" ");
  // Where a warning names a voice as an option of the command line, the page offers it as a button.
  const other = voices.find(VOICE_OPTION.exec(text)?.[1]);
  const warnings = other ? text.replace(VOICE_OPTION, "") : text;
  find("other-voice").hidden = !other;
  if (other) Object.assign(find("other-voice"), { textContent: `Play it in ${shortName(other.name)}`, onclick: () => voices.choose(other.name) });
  if (warnings && warnings !== about.textContent) say(warnings);
  about.textContent = warnings;
  about.title = warnings;
}

function about(take) {
  const channels = { 1: "mono", 2: "stereo" }[take.n_channels] ?? `${take.n_channels} channels`;
  return `${clock(take.duration_seconds)} · ${take.sample_rate / 1000} kHz · ${channels}`;
}

function showEnds(ends) {
  for (const view of [dialView, sliders, pad, presets, lane, transport, intake]) view.setEnds(ends);
}

// One line or chords: a choice where chords were heard, or were not asked for.
const lines = new Segments(find("lines"), "lines", (choice) => {
  lines.choose(choice);
  session.change({ lines: choice === "1" ? 1 : "auto" });
});

function showLines(take) {
  lines.choose(String(take.lines));
  const canTell = voices.find(take.voice)?.family === "ddsp";
  find("lines").hidden = !canTell || (take.n_lines === 1 && take.lines === "auto");
}

// What can be undone, and what comes back after a reload.
function readState() {
  const { voice = null, lines: told = "auto" } = session.recording ?? {};
  return { dials: dials.state, curves: curves.state, output: output.state, voice, lines: told };
}

function writeState(state) {
  writeSettings(state);
  const now = session.recording;
  if (now && state.voice && (state.voice !== now.voice || state.lines !== now.lines)) session.change(state);
}

function writeSettings(state) {
  dials.restore(state.dials);
  curves.restore(state.curves);
  output.restore(state.output);
}

let keepTimer = 0;

function keepSettings() {
  clearTimeout(keepTimer);
  keepTimer = setTimeout(() => keeper.keep("settings", { dials: dials.state, curves: curves.state, output: output.state }), KEEP_REST_MS);
}

function changed() {
  hybridPanel.refresh(PICTURE_REST_MS);
  saving.refresh();
  if (session.state !== "ready") return;
  history.note();
  keepSettings();
}

function showHistory() {
  find("undo").disabled = !history.canUndo || session.state !== "ready";
  find("redo").disabled = !history.canRedo || session.state !== "ready";
}

const undo = () => { if (session.state === "ready") history.undo(); };
const redo = () => { if (session.state === "ready") history.redo(); };
history.addEventListener("change", showHistory);
find("undo").addEventListener("click", undo);
find("redo").addEventListener("click", redo);
Keyboard.listenForUndo(undo, redo);

// A recording that nothing holds but this page is not left without a word.
addEventListener("beforeunload", (event) => {
  if (session.state === "recording" || (session.latest && !keeper.isWorking)) event.preventDefault();
});

async function resume() {
  const [recording, settings, waiting] = await Promise.all(
    [keeper.readRecording(), keeper.read("settings"), keeper.read("queue")],
  );
  if (waiting?.length) queue.add(waiting);
  if (!recording || session.state !== "empty") return;
  kept = settings;
  voices.show(recording.voice);
  session.restore(recording);
}

queue.addEventListener("change", () => keeper.keep("queue", queue.files));
queue.addEventListener("chosen", ({ detail }) => session.openFile(detail, voices.chosen));

async function takeOthers(files) {
  queue.add(files.filter((file) => !isVoice(file)));
  for (const file of files.filter(isVoice)) await voices.add(file).catch((error) => say(error.message));
}

dials.addEventListener("change", ({ detail }) => {
  if (detail.by !== "automation") changed();
});
curves.addEventListener("change", () => {
  hybridPanel.paint();
  changed();
});
output.addEventListener("change", ({ detail }) => {
  if (detail === "transpose") hybridPanel.setPitches(heard, output.transpose);
  changed();
});
player.addEventListener("retuned", ({ detail: { parameters, semitones } }) => {
  held = semitones;
  hybridPanel.load({ type: "parameters", buffer: parameters }, [parameters]);
});

player.addEventListener("overruled", ({ detail }) => say(
  `Your hand has ${detail === "mix" ? "the dial" : `the ${detail}`}: the drawn course is off`,
));
player.addEventListener("failed", ({ detail }) => say(detail));
player.addEventListener("record", () => {
  if (player.isRecording && !player.isPlaying) say("Press play and turn the dial");
});
player.addEventListener("making", ({ detail }) => {
  if (session.state === "working") intake.showMaking(detail.share);
  else making.show(detail);
});
player.addEventListener("rendering", ({ detail }) => {
  const mono = mixedDown(detail);
  hybridPanel.load({ type: "samples", samples: mono, sampleRate: detail.sampleRate }, [mono.buffer]);
  if (session.state === "ready") showWarnings();
});

watchTheme(find("theme"), () => { for (const panel of panels) panel.paint(); });
// The hue of the hybrid follows a hand on the dial; a picture is coloured once a frame at most.
let isColouring = false;
dials.addEventListener("change", ({ detail }) => {
  if (isColouring || detail.by === "automation") return;
  isColouring = true;
  requestAnimationFrame(() => { isColouring = false; hybridPanel.paint(); });
});

// The line of the pitch lies over a flute's fundamental, so it can be put away.
let isPitchShown = true;
find("pitch-line").addEventListener("click", () => {
  isPitchShown = !isPitchShown;
  find("pitch-line").setAttribute("aria-pressed", String(isPitchShown));
  for (const panel of panels) panel.showPitch(isPitchShown);
});

const tabs = new Segments(find("tabs"), "tab", (tab) => {
  tabs.choose(tab);
  document.body.dataset.tab = tab;
});

// The first of two keys goes back or down, the second on or up.
const way = ({ key }) => (["ArrowRight", ".", "End"].includes(key) ? 1 : -1);
const whenReady = (act) => (event) => { if (session.state === "ready") act(event); };
const SOUNDS = { 1: "source", 2: "end0", 3: "hybrid", 4: "end1", a: "source", b: "hybrid" };
const listen = whenReady(({ key }) => player.listenTo(SOUNDS[key.toLowerCase()]));
const keyboard = new Keyboard(find("keys"), [
  [[" "], "Play or pause", whenReady(() => player.toggle())],
  [["ArrowLeft", "ArrowRight"], "Turn the dial (with Shift in tens)", whenReady(turn)],
  [["1", "2", "3", "4"], "Hear recording, first instrument, hybrid, second instrument", listen],
  [["a", "b", "A", "B"], "Hear the recording, the hybrid", listen],
  [[",", "."], "Back or on by two seconds", whenReady((event) => player.seek(timeline.seconds + 2 * way(event)))],
  [["Home", "End"], "To the beginning or the end", whenReady((event) => player.seek(way(event) * timeline.duration))],
  [["l", "L"], "Loop on or off", whenReady(() => transport.toggleLoop())],
  [["[", "]"], "Loop from here, or up to here", whenReady((event) => transport.markLoop(event.key === "[" ? 0 : 1))],
  [["+", "-", "="], "Zoom in or out", whenReady((event) => timeline.zoom(event.key === "-" ? 1 / 1.6 : 1.6))],
  [["r", "R"], "Record the dial's movement", whenReady(() => player.toggleRecording())],
  [["d", "D"], "Drawn course on or off", whenReady(() => curves.drawn.setOn(!curves.drawn.isOn))],
  [["p", "P"], "Show the pitch or not", whenReady(() => find("pitch-line").click())],
  [["s", "S"], "Save the file", whenReady(() => saving.save())],
  [["c", "C"], "Copy the command", whenReady(() => saving.copy())],
  [["o", "O"], "Choose a recording", () => { wake(); find("file").click(); }],
  [["t", "T"], "Light or dark", () => find("theme").click()],
  [["Escape"], "Cancel, go back, or end the loop", () => escape()],
]);
find("help").addEventListener("click", () => keyboard.show());

function turn(event) {
  dials.turn(dials.mix + way(event) * (event.shiftKey ? 0.1 : 0.01));
}

// What keeps the engine from starting is told when it is needed.
function wake() {
  player.wake().catch(() => {});
}

function escape() {
  if (session.state === "working" || session.state === "recording") session.cancel();
  else if (session.state !== "ready") session.rest();
  else player.setLoop(null);
}

voices.addEventListener("chosen", ({ detail: voice }) => {
  if (session.state === "ready") session.change({ voice: voice.name });
  else showEnds(voice.ends);
  monitor.refresh();
});
enablePanel();
voices.load().then(() => {
  if (voices.chosen && !session.take) showEnds(voices.find(voices.chosen).ends);
  resume();
});
