"""Measure the studio's engine in a headless Chromium and write `bench/STUDIO_ENGINE.md`.

    python bench/studio_engine.py

The piece is the worst case of the built-in voice: one long note on the violin's lowest string, of whose 100
harmonics every one sounds. Shares of a core are processor seconds of all processes of the browser, so that
other work on the machine counts little.
"""

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from environment import ROOT, environment_lines
from processor_time import processor_seconds

import violute.studio
from violute.analysis.controls import Controls
from violute.families.ddsp.live_file import live_bytes
from violute.families.ddsp.voice import HarmonicPerformance, HarmonicVoice
from violute.voices.live_parameters import live_parameters
from violute.voices.load import DEFAULT_VOICE, load_voice

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have a browser and a server already

from browser import Browser, find_chromium
from studio_site import serve

REPORT = ROOT / "bench" / "STUDIO_ENGINE.md"
LOWEST_HZ = 196.0
PIECE_SECONDS = 60
LIVE_SECONDS = 20
N_TRIALS = 40
DRY, IN_A_HALL = {"room": 0.0}, {"room": 0.8}
QUIETER = {"mixes": [0.0, 1.0], "gain": [1.0, 0.1]}


def worst_case() -> HarmonicPerformance:
    """One long note whose harmonics all lie below Nyquist."""
    voice = load_voice()
    assert isinstance(voice, HarmonicVoice)
    frames = np.ones((1, 100 * PIECE_SECONDS), np.float32)
    onset = (np.arange(frames.shape[1]) == 0).astype(np.float32)
    controls = Controls(LOWEST_HZ * frames, frames, -20.0 * frames, onset)
    return HarmonicPerformance(voice.session, voice.settings, controls)


class Page:
    """The bench's page in a browser of its own."""

    def __init__(self, browser: Browser) -> None:
        self.browser = browser

    def ask(self, call: str) -> Any:
        """Call a function of `studio_engine.js`, as if a key had been pressed: sound may begin."""
        done = self.browser.call(
            "Runtime.evaluate",
            expression=f"import('/studio_engine.js').then((bench) => bench.{call})",
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"])[:500])
        return done["result"].get("value")

    def processor_seconds(self) -> float:
        """What all processes of the browser have used so far."""
        return processor_seconds(self.browser.pid)

    def live_share(self, seconds: float) -> float:
        """Share of one core that the browser takes for a while."""
        before, began = self.processor_seconds(), time.monotonic()
        time.sleep(seconds)
        return (self.processor_seconds() - before) / (time.monotonic() - began)

    def offline_share(self, dials: dict[str, float]) -> tuple[float, float]:
        """Processor seconds and seconds of the clock for a second of sound."""
        before = self.processor_seconds()
        wall = self.ask(f"offline({PIECE_SECONDS}, {json.dumps(dials)})")
        return (self.processor_seconds() - before) / PIECE_SECONDS, wall / PIECE_SECONDS


def measure(page: Page) -> list[str]:
    """Run everything and return the lines of the report."""
    page.ask(f"offline(1, {json.dumps(DRY)})")  # compiles the code
    rows = []
    for name, dials in (("dry", DRY), ("in a large hall", IN_A_HALL)):
        processor, wall = page.offline_share(dials)
        rows.append(f"| offline, {name} | {processor:.1%} | {wall:.1%} |")
    for name, dials in (("dry", DRY), ("in a large hall", IN_A_HALL)):
        state = page.ask(f"begin({json.dumps(dials)}, null)")
        playing = page.live_share(LIVE_SECONDS)
        page.ask("pause()")
        paused = page.live_share(LIVE_SECONDS / 2)
        rows.append(f"| live, {name}: browser playing, less browser paused | {playing - paused:.1%} | |")
    rate = page.ask("hearMicrophone()")
    hearing = page.live_share(LIVE_SECONDS)
    late_ms = page.ask(f"playAlong({IN_A_HALL['room']})")
    along = page.live_share(LIVE_SECONDS)
    page.ask("endAlong()")
    what = f"playing along at {rate / 1000:g} kHz, in a large hall, {late_ms:.1f} ms late"
    rows.append(f"| {what}: browser with it, less with the microphone alone | {along - hearing:.1%} | |")
    page.ask(f"begin({json.dumps(DRY)}, {json.dumps(QUIETER)})")
    found = page.ask(f"latencies({N_TRIALS})")
    page.ask("pause()")
    worst = sorted(found)[int(0.95 * N_TRIALS)]
    typical, longest = statistics.median(found), max(found)
    heard = (
        f"A move of the dial is heard by half after {typical:.0f} ms (median), {worst:.0f} ms (95 %), "
        f"{longest:.0f} ms (worst of {N_TRIALS}), on the page's clock; budget 50 ms. "
        f"On top come the context's own blocks ({state['baseMs']:.0f} ms) and the device "
        f"({state['outputMs']:.0f} ms here)."
    )
    return [
        "| what | share of one core (processor time) | share of the clock |",
        "|---|---|---|",
        *rows,
        "",
        heard,
    ]


def main() -> None:
    """Measure and write the report."""
    if find_chromium() is None:
        sys.exit("Chromium is not installed: the engine runs in a browser")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "site"
        shutil.copytree(Path(violute.studio.__file__).parent / "page", folder / "page")
        shutil.copy(Path(__file__).with_suffix(".js"), folder)
        (folder / "voice.live").write_bytes(live_bytes(DEFAULT_VOICE))
        (folder / "parameters.bin").write_bytes(live_parameters(worst_case().live_tracks()))
        (folder / "index.html").write_text("<!doctype html><title>Bench</title>")
        with serve(folder) as address, Browser(Path(temporary) / "browser") as browser:
            browser.call("Page.navigate", url=f"{address}/index.html")
            browser.wait_for("document.readyState === 'complete' && location.protocol === 'http:'")
            lines = measure(Page(browser))
    version = subprocess.run([find_chromium(), "--version"], capture_output=True, text=True, check=True)
    piece = f"One note of {LOWEST_HZ:g} Hz for {PIECE_SECONDS} s: 100 harmonics, 64 noise bands, 44.1 kHz."
    report = [
        "# The studio's engine",
        "",
        f"{piece} Budget: under 30 % of one core.",
        "",
        *lines,
        "",
        *environment_lines(["violute", "numpy"]),
        f"- Browser: {version.stdout.split('built')[0].strip()}, headless, without a sound card",
    ]
    REPORT.write_text("\n".join(report) + "\n")
    print("\n".join(report))


if __name__ == "__main__":
    main()
