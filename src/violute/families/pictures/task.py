"""What the training of all spectrogram models shares: windows in, losses, example sounds, a voice file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from violute.data.recordings import Recording, read_recording
from violute.data.sampling import of_both_ends, training_and_validation
from violute.errors import TrainingError
from violute.families.ends import TwoEnds, read_both_ends
from violute.families.pictures.config import WindowRecipe
from violute.families.pictures.corpus import (
    QUIETEST_MEAN,
    DrawnWindows,
    PictureLine,
    Windows,
    draw,
    picture_lines,
    windows_of,
)
from violute.families.pictures.export import graph_bytes, halved
from violute.families.pictures.losses import mel_weights
from violute.families.pictures.networks import Hybrid
from violute.families.pictures.prepared import (
    PreparedPitch,
    prepared_example,
    prepared_lines,
    require_transform,
)
from violute.families.task import Corpus, ModulesTask, example_sounds
from violute.families.vae.recipes import SpectrogramRecipe
from violute.training.batches import to_device
from violute.training.losses import weighted_total
from violute.training.seeds import first_weights, numpy_generator
from violute.training.task import Losses, Sound, StepContext
from violute.transforms.spectrogram import PEAK
from violute.voices.card import Card
from violute.voices.file import seal

if TYPE_CHECKING:
    from violute.data.pictures.store import Store

N_VALIDATION_WINDOWS = 64
EXAMPLE_SECONDS = 6.0


@dataclass(frozen=True)
class SpectrogramCorpus(Corpus[PictureLine]):
    """What a spectrogram model learns from.

    Attributes:
        examples: A few seconds of each end's sound, to play; at the rate of the transform.
    """

    examples: tuple[Float32[np.ndarray, " _a"], Float32[np.ndarray, " _b"]]


class WindowTask(ModulesTask, ABC):
    """A model of windows in training: batches, example sounds, a voice file; the steps are a family's."""

    family: ClassVar[str]
    built: ClassVar[type[nn.Module]]
    """Made of the sizes of a recipe."""

    def __init__(self, corpus: SpectrogramCorpus, recipe: Any) -> None:
        super().__init__()
        with first_weights(recipe.loop.seed):
            self.network = self.built(recipe.network).to(corpus.device)
        self._modules = {"network": self.network}
        self.corpus, self.recipe = corpus, recipe
        settings = recipe.spectrogram
        bin_hz = settings.sample_rate / settings.n_fft
        self.bin_weights = mel_weights(settings.n_bins, bin_hz=bin_hz).to(corpus.device)

    @classmethod
    def of(cls, ends: TwoEnds, recipe: Any) -> Self:
        """Prepare the recordings of both ends and set the task up."""
        return cls(build_corpus(ends, recipe), recipe)

    def hybrid(self, network: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Build what the voice file holds of a copy of the network, and say what its settings should add."""
        return Hybrid(network), {}

    @abstractmethod
    def step(self, batch: Any, context: StepContext) -> Losses:
        """Go forward, descend, and return the losses."""

    @abstractmethod
    def validate(self) -> Mapping[str, float]:
        """Measure held-out losses."""

    def batch(self, generator: torch.Generator) -> Any:
        """Draw windows, augmented if the recipe says so."""
        recipe, rng = self.recipe, numpy_generator(generator)
        return draw(
            self.corpus.training,
            recipe.spectrogram,
            recipe.batch_size,
            rng,
            augment=recipe.is_augmented,
            disguise=recipe.is_disguised,
        )

    def sounds(self) -> Mapping[str, Sound]:
        """Play a few seconds of each instrument at three mixes."""
        examples = dict(zip(self.corpus.names, self.corpus.examples, strict=True))
        return example_sounds(self.export, examples, self.recipe.spectrogram.sample_rate)

    def export(self, path: Path) -> None:
        """Write a voice file."""
        settings, is_conditioned = self.recipe.spectrogram, self.recipe.is_conditioned
        graph, details = self.hybrid(deepcopy(self.network).cpu().eval())
        frame_seconds = settings.hop_length / settings.sample_rate
        entries = {
            "name": path.stem,
            "family": self.family,
            "sample_rate": settings.sample_rate,
            "ends": self.corpus.names,
            "training_data": self.corpus.heard(
                lambda line: len(line.picture) * frame_seconds if line.seconds is None else line.seconds
            ),
            "settings": {
                "spectrogram": settings.to_dict(),
                "told": ["pitch", "loudness"] * is_conditioned,
                **details,
            },
            **self.corpus.card,
        }
        drawing = halved(graph_bytes(graph.eval(), settings, is_conditioned=is_conditioned))
        path.write_bytes(seal(drawing, Card(**entries)))

    def training_windows(self, n_windows: int) -> Windows:
        """Draw the same windows every time, as recorded, on the CPU: half of each end."""
        rng = np.random.default_rng(2)
        settings = self.recipe.spectrogram
        return windows_of(draw(self.corpus.training, settings, n_windows, rng, augment=False), settings)

    def _held_out(self, n_windows: int, rng: np.random.Generator) -> Windows:
        """Draw windows to validate by, disguised as in training, on the device."""
        recipe, lines = self.recipe, self.corpus.validation or self.corpus.training
        drawn = draw(lines, recipe.spectrogram, n_windows, rng, augment=False, disguise=recipe.is_disguised)
        return windows_of(to_device(drawn, self.corpus.device), recipe.spectrogram)


class SpectrogramTask(WindowTask):
    """A spectrogram model in training; a family fills in its network, its losses and its hybrid."""

    recipe: SpectrogramRecipe

    def __init__(self, corpus: SpectrogramCorpus, recipe: SpectrogramRecipe) -> None:
        super().__init__(corpus, recipe)
        self._optimizers = {"network": torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)}

    @abstractmethod
    def losses(self, windows: Windows) -> dict[str, Float[Tensor, ""]]:
        """Compute every loss of the recipe, unweighted."""

    def step(self, batch: DrawnWindows, context: StepContext) -> Losses:
        """Descend on the weighted losses; the divergence's weight rises from 0."""
        weights = dict(self.recipe.loss_weights)
        warmup_steps = self.recipe.warmup_share * context.n_steps
        weights["latent/divergence"] *= min((context.scheduled_step + 1) / (warmup_steps + 1), 1.0)
        losses = weighted_total(self.losses(windows_of(batch, self.recipe.spectrogram)), weights)
        context.descend("network", losses["total"])
        return losses

    def validate(self) -> Mapping[str, float]:
        """Measure the losses, fully weighted, on the same windows every time."""
        rng = np.random.default_rng(1)
        n_batches = -(-N_VALIDATION_WINDOWS // self.recipe.batch_size) if self.corpus.validation else 1
        rows = []
        for _ in range(n_batches):
            windows = self._held_out(self.recipe.batch_size, rng)
            rows.append(weighted_total(self.losses(windows), self.recipe.loss_weights))
        return {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}


def build_corpus(ends: TwoEnds, recipe: WindowRecipe) -> SpectrogramCorpus:
    """Turn the recordings of both ends into pictures and keep some for validation, or open a store.

    Raises:
        TrainingError: An end is silent throughout, or the store is of another transform.
    """
    if ends.store is not None:
        return _prepared_corpus(ends, ends.store, recipe)

    def read(
        end: int, recordings: list[Recording], on_progress: Callable[[float], None]
    ) -> list[PictureLine]:
        lines = picture_lines(
            recordings,
            end,
            recipe.spectrogram,
            ends.cache,
            is_conditioned=recipe.is_conditioned,
            engine=ends.engine,
            on_progress=on_progress,
        )
        # A quiet corner of a long recording is drawn around; a folder of silence is not.
        if lines and max(float(line.picture.mean()) for line in lines) < QUIETEST_MEAN:
            raise TrainingError(f"the recordings of {ends.names[end]} are silent: give recordings with sound")
        return lines

    frame_seconds = recipe.spectrogram.hop_length / recipe.spectrogram.sample_rate
    lines = read_both_ends(ends, read, lambda line: len(line.picture) * frame_seconds)
    training, validation = training_and_validation(lines)
    examples = [
        _example(members, end_lines, recipe.spectrogram.sample_rate)
        for members, end_lines in zip(ends.recordings, lines, strict=True)
    ]
    return SpectrogramCorpus(
        ends.names, training, validation, ends.device, ends.card, (examples[0], examples[1])
    )


def _prepared_corpus(ends: TwoEnds, store: Store, recipe: WindowRecipe) -> SpectrogramCorpus:
    """Learn from a store's training pictures and measure by its held-out ones, if both ends have some."""
    require_transform(store, recipe.spectrogram)
    pitch = (
        PreparedPitch(store, ends.names, ends.cache, ends.engine)
        if recipe.is_conditioned and ends.is_training
        else None
    )
    validation = prepared_lines(store.held_out, ends.names, pitch)
    first, second = (prepared_example(store, name, EXAMPLE_SECONDS) for name in ends.names)
    return SpectrogramCorpus(
        ends.names,
        prepared_lines(store.train, ends.names, pitch),
        of_both_ends(validation),
        ends.device,
        ends.card,
        (first, second),
    )


def _example(
    recordings: Sequence[Recording], lines: Sequence[PictureLine], sample_rate: int
) -> Float32[np.ndarray, " sample"]:
    """Return the first seconds of the largest file's first recording that is not silent."""
    sounding = {(line.name, line.source) for line in lines}
    usable = [recording for recording in recordings if (recording.name, recording.source) in sounding]
    chosen = max(usable, key=lambda recording: recording.path.stat().st_size)
    audio = read_recording(chosen, sample_rate, peak=PEAK)
    return audio[: int(EXAMPLE_SECONDS * sample_rate)]
