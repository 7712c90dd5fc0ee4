"""What a rendering is asked for, by query or by JSON, and the command line that makes the same file."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from violute.errors import MixError
from violute.studio.limits import MAX_BREAKPOINTS
from violute.voices.destinations import MARK, mix_label
from violute.voices.load import DEFAULT_VOICE
from violute.voices.mix import DEFAULT_ROOM, Mix, mix_of_settings

FormatName = Literal["wav", "flac"]
MEDIA_TYPES: dict[FormatName, str] = {"wav": "audio/wav", "flac": "audio/flac"}

DialValue = Annotated[float, Field(ge=0.0, le=1.0)]
BreakPoint = tuple[float, float]


class DialSettings(BaseModel):
    """Dials that stand elsewhere than the mix; meanings as in `violute convert`."""

    model_config = ConfigDict(extra="forbid")

    tone: DialValue | None = Field(default=None, description="Colour of the steady note; null: as the mix.")
    noise: DialValue | None = Field(default=None, description="Breath (0) to bow (1); null: as the mix.")
    attack: DialValue | None = Field(default=None, description="Beginnings of notes; null: as the mix.")
    vibrato: DialValue | None = Field(
        default=None, description="Vibrato in loudness (0) to vibrato in pitch (1); null: as the mix."
    )
    room: DialValue = Field(default=DEFAULT_ROOM, description="Dry (0) to a large hall (1).")


class RenderSettings(BaseModel):
    """A rendering: mix or automation, dials that differ from it, file format and voice."""

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
    format: FormatName = "wav"
    voice: str | None = Field(default=None, description="Name of a voice; null: the take's own.")

    def as_mix(self) -> Mix:
        """Return the dials as the library knows them.

        Raises:
            MixError: Both mix and automation came, or the automation is malformed.
        """
        return mix_of_settings(self.mix, self.automation, **self.dials.model_dump())

    def file_name(self, source_name: str) -> str:
        """Name the rendering of a recording as `violute convert` does."""
        label = mix_label(self.as_mix())
        if self.voice not in (None, DEFAULT_VOICE):
            label = f"{str(self.voice).removeprefix('violute-')}-{label}"
        return f"{Path(source_name).stem}{MARK}-{label}.{self.format}"

    def command_line(self, source_name: str) -> str:
        """Return the command that makes the same file, typed where the recording is.

        With an automation it reads `mix.csv`, whose content `automation_csv` gives.
        """
        names = (source_name, self.file_name(source_name))
        # A name that begins with a dash would be taken for an option.
        words = ["violute", "convert", *(f"./{name}" if name.startswith("-") else name for name in names)]
        if self.automation is not None:
            words += ["--automation", "mix.csv"]
        else:
            words += ["--mix", repr(0.5 if self.mix is None else self.mix)]
        for name, value in self.dials.model_dump().items():
            if value not in (None, self.mix) if name != "room" else value != DEFAULT_ROOM:
                words += [f"--{name}", repr(value)]
        if self.voice not in (None, DEFAULT_VOICE):
            words += ["--voice", str(self.voice)]
        return shlex.join(words)

    def automation_csv(self) -> str | None:
        """Return the automation as the CSV file that `violute convert --automation` reads."""
        if self.automation is None:
            return None
        return "seconds,mix\n" + "".join(f"{seconds!r},{mix!r}\n" for seconds, mix in self.automation)


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
