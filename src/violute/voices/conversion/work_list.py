"""Recordings of a list as an engine converts them, one a task, and what the manifest says of each."""

from __future__ import annotations

import socket
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from violute.analysis.polyphony.chords import Lines
from violute.audio.formats import format_for
from violute.audio.span import WHOLE, Span
from violute.errors import InputError, VioluteError
from violute.voices.conversion.convert import Conversion, convert_file
from violute.voices.conversion.destinations import PlannedConversion
from violute.voices.load import load_voice
from violute.voices.mix import Mix, Output
from violute.whole_file import make_folder
from violute.worklist.manifest import DONE, FAILED, FOUND, PLANNED, Row, WorkManifest
from violute.worklist.places import Place, fetched, sent, sha256_of

if TYPE_CHECKING:
    from violute.voices.contract import OnProgress
    from violute.voices.family import FamilyVoice


@dataclass(frozen=True)
class Converted:
    """What came of one recording.

    Attributes:
        conversion: What was done.
        sha256: Of the hybrid.
    """

    conversion: Conversion
    sha256: str


@dataclass(frozen=True)
class ConversionWork:
    """Converts one recording, wherever this is sent.

    Attributes:
        voice: Name or path of a voice; None is the built-in one.
        settings: What to play.
        output: What becomes of it.
        lines: How many notes may sound at once.
        overwrite: Whether a hybrid that exists is replaced.
        span: The part of it to write.
        bits: Of a sample; None: as the recording.
        driver: Name of the machine where the work was listed.
    """

    voice: str | None
    settings: Mix
    output: Output
    lines: Lines
    overwrite: bool
    span: Span = WHOLE
    bits: Literal[16, 24] | None = None
    driver: str = socket.gethostname()

    def __call__(self, plan: PlannedConversion, on_progress: OnProgress = lambda _share: None) -> Converted:
        """Convert a recording.

        Raises:
            VioluteError: It cannot be read, its hybrid not be written, or voice or file are not here.
        """
        player = self._player()
        self._require_here(plan.source, "the recording")
        if isinstance(plan.destination, Path):
            if not plan.is_named:
                make_folder(plan.destination.parent, remedy="name another output")
        else:
            format_for(plan.destination)
        with fetched(plan.source) as source, sent(plan.destination) as destination:
            try:
                conversion = convert_file(
                    source,
                    destination,
                    mix=self.settings,
                    output=self.output,
                    voice=player,
                    lines=self.lines,
                    span=self.span,
                    bits=self.bits,
                    # A hybrid that has come since is that of a worker which died before it could say so.
                    overwrite=self.overwrite or not plan.is_named,
                    on_progress=on_progress,
                )
            except VioluteError as error:  # of a copy, where the recording lies in a store
                raise type(error)(str(error).replace(str(source), str(plan.source))) from None
            digest = sha256_of(destination)
        return Converted(replace(conversion, source=plan.source, destination=plan.destination), digest)

    def _player(self) -> FamilyVoice:
        if self.voice is not None and Path(self.voice).suffix:
            self._require_here(Path(self.voice), "the voice")
        return opened_voice(self.voice)

    def _require_here(self, place: Place, what: str) -> None:
        """Say which node of a cluster lacks a file; on the driver's machine others say it better."""
        node = socket.gethostname()
        if node != self.driver and isinstance(place, Path) and not place.exists():
            raise InputError(
                f"{place}: node {node} does not see {what}: put it where every node finds it under this "
                "path, or into an object store"
            )


@lru_cache(1)
def opened_voice(voice: str | None) -> FamilyVoice:
    """Load a voice, once a process; whoever names a TorchScript file to convert with trusts it.

    Raises:
        VoiceError: It is unknown or damaged, or torch is missing.
    """
    return load_voice(voice, trust=True)


class ConversionManifest:
    """The manifest of a folder's hybrids, all by one maker: version and voice."""

    def __init__(self, folder: Place, maker: str) -> None:
        self._manifest, self._maker = WorkManifest(folder), f"violute {version('violute')}, {maker}"

    def begin(self, plans: list[PlannedConversion], *, force: bool) -> list[str]:
        """Write down what is planned and what is there; return the other makers of what is there."""
        rows, others = [], set()
        for plan in plans:
            row = self._row(plan)
            before = self._manifest.rows.get(row["output"], {})
            if force or not plan.is_done():
                rows.append(row | {"state": PLANNED, "made_by": self._maker})
            elif before.get("state") == PLANNED:
                # Its process was killed between the hybrid, which is whole, and this row.
                digest = sha256_of(plan.destination)
                rows.append(row | {"state": DONE, "made_by": before.get("made_by"), "sha256": digest})
            elif before.get("state") != DONE:
                rows.append(row | {"state": FOUND})
            if rows and rows[-1]["output"] == row["output"]:
                before = rows[-1]
            if before.get("state") == DONE and before.get("made_by") != self._maker:
                others.add(str(before.get("made_by")))
        if rows:
            if isinstance(folder := self._manifest.folder, Path):
                make_folder(folder, remedy="name another output")
            self._manifest.plan(rows)
        return sorted(others)

    def done(self, plan: PlannedConversion, converted: Converted) -> None:
        """Write down a hybrid."""
        row = self._row(plan) | {"state": DONE, "made_by": self._maker, "sha256": converted.sha256}
        self._manifest.add(row)

    def failed(self, plan: PlannedConversion, reason: str) -> None:
        """Write down why there is no hybrid."""
        self._manifest.add(self._row(plan) | {"state": FAILED, "error": reason})

    def end(self) -> None:
        """Write a row a hybrid, in order of their names."""
        self._manifest.write()

    def _row(self, plan: PlannedConversion) -> Row:
        return {"output": self._manifest.name_of(plan.destination), "input": str(plan.source)}


def maker_of(voice: FamilyVoice, path: str | None) -> str:
    """Name a voice in the manifest; one in a file by its content too."""
    name: Any = voice.card.name
    return f"{name} {sha256_of(Path(path))[:12]}" if path is not None and Path(path).is_file() else f"{name}"
