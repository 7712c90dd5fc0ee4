"""A paired set out of unpaired recordings: each one translated, and blended with its translation.

A teacher voice plays every recording as the other instrument; that and the end of its own instrument are
blended by ratio. For its own end stands the recording itself, or what the teacher plays there: a teacher that
renders both ends at one pitch and phase gives ends that are aligned by construction. The set is a folder:

- `sources/INSTRUMENT/NAME.flac`: the recordings, mono, at 44.1 kHz, at one peak;
- `translations/INSTRUMENT/NAME.flac`: each one played by the other instrument;
- `renderings/INSTRUMENT/NAME.flac`: each one played by its own, where the teacher renders both ends;
- `hybrids/INSTRUMENT/NAME-mix0.5.flac`: blends;
- `manifest.json`: what belongs to what, with blend, mix, lag and teacher.

Recordings are worked on apart, in processes; what is there is kept, so a run that was stopped goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32

from violute.audio.read import read
from violute.audio.write import AudioWriter
from violute.data.manifest import MANIFEST_NAME
from violute.data.measured import content_digest
from violute.data.recordings import Recording, read_recording
from violute.errors import AudioError, DataError, SilentError
from violute.families.paired.blends import Blend, blend, lag_samples
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import PEAK
from violute.voices.family import FamilyVoice
from violute.voices.load import load_voice
from violute.voices.mix import Mix
from violute.whole_file import disk_errors, replace_text
from violute.worklist.engine import HERE, Engine

SOURCES, TRANSLATIONS, RENDERINGS, HYBRIDS = "sources", "translations", "renderings", "hybrids"
PAIRS_VERSION = 2
SHORTEST_SECONDS = 0.2

OwnEnd = Literal["recording", "rendering"]
"""What stands for the end that a recording belongs to: itself, or the teacher's rendering of it."""


@dataclass(frozen=True)
class PairSettings:
    """What makes one paired set differ from another.

    Attributes:
        teacher: Voice that translates: its name or file.
        ends: Names of mix 0 and mix 1.
        blend: Technique.
        mixes: Rising, 0 to 1.
        longest_seconds: Of each recording, from its beginning; None takes all of it.
        own_end: What stands for the recording's own end.
    """

    teacher: str
    ends: tuple[str, str]
    blend: Blend
    mixes: tuple[float, ...]
    longest_seconds: float | None
    own_end: OwnEnd = "recording"

    def __post_init__(self) -> None:
        rises = all(a < b for a, b in zip(self.mixes, self.mixes[1:], strict=False))
        if not self.mixes or not rises or not 0.0 <= self.mixes[0] <= self.mixes[-1] <= 1.0:
            raise DataError(f"mixes {list(self.mixes)}: give numbers from 0 to 1, rising")
        if self.longest_seconds is not None and not self.longest_seconds >= SHORTEST_SECONDS:
            raise DataError(f"{self.longest_seconds:g} seconds: give {SHORTEST_SECONDS:g} or more")


@dataclass(frozen=True)
class Pair:
    """One hybrid and what it was made of; paths are relative to the set.

    Attributes:
        recording: Name.
        end: Which instrument plays the source: 0 or 1.
        source: File of the recording.
        own: File that stands for its own end: the recording again, or the teacher's rendering.
        translation: File of what the teacher made of it as the other instrument.
        hybrid: File of the blend.
        blend: Technique.
        mix: 0 to 1.
        lag_samples: By how much the translation lags behind its source.
    """

    recording: str
    end: int
    source: str
    own: str
    translation: str
    hybrid: str
    blend: str
    mix: float
    lag_samples: int


def make_pairs(
    recordings: tuple[Sequence[Recording], Sequence[Recording]],
    out: Path,
    settings: PairSettings,
    *,
    engine: Engine = HERE,
    on_begin: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None] = lambda _share: None,
) -> list[Pair]:
    """Translate and blend recordings of both ends, or what is missing of them.

    Args:
        recordings: Of mix 0 and mix 1.
        out: Folder of the set; made if missing.
        settings: Teacher, blend and mixes.
        engine: Who makes them.
        on_begin: Called when what is asked for can be done, before it is.
        on_progress: Called with the share done, 0 to 1.

    Raises:
        VoiceError: The teacher cannot be loaded.
        AudioError: A recording cannot be read or written, or is silent.
        DataError: The folder holds another set or other files or cannot be written, or two recordings have
            one name.
    """
    _start(out, settings)
    works = [(end, recording) for end, members in enumerate(recordings) for recording in members]
    names = [(end, recording.name) for end, recording in works]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise DataError(f"{min(twice)[1]}: two recordings of one instrument have this name: rename one")
    used = (RENDERINGS,) if settings.own_end == "rendering" else ()
    with disk_errors(out):
        for folder in (SOURCES, TRANSLATIONS, HYBRIDS, *used):
            for name in settings.ends:
                (out / folder / name).mkdir(parents=True, exist_ok=True)
    on_begin()
    pairs: list[Pair] = []
    work = partial(_work, out, settings)
    for i, made in enumerate(engine.results(work, works)):
        pairs += made
        on_progress((i + 1) / len(works))
    if not pairs:
        raise DataError(f"{out}: no recording is longer than {SHORTEST_SECONDS:g} s: give longer ones")
    _write_manifest(out, settings, pairs)
    return pairs


