"""Violute: one voice out of two instruments.

    import violute
    voice = violute.load_voice()
    take = voice.analyse("solo.wav")
    hybrid = take.render(mix=0.5)
    violute.write("hybrid.wav", hybrid, hybrid.sample_rate)

Names are imported when they are first used, so that `import violute` costs nothing.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from violute.errors import (
    AudioError,
    InputError,
    MixError,
    ShapeError,
    TrainingError,
    VioluteError,
    VoiceError,
)

if TYPE_CHECKING:
    from violute.audio.read import read
    from violute.audio.span import Span
    from violute.audio.write import write
    from violute.families.train import train
    from violute.voices.automation import read_automation
    from violute.voices.conversion.convert import Conversion, convert_file
    from violute.voices.load import list_voices, load_voice
    from violute.voices.mix import Mix, Output
    from violute.voices.take import Take

# Since 1.32 onnxruntime sends its maker reports of every session, unless this stands before it is loaded:
# what a musician does is nobody else's business.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

__version__ = "0.1.0"

__all__ = [
    "AudioError",
    "Conversion",
    "InputError",
    "Mix",
    "MixError",
    "Output",
    "ShapeError",
    "Span",
    "Take",
    "TrainingError",
    "VioluteError",
    "VoiceError",
    "__version__",
    "convert_file",
    "list_voices",
    "load_voice",
    "read",
    "read_automation",
    "train",
    "write",
]

_HOMES = {
    "Conversion": "violute.voices.conversion.convert",
    "Mix": "violute.voices.mix",
    "Output": "violute.voices.mix",
    "Span": "violute.audio.span",
    "Take": "violute.voices.take",
    "convert_file": "violute.voices.conversion.convert",
    "list_voices": "violute.voices.load",
    "load_voice": "violute.voices.load",
    "read": "violute.audio.read",
    "read_automation": "violute.voices.automation",
    "train": "violute.families.train",
    "write": "violute.audio.write",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'violute' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
