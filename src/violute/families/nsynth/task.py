"""Training the WaveNet autoencoder: what it costs, what it learns beside the waveform, and its voice file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from violute.data.recordings import Recording
from violute.data.sampling import read_both_ends, training_and_validation
from violute.dsp.mu_law import scaled, to_levels
from violute.dsp.sines import sines_of
from violute.families.nsynth.data import Crops, Wave, draw_crops, read_waves, unreliable
from violute.families.nsynth.network import (
    HIGHEST_HZ,
    LOWEST_HZ,
    SAMPLE_RATE,
    Nsynth,
)
from violute.families.nsynth.output import bits
from violute.families.nsynth.recipes import NsynthRecipe
from violute.families.nsynth.sampler import HIGHEST_SINE_HZ
from violute.families.nsynth.teachers import Confusion, SpectrumReader
from violute.families.task import Corpus, ModulesTask, example_sounds
from violute.training.batches import to_device
from violute.training.losses import weighted_total
from violute.training.seeds import first_weights, numpy_generator
from violute.training.task import Losses, Sound, StepContext

if TYPE_CHECKING:
    from violute.families.ends import TwoEnds

N_VALIDATION_CROPS = 32
EXAMPLE_SECONDS = 2.0
EXAMPLE_MIXES = (0.0, 1.0)


class NsynthTask(ModulesTask):
    """The family `nsynth` in training."""

    def __init__(self, corpus: Corpus[Wave], recipe: NsynthRecipe) -> None:
        super().__init__()
        self.corpus, self.recipe = corpus, recipe
        with first_weights(recipe.loop.seed):
            self._modules = {"network": Nsynth(recipe.network)}
            if "code/instrument" in recipe.loss_weights:
                self._modules["confusion"] = Confusion(recipe.network)
            if "code/spectrum" in recipe.loss_weights:
                self._modules["spectrum"] = SpectrumReader(recipe.network)
        for module in self._modules.values():
            module.to(corpus.device)
        parameters = [p for module in self._modules.values() for p in module.parameters()]
        adam = torch.optim.Adam(parameters, lr=recipe.learning_rate, betas=(0.9, 0.99))
        self._optimizers = {"network": adam}

    @property
    def network(self) -> Nsynth:
        """The autoencoder, without what is only there to teach it."""
        network = self._modules["network"]
        assert isinstance(network, Nsynth)
        return network

    def batch(self, generator: torch.Generator) -> Crops:
        """Draw crops, augmented if the recipe says so."""
        rng = numpy_generator(generator)
        return self._drawn(self.corpus.training, rng, augment=self.recipe.is_augmented)

    def step(self, batch: Crops, context: StepContext) -> Losses:
        """Descend on the weighted losses."""
        unreliability = self.unreliability_at(context.share)
        losses = self.losses(batch, context.generator, unreliability)
        losses = weighted_total(losses, self.recipe.loss_weights)
        context.descend("network", losses["total"])
        return losses

    def unreliability_at(self, done: float) -> float:
        """Return how much of the past's unreliability is left when a share of the steps is done."""
        recipe = self.recipe
        late = max(done - recipe.calm_from, 0.0) / max(1.0 - recipe.calm_from, 1e-9)
        return 1.0 - (1.0 - recipe.calm_to) * late

    def losses(
        self, crops: Crops, generator: torch.Generator | None, unreliability: float = 1.0
    ) -> dict[str, Float[Tensor, ""]]:
        """Compute every loss of the recipe, unweighted.

        Args:
            crops: To hear and to draw.
            generator: Of what makes the past and the code unreliable; None leaves both as they are.
            unreliability: Share of the recipe's noise on the past, and of what is missing there.
        """
        recipe, network = self.recipe, self.network
        levels = to_levels(crops.audio)
        wave = scaled(levels)
        device_type = self.corpus.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=recipe.is_half):
            code = network.encoder(wave)
            losses = {}
            if "code/instrument" in recipe.loss_weights:
                losses["code/instrument"] = self._modules["confusion"](code, crops.end)
            if generator is not None and recipe.code_noise:
                noise = torch.randn(code.shape, generator=generator).to(code.device)
                code = code + recipe.code_noise * noise
            shares = network.shares_of(crops.end, code.shape[2])
            if network.pitch is not None:
                losses["code/pitch"] = network.pitch.cross_entropy(code, crops.f0_hz, crops.is_voiced)
            if "code/spectrum" in recipe.loss_weights:
                seen = torch.cat([code, network.embedded(shares)], dim=1)
                losses["code/spectrum"] = self._modules["spectrum"](seen, network.encoder.bank, wave)
            losses["waveform/bits"] = self._bits(levels, wave, code, shares, crops, generator, unreliability)
        return {name: loss.float() for name, loss in losses.items()}

    def validate(self) -> Mapping[str, float]:
        """Measure the losses on the same crops every time; `total` is what the waveform costs."""
        rng = np.random.default_rng(1)
        waves = self.corpus.validation or self.corpus.training
        n_batches = -(-N_VALIDATION_CROPS // self.recipe.batch_size) if self.corpus.validation else 1
        drawn = (self._drawn(waves, rng, augment=False) for _ in range(n_batches))
        rows = [self.losses(Crops(*to_device(crops, self.corpus.device)), None) for crops in drawn]
        measured = {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}
        return {**measured, "total": measured["waveform/bits"]}

    def sounds(self) -> Mapping[str, Sound]:
        """Play some seconds of each instrument at both ends, by the voice file that would be written."""
        examples = {name: self._example(end) for end, name in enumerate(self.corpus.names)}
        return example_sounds(self.export, examples, SAMPLE_RATE, mixes=EXAMPLE_MIXES)

    def export(self, path: Path) -> None:
        """Write a voice file."""
        from violute.families.nsynth.export import export_nsynth

        heard = self.corpus.heard(lambda wave: len(wave.audio) / SAMPLE_RATE)
        known = {"name": path.stem, "training_data": heard}
        network = deepcopy(self.network).cpu().eval()
        export_nsynth(network, path, names=self.corpus.names, card={**known, **self.corpus.card})

    def _bits(
        self,
        levels: Tensor,
        wave: Tensor,
        code: Tensor,
        shares: Tensor,
        crops: Crops,
        generator: torch.Generator | None,
        unreliability: float,
    ) -> Float[Tensor, ""]:
        """Draw the frames without their context, from a past that is as unreliable as the recipe says."""
        recipe, network = self.recipe, self.network
        config, n_context = network.config, recipe.n_context_frames
        inside = slice(n_context, code.shape[2] - n_context)
        samples = slice(inside.start * config.hop_length, inside.stop * config.hop_length)
        before = functional.pad(wave[:, samples][:, :-1], (1, 0))
        if generator is not None:
            before = unreliable(
                before,
                generator,
                most_noise=unreliability * recipe.most_noise,
                missing_share=unreliability * recipe.missing_share,
            )
        sines = None
        if config.n_harmonics:
            f0_hz = crops.f0_hz[:, inside].clamp(LOWEST_HZ, HIGHEST_HZ)
            sines = sines_of(crops.cycles[:, samples], f0_hz, config.n_harmonics, HIGHEST_SINE_HZ)
        conditions = network.conditions(code, shares)[:, :, inside]
        outputs = network.decoder(before, conditions, sines).float()
        return bits(outputs, levels[:, samples], config.output).mean()

    def _drawn(self, waves: Sequence[Wave], rng: np.random.Generator, *, augment: bool) -> Crops:
        recipe = self.recipe
        return draw_crops(
            waves,
            recipe.n_frames + 2 * recipe.n_context_frames,
            recipe.batch_size,
            rng,
            hop_length=recipe.network.hop_length,
            augment=augment,
        )

    def _example(self, end: int) -> Float32[np.ndarray, " sample"]:
        longest = max((w for w in self.corpus.training if w.end == end), key=lambda wave: len(wave.audio))
        return np.asarray(longest.audio[: int(EXAMPLE_SECONDS * SAMPLE_RATE)], np.float32)


def build_nsynth_task(ends: TwoEnds, recipe: NsynthRecipe) -> NsynthTask:
    """Read the recordings of both ends, keep some for validation, and set the task up.

    Raises:
        TrainingError: An end is silent throughout.
        AudioError: A recording cannot be read.
    """

    def read(end: int, recordings: list[Recording], on_progress: Callable[[float], None]) -> list[Wave]:
        return read_waves(recordings, end, ends.cache, on_progress=on_progress)

    waves = read_both_ends(ends, read, lambda wave: len(wave.audio) / SAMPLE_RATE)
    training, validation = training_and_validation(waves)
    return NsynthTask(Corpus(ends.names, training, validation, ends.device, ends.card), recipe)
