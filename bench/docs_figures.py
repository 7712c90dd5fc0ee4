"""The figures of docs/how_it_works.md, and docs/demo.png.

    python bench/docs_figures.py

draws what was heard in the violin example, and how strong the partials of one of its notes are at three
mixes.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

import violute
from violute.analysis.notes import Note
from violute.drawing.performance import draw_performance
from violute.drawing.png import write_picture
from violute.examples import example_paths

DOCS = Path(__file__).parents[1] / "docs"
MIXES = {0.0: "mix 0, flute", 0.5: "mix 0.5", 1.0: "mix 1, violin"}
N_PARTIALS = 24


def partials_db(audio: np.ndarray, sample_rate: int, note: Note) -> np.ndarray:
    """Return the level of each partial in the middle of a note, relative to the strongest."""
    middle = round(0.5 * (note.onset_seconds + note.offset_seconds) * sample_rate)
    frame = audio[middle - 4096 : middle + 4096] * np.hanning(8192)
    spectrum = np.abs(np.fft.rfft(frame))
    bins = note.f0_hz * np.arange(1, N_PARTIALS + 1) * 8192 / sample_rate
    levels = [spectrum[round(b) - 3 : round(b) + 4].max() for b in bins if b < len(spectrum) - 4]
    return 20.0 * np.log10(np.array(levels) / max(levels))


if __name__ == "__main__":
    take = violute.load_voice().analyse(example_paths()["violin"])
    picture = draw_performance(take.f0_hz[None], take.loudness_db[None], take.frame.seconds)
    write_picture(picture, DOCS / "performance.png")
    note = max(take.notes(), key=lambda note: note.offset_seconds - note.onset_seconds)
    figure, axes = plt.subplots(figsize=(9.0, 3.6), constrained_layout=True)
    for offset, (mix, title) in enumerate(MIXES.items()):
        levels = partials_db(take.render(mix)[0], take.frame.sample_rate, note)
        places = np.arange(1, len(levels) + 1) + 0.26 * (offset - 1)
        axes.bar(places, levels + 80.0, 0.26, bottom=-80.0, label=title)
    axes.set(xlabel="partial", ylabel="dB below the strongest", ylim=(-80.0, 3.0))
    axes.set_title(f"One note of {note.f0_hz:.0f} Hz, played at three mixes")
    axes.legend(frameon=False)
    figure.savefig(DOCS / "partials.png", dpi=110)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "violute", "demo", "--quiet", "--force", "--out", folder]
        subprocess.run(command, check=True)
        (DOCS / "demo.png").write_bytes((Path(folder) / "spectrograms.png").read_bytes())
