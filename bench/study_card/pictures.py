"""Pictures of a study model's card: losses of its training, and strangers at five mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from exam.figures import MIXES
from PIL import Image

from violute.data.recordings import list_recordings, read_recording
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


def draw_strangers(voice: Player, strangers: Path, names: Sequence[str], picture: Path) -> list[str]:
    """Draw the first recording of each instrument as it came, and played at five mixes.

    Args:
        voice: That plays.
        strangers: Folder with a folder for each instrument.
        names: Of the instruments.
        picture: To write.

    Returns:
        Names of the recordings.
    """
    rows, shown = [], []
    for name in names:
        recording = list_recordings(strangers / name)[0]
        audio = read_recording(recording, SAMPLE_RATE)
        take = voice.analyse(audio, SAMPLE_RATE)
        sounds = [audio, *(take.render(mix) for mix in MIXES)]
        rows.append((f"{recording.name}, {name} in", [Panel(sound, SAMPLE_RATE) for sound in sounds]))
        shown.append(recording.name)
    titles = ["as it came", *(f"mix {mix:g}" for mix in MIXES)]
    page = Image.fromarray(draw_page(rows, titles))
    height = round(page.height * SHEET_WIDTH / page.width)
    _write_small(page.resize((SHEET_WIDTH, height), Image.Resampling.LANCZOS), picture)
    return shown


def _write_small(image: Image.Image, picture: Path) -> None:
    with whole_file(picture) as partial:
        few = image.convert("RGB").quantize(N_COLOURS, dither=Image.Dither.NONE)
        few.save(partial, format="PNG", optimize=True)
