"""Spectrograms for RAVE's card: one held-out piece of each kind, and three mixes of it.

    python bench/rave_pictures.py --data DIR --voice voices/rave.onnx --out voices/rave-mixes.png

Pieces are the first of each kind in bench/rave_figures.py. No sound is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image
from rave_figures import RATE, held_out

from violute.drawing.spectrogram_sheet import Panel, draw_page
from violute.voices.load import load_voice

SECONDS = 5.0
SHOWN_MIXES = (0.0, 0.5, 1.0)
N_COLOURS = 64


def main() -> None:
    """Render the pieces and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    voice = load_voice(arguments.voice)
    rows = []
    for name, pieces in held_out(arguments.data, SECONDS, limit=1).items():
        take = voice.analyse(pieces[0], RATE)
        sounds = [pieces[0], *(take.render(mix) for mix in SHOWN_MIXES)]
        rows.append((name, [Panel(sound, RATE) for sound in sounds]))
    page = draw_page(rows, ["source", *(f"{mix:g}" for mix in SHOWN_MIXES)])
    Image.fromarray(page).quantize(N_COLOURS).save(arguments.out, optimize=True)


if __name__ == "__main__":
    main()
