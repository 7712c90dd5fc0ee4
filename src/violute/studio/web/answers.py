"""What the HTTP interface answers beside takes and voices, and the small things it is asked with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from violute.studio.limits import RECORDING_TYPES, Limits


class ErrorAnswer(BaseModel):
    """Why a request was not served."""

    error: str = Field(description="One sentence: what came, what is allowed, what to do.")


class ExampleEntry(BaseModel):
    """A piece that ships with Violute."""

    name: str = Field(description='For `POST /takes` with {"example": NAME}.')
    title: str


class LimitsAnswer(BaseModel):
    """What the studio takes; the page states it."""

    max_upload_bytes: int
    max_seconds: float
    max_channels: int
    min_sample_rate: int = Field(description="In Hz.")
    max_sample_rate: int = Field(description="In Hz.")
    types: list[str] = Field(description="Extensions to offer; the content decides.")
    keep_seconds: float = Field(description="How long a recording stays after it was last used.")

    @classmethod
    def of(cls, limits: Limits) -> LimitsAnswer:
        """Tell of the limits what a musician can run into."""
        return cls(
            max_upload_bytes=limits.max_upload_bytes,
            max_seconds=limits.max_seconds,
            max_channels=limits.max_channels,
            min_sample_rate=limits.min_sample_rate,
            max_sample_rate=limits.max_sample_rate,
            types=list(RECORDING_TYPES),
            keep_seconds=limits.keep_seconds,
        )


class CommandAnswer(BaseModel):
    """How to make the same file without the page."""

    command: str = Field(description="To be typed in a shell, in the folder of the recording.")
    automation_csv: str | None = Field(
        description="Content of the mix.csv that the command reads, if it does."
    )


class VoiceChoice(BaseModel):
    """Another voice for a take."""

    model_config = ConfigDict(extra="forbid")

    voice: str = Field(max_length=200)


class ExampleChoice(BaseModel):
    """A shipped piece as a take."""

    model_config = ConfigDict(extra="forbid")

    example: str = Field(max_length=200)