def read_pairs(folder: Path) -> tuple[dict[str, Any], list[Pair]]:
    """Read a finished set: its settings and its pairs.

    Raises:
        DataError: It is missing, damaged, not finished or of another version.
    """
    document = _document(folder)
    if not document.get("pairs"):
        raise DataError(f"{folder}: the set is not finished: run the same violute pairs again")
    try:
        return dict(document["settings"]), [Pair(**entry) for entry in document["pairs"]]
    except (KeyError, TypeError):
        raise DataError(f"{folder / MANIFEST_NAME}: is damaged: make the pairs again") from None


def _start(out: Path, settings: PairSettings) -> None:
    """Claim a folder for a set, or find the same set in it."""
    entries = json.loads(json.dumps(asdict(settings)))
    if (out / MANIFEST_NAME).is_file():
        if _document(out).get("settings") != entries:
            raise DataError(f"{out}: holds pairs of other settings: name another folder or delete it")
        return
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: holds other files: name a new folder or an empty one")
    with disk_errors(out):
        out.mkdir(parents=True, exist_ok=True)
    _write_manifest(out, settings, [])


def _document(folder: Path) -> dict[str, Any]:
    try:
        document = dict(json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8")))
    except OSError:
        raise DataError(f"{folder}: holds no pairs: name a folder that violute pairs made") from None
    except (ValueError, TypeError):
        raise DataError(f"{folder / MANIFEST_NAME}: is damaged: make the pairs again") from None
    if document.get("version") != PAIRS_VERSION:
        raise DataError(
            f"{folder / MANIFEST_NAME}: is of version {document.get('version')}, not {PAIRS_VERSION}: "
            "make the pairs again"
        )
    return document


def _write_manifest(out: Path, settings: PairSettings, pairs: Sequence[Pair]) -> None:
    document = {"version": PAIRS_VERSION, "settings": asdict(settings), "pairs": [asdict(p) for p in pairs]}
    with disk_errors(out):
        replace_text(out / MANIFEST_NAME, json.dumps(document, indent=1, ensure_ascii=False))


def _work(out: Path, settings: PairSettings, item: tuple[int, Recording]) -> list[Pair]:
    """Make the pairs of one recording, or read what was made; none of one that is too short or silent."""
    end, recording = item
    folder = settings.ends[end]
    done = out / HYBRIDS / folder / f"{recording.name}.json"
    key = f"{content_digest(recording.path)}:{recording.extent}"
    known = _made_before(out, done, key)
    if known is not None:
        return known
    try:
        source = read_recording(recording, SAMPLE_RATE, peak=PEAK)
    except SilentError:
        source = np.zeros(0, np.float32)
    if settings.longest_seconds is not None:
        source = source[: round(settings.longest_seconds * SAMPLE_RATE)]
    pairs: list[Pair] = []
    if len(source) >= SHORTEST_SECONDS * SAMPLE_RATE and np.abs(source).max() > 0.0:
        source_name = f"{SOURCES}/{folder}/{recording.name}.flac"
        translation_name = f"{TRANSLATIONS}/{folder}/{recording.name}.flac"
        # What the file holds is what is blended, rounding and all.
        source = _written(out / source_name, source)
        take = _teacher(settings.teacher).analyse(source, SAMPLE_RATE)
        translation = _written(out / translation_name, take.render(Mix.at(1.0 - end, room=0.0)))
        own, own_name = source, source_name
        if settings.own_end == "rendering":
            own_name = f"{RENDERINGS}/{folder}/{recording.name}.flac"
            own = _written(out / own_name, take.render(Mix.at(float(end), room=0.0)))
        ends = (own, translation) if end == 0 else (translation, own)
        lag = lag_samples(source, translation)
        for mix in settings.mixes:
            hybrid_name = f"{HYBRIDS}/{folder}/{recording.name}-mix{mix:g}.flac"
            _written(out / hybrid_name, blend(*ends, mix, source=source, how=settings.blend))
            names = (source_name, own_name, translation_name, hybrid_name)
            pairs.append(Pair(recording.name, end, *names, settings.blend, mix, lag))
    with disk_errors(out):
        replace_text(done, json.dumps({"key": key, "pairs": [asdict(p) for p in pairs]}))
    return pairs


def _made_before(out: Path, done: Path, key: str) -> list[Pair] | None:
    """Return the pairs that `done` lists, if it is of the recording `key` and their files are all there."""
    try:
        known = json.loads(done.read_text(encoding="utf-8"))
        pairs = [Pair(**entry) for entry in known["pairs"]]
        names = {name for pair in pairs for name in (pair.source, pair.own, pair.translation, pair.hybrid)}
        return pairs if known["key"] == key and all((out / name).is_file() for name in names) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _written(path: Path, audio: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, " sample"]:
    """Write mono sound, brought below full scale where it exceeds it, and return what the file holds."""
    loudest = float(np.abs(audio).max(initial=0.0))
    if not np.isfinite(loudest):
        raise AudioError(f"{path.name}: the teacher's sound is not finite: choose another voice")
    audio = (audio / max(loudest, 1.0)).astype(np.float32)
    with AudioWriter(path, SAMPLE_RATE, 1, subtype="PCM_16") as writer:
        writer.write(audio[None])
    held, _ = read(path)
    return np.atleast_2d(held)[0]


@cache
def _teacher(name: str) -> FamilyVoice:
    """Load the teacher once a process."""
    return load_voice(name)
