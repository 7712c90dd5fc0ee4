"""What the bench plays: clips of held-out recordings, from plain folders or from MusicNet.

A plain folder has a folder for each instrument, named after it. MusicNet's layout
(`train_data`, `test_data`, ids for names) tells its instruments by the metadata's `ensemble`, since
its labels name some violins as other strings; there, recordings of the official test set are
held out, and the one flute recording that Violute leaves out of training.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import soundfile
from jaxtyping import Float32

from violute.data.musicnet.catalogue import Piece, read_metadata
from violute.data.recordings import Recording, list_recordings, read_recording
from violute.data.splits import HELD_OUT
from violute.errors import AudioError, InputError

MUSICNET_METADATA = "musicnet_metadata.csv"


@dataclass(frozen=True)
class Clip:
    """Some seconds of a recording.

    Attributes:
        name: Instrument and recording, and the start unless it is 0.
        instrument: What plays.
        recording: Already cut to the clip.
    """

    name: str
    instrument: str
    recording: Recording

    def read(self, sample_rate: int) -> Float32[np.ndarray, " sample"]:
        """Read the clip as mono, at any rate; recordings above full scale are brought below it."""
        audio = read_recording(self.recording, sample_rate)
        peak = float(np.max(np.abs(audio), initial=0.0))
        return audio / np.float32(peak) if peak > 1.0 else audio


def list_by_instrument(
    data: Path, instruments: Sequence[str], *, select: Sequence[str] | None = None
) -> dict[str, list[Recording]]:
    """List the recordings of each instrument.

    Args:
        data: Folder in either layout.
        instruments: Names, as of the folders or of MusicNet's ensembles without "Solo".
        select: Glob patterns of the only recordings to keep; None keeps all.

    Raises:
        InputError: MusicNet's metadata is missing, or no instrument has a folder.
        DataError: The metadata are not MusicNet's.
    """
    musicnet = _musicnet_root(data)
    if musicnet is not None:
        pieces = _musicnet_pieces(musicnet)
        listed = [r for r in list_recordings(musicnet, select=select) if r.name in pieces]
        return {
            instrument: [r for r in listed if pieces[r.name].folder == instrument.lower()]
            for instrument in instruments
        }
    found = {
        instrument: list_recordings(data / instrument, select=select)
        for instrument in instruments
        if (data / instrument).is_dir()
    }
    if not found:
        names = " or ".join(instruments)
        raise InputError(
            f"{data}: there is no folder {names} in it: give each instrument a folder of its name"
        )
    return found


def find_clips(
    data: Path,
    instruments: Sequence[str],
    *,
    select: Sequence[str] | None = None,
    limit: int | None = None,
    clip_seconds: float = 20.0,
    shortest_seconds: float = 3.0,
    clips_per_recording: int = 1,
) -> list[Clip]:
    """Choose the clips to play.

    Args:
        data: Folder in either layout.
        instruments: As for `list_by_instrument`.
        select: Glob patterns of the only recordings to play; None is all of a plain folder, and
            those held out of MusicNet.
        limit: Recordings of each instrument at most, evenly picked; None plays all.
        clip_seconds: Length of a clip at most.
        shortest_seconds: Shorter recordings are left out.
        clips_per_recording: Clips of a long recording at most, one after the other from its start.

    Raises:
        InputError: No recording is left.
    """
    by_instrument = list_by_instrument(data, instruments, select=select)
    musicnet = _musicnet_root(data)
    if select is None and musicnet is not None:
        pieces = _musicnet_pieces(musicnet)
        by_instrument = {
            instrument: [r for r in recordings if pieces[r.name].split == HELD_OUT]
            for instrument, recordings in by_instrument.items()
        }
    clips: list[Clip] = []
    for instrument, recordings in by_instrument.items():
        long_enough = [(r, s) for r in recordings if (s := recording_seconds(r)) >= shortest_seconds]
        if limit is not None and len(long_enough) > limit:
            picks = np.linspace(0, len(long_enough) - 1, limit).round().astype(int)
            long_enough = [long_enough[i] for i in picks]
        for recording, seconds in long_enough:
            clips += _cut(instrument, recording, seconds, clip_seconds, clips_per_recording)
    if not clips:
        raise InputError(
            f"{data}: no recording of {' or '.join(instruments)} lasts {shortest_seconds:g} s: "
            "select others or shorter ones"
        )
    return clips


def find_references(
    data: Path, instruments: Sequence[str], clips: Sequence[Clip], *, select: Sequence[str] | None
) -> dict[str, list[Recording]]:
    """List the recordings that baselines may learn an instrument from: those that are not played.

    Where `select` names what is held out, nothing that it names is a reference, played or not.
    """
    played = {(clip.recording.path, clip.recording.name) for clip in clips}
    held_out: set[Recording] = set()
    if select is not None:
        for recordings in list_by_instrument(data, instruments, select=select).values():
            held_out.update(recordings)
    everything = list_by_instrument(data, instruments)
    return {
        instrument: [r for r in recordings if r not in held_out and (r.path, r.name) not in played]
        for instrument, recordings in everything.items()
    }


def recording_seconds(recording: Recording) -> float:
    """Return a recording's length in seconds, without decoding it.

    Raises:
        AudioError: The file cannot be read.
    """
    if recording.end_seconds is not None:
        return recording.end_seconds - recording.start_seconds
    try:
        return float(soundfile.info(recording.path).duration) - recording.start_seconds
    except (OSError, soundfile.SoundFileError):
        raise AudioError(f"{recording.path}: cannot be read as audio: replace or remove the file") from None


def _cut(
    instrument: str, recording: Recording, seconds: float, clip_seconds: float, n_clips: int
) -> list[Clip]:
    n_whole = max(1, min(n_clips, int(seconds // clip_seconds)))
    clips = []
    for i in range(n_whole):
        offset = i * clip_seconds
        start = recording.start_seconds + offset
        cut = replace(
            recording,
            start_seconds=start,
            end_seconds=start + min(clip_seconds, seconds - offset),
        )
        name = f"{instrument}/{recording.name}" + (f"@{offset:g}" if i else "")
        clips.append(Clip(name, instrument, cut))
    return clips


def _musicnet_root(data: Path) -> Path | None:
    for folder in (data, data / "musicnet"):
        if (folder / "train_data").is_dir() or (folder / "test_data").is_dir():
            return folder
    return None


def _musicnet_pieces(root: Path) -> dict[str, Piece]:
    """Return the solo recordings of the metadata, by id."""
    candidates = [folder / MUSICNET_METADATA for folder in (root, root.parent)]
    path = next((candidate for candidate in candidates if candidate.is_file()), None)
    if path is None:
        raise InputError(f"{root}: {MUSICNET_METADATA} is missing: put it beside train_data and test_data")
    return {str(p.id): p for p in read_metadata(path.read_bytes()) if p.ensemble.startswith("Solo ")}
