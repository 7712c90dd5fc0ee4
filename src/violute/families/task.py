"""What the training tasks of several families share: a corpus, what a card says of it, example sounds."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from jaxtyping import Float32
from torch import nn
from torch.optim import Optimizer

from violute.data.sampling import Material
from violute.training.provenance import training_data
from violute.training.task import Sound
from violute.voices.load import load_voice

Line = TypeVar("Line", bound=Material)

EXAMPLE_MIXES = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class Corpus(Generic[Line]):
    """What a family learns from.

    Attributes:
        names: Of mix 0 and mix 1.
        training: Recordings of both ends.
        validation: Recordings that are only measured; if empty, the training recordings stand in.
        device: To train on.
        card: Entries of the exported voice's card, before what is known from the recordings.
    """

    names: tuple[str, str]
    training: Sequence[Line]
    validation: Sequence[Line]
    device: torch.device
    card: Mapping[str, Any]

    def heard(self, seconds: Callable[[Line], float]) -> tuple[str, ...]:
        """Say for the card what each end learned from; `seconds` measures what is new in a line."""
        return sources_heard(self.names, ((line.end, line.source, seconds(line)) for line in self.training))


class ModulesTask:
    """The modules and optimizers of a task, by name; a family fills both in."""

    def __init__(self) -> None:
        self._modules: dict[str, nn.Module] = {}
        self._optimizers: dict[str, Optimizer] = {}

    def modules(self) -> Mapping[str, nn.Module]:
        """Return every module whose parameters or buffers training changes."""
        return self._modules

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the optimizers, at their base learning rates."""
        return self._optimizers


def sources_heard(names: Sequence[str], lines: Iterable[tuple[int, str, float]]) -> tuple[str, ...]:
    """Say for a card what each end learned from, by end, source and seconds of each line."""
    heard: list[dict[str, float]] = [{} for _ in names]
    for end, source, seconds in lines:
        heard[end][source] = heard[end].get(source, 0.0) + seconds
    return training_data(names, heard)


def example_sounds(
    export: Callable[[Path], None],
    examples: Mapping[str, Float32[np.ndarray, " _sample"]],
    sample_rate: int,
    *,
    mixes: Sequence[float] = EXAMPLE_MIXES,
) -> dict[str, Sound]:
    """Play something of each instrument at some mixes, by the voice file that would be written."""
    sounds: dict[str, Sound] = {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "voice.onnx"
        export(path)
        voice = load_voice(path)
        for name, audio in examples.items():
            take = voice.analyse(audio, sample_rate)
            for mix in mixes:
                sounds[f"{name}-mix{mix:.2f}"] = (take.render(mix), sample_rate)
    return sounds
