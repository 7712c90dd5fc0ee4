"""The real-time core beside the Python stream, the page and the plug-in in a host: time, blocks, latency.

    cmake -S live -B live/build -DVIOLUTE_PLUGIN=ON && cmake --build live/build
    python bench/live_bench.py --build live/build --out bench/LIVE.md

plays an example at 48 kHz (the Python stream at its 44.1 kHz) in blocks of 64, 256 and 1024 samples, and
says what share of a core that takes, how long the worst block was beside what it lasts, and how late the
sound is. Each figure is the median of some runs, which take turns. What was not built is left out, and named.
Last the page of `violute site` plays in Chromium: a minute of its microphone, in which gaps are counted, and
ten minutes as fast as they go.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from environment import ROOT, environment_lines
from jaxtyping import Float32

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have a browser and a server already

from browser import Browser, find_chromium
from studio_site import serve

from violute import load_voice
from violute.audio.read import read
from violute.audio.resample import resample
from violute.examples import example_paths
from violute.families.ddsp.live_file import live_bytes
from violute.site.write import STUDIO_PAGE, write_site
from violute.voices.load import DEFAULT_VOICE
from violute.whole_file import replace_text

CORE_RATE, HOST_RATE = 44_100, 48_000
BLOCKS = (64, 256, 1024)
MIX, ROOM = 0.5, 0.2
LIVE_SECONDS = 60
TEN_MINUTES = f"""
(async () => {{
  const {{ LiveNode }} = await import("./live_node.js");
  const bytes = async (file) => (await fetch(file)).arrayBuffer();
  const dials = {{ tone: {MIX}, noise: {MIX}, attack: {MIX}, room: {ROOM}, wet: 1 }};
  const context = new OfflineAudioContext(2, 600 * {HOST_RATE}, {HOST_RATE});
  const live = {{ dials, levelDb: 0 }};
  const node = await LiveNode.open(context, await bytes("violin-flute.live"), live, {{ isWatched: true }});
  const memory = [];
  node.port.onmessage = ({{ data }}) => {{ if (data.memoryBytes) memory.push(data.memoryBytes); }};
  const buffer = await context.decodeAudioData(await bytes("violin_bwv1006.flac"));
  const source = new AudioBufferSourceNode(context, {{ buffer, loop: true }});
  source.connect(node.audio).connect(context.destination);
  source.start();
  const started = performance.now();
  await context.startRendering();
  const share = (performance.now() - started) / 6000;
  globalThis.rendered = {{ share, memory: [memory[0], memory.at(-1)] }};
}})().catch((error) => {{ globalThis.rendered = {{ problem: String(error) }}; }});
0
"""
"""Ten minutes of the example through the page's node, and what its memory was."""

SAID = re.compile(r"(\d+) samples late, ([\d.]+) % of a core, worst block ([\d.]+) ms")

