r"""Make what failed models make, for the instrument judge to know it as neither.

    python bench/failed_sounds.py --flute DIR --violin DIR --hold-out bench/held_out.txt \
        --out RECORDINGS/failed [--voices EARLY.onnx ...]

Recordings that training may hear are damaged in every way of `judge_training/failures.py`, and played at
both ends by early checkpoints (a minute's training of `rave small`, `mevae small`), which must never be
what ships. Each kind becomes one file of 4 s pieces in a row, beside its segment map, so that kinds can
be held out by name. The same seed makes the same sounds of the same recordings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from judge_recordings import write_joined
from judge_training.failures import DAMAGES

from violute.data.recordings import Recording, list_recordings, read_patterns, read_recording
from violute.errors import VioluteError
from violute.evaluation.bench.clips import recording_seconds
from violute.evaluation.judge.classifier import SAMPLE_RATE
from violute.evaluation.metrics.spectral import log_spectral_distance_db
from violute.voices.load import load_voice

PIECE_SECONDS = 4.0
SHORTEST_SECONDS = 0.8
N_PIECES = 8
"""Pieces of each instrument for each kind of damage."""

VOICE_RATE = 44_100

LEAST_DISTANCE_DB = 9.0
"""Log-spectral distance from which on an early checkpoint has failed; nearer, it returns what it heard."""


def draw_piece(recordings: Sequence[Recording], rate: int, rng: np.random.Generator) -> np.ndarray:
    """Cut a stretch of one recording, or set notes in a row until it is full."""
    n_samples = int(PIECE_SECONDS * rate)
    parts: list[np.ndarray] = []
    while sum(map(len, parts)) < n_samples:
        recording = recordings[int(rng.integers(len(recordings)))]
        seconds = recording_seconds(recording)
        start = recording.start_seconds + rng.uniform(0.0, max(seconds - PIECE_SECONDS, 0.0))
        end = start + min(PIECE_SECONDS, seconds)
        part = Recording(recording.name, recording.path, start, end, recording.source)
        parts.append(read_recording(part, rate, peak=0.9))
    return np.concatenate(parts)[:n_samples]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for instrument in ("flute", "violin"):
        parser.add_argument(f"--{instrument}", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--hold-out", type=Path, required=True, help="file of glob patterns, one a line")
    parser.add_argument("--out", type=Path, required=True, help="folder to make")
    parser.add_argument("--voices", type=Path, nargs="*", default=[], help="early checkpoints as voices")
    parser.add_argument(
        "--kinds", nargs="*", choices=DAMAGES, default=list(DAMAGES), help="of damage (default: all)"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        patterns = read_patterns(options.hold_out)
        sources = [
            (
                instrument,
                [
                    recording
                    for recording in list_recordings(getattr(options, instrument), hold_out=patterns)
                    if recording_seconds(recording) >= SHORTEST_SECONDS
                ],
            )
            for instrument in ("flute", "violin")
        ]
        for number, (name, damage) in enumerate(DAMAGES.items()):
            if name not in options.kinds:
                continue
            rng = np.random.default_rng([options.seed, number])
            pieces = [
                (f"{instrument}-{i}", damage(draw_piece(recordings, SAMPLE_RATE, rng), rng), SAMPLE_RATE)
                for instrument, recordings in sources
                for i in range(N_PIECES)
            ]
            write_joined(options.out, f"failed_{name}", pieces)
        for path in options.voices:
            rng = np.random.default_rng([options.seed, len(DAMAGES)])
            voice = load_voice(path)
            pieces = []
            for instrument, recordings in sources:
                for i in range(N_PIECES // 2):
                    piece = draw_piece(recordings, VOICE_RATE, rng)
                    take = voice.analyse(piece, VOICE_RATE)
                    for mix in (0.0, 1.0):
                        played = np.asarray(take.render(mix))
                        if log_spectral_distance_db(piece, played, VOICE_RATE) >= LEAST_DISTANCE_DB:
                            pieces.append((f"{instrument}-{i}-{mix:g}", played, VOICE_RATE))
            write_joined(options.out, f"failed_voice_{path.stem}", pieces)
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
