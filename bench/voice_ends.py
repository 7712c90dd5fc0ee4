"""How near each end of a voice comes to real recordings, from either source, in any room.

    python bench/voice_ends.py --data DIR --select bench/held_out_pieces.txt [--voices OLD.onnx NEW.onnx]
        [--rooms 0 0.5 1] [--pieces] [--out FILE]

DIR holds a folder for each instrument. Every held-out piece is played at both ends and judged beside the
real held-out recordings of the end's instrument:

- posterior: what the judge takes for the target, violin against flute;
- other: how surely it hears neither;
- distance: kernel audio distance to the recordings of the target that last 3 s or longer and are not held
  out (for a violin, the trained performances and longer notes); that of the real held-out recordings is
  the floor, what another player in another room comes to, and the ratio is over it;
- room: how far posterior and other move between the rooms asked for, and how far those of the real
  recordings do in the same rooms.

Prints Markdown; medians over clips of at most 20 s.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import Clip, find_clips, find_references, recording_seconds
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.timbre_distance import (
    kernel_audio_distance,
    patch_embeddings,
    real_to_real_floor,
)
from violute.synthesis.room import room
from violute.voices.load import load_voice
from violute.voices.mix import Mix

RATE = 44_100
CLIP_SECONDS = 20.0
CLIPS_OF_A_RECORDING = 4
SHORTEST_REFERENCE_SECONDS = 3.0
MOST_REFERENCES = 80


Row = dict[str, Any]
"""Figures of one voice at one end from one source."""


class Sound(NamedTuple):
    """What was measured of one rendering or recording."""

    name: str
    target: float
    other: float
    patches: np.ndarray


def hear(judge: Judge, name: str, audio: np.ndarray, mix: float) -> Sound:
    """Judge a sound against the instrument at `mix`."""
    posterior, other = judge.hear(audio, RATE)
    return Sound(name, posterior if mix == 1.0 else 1.0 - posterior, other, patch_embeddings(audio, RATE))


def row(name: str, played: str, sounds: list[Sound], real: list[Sound], known: list[np.ndarray]) -> Row:
    """Return the figures of one end from one source."""
    target, other = (float(np.median([getattr(s, key) for s in sounds])) for key in ("target", "other"))
    distance = kernel_audio_distance([s.patches for s in sounds], known)
    floor = kernel_audio_distance([s.patches for s in real], known)
    return {
        "voice": name,
        "in": played,
        "target": target,
        "target of real": float(np.median([s.target for s in real])),
        "other": other,
        "other of real": float(np.median([s.other for s in real])),
        "distance": distance.estimate,
        "low": distance.low,
        "high": distance.high,
        "real": floor.estimate,
        "ratio": distance.estimate / floor.estimate,
    }


def references(
    data: Path, ends: tuple[str, str], clips: list[Clip], select: list[str]
) -> list[list[np.ndarray]]:
    """Return the patches of real recordings of each end that are not held out, cut as clips are."""
    found = find_references(data, ends, clips, select=select)
    patches = []
    for end in ends:
        cut: list[Clip] = []
        for recording in found[end]:
            seconds = recording_seconds(recording)
            if seconds < SHORTEST_REFERENCE_SECONDS:
                continue
            for start in np.arange(0.0, max(seconds - SHORTEST_REFERENCE_SECONDS, 0.1), CLIP_SECONDS):
                first = recording.start_seconds + float(start)
                last = first + min(CLIP_SECONDS, seconds - float(start))
                piece = replace(recording, start_seconds=first, end_seconds=last)
                cut.append(Clip(recording.name, end, piece))
        chosen = np.unique(np.linspace(0, len(cut) - 1, MOST_REFERENCES).round().astype(int))
        patches.append([patch_embeddings(cut[i].read(RATE), RATE) for i in chosen])
    return patches


def markdown(rows: list[Row], floors: dict[str, list[float]]) -> str:
    """Lay the figures of the ends out as a table."""
    lines = [
        "| voice | end | in | target (real) | other (real) | distance (95 %) | real | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['voice']} | {r['end']} | {r['in']} "
        f"| {r['target']:.3f} ({r['target of real']:.3f}) | {r['other']:.3f} ({r['other of real']:.3f}) "
        f"| {r['distance']:.3f} ({r['low']:.3f} to {r['high']:.3f}) | {r['real']:.3f} "
        f"| {r['ratio']:.2f} |"
        for r in rows
    ]
    for end, (low, high) in floors.items():
        lines.append(f"\nHalves of the real recordings of {end} lie apart by {low:.3f} to {high:.3f} (95 %).")
    return "\n".join(lines)


def rooms_table(voice: str, moved: dict[tuple[str, str], dict[float, list[Sound]]]) -> str:
    """Lay out how judge and distance go with the room."""
    lines = [
        "| voice | end | in | room | target | other | largest move of a piece |",
        "|---|---|---|---|---|---|---|",
    ]
    for (end, played), by_room in moved.items():
        dry = by_room[min(by_room)]
        for size, sounds in by_room.items():
            move = max(abs(s.target - d.target) for s, d in zip(sounds, dry, strict=True))
            medians = [float(np.median([getattr(s, key) for s in sounds])) for key in ("target", "other")]
            lines.append(
                f"| {voice} | {end} | {played} | {size:g} | {medians[0]:.3f} | {medians[1]:.3f} "
                f"| {move:.3f} |"
            )
    return "\n".join(lines)


def pieces_table(named: dict[tuple[str, str, str], list[Sound]]) -> str:
    """Lay target and other out piece by piece, one column a voice and end."""
    voices = list(dict.fromkeys(voice for voice, _, _ in named))
    ends = list(dict.fromkeys(end for _, end, _ in named))
    columns = [(voice, end) for end in ends for voice in voices]
    lines = ["| piece | " + " | ".join(f"{end}, {voice}" for voice, end in columns) + " |"]
    lines.append("|---" * (len(columns) + 1) + "|")
    cells: dict[str, dict[tuple[str, str], str]] = defaultdict(dict)
    for (voice, end, _), sounds in named.items():
        for s in sounds:
            cells[s.name][voice, end] = f"{s.target:.3f} ({s.other:.3f})"
    lines += [f"| {name} | " + " | ".join(row[c] for c in columns) + " |" for name, row in cells.items()]
    return "\n".join(lines)


def main() -> None:
    """Play, judge, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--select", required=True, type=Path)
    parser.add_argument(
        "--voices", nargs="+", default=[None], help="names or files (default: the built-in voice)"
    )
    parser.add_argument("--rooms", nargs="+", type=float, default=[0.0], help="places of the room dial")
    parser.add_argument("--pieces", action="store_true", help="print every piece as well")
    parser.add_argument("--out", type=Path, help="JSON file for all figures")
    given = parser.parse_args()
    select, judge = read_patterns(given.select), Judge()
    ends = load_voice(given.voices[0]).card.ends
    clips = find_clips(
        given.data, ends, select=select, clip_seconds=CLIP_SECONDS, clips_per_recording=CLIPS_OF_A_RECORDING
    )
    known = references(given.data, ends, clips, select)
    audio = {clip.name: clip.read(RATE) for clip in clips}
    real = [
        [hear(judge, c.name, audio[c.name], float(mix)) for c in clips if c.instrument == end]
        for mix, end in enumerate(ends)
    ]
    in_rooms = {
        (end, "real"): {
            size: [
                hear(judge, c.name, room(audio[c.name], size), float(mix))
                for c in clips
                if c.instrument == end
            ]
            for size in sorted(given.rooms)
        }
        for mix, end in enumerate(ends)
        if len(given.rooms) > 1
    }
    floors = {}
    for end, patches in zip(ends, known, strict=True):
        floor = real_to_real_floor(patches, n_splits=100)
        floors[end] = [floor.low, floor.high]
    rows: list[Row] = []
    rooms = [rooms_table("none", in_rooms)] if in_rooms else []
    named: dict[tuple[str, str, str], list[Sound]] = {}
    for path in given.voices:
        voice = load_voice(path)
        name = Path(path).stem if path else voice.card.name
        takes = [(clip, voice.analyse(audio[clip.name], RATE)) for clip in clips]
        moved: dict[tuple[str, str], dict[float, list[Sound]]] = {}
        for mix, end in enumerate(ends):
            for played in ends:
                by_room = {
                    size: [
                        hear(judge, clip.name, take.render(Mix.at(float(mix), room=size)), float(mix))
                        for clip, take in takes
                        if clip.instrument == played
                    ]
                    for size in sorted(given.rooms)
                }
                moved[end, played] = by_room
                dry = by_room[min(by_room)]
                named[name, end, played] = dry
                rows.append({"end": end, **row(name, played, dry, real[mix], known[mix])})
        if len(given.rooms) > 1:
            rooms.append(rooms_table(name, moved))
    print(markdown(rows, floors))
    for table in rooms:
        print("\n" + table)
    if given.pieces:
        print("\n" + pieces_table(named))
    if given.out is not None:
        given.out.write_text(json.dumps({"rows": rows, "floors": floors}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
