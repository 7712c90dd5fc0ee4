"""Who plays on the bench: voices by name or file, and the baselines, opened in whatever process plays.

A `Lineup` is plain data, so it travels to worker processes and into fingerprints; `open_contender` turns one
of its names into something that analyses and renders.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float

from violute.data.recordings import Recording, read_recording
from violute.errors import InputError
from violute.evaluation.bench.schema import ContenderEntry
from violute.rates import SAMPLE_RATE
from violute.voices.contract import Player
from violute.voices.load import DEFAULT_VOICE, find_voice, load_voice

REFERENCE_SECONDS = 120.0
"""Recordings of each end that baselines learn from: this much, evenly picked from all."""


@dataclass(frozen=True)
class VoiceFile:
    """A voice on the bench."""

    name: str
    path: Path
    sha256: str


@dataclass(frozen=True)
class Lineup:
    """Everybody who plays.

    Attributes:
        voices: In the order of the tables; baselines that need a voice take the first.
        ends: Names of mix 0 and mix 1.
        references: Recordings of each end that baselines learn from, or none for either.
        with_baselines: Whether baselines play.
    """

    voices: tuple[VoiceFile, ...]
    ends: tuple[str, str]
    references: tuple[tuple[Recording, ...], tuple[Recording, ...]]
    with_baselines: bool = True


def voice_files(names_or_paths: Sequence[str]) -> tuple[VoiceFile, ...]:
    """Find voices; the built-in one where none is named.

    Raises:
        VoiceError: A voice is unknown or damaged.
        InputError: Two voices have different ends.
    """
    found: list[VoiceFile] = []
    ends: tuple[str, str] | None = None
    for given in names_or_paths or (DEFAULT_VOICE,):
        voice = load_voice(given)
        path = find_voice(given).resolve()
        if ends is not None and voice.card.ends != ends:
            raise InputError(
                f"{given}: runs from {' to '.join(voice.card.ends)}, the first from {' to '.join(ends)}: "
                "compare voices of the same two instruments"
            )
        ends = voice.card.ends
        name = voice.card.name
        if name in {other.name for other in found}:
            name = f"{name} ({path.parent.name}/{path.stem})"
        if path in {other.path for other in found}:
            raise InputError(f"{given}: was given twice: give each voice once")
        found.append(VoiceFile(name, path, hashlib.sha256(path.read_bytes()).hexdigest()))
    return tuple(found)


def contender_entries(lineup: Lineup) -> list[ContenderEntry]:
    """Describe everybody who plays, voices first."""
    entries: list[ContenderEntry] = [
        {
            "name": voice.name,
            "kind": "voice",
            "description": load_voice(voice.path).card.description,
            "ends": list(lineup.ends),
            "n_bytes": voice.path.stat().st_size,
            "sha256": voice.sha256,
        }
        for voice in lineup.voices
    ]
    if lineup.with_baselines:
        for name, baseline in _baselines(lineup, read=False).items():
            entries.append(
                {
                    "name": name,
                    "kind": "baseline",
                    "description": (type(baseline).__doc__ or "").strip().split("\n", 1)[0],
                    "ends": list(lineup.ends),
                    "n_bytes": None,
                    "sha256": "",
                }
            )
    return entries


def open_contender(lineup: Lineup, name: str) -> Player:
    """Make a contender ready to play.

    Raises:
        InputError: Nobody has that name.
    """
    for voice in lineup.voices:
        if voice.name == name:
            return load_voice(voice.path)
    baselines = _baselines(lineup, read=True) if lineup.with_baselines else {}
    if name not in baselines:
        raise InputError(f"{name}: nobody of that name plays: choose from the line-up")
    return baselines[name]


def pick_references(recordings: list[Recording], seconds: list[float]) -> tuple[Recording, ...]:
    """Pick recordings, evenly from all, until `REFERENCE_SECONDS` are reached."""
    if not recordings:
        return ()
    # A golden-ratio stride meets every register and dynamic early, whatever order they are listed in.
    order = np.argsort((np.arange(len(recordings)) * 0.618034) % 1.0, kind="stable")
    picked: list[Recording] = []
    total = 0.0
    for i in order:
        if total >= REFERENCE_SECONDS:
            break
        picked.append(recordings[i])
        total += seconds[i]
    return tuple(picked)


@lru_cache(maxsize=2)
def _baselines(lineup: Lineup, *, read: bool) -> dict[str, Player]:
    """Make the baselines, which share what they measure of the references.

    Without `read` they know their names but could not play.
    """
    from violute.evaluation.baselines.lineup import all_baselines

    voice = load_voice(lineup.voices[0].path)
    if not all(lineup.references):
        return all_baselines(voice)
    silence = [(np.zeros(1, np.float32), SAMPLE_RATE)]
    references = {
        end: [read_reference(recording) for recording in recordings] if read else silence
        for end, recordings in zip(lineup.ends, lineup.references, strict=True)
    }
    return all_baselines(voice, references)


def read_reference(recording: Recording) -> tuple[Float[np.ndarray, " sample"], int]:
    """Read a recording as baselines and distances use it: mono, at `SAMPLE_RATE`."""
    audio = read_recording(recording, SAMPLE_RATE, peak=0.9)
    return audio[: int(REFERENCE_SECONDS * SAMPLE_RATE)], SAMPLE_RATE
