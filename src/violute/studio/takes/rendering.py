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
from violute.voices.mix import Mix

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
    room: DialValue = Field(default=0.0, description="Dry (0) to a large hall (1).")


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
        """Return the dials as the library knows them; the same rule as the command line's.

        Raises:
            MixError: Both mix and automation came, or the automation is malformed.
        """
        if self.mix is not None and self.automation is not None:
            raise MixError("both mix and automation came: choose one, the automation is the mix over time")
        moving = 0.5 if self.mix is None else self.mix
        base = Mix.at(moving if self.automation is None else tuple(self.automation))
        given = {name: value for name, value in self.dials.model_dump().items() if value is not None}
        return Mix(**{**vars(base), **given})


def parse_automation(text: str | None) -> list[BreakPoint] | None:
    """Read an automation out of a query: a JSON list of pairs.

    Raises:
        MixError: It is none.
    """
    if text is None:
        return None
    wrong = "the automation is no list of [seconds, mix] pairs: write [[0, 0], [4, 1]]"
    try:
        points = json.loads(text)
        pairs = [(float(seconds), float(mix)) for seconds, mix in points]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise MixError(wrong) from None
    if len(pairs) > MAX_BREAKPOINTS:
        raise MixError(f"the automation has {len(pairs)} break-points: give at most {MAX_BREAKPOINTS}")
    return pairs


def file_name(source_name: str, settings: RenderSettings) -> str:
    """Name a rendering as `violute convert` does."""
    label = mix_label(settings.as_mix())
    if settings.voice not in (None, DEFAULT_VOICE):
        label = f"{str(settings.voice).removeprefix('violute-')}-{label}"
    return f"{Path(source_name).stem}{MARK}-{label}.{settings.format}"


def command_line(source_name: str, settings: RenderSettings) -> str:
    """Return the command that makes the same file, typed where the recording is.

    With an automation it reads `mix.csv`, whose content `automation_csv` gives.
    """
    settings.as_mix()
    words = ["violute", "convert", *map(_as_path, (source_name, file_name(source_name, settings)))]
    if settings.automation is not None:
        words += ["--automation", "mix.csv"]
    else:
        words += ["--mix", repr(0.5 if settings.mix is None else settings.mix)]
    for name, value in settings.dials.model_dump().items():
        if value not in (None, settings.mix) if name != "room" else value:
            words += [f"--{name}", repr(value)]
    if settings.voice not in (None, DEFAULT_VOICE):
        words += ["--voice", str(settings.voice)]
    return shlex.join(words)


def automation_csv(settings: RenderSettings) -> str | None:
    """Return the automation as the CSV file that `violute convert --automation` reads."""
    if settings.automation is None:
        return None
    return "seconds,mix\n" + "".join(f"{seconds!r},{mix!r}\n" for seconds, mix in settings.automation)


def _as_path(name: str) -> str:
    """Keep a name that begins with a dash from being taken for an option."""
    return f"./{name}" if name.startswith("-") else name
