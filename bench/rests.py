"""How loud a voice is between notes, beside the recording that it plays.

    python bench/rests.py --data DATA --select bench/held_out_pieces.txt [--voice FILE] [--room 0]

Every held-out piece is played at both ends. In every rest of at least 0.15 s that follows a note, levels of
the first 200 ms are read relative to the loudest of the 100 ms before it, in recording and hybrid alike.

Prints Markdown: medians over the rests in dB, by end and instrument, how far the two courses lie apart at
most, and how far the levels of one rest at the median.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from jaxtyping import Float

from violute.analysis.analyser import analyse
from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.rates import SAMPLE_RATE
from violute.transforms.runs import runs
from violute.voices.load import load_voice
from violute.voices.mix import Mix

CLIP_SECONDS = 20.0
CLIPS_OF_A_RECORDING = 4
SHORTEST_FRAMES, COURSE_FRAMES, NOTE_FRAMES = 15, 20, 10
SHOWN = (0, 5, 10, 15, 19)


def courses(
    loudness_db: Float[np.ndarray, " frame"], rests: list[tuple[int, int]]
) -> Float[np.ndarray, "rest frame"]:
    """Return the beginnings of rests relative to the notes before them; NaN after their end."""
    found = np.full((len(rests), COURSE_FRAMES), np.nan)
    for row, (start, stop) in zip(found, rests, strict=True):
        n = min(stop - start, COURSE_FRAMES)
        row[:n] = loudness_db[start : start + n] - loudness_db[start - NOTE_FRAMES : start].max()
    return found


def main() -> None:
    """Play, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--select", required=True, type=Path)
    parser.add_argument("--voice", help="name or file (default: the built-in voice)")
    parser.add_argument("--room", type=float, default=0.0)
    given = parser.parse_args()
    voice = load_voice(given.voice)
    ends = voice.card.ends
    clips = find_clips(
        given.data,
        ends,
        select=read_patterns(given.select),
        clip_seconds=CLIP_SECONDS,
        clips_per_recording=CLIPS_OF_A_RECORDING,
    )
    heard: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = defaultdict(list)
    for clip in clips:
        audio = clip.read(SAMPLE_RATE)
        controls = analyse(audio)
        found = runs(controls.periodicity[0] <= 0.0)
        rests = [(a, b) for a, b in found if b - a >= SHORTEST_FRAMES and a >= NOTE_FRAMES]
        take = voice.analyse(audio, SAMPLE_RATE)
        for mix, end in enumerate(ends):
            played = analyse(take.render(Mix.at(float(mix), room=given.room)))
            pair = [courses(one.loudness_db[0], rests) for one in (controls, played)]
            heard[end, clip.instrument].append((pair[0], pair[1]))
    times = " | ".join(f"{10 * frame} ms" for frame in SHOWN)
    print(f"| end | in | rests | | {times} | apart | one rest |")
    print("|---" * (6 + len(SHOWN)) + "|")
    for (end, played_by), pairs in heard.items():
        source, hybrid = (np.concatenate(column) for column in zip(*pairs, strict=True))
        medians = [np.nanmedian(course, axis=0) for course in (source, hybrid)]
        apart = float(np.abs(medians[0] - medians[1]).max())
        one = float(np.nanmedian(np.abs(source - hybrid)))
        for name, course in zip(("recording", "hybrid"), medians, strict=True):
            cells = " | ".join(f"{course[frame]:.1f}" for frame in SHOWN)
            print(f"| {end} | {played_by} | {len(source)} | {name} | {cells} | {apart:.1f} | {one:.1f} |")


if __name__ == "__main__":
    main()
