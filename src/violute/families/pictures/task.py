"""What the training of all spectrogram models shares: windows in, losses, example sounds, a voice file."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn
from torch.optim import Optimizer

from violute.data.recordings import Recording, read_recording
from violute.data.sampling import of_both_ends, read_both_ends, training_and_validation
from violute.errors import TrainingError
from violute.families.pictures.corpus import QUIETEST_MEAN, PictureLine, Windows, draw, picture_lines
from violute.families.pictures.export import export_spectrogram
from violute.families.pictures.losses import mel_weights
from violute.families.pictures.networks import PitchLogits, SpectrogramEncoder
from violute.families.pictures.prepared import prepared_example, prepared_lines, require_transform
from violute.families.pictures.voice import SpectrogramVoice
from violute.families.vae.network import some_hints
from violute.families.vae.recipes import SpectrogramRecipe
from violute.training.losses import weighted_total
from violute.training.provenance import training_data
from violute.training.settings import LoopSettings
from violute.training.task import Losses, Sound, StepContext
from violute.transforms.spectrogram import PEAK, SpectrogramSettings
from violute.voices.file import open_voice_file

if TYPE_CHECKING:
    from violute.data.pictures.store import Store
    from violute.training.run import TwoEnds

N_VALIDATION_WINDOWS = 64
EXAMPLE_SECONDS = 6.0
EXAMPLE_MIXES = (0.0, 0.5, 1.0)


@dataclass(frozen=True)
class SpectrogramCorpus:
    """What a spectrogram model learns from.

    Attributes:
        names: Of mix 0 and mix 1.
        training: Recordings of both ends.
        validation: Recordings that are only measured; if empty, the training recordings stand in.
        examples: A few seconds of each end's sound, to play; at the rate of the transform.
        device: To train on.
        card: Entries of the exported voice's card, before what is known from the recordings.
    """

    names: tuple[str, str]
    training: Sequence[PictureLine]
    validation: Sequence[PictureLine]
    examples: tuple[Float32[np.ndarray, " _a"], Float32[np.ndarray, " _b"]]
    device: torch.device
    card: Mapping[str, Any]


class WindowRecipe(Protocol):
    """What a recipe says about windows, whatever is learned from them."""

    @property
    def loop(self) -> LoopSettings:
        """How long, how often and how carefully."""
        ...

    @property
    def spectrogram(self) -> SpectrogramSettings:
        """The transform."""
        ...

    @property
    def batch_size(self) -> int:
        """Windows a step, half of them of each end."""
        ...

    @property
    def is_augmented(self) -> bool:
        """Whether windows are transposed and made louder or softer a little."""
        ...


class WindowTask(ABC):
    """A model of windows in training: batches, example sounds, a voice file; the steps are a family's.

    Args:
        network: To train.
        corpus: To learn from.
        recipe: Transform and batches.
    """

    family: ClassVar[str]

    def __init__(self, network: nn.Module, corpus: SpectrogramCorpus, recipe: WindowRecipe) -> None:
        self.network = network.to(corpus.device)
        self.corpus, self.recipe = corpus, recipe

    @abstractmethod
    def hybrid(self, network: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Build what the voice file holds, and say what its card's settings should tell of it.

        Args:
            network: A copy of the trained one, on the CPU, evaluating.
        """

    @abstractmethod
    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return the optimizers by name."""

    @abstractmethod
    def step(self, batch: Any, context: StepContext) -> Losses:
        """Go forward, descend, and return the losses."""

    @abstractmethod
    def validate(self) -> Mapping[str, float]:
        """Measure held-out losses."""

    def modules(self) -> Mapping[str, nn.Module]:
        """Return the network."""
        return {"network": self.network}

    def batch(self, generator: torch.Generator) -> Any:
        """Draw windows, augmented if the recipe says so."""
        rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=generator)))
        return self._drawn(
            self.corpus.training, self.recipe.batch_size, rng, augment=self.recipe.is_augmented
        )

    def sounds(self) -> Mapping[str, Sound]:
        """Play a few seconds of each instrument at three mixes."""
        sounds: dict[str, Sound] = {}
        sample_rate = self.recipe.spectrogram.sample_rate
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "voice.onnx"
            self.export(path)
            voice = SpectrogramVoice(*open_voice_file(path))
            for name, audio in zip(self.corpus.names, self.corpus.examples, strict=True):
                take = voice.analyse(audio, sample_rate)
                for mix in EXAMPLE_MIXES:
                    sounds[f"{name}-mix{mix:.2f}"] = (take.render(mix), sample_rate)
        return sounds

    def export(self, path: Path) -> None:
        """Write a voice file."""
        settings, names = self.recipe.spectrogram, self.corpus.names
        graph, details = self.hybrid(deepcopy(self.network).cpu().eval())
        frame_seconds = settings.hop_length / settings.sample_rate
        heard: list[dict[str, float]] = [{}, {}]
        for line in self.corpus.training:
            seconds = len(line.picture) * frame_seconds if line.seconds is None else line.seconds
            heard[line.end][line.source] = heard[line.end].get(line.source, 0.0) + seconds
        known = {"name": path.stem, "training_data": training_data(names, heard)}
        export_spectrogram(
            graph,
            path,
            family=self.family,
            names=names,
            settings=settings,
            card={**known, **self.corpus.card},
            details=details,
        )

    def training_windows(self, n_windows: int) -> Windows:
        """Draw the same windows every time, as recorded, on the CPU: half of each end."""
        rng = np.random.default_rng(2)
        return draw(self.corpus.training, self.recipe.spectrogram, n_windows, rng, augment=False)

    def _drawn(
        self, lines: Sequence[PictureLine], n_windows: int, rng: np.random.Generator, *, augment: bool
    ) -> Windows:
        windows = draw(lines, self.recipe.spectrogram, n_windows, rng, augment=augment)
        return Windows(*(tensor.to(self.corpus.device) for tensor in windows))


class SpectrogramTask(WindowTask):
    """A spectrogram model in training; a family fills in its losses and its hybrid.

    Args:
        network: To train.
        corpus: To learn from.
        recipe: Rates and weights.
    """

    recipe: SpectrogramRecipe

    def __init__(self, network: nn.Module, corpus: SpectrogramCorpus, recipe: SpectrogramRecipe) -> None:
        super().__init__(network, corpus, recipe)
        settings = recipe.spectrogram
        self.weights = mel_weights(settings.n_bins, bin_hz=settings.sample_rate / settings.n_fft).to(
            corpus.device
        )
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)

    @abstractmethod
    def losses(self, windows: Windows) -> dict[str, Float[Tensor, ""]]:
        """Compute every loss of the recipe, unweighted."""

    def optimizers(self) -> Mapping[str, Optimizer]:
        """Return Adam over everything."""
        return {"network": self.optimizer}

    def hints(self, encoder: SpectrogramEncoder, windows: Windows) -> PitchLogits | None:
        """Hint at the pitches of some windows in training; in validation the latent is alone."""
        if not self.network.training:
            return None
        recipe = self.recipe
        return some_hints(encoder, windows.spectrogram, guidance=recipe.guidance, share=recipe.hinted_share)

    def step(self, batch: Windows, context: StepContext) -> Losses:
        """Descend on the weighted losses; the divergence's weight rises from 0."""
        weights = dict(self.recipe.loss_weights)
        warmup_steps = self.recipe.warmup_share * context.n_steps
        if context.step < warmup_steps:
            weights["latent/divergence"] *= (context.step + 1) / (warmup_steps + 1)
        losses = weighted_total(self.losses(batch), weights)
        context.descend("network", losses["total"])
        return losses

    def validate(self) -> Mapping[str, float]:
        """Measure the losses, fully weighted, on the same windows every time."""
        rng = np.random.default_rng(1)
        lines = self.corpus.validation or self.corpus.training
        n_batches = -(-N_VALIDATION_WINDOWS // self.recipe.batch_size) if self.corpus.validation else 1
        rows = []
        for _ in range(n_batches):
            windows = self._drawn(lines, self.recipe.batch_size, rng, augment=False)
            rows.append(weighted_total(self.losses(windows), self.recipe.loss_weights))
        return {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}


def build_corpus(ends: TwoEnds, recipe: WindowRecipe) -> SpectrogramCorpus:
    """Turn the recordings of both ends into pictures and keep some for validation, or open a store.

    Raises:
        TrainingError: An end is silent throughout, or the store is of another transform.
        AudioError: A recording cannot be read.
    """
    if ends.store is not None:
        return _prepared_corpus(ends, ends.store, recipe)

    def read(
        end: int, recordings: list[Recording], on_progress: Callable[[float], None]
    ) -> list[PictureLine]:
        lines = picture_lines(recordings, end, recipe.spectrogram, ends.cache, on_progress=on_progress)
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
        ends.names, training, validation, (examples[0], examples[1]), ends.device, ends.card
    )


def _prepared_corpus(ends: TwoEnds, store: Store, recipe: WindowRecipe) -> SpectrogramCorpus:
    """Learn from a store's training pictures and measure by its held-out ones, if both ends have some."""
    require_transform(store, recipe.spectrogram)
    validation = prepared_lines(store.held_out, ends.names)
    first, second = (prepared_example(store, name, EXAMPLE_SECONDS) for name in ends.names)
    return SpectrogramCorpus(
        ends.names,
        prepared_lines(store.train, ends.names),
        of_both_ends(validation),
        (first, second),
        ends.device,
        ends.card,
    )


def seeded(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Build a network whose first weights are a function of the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def _example(
    recordings: Sequence[Recording], lines: Sequence[PictureLine], sample_rate: int
) -> Float32[np.ndarray, " sample"]:
    """Return the first seconds of the largest file's first recording that is not silent."""
    sounding = {(line.name, line.source) for line in lines}
    usable = [recording for recording in recordings if (recording.name, recording.source) in sounding]
    chosen = max(usable, key=lambda recording: recording.path.stat().st_size)
    audio = read_recording(chosen, sample_rate, peak=PEAK)
    return audio[: int(EXAMPLE_SECONDS * sample_rate)]
