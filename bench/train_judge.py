r"""Train the instrument judge from folders of real recordings, and measure it on those held out.

    python bench/train_judge.py --violin DIR --flute DIR --other DIR --hold-out bench/held_out.txt \
        --out judge.onnx

One temperature is fitted on every second held-out recording of sources that training heard, in all
conditions; the figures are measured on the others and on the sources that it never heard. They go to
standard output and into the file.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from judge_training.augmentation import Source
from judge_training.figures import (
    Clip,
    clip_scores,
    conditions,
    cut_clips,
    evenly,
    fit_temperature,
    measure,
)
from judge_training.training import export_judge, load_sources, train_judge

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.errors import InputError, VioluteError
from violute.evaluation.judge.classifier import INSTRUMENTS, SAMPLE_RATE


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for instrument in INSTRUMENTS:
        parser.add_argument(
            f"--{instrument}", type=Path, action="append", required=True, help="folder, may be given again"
        )
    parser.add_argument("--hold-out", type=Path, required=True, help="file of glob patterns, one a line")
    parser.add_argument("--leave-out", action="append", default=[], help="one more pattern to hold out")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--steps", type=int, default=1200, help="optimiser steps (default 1200)")
    parser.add_argument(
        "--start", type=Path, help="weights (.pt, beside OUT) of an earlier run to go on from"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        if not options.out.parent.is_dir():
            raise InputError(f"{options.out}: there is no such folder: make it first")
        patterns = read_patterns(options.hold_out) + options.leave_out
        sources: list[Source] = []
        clips: list[Clip] = []
        for instrument in INSTRUMENTS:
            folders: list[Path] = getattr(options, instrument)
            sources += load_sources(folders, instrument=instrument, hold_out=patterns)
            held_out = [r for folder in folders for r in list_recordings(folder, select=patterns)]
            clips += [(r.source, instrument, read_recording(r, SAMPLE_RATE, peak=0.9)) for r in held_out]

        def report(step: int, loss: float) -> None:
            if step % 25 == 0:
                sys.stderr.write(f"step {step} of {options.steps}: loss {loss:.3f}\n")

        start = torch.load(options.start, weights_only=True) if options.start else None
        network = train_judge(sources, n_steps=options.steps, seed=options.seed, start=start, on_step=report)
        torch.save(network.state_dict(), options.out.with_suffix(".pt"))
        heard = {source.name for source in sources}
        fitted_on = [clip for clip in clips if clip[0] in heard][::2]
        fitting = evenly([part for clip in fitted_on for part in cut_clips(clip)])
        testing = evenly(
            [part for clip in clips if not any(clip is c for c in fitted_on) for part in cut_clips(clip)]
        )
        changes = conditions(np.random.default_rng(options.seed)).values()
        scores = np.array(
            [clip_scores(network, change(audio)) for change in changes for _, _, audio in fitting]
        ).reshape(-1, len(INSTRUMENTS))
        labels = [instrument for _ in changes for _, instrument, _ in fitting]
        network.temperature.fill_(fit_temperature(scores, labels))
        figures = {"temperature": float(network.temperature), **measure(network, testing, heard=heard)}
        export_judge(network, options.out, figures=figures)
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
