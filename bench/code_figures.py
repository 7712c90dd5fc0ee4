"""Measure how a spectrogram model's code draws windows that it has not heard, and picture it.

    python bench/code_figures.py --voice voices/vae.onnx --run runs/vae --data DIR \
        --select bench/held_out.txt --out vae

writes pictures, vae_reconstructions.png and so on, and prints the figures. DIR holds a folder for each
instrument. The run folder needs its checkpoints, and may have learned from none of the recordings that
SELECT names.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from picture_codes.coders import open_coder
from picture_codes.drawings import draw_mixes, draw_reconstructions, draw_traversals
from picture_codes.reconstruction import even_windows, measure_code

from violute.data.pictures.store import open_store
from violute.data.recordings import list_recordings, read_patterns
from violute.errors import InputError, VioluteError
from violute.families.pictures.corpus import picture_lines
from violute.families.pictures.prepared import PreparedPitch, prepared_lines
from violute.families.recipes import family_recipe
from violute.training.run_folder import RunFolder
from violute.voices.file import open_voice_file

MOST_TRAINING_WINDOWS = 700
MOST_HELD_OUT_WINDOWS = 200
"""Of both instruments together, evenly picked."""


def measure_run(voice: Path, run: Path, data: Path, select: Path, out: Path) -> dict[str, Any]:
    """Measure and draw; return the figures.

    Raises:
        InputError: The run, the voice and the recordings do not belong together.
    """
    onnx_bytes, card = open_voice_file(voice)
    folder = RunFolder(run)
    try:
        config = json.loads(folder.config_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{run}: holds no training run: name a run folder") from None
    if config["family"] != card.family or tuple(config["names"]) != card.ends:
        raise InputError(f"{run}: is a run of {config['family']}, {voice} is {card.family}: name its own run")
    recipe = family_recipe(config["family"], config["recipe"], config.get("set"))
    settings, cache = recipe.spectrogram, run / "features"
    patterns = read_patterns(select)
    training, held_out = [], []
    for end, known in enumerate(config["recordings"]):
        kept = list_recordings(data / card.ends[end], select=patterns)
        overlap = set(known) & {r.name for r in kept}
        if overlap:
            raise InputError(f"{select}: the run learned from {min(overlap)}: select what it held out")
        held_out += picture_lines(kept, end, settings, cache, is_conditioned=recipe.is_conditioned)
        if config.get("store") is None:
            learned = [r for r in list_recordings(config["folders"][end]) if r.name in set(known)]
            training += picture_lines(learned, end, settings, cache, is_conditioned=recipe.is_conditioned)
    if config.get("store") is not None:
        store = open_store(config["folders"][0])
        pitch = PreparedPitch(store, card.ends, cache) if recipe.is_conditioned else None
        training = prepared_lines(store.train, card.ends, pitch)
    windows = even_windows(training, settings, MOST_TRAINING_WINDOWS)
    unheard = even_windows(held_out, settings, MOST_HELD_OUT_WINDOWS)
    coder = open_coder(run, recipe, card.family)
    figures = measure_code(coder, windows, unheard, settings)
    out.parent.mkdir(parents=True, exist_ok=True)

    def beside(kind: str) -> Path:
        return out.with_name(f"{out.name}_{kind}.png")

    draw_reconstructions(coder, windows, unheard, settings, beside("reconstructions"))
    draw_traversals(coder, unheard, settings, beside("traversals"))
    draw_mixes(onnx_bytes, unheard, card.ends, settings, beside("mixes"))
    return figures


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line: JSON to standard output, exit code 2 for bad input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", type=Path, required=True, help="voice file")
    parser.add_argument("--run", type=Path, required=True, help="run folder that made it")
    parser.add_argument("--data", type=Path, required=True, help="folder with a folder for each instrument")
    parser.add_argument(
        "--select", type=Path, required=True, help="file of glob patterns of held-out recordings"
    )
    parser.add_argument("--out", type=Path, required=True, help="what the names of the pictures begin with")
    options = parser.parse_args(arguments)
    try:
        figures = measure_run(**vars(options))
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    json.dump(figures, sys.stdout, indent=2)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