Sound = Float32[np.ndarray, " sample"]


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        core_share: Processor time over the length of the sound.
        worst_ms: The longest that a block took, by the clock.
        latency_ms: How late the sound comes.
    """

    core_share: float
    worst_ms: float
    latency_ms: float


def timed_blocks(
    audio: Sound, sample_rate: int, block: int, play: Callable[[Sound], object], latency_ms: float
) -> Run:
    """Play a sound block by block; the first second warms up and is not counted."""
    starts = range(0, len(audio) - block + 1, block)
    n_warm = sample_rate // block
    worst, began = 0.0, 0.0
    for number, start in enumerate(starts):
        if number == n_warm:
            began = time.process_time()
        started = time.perf_counter()
        play(audio[start : start + block])
        if number >= n_warm:
            worst = max(worst, time.perf_counter() - started)
    seconds = (len(starts) - n_warm) * block / sample_rate
    return Run((time.process_time() - began) / seconds, 1e3 * worst, latency_ms)


def prepare(folder: Path, audio: Sound) -> None:
    """Put into a folder what the programs play, and what they play it by."""
    (folder / "voice.live").write_bytes(live_bytes(DEFAULT_VOICE))
    soundfile.write(folder / "piece.wav", audio, HOST_RATE, subtype="FLOAT")
    audio.tofile(folder / "piece.f32")
    for name in ("live.js", "instance.js", "live.wasm"):
        shutil.copy(STUDIO_PAGE / name, folder)
    (folder / "package.json").write_text('{"type": "module"}')


def program(build: Path, folder: Path, block: int) -> Run:
    """Play through the core's own program, in a process of its own."""
    command: list[str | Path] = [build / "violute-live", folder / "piece.wav", folder / "out.wav"]
    command += ["--voice", folder / "voice.live"]
    command += ["--mix", f"{MIX}", "--room", f"{ROOM}", "--block", f"{block}"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return run_of(said)


def run_of(said: str) -> Run:
    """Read what a program says of its run."""
    found = SAID.search(said)
    assert found, said
    late, percent, worst = found.groups()
    return Run(float(percent) / 100.0, float(worst), 1e3 * int(late) / HOST_RATE)


def module(folder: Path, block: int) -> Run:
    """Play through the module of the page, in Node."""
    command: list[str | Path] = ["node", ROOT / "bench" / "live_module.mjs", folder]
    command += [folder / "voice.live", folder / "piece.f32"]
    command += [f"{number}" for number in (HOST_RATE, block, MIX, ROOM)]
    return run_of(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def page_lines(audio: Sound, folder: Path) -> list[str]:
    """Play the page in Chromium, live and as fast as it goes, and say how it went."""
    write_site(folder / "site")
    microphone = folder / "microphone.wav"
    soundfile.write(microphone, audio, HOST_RATE, subtype="PCM_16")
    live = "document.body.dataset.state === 'live'"
    with (
        serve(folder / "site", policy=None) as address,
        Browser(folder / "browser", microphone=microphone) as browser,
    ):
        browser.visit(f"{address}/")
        browser.wait_for("'isReady' in document.body.dataset")
        browser.click("#microphone")
        browser.press("Enter")
        browser.wait_for(live)
        time.sleep(LIVE_SECONDS)
        said = browser.evaluate("document.querySelector('#gaps').textContent")
        gaps = said or "Nothing of the sound was lost."
        delay = browser.evaluate("document.querySelector('#delay').textContent")
        browser.click("#play")
        browser.evaluate(TEN_MINUTES)
        rendered = browser.wait_for("globalThis.rendered", 600.0)
        errors = [*browser.errors, *([rendered["problem"]] if "problem" in rendered else [])]
    if errors:
        raise RuntimeError(f"the page complained: {errors}")
    first, last = (f"{n_bytes / 1e6:.1f} MB" for n_bytes in rendered["memory"])
    return [
        f"The page of `violute site` in Chromium, {LIVE_SECONDS} s from its microphone: {delay} {gaps}",
        "",
        f"Ten minutes in its audio thread at {HOST_RATE} Hz, as fast as it goes:",
        f"{rendered['share']:.1f} % of what they last; its module holds {first} at their start,",
        f"{last} at their end.",
    ]


def python_stream(audio: Sound, block: int) -> Run:
    """Play through `voice.stream()`, which is what `violute stream` calls."""
    from violute.voices.mix import Mix

    stream = load_voice().stream(Mix.at(MIX, room=ROOM))
    late = 1e3 * stream.latency_samples / CORE_RATE
    return timed_blocks(audio, CORE_RATE, block, stream.push, late)


def plugin(path: Path, audio: Sound, block: int) -> Run:
    """Play through the plug-in in a host that others wrote."""
    from pedalboard._pedalboard import load_plugin  # pedalboard itself does not export it to type checkers

    hosted = load_plugin(str(path))
    hosted.reset()
    stereo = np.stack([audio, audio])

    def play(mono: Sound) -> None:
        sound = np.stack([mono, mono])
        hosted.process(sound, HOST_RATE, buffer_size=block, reset=False)

    hosted.process(stereo[:, :block], HOST_RATE, buffer_size=block, reset=False)
    late = 1e3 * getattr(hosted, "reported_latency_samples", 0) / HOST_RATE
    return timed_blocks(audio, HOST_RATE, block, play, late)


def rows(players: dict[str, Callable[[int], Run]], runs: int) -> list[tuple[str, int, Run]]:
    """Run all players in turn, and take medians."""
    made: dict[tuple[str, int], list[Run]] = {}
    for _ in range(runs):
        for name, play in players.items():
            for block in BLOCKS:
                made.setdefault((name, block), []).append(play(block))
    fields = ("core_share", "worst_ms", "latency_ms")
    return [
        (name, block, Run(*(float(np.median([getattr(run, field) for run in own])) for field in fields)))
        for (name, block), own in made.items()
    ]


def page(measured: list[tuple[str, int, Run]], seconds: float, runs: int, absent: list[str]) -> list[str]:
    """Write what was measured as Markdown."""
    about = (
        f"Written by `bench/live_bench.py`: {seconds:.0f} s of the violin example, mix {MIX:g}, "
        f"room {ROOM:g}, medians of {runs} runs. A block that takes longer than it lasts is a drop-out."
    )
    lines = [
        "# Live",
        "",
        about,
        "",
        "| | rate, Hz | block | share of a core | worst block, ms | lasts, ms | latency, ms |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, block, run in measured:
        rate = CORE_RATE if name == "violute stream" else HOST_RATE
        lines.append(
            f"| {name} | {rate} | {block} | {100 * run.core_share:.1f} % | {run.worst_ms:.2f} | "
            f"{1e3 * block / rate:.2f} | {run.latency_ms:.1f} |"
        )
    if absent:
        lines += ["", f"Not built, so not measured: {', '.join(absent)}."]
    return [*lines, "", *environment_lines(["numpy", "onnxruntime"])]


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "live" / "build", help="where live/ was built")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "LIVE.md")
    given = parser.parse_args()
    if not (given.build / "violute-live").is_file():
        sys.exit(f"{given.build} holds no core: build it first, as the first lines of this script say")
    audio = read(example_paths()["violin"])[0].ravel().astype(np.float32)
    audio = np.tile(audio, 1 + int(given.seconds * CORE_RATE) // len(audio))[: int(given.seconds * CORE_RATE)]
    at_host_rate = resample(audio, CORE_RATE, HOST_RATE).astype(np.float32)
    vst3 = next(given.build.rglob("*.vst3"), None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, at_host_rate)
        players: dict[str, Callable[[int], Run]] = {
            "the core": lambda block: program(given.build, folder, block),
            "violute stream": lambda block: python_stream(audio, block),
        }
        if shutil.which("node") is not None:
            players["the page's module in Node"] = lambda block: module(folder, block)
        if vst3 is not None:
            players["plug-in, VST3 in pedalboard"] = lambda block: plugin(vst3, at_host_rate, block)
        lines = page(rows(players, given.runs), given.seconds, given.runs, [] if vst3 else ["the plug-in"])
        if find_chromium() is not None:
            lines += ["", *page_lines(at_host_rate, folder)]
    replace_text(given.out, "\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
