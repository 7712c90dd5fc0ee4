"""`Manifest`: what a folder of recordings holds, whose it is, and what to mind; a JSON file beside it.

`violute data musicnet` and `violute data folder` write the same manifest. Paths in it are relative to
its own folder wherever they can be, so folder and manifest move together.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from violute.data.sound_report import SoundReport
from violute.errors import DataError
from violute.whole_file import named_file

MANIFEST_NAME = "manifest.json"
MANIFEST_VERSION = 1

CLIPPED_FROM = 1e-5
"""Share of clipped samples from which a manifest warns: a run of three in seven seconds."""

POLYPHONIC_FROM = 0.15
"""Estimated polyphonic share from which a manifest warns; lines in a hall read up to 0.07."""

SILENT_FROM = 0.5
DULL_BELOW_HZ = 17_000.0
"""Bandwidth below which a manifest warns, where the rate could hold more."""


@dataclass(frozen=True)
class ManifestEntry:
    """One recording.

    Attributes:
        path: Of the file, relative to the manifest's folder, with forward slashes.
        instrument: What plays, by the folder's name.
        split: `TRAIN` or `HELD_OUT`.
        sound: Figures.
        title: Of the piece; empty if unknown.
        composer: As the source writes it; empty if unknown.
        ensemble: As the source writes it; empty if unknown.
        player: Player or publisher; empty if unknown. Recordings of one player share a room.
        labels: Path of the score's notes, relative too; empty without.
        labels_sha256: Of that file, in hexadecimal; empty without.
        left_out_seconds: Of chords that a segment map beside the recording leaves out of training.
        traps: What to mind when this recording is used.
    """

    path: str
    instrument: str
    split: str
    sound: SoundReport
    title: str = ""
    composer: str = ""
    ensemble: str = ""
    player: str = ""
    labels: str = ""
    labels_sha256: str = ""
    left_out_seconds: float = 0.0
    traps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """Recordings with their licence.

    Attributes:
        name: Of the collection.
        licence: Under which the recordings may be used; empty if nobody said.
        citation: How to name the source.
        recordings: In the order of their paths.
        duplicates: Groups of paths that are the same recording, as `duplicates` finds them.
        checks: What was checked on the way here, such as checksums.
    """

    name: str
    licence: str
    citation: str
    recordings: tuple[ManifestEntry, ...]
    duplicates: tuple[tuple[str, ...], ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the manifest as what its file holds."""
        return {"version": MANIFEST_VERSION, **asdict(self)}

    def seconds(self) -> dict[str, float]:
        """Return the length of each instrument's recordings together, held-out ones too."""
        total: dict[str, float] = defaultdict(float)
        for entry in self.recordings:
            total[entry.instrument] += entry.sound.seconds
        return dict(total)


def write_manifest(manifest: Manifest, path: Path, *, overwrite: bool = True) -> None:
    """Write a manifest, whole or not at all; one that is there may be replaced, or not.

    Raises:
        InputError: The file cannot be written, or the name is taken.
    """
    write_text(path, json.dumps(manifest.as_json(), indent=2, ensure_ascii=False) + "\n", overwrite=overwrite)


def read_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        DataError: The file cannot be read, is no manifest, or one of a newer version.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        version = document.pop("version")
        if version != MANIFEST_VERSION:
            raise DataError(
                f"{path} is a manifest of version {version}, not {MANIFEST_VERSION}: update Violute"
            )
        document["recordings"] = tuple(_entry(recording) for recording in document["recordings"])
        document["duplicates"] = tuple(tuple(group) for group in document["duplicates"])
        return Manifest(**document)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise DataError(
            f"{path} is no manifest: write it anew with violute data folder or violute data musicnet"
        ) from None


def write_text(path: Path, text: str, *, overwrite: bool = True) -> None:
    """Write a text file under another name first, so that it is whole or not there.

    Raises:
        InputError: It cannot be written, or is there already and may not be replaced.
    """
    with named_file(path, overwrite=overwrite) as partial:
        partial.write_text(text, encoding="utf-8")


def traps_of(sound: SoundReport) -> tuple[str, ...]:
    """Say what to mind of a recording by its figures alone."""
    traps = []
    if sound.clipped_share >= CLIPPED_FROM:
        traps.append(f"clipped: {100 * sound.clipped_share:.3g} % of the samples stand at full scale")
    if sound.true_peak_db > 0.0:
        traps.append(f"above full scale ({sound.true_peak_db:+.1f} dBTP): scale it before writing integers")
    if sound.polyphonic_share >= POLYPHONIC_FROM:
        traps.append(
            f"several notes at once: about {100 * sound.polyphonic_share:.0f} % of the sounding time"
        )
    if sound.silent_share >= SILENT_FROM:
        traps.append(f"mostly silence: {100 * sound.silent_share:.0f} %")
    if sound.bandwidth_hz < DULL_BELOW_HZ < 0.45 * sound.sample_rate:
        traps.append(f"nothing above {sound.bandwidth_hz / 1000:.1f} kHz: nothing is to be learned there")
    elif sound.sample_rate < 2 * DULL_BELOW_HZ:
        traps.append(f"recorded at {sound.sample_rate} Hz: nothing above half of it")
    return tuple(traps)


def duplicates(recordings: Iterable[ManifestEntry]) -> tuple[tuple[str, ...], ...]:
    """Group the paths of recordings that are one: of equal content, or of one name in several places.

    Names are compared without their endings and without case, so `Take 1.wav` in one folder and
    `take 1.mp3` in another are a group. A recording in two groups joins them.
    """
    groups: list[set[str]] = []
    by_key: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in recordings:
        by_key["content", entry.sound.sha256].add(entry.path)
        by_key["name", Path(entry.path).stem.casefold()].add(entry.path)
    for paths in by_key.values():
        if len(paths) < 2:
            continue
        joined = paths.union(*(group for group in groups if group & paths))
        groups = [group for group in groups if not group & paths] + [joined]
    return tuple(sorted(tuple(sorted(group)) for group in groups))


def _entry(document: dict[str, Any]) -> ManifestEntry:
    known = {**document, "sound": SoundReport(**document["sound"]), "traps": tuple(document["traps"])}
    return ManifestEntry(**known)
