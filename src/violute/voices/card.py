"""`Card`: what a voice file says about itself."""

from __future__ import annotations

import json
import math
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
        damaged = f"{source}: the voice's card is damaged: export or download the voice again"
        try:
            entries = json.loads(text)
            version = int(entries["format_version"])
        except (ValueError, KeyError, TypeError, OverflowError):
            raise VoiceError(damaged) from None
        if version > FORMAT_VERSION:
            raise VoiceError(
                f"{source}: the voice has format {version}, this Violute reads up to {FORMAT_VERSION}: "
                "upgrade violute"
            )
        try:
            entries["ends"] = tuple(entries["ends"])
            entries["training_data"] = tuple(entries.get("training_data", ()))
            ranges = entries.get("pitch_range_hz", {}).items()
            entries["pitch_range_hz"] = {end: (float(low), float(high)) for end, (low, high) in ranges}
            if _is_sound(**entries):
                return cls(**entries)
        except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
            pass
        raise VoiceError(damaged)


def _is_sound(**entries: Any) -> bool:
    """Whether each entry is of its kind; what `settings` holds is for the family to judge."""
    texts = [entries.get(name, "") for name in ("name", "family", "licence", "description", "command")]
    ends, sample_rate = entries["ends"], entries["sample_rate"]
    return (
        all(isinstance(text, str) for text in (*texts, *ends, *entries["training_data"]))
        and len(ends) == 2
        and all(ends)
        and isinstance(sample_rate, int)
        and 1_000 <= sample_rate <= 768_000
        and all(0.0 < low <= high < math.inf for low, high in entries["pitch_range_hz"].values())
        and all(isinstance(entries.get(name, {}), dict) for name in ("figures", "settings"))
    )
