"""Damaged recordings through `audio.read` and `convert`."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from sieges.examiner import Verdict, examine
from sieges.mutation import damaged, recordings
from violute.audio.read import read
from violute.voices.conversion.convert import convert_file
from violute.voices.load import load_voice


def besiege_files(n_files: int, seed: int, kept: Path | None = None) -> list[Verdict]:
    """Damage recordings of every format and read and convert each.

    Args:
        n_files: How many.
        seed: Of the damages; file `i` depends on it and on `i` alone.
        kept: Folder for the files of findings.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [write_damaged(Path(folder), i, seed) for i in range(n_files)]
        verdicts = examine(_play, files)
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            for verdict in verdicts:
                if verdict.is_finding:
                    (kept / verdict.name).write_bytes((Path(folder) / verdict.name).read_bytes())
    return verdicts


def write_damaged(folder: Path, i: int, seed: int) -> Path:
    """Write damaged file `i` of a seed."""
    rng = np.random.default_rng([seed, i])
    whole = recordings_once()
    name = list(whole)[i % len(whole)]
    path = folder / f"{i:05d}_{name}"
    path.write_bytes(damaged(whole[name], rng, list(whole.values())))
    return path


@lru_cache(maxsize=1)
def recordings_once() -> dict[str, bytes]:
    """Return the whole recordings, made once."""
    return recordings()


_voice = lru_cache(maxsize=1)(load_voice)


def _play(path: Path, folder: Path) -> str:
    """Read it, convert it, and look at what came out."""
    audio, sample_rate = read(path)
    out = folder / "out.wav"
    convert_file(path, out, mix=0.5, voice=_voice())
    played, rate = read(out)
    if rate != sample_rate or played.shape != audio.shape:
        raise AssertionError(f"{audio.shape} at {sample_rate} Hz became {played.shape} at {rate} Hz")
    return "played"
