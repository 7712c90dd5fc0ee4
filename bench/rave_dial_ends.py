"""Where on RAVE's dial the colour is nearest to real recordings, measured on training recordings alone.

    python bench/rave_dial_ends.py --data DIR --voice VOICE.onnx

VOICE was exported with `dial_ends` of 0 and 1. Phrases of the flute and excerpts of the violin that are not
in bench/held_out.txt are rendered along the dial; for each place, their timbre/kernel_audio_distance to real
recordings of both instruments, themselves not held out either. The recipe's `dial_ends` were chosen by it.
"""

from __future__ import annotations

import argparse
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from rave_figures import HERE, INSTRUMENTS, N_REAL, RATE

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.evaluation.metrics.timbre_distance import kernel_audio_distance, patch_embeddings
from violute.transforms.spectrogram import PEAK
from violute.voices.load import load_voice

PLACES = (0.0, 0.2, 0.5, 0.65, 0.8, 1.0)
N_PHRASES = 8
SECONDS = 5.0
STARTS = (10.0, 40.0, 70.0)


def main() -> None:
    """Print the distances."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voice", type=Path, required=True)
    arguments = parser.parse_args()
    held = read_patterns(HERE / "held_out.txt")
    known = {
        name: [r for r in list_recordings(arguments.data / name) if not any(fnmatch(r.name, p) for p in held)]
        for name in INSTRUMENTS
    }
    real = {
        name: [
            patch_embeddings(read_recording(r, RATE, peak=PEAK)[: 10 * RATE], RATE)
            for r in recordings[:: max(1, len(recordings) // N_REAL)]
        ]
        for name, recordings in known.items()
    }
    n_samples = round(SECONDS * RATE)
    phrases = [r for r in known["flute"] if "_phrase_" in r.name]
    pieces: dict[str, list[np.ndarray]] = {"flute": [], "violin": []}
    for recording in phrases[:: max(1, len(phrases) // N_PHRASES)]:
        pieces["flute"].append(read_recording(recording, RATE, peak=PEAK)[:n_samples])
    for recording in (r for r in known["violin"] if r.name.startswith("john-garner")):
        whole = read_recording(recording, RATE, peak=PEAK)
        pieces["violin"] += [whole[round(start * RATE) :][:n_samples] for start in STARTS]
    voice = load_voice(arguments.voice)
    for source, group in pieces.items():
        takes = [voice.analyse(piece, RATE) for piece in group]
        for place in PLACES:
            patches = [patch_embeddings(take.render(place), RATE) for take in takes]
            distances = {
                name: round(kernel_audio_distance(patches, real[name]).estimate, 4) for name in INSTRUMENTS
            }
            print(f"{source} at {place:g}: {distances}", flush=True)


if __name__ == "__main__":
    main()
