"""What the server asks of its workers, and what they respond: plain values that travel between processes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from violute.analysis.polyphony.chords import Lines
from violute.audio.span import WHOLE, Span
from violute.studio.work.live_gains import LiveGains
from violute.voices.mix import AS_PLAYED, Mix, Output


@dataclass(frozen=True)
class Job:
    """Something to do with a recording.

    Attributes:
        take: Id of the take.
        source: The recording.
        name: What to call it in messages.
        voice: Name of the voice, or its file.
        lines: How many notes may sound at once.
    """

    take: str
    source: Path
    name: str
    voice: str
    lines: Lines


@dataclass(frozen=True)
class AnalyseJob(Job):
    """Analyse a recording with a voice, and write what the page needs to play it.

    Attributes:
        preview: Where the preview of the source goes.
        parameters: Where the live parameters go, if the voice has them.
    """

    preview: Path
    parameters: Path


@dataclass(frozen=True)
class RenderJob(Job):
    """Render a recording, as `violute convert` does.

    Attributes:
        mix: The dials.
        destination: The file to write; its extension names the format.
        output: What becomes of the hybrid.
        bits: Of a sample; None is as in the recording.
        span: The part to write, as a loop marks it.
    """

    mix: Mix
    destination: Path
    output: Output = AS_PLAYED
    bits: Literal[16, 24] | None = None
    span: Span = WHOLE


@dataclass(frozen=True)
class TransposeJob(Job):
    """Write the live parameters of a recording at another pitch.

    Attributes:
        semitones: Up, or down below 0.
        destination: The file to write.
    """

    semitones: float
    destination: Path


@dataclass(frozen=True)
class ExportJob(Job):
    """Write a voice as the real-time core reads it, for the page to play along; of no recording.

    Attributes:
        destination: The file to write.
    """

    destination: Path

    @classmethod
    def of(cls, voice: str, name: str, destination: Path) -> ExportJob:
        """Ask for a voice, by its key, that its owner knows by a name."""
        return cls("", destination, name, voice, "auto", destination)


@dataclass(frozen=True)
class Cancel:
    """Stop the job at hand."""


@dataclass(frozen=True)
class Described:
    """The recording was opened and is one that the studio takes; fields as of `TakeState`."""

    duration_seconds: float
    sample_rate: int
    n_channels: int


@dataclass(frozen=True)
class Progressed:
    """The share of the job that is done, 0 to 1."""

    share: float


@dataclass(frozen=True)
class Analysed:
    """The recording was analysed; fields as of `TakeState`."""

    warnings: tuple[str, ...]
    live_gains: LiveGains | None
    source_gain: float
    n_lines: int


@dataclass(frozen=True)
class Rendered:
    """The destination is there, whole."""

    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Transposed:
    """The parameters are there, whole; the gains go with them."""

    live_gains: LiveGains


@dataclass(frozen=True)
class Exported:
    """The voice is there, whole."""


@dataclass(frozen=True)
class Refused:
    """The job cannot be done with what came; the message says why and what to do."""

    message: str


@dataclass(frozen=True)
class Stopped:
    """The job was cancelled."""


Report = Described | Progressed
Outcome = Analysed | Rendered | Transposed | Exported | Refused | Stopped
