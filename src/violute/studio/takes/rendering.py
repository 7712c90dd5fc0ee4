"""What a rendering is asked for, by query or by JSON, and the command line that makes the same file."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from violute.analysis.polyphony.chords import Lines
from violute.audio.span import WHOLE, Span
from violute.errors import MixError
from violute.studio.limits import MAX_BREAKPOINTS
from violute.voices.conversion.destinations import MARK, mix_label
from violute.voices.load import DEFAULT_VOICE
from violute.voices.mix import DEFAULT_ROOM, LARGEST_SHIFT, Mix, Output, mix_of_settings

FormatName = Literal["wav", "flac"]
MEDIA_TYPES: dict[FormatName, str] = {"wav": "audio/wav", "flac": "audio/flac"}

DialValue = Annotated[float, Field(ge=0.0, le=1.0)]
BreakPoint = tuple[float, float]
Setting = DialValue | Annotated[list[BreakPoint], Field(max_length=MAX_BREAKPOINTS)]
Shift = Annotated[float, Field(ge=-LARGEST_SHIFT, le=LARGEST_SHIFT)]
Seconds = Annotated[float, Field(ge=0.0, le=1e6)]


class DialSettings(BaseModel):
    """Dials that stand elsewhere than the mix or move on their own; meanings as in `violute convert`."""

    model_config = ConfigDict(extra="forbid")

    tone: Setting | None = Field(default=None, description="Colour of the steady note; null: as the mix.")
    noise: Setting | None = Field(default=None, description="Breath (0) to bow (1); null: as the mix.")
    attack: Setting | None = Field(default=None, description="Beginnings of notes; null: as the mix.")
    vibrato: Setting | None = Field(
        default=None, description="Vibrato in loudness (0) to vibrato in pitch (1); null: as the mix."
    )
    room: Setting = Field(default=DEFAULT_ROOM, description="Dry (0) to a large hall (1).")


class RenderSettings(BaseModel):
    """A rendering: mix or automation, dials that differ from it, what becomes of it, format and voice."""

    model_config = ConfigDict(extra="forbid")

    mix: DialValue | None = Field(
        default=None, description="From the voice's first end (0) to its second (1); null: 0.5."
    )
    dials: DialSettings = Field(default_factory=DialSettings)
    automation: list[BreakPoint] | None = Field(
        default=None,
        max_length=MAX_BREAKPOINTS,
        description="Pairs of seconds, rising, and mix: the mix moves in straight lines between them.",
    )
    wet: DialValue = Field(default=1.0, description="Share of the hybrid beside the recording.")
    level_db: Shift = Field(default=0.0, description="Louder than the recording.")
    transpose: Shift = Field(default=0.0, description="In semitones.")
    format: FormatName = "wav"
    voice: str | None = Field(default=None, description="Name of a voice; null: the take's own.")
    bits: Literal[16, 24] | None = Field(default=None, description="Of a sample; null: as the recording.")
    span: tuple[Seconds, Seconds] | None = Field(
        default=None, description="Seconds between which to keep the rendering; null: all of it."
    )
    label: str = Field(default="", max_length=40, description="To ask by how far the rendering is.")

    def as_mix(self) -> Mix:
        """Return the dials as the library knows them.

        Raises:
            MixError: Both mix and automation came, or the automation is malformed.
        """
        return mix_of_settings(self.mix, self.automation, **self.dials.model_dump())

    def as_output(self) -> Output:
        """Return what becomes of the hybrid as the library knows it."""
        return Output(self.wet, self.level_db, self.transpose)

    def as_span(self) -> Span:
        """Return the part to keep as the library knows it.

        Raises:
            InputError: It ends before it begins.
        """
        return WHOLE if self.span is None else Span(*self.span)

    def file_name(self, source_name: str) -> str:
        """Name the rendering of a recording as `violute convert` does."""
        label = mix_label(self.as_mix()) + self.as_output().label + self.as_span().label
        if self.voice not in (None, DEFAULT_VOICE):
            label = f"{str(self.voice).removeprefix('violute-')}-{label}"
        return f"{Path(source_name).stem}{MARK}-{label}.{self.format}"

    def command_line(self, source_name: str, voice: str, lines: Lines) -> str:
        """Return the command that makes the same file.

        It is typed where the recording is; dials that move are in `course_files`.
        """
        names = (source_name, self.file_name(source_name))
        # A name that begins with a dash would be taken for an option.
        words = ["violute", "convert", *(f"./{name}" if name.startswith("-") else name for name in names)]
        if self.automation is not None:
            words += ["--automation", _course_name("mix")]
        else:
            words += ["--mix", repr(0.5 if self.mix is None else self.mix)]
        for name, value in self.dials.model_dump().items():
            if value not in (None, self.mix) if name != "room" else value != DEFAULT_ROOM:
                words += [f"--{name}", _course_name(name) if isinstance(value, list) else repr(value)]
        for name, number, usual in (
            ("wet", self.wet, 1),
            ("level", self.level_db, 0),
            ("transpose", self.transpose, 0),
        ):
            if number != usual:
                words += [f"--{name}", f"{number:.12g}"]
        if self.span is not None:
            words += ["--from", repr(self.span[0]), "--to", repr(self.span[1])]
        if self.bits is not None:
            words += ["--bits", str(self.bits)]
        if voice != DEFAULT_VOICE:
            words += ["--voice", voice]
        if lines != "auto":
            words += ["--lines", str(lines)]
        return shlex.join(words)

    def course_files(self) -> dict[str, str]:
        """Return by name the CSV files that the command line reads, one for each dial that moves."""
        courses = {"mix": self.automation} | self.dials.model_dump()
        return {
            _course_name(name): f"seconds,{name}\n" + "".join(f"{at!r},{dial!r}\n" for at, dial in course)
            for name, course in courses.items()
            if isinstance(course, list)
        }


def _course_name(dial: str) -> str:
    return f"{dial}.csv"


def parse_automation(text: str | None) -> list[BreakPoint] | None:
    """Read an automation out of a query: a JSON list of pairs.

    Raises:
        MixError: It is none.
    """
    if text is None:
        return None
    try:
        pairs = [(float(seconds), float(mix)) for seconds, mix in json.loads(text)]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise MixError("the automation is no list of [seconds, mix] pairs: write [[0, 0], [4, 1]]") from None
    if len(pairs) > MAX_BREAKPOINTS:
        raise MixError(f"the automation has {len(pairs)} break-points: give at most {MAX_BREAKPOINTS}")
    return pairs
