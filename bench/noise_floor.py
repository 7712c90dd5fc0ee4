"""How loud a voice is between its partials, band by band, against the recording that it plays.

    python bench/noise_floor.py --data DIR --select bench/held_out_pieces.txt [--voices OLD.onnx NEW.onnx]

Each recording is played by its own end (a flute piece at mix 0, a violin piece at mix 1), so a perfect
voice would read 0 dB everywhere. The floor of a band is the quarter of its bins that hold the least power,
taken over 93 ms and the median of the sounding windows: partials fill a few bins, noise fills all. What a
codec cut off (above 16 kHz) is left out. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import numpy as np

from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.voices.load import load_voice
from violute.voices.mix import Mix

RATE = 44_100
N_FFT = 4096
HOP_LENGTH = 1024
EDGES_HZ = (400, 700, 1300, 2500, 3500, 5000, 7000, 10_000, 14_000)
SOUNDING_DB = -30.0
QUIET_SHARE = 25.0


def floor_db(audio: np.ndarray) -> np.ndarray:
    """Return the level between partials in each band, in dB."""
    windows = np.lib.stride_tricks.sliding_window_view(audio, N_FFT)[::HOP_LENGTH] * np.hanning(N_FFT)
    power = np.square(np.abs(np.fft.rfft(windows, axis=1)))
    frequencies_hz = np.fft.rfftfreq(N_FFT, 1.0 / RATE)
    loudest = power.sum(axis=1).max()
    power = power[power.sum(axis=1) > loudest * 10.0 ** (SOUNDING_DB / 10.0)]
    return np.array(
        [
            10.0
            * np.log10(
                np.median(
                    np.percentile(
                        power[:, (frequencies_hz >= low) & (frequencies_hz < high)], QUIET_SHARE, axis=1
                    )
                )
            )
            for low, high in itertools.pairwise(EDGES_HZ)
        ]
    )


def main() -> None:
    """Play, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--select", required=True, type=Path)
    parser.add_argument("--voices", nargs="+", default=[None])
    parser.add_argument("--clips", type=int, default=4)
    given = parser.parse_args()
    titles = [f"{low / 1000:g}-{high / 1000:g}" for low, high in itertools.pairwise(EDGES_HZ)]
    print("| voice | in | " + " | ".join(titles) + " kHz |")
    print("|---" * (len(titles) + 2) + "|")
    for name in given.voices:
        voice = load_voice(name)
        clips = find_clips(
            given.data,
            voice.card.ends,
            select=read_patterns(given.select),
            clip_seconds=10.0,
            clips_per_recording=given.clips,
        )
        for mix, end in enumerate(voice.card.ends):
            excess_db = []
            for clip in clips:
                if clip.instrument == end:
                    audio = clip.read(RATE)
                    dry = voice.analyse(audio, RATE).render(Mix.at(float(mix), room=0.0))
                    excess_db.append(floor_db(dry) - floor_db(audio))
            cells = " | ".join(f"{value:+.1f}" for value in np.median(excess_db, axis=0))
            print(f"| {Path(name).name if name else voice.card.name} | {end} | {cells} |")


if __name__ == "__main__":
    main()
