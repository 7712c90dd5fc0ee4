"""`Card`: what a voice file says about itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from violute.errors import VoiceError

FORMAT_VERSION = 1
"""Raised when a file written by a newer Violute could not be read by this one."""


@dataclass(frozen=True)
class Card:
    """Everything a voice file declares, stored inside the file as JSON.

    Attributes:
        name: Short name, as in `--voice NAME`.
        family: Model family that renders it (`ddsp`, ...).
        ends: Names of mix 0 and mix 1.
        sample_rate: Rate at which the voice synthesises, in Hz.
        format_version: Of the file's layout.
        licence: Of the weights.
        description: One or two sentences.
        training_data: What it learned from, with licences.
        command: The command that made it.
        pitch_range_hz: Lowest and highest fundamental heard in training, by end.
        figures: Measured figures, each with the command that measures it.
        settings: Numbers that the family's renderer needs (adaptation tables, calibration).
    """

    name: str
    family: str
    ends: tuple[str, str]
    sample_rate: int
    format_version: int = FORMAT_VERSION
    licence: str = ""
    description: str = ""
    training_data: tuple[str, ...] = ()
    command: str = ""
    pitch_range_hz: dict[str, tuple[float, float]] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """Serialise to JSON on one line."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, *, source: str) -> Card:
        """Parse a card; `source` names the file in errors.

        Raises:
            VoiceError: Malformed, or written by a newer version.
        """
        try:
            entries = json.loads(text)
            version = int(entries["format_version"])
        except (ValueError, KeyError, TypeError):
            raise VoiceError(
                f"{source}: the voice's card is damaged: export or download the voice again"
            ) from None
        if version > FORMAT_VERSION:
            raise VoiceError(
                f"{source}: the voice has format {version}, this Violute reads up to {FORMAT_VERSION}: "
                "upgrade violute"
            )
        try:
            entries["ends"] = tuple(entries["ends"])
            entries["training_data"] = tuple(entries.get("training_data", ()))
            entries["pitch_range_hz"] = {k: tuple(v) for k, v in entries.get("pitch_range_hz", {}).items()}
            return cls(**entries)
        except (TypeError, KeyError):
            raise VoiceError(
                f"{source}: the voice's card is damaged: export or download the voice again"
            ) from None
