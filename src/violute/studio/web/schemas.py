"""Requests and responses of the HTTP interface, beside takes, voices and renderings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from violute.analysis.polyphony.chords import MOST_LINES
from violute.studio.limits import recording_types

LinesChoice = Literal["auto"] | Annotated[int, Field(ge=1, le=MOST_LINES)]
"""How many notes may sound at once; auto finds out."""


class ErrorResponse(BaseModel):
    """Why a request was not served."""

    error: str = Field(description="One sentence: what came, what is allowed, what to do.")


class ExampleEntry(BaseModel):
    """A piece that ships with Violute."""

    name: str = Field(description='For `POST /takes` with {"example": NAME}.')
    title: str
    seconds: float
    peaks: list[float] = Field(description="Highest sample of each of equal stretches; the highest is 1.")


class LimitsResponse(BaseModel):
    """What the studio takes; the page states it."""

    model_config = ConfigDict(from_attributes=True)

    max_upload_bytes: int
    max_seconds: float
    max_channels: int
    min_sample_rate: int = Field(description="In Hz.")
    max_sample_rate: int = Field(description="In Hz.")
    types: list[str] = Field(
        default_factory=recording_types, description="Extensions to offer; the content decides."
    )
    keep_seconds: float = Field(description="How long a recording stays after it was last used.")


class CommandResponse(BaseModel):
    """How to make the same file without the page."""

    command: str = Field(description="To be typed in a shell, in the folder of the recording.")
    files: dict[str, str] = Field(
        description="By name, the CSV files that the command reads beside it: the courses of dials that move."
    )


class RenderingState(BaseModel):
    """How far a rendering is."""

    progress: float | None = Field(
        description="Share done, from 0 while it waits for its turn; null where there is none of this label."
    )


class VoiceChoice(BaseModel):
    """Another voice for a take."""

    model_config = ConfigDict(extra="forbid")

    voice: str = Field(max_length=200)
    lines: LinesChoice = "auto"


class ExampleChoice(BaseModel):
    """A shipped piece as a take."""

    model_config = ConfigDict(extra="forbid")

    example: str = Field(max_length=200)
