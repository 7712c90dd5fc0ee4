"""Measure the wait from dropping 30 seconds to hearing them, and the page's work while it plays.

    python bench/studio_first_sound.py [--runs 5]  # writes bench/STUDIO_PAGE.md

The clip is handed to the page; as soon as it can be played, play is pressed; the clock stops at the first
sound that reaches the loudspeakers. Then a course of the dial is drawn, and while the page plays it, the
processor time of its own thread is read from the browser: tasks in ticks of the thread, per second played.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile
from environment import ROOT, environment_lines
from processor_time import processor_seconds

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have a browser and a server already

from browser import Browser
from studio_page import EAR, StudioPage
from studio_server import StudioServer

from violute.examples import example_paths

REPORT = ROOT / "bench" / "STUDIO_PAGE.md"
CLIP_SECONDS = 30
PLAYED_SECONDS = 8.0

# Begins when the file is chosen; plays as soon as that is possible.
STOPWATCH = """
globalThis.times = {};
document.querySelector("#file").addEventListener("change", () => {
  times.dropped = performance.now();
  new MutationObserver((_, observer) => {
    if (document.body.dataset.state !== "ready") return;
    observer.disconnect();
    times.ready = performance.now();
    document.querySelector("#play").click();
    heard.length = 0;
    const listen = () => {
      const first = heard.findIndex((block) => block.some((sample) => Math.abs(sample) > 1e-3));
      if (first >= 0) times.sounded = performance.now();
      else setTimeout(listen, 2);
    };
    listen();
  }).observe(document.body, { attributes: true, attributeFilter: ["data-state"] });
}, { capture: true });
0
"""


def main() -> None:
    """Run the waits and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    n_runs = parser.parse_args().runs
    waits: list[tuple[float, float, float]] = []
    shares: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "voices").mkdir()  # none but the built-in voice
        clip = write_clip(folder)
        with StudioServer(folder) as server, Browser(folder / "browser") as browser:
            browser.call("Page.addScriptToEvaluateOnNewDocument", source=EAR)
            browser.call("Performance.enable", timeDomain="threadTicks")
            browser.resize(1366, 768)
            for _ in range(n_runs):
                page = StudioPage(browser, server)
                browser.evaluate(STOPWATCH)
                browser.click(".brand")  # browsers let sound begin once the page was touched
                leaders = (server.process.pid, browser.pid)
                before = processor_seconds(*leaders)
                page.choose(clip)
                browser.wait_for("times.sounded", 60)
                used = processor_seconds(*leaders) - before
                dropped, ready, sounded = browser.evaluate("[times.dropped, times.ready, times.sounded]")
                waits.append(((ready - dropped) / 1000, (sounded - dropped) / 1000, used))
                shares.append(main_thread_share(page))
                print("ready after {:.2f} s, heard after {:.2f} s, {:.2f} s of a core".format(*waits[-1]))
                print(f"the page's thread takes {100 * shares[-1]:.1f} % of a core while playing")
    REPORT.write_text(report(waits, shares), encoding="utf-8")


def main_thread_share(page: StudioPage) -> float:
    """Play with a moving dial and return the share of a core that the page's own thread takes."""
    browser = page.browser
    browser.drag("#lane", [(0.05, 0.9), (0.3, 0.1), (0.6, 0.8), (0.95, 0.2)])
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 3000))")  # the picture is drawn anew
    before, begun = busy_seconds(browser), time.perf_counter()
    browser.evaluate(f"new Promise((resolve) => setTimeout(resolve, {1000 * PLAYED_SECONDS}))")
    share = (busy_seconds(browser) - before) / (time.perf_counter() - begun)
    if page.attribute("#play", "aria-label") != "Pause":
        raise RuntimeError("the page stopped playing meanwhile")
    return share


def busy_seconds(browser: Browser) -> float:
    """Processor time of the page's own thread so far."""
    metrics = browser.call("Performance.getMetrics")["metrics"]
    return next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")


def write_clip(folder: Path) -> Path:
    """Thirty seconds of the shipped violin piece, sounding from the first sample."""
    piece, sample_rate = soundfile.read(example_paths()["violin"])
    sounding = piece[np.argmax(np.abs(piece) > 0.01) :]
    n_samples = CLIP_SECONDS * sample_rate
    path = folder / "clip.wav"
    soundfile.write(path, np.tile(sounding, -(-n_samples // len(sounding)))[:n_samples], sample_rate)
    return path


def report(waits: list[tuple[float, float, float]], shares: list[float]) -> str:
    """Write the page of results."""
    rows = zip(
        ("ready to play", "first sound", "processor time until then"), zip(*waits, strict=True), strict=True
    )
    lines = [
        "# The studio's page: from drop to sound",
        "",
        *environment_lines(["numpy", "onnxruntime", "fastapi", "uvicorn"]),
        "",
        f"A clip of {CLIP_SECONDS} s at 44.1 kHz is handed to the page, and play is pressed as soon as it is",
        f"ready. Seconds, {len(waits)} runs. The budget is 2 s on two cores that do nothing else.",
        "Processor time is that of server, workers and browser together, drawing included: what it takes on",
        "one such core.",
        "",
        "| | median | least | most |",
        "|---|---|---|---|",
        *(f"| {name} | {statistics.median(s):.2f} | {min(s):.2f} | {max(s):.2f} |" for name, s in rows),
        "",
        f"While the page plays for {PLAYED_SECONDS:.0f} s and a drawn course moves the dial, its own thread",
        f"takes {100 * statistics.median(shares):.1f} % of a core (median; most: {100 * max(shares):.1f} %).",
        "The budget is 20 %.",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
