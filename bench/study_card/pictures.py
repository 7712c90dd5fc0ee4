"""Pictures of a study model's card: losses of its training, and strangers at five mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from exam.figures import MIXES
from PIL import Image

from violute.data.recordings import Recording, list_recordings, read_recording
from violute.drawing.spectrogram_sheet import Panel, draw_page
from violute.rates import SAMPLE_RATE
from violute.training.plots import plot_metrics
from violute.voices.contract import Player
from violute.whole_file import whole_file

N_COLOURS = 48
SHEET_WIDTH = 1500
"""In pixels: a card is no poster, and each file is part of every checkout."""


def draw_losses(rows: Sequence[Mapping[str, float]], picture: Path) -> None:
    """Draw a run's metrics into a small PNG."""
    plot_metrics(rows, picture)
    with Image.open(picture) as drawn:
        drawn.load()
    _write_small(drawn, picture)


def first_recordings(strangers: Path, names: Sequence[str]) -> dict[str, Recording]:
    """Return the recording of each instrument that is drawn, from a folder with a folder for each."""
    return {name: list_recordings(strangers / name)[0] for name in names}


def draw_strangers(voice: Player, recordings: Mapping[str, Recording], picture: Path) -> None:
    """Draw recordings, by instrument, as they came and played at five mixes."""
    rows = []
    for name, recording in recordings.items():
        audio = read_recording(recording, SAMPLE_RATE)
        take = voice.analyse(audio, SAMPLE_RATE)
        sounds = [audio, *(take.render(mix) for mix in MIXES)]
        rows.append((f"{recording.name}, {name} in", [Panel(sound, SAMPLE_RATE) for sound in sounds]))
    titles = ["as it came", *(f"mix {mix:g}" for mix in MIXES)]
    page = Image.fromarray(draw_page(rows, titles))
    height = round(page.height * SHEET_WIDTH / page.width)
    _write_small(page.resize((SHEET_WIDTH, height), Image.Resampling.LANCZOS), picture)


def _write_small(image: Image.Image, picture: Path) -> None:
    with whole_file(picture) as partial:
        few = image.convert("RGB").quantize(N_COLOURS, dither=Image.Dither.NONE)
        few.save(partial, format="PNG", optimize=True)
