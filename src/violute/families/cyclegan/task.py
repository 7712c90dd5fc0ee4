"""Training the CycleGAN: generators and critics take turns, and figures say whether both still work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.network import CycleGan, CycleHybrid, least_squares
from violute.families.cyclegan.recipes import CycleGanRecipe
from violute.families.pictures.adversarial_health import (
    CYCLE_SHARE,
    DIVERSITY,
    LARGEST_SCORE,
    diagnosis,
    distribution_distance,
    diversity,
    largest_score,
)
from violute.families.pictures.corpus import DrawnWindows, Windows, windows_of
from violute.families.pictures.networks import Spectrograms
from violute.families.pictures.task import SpectrogramCorpus, WindowTask
from violute.training.losses import of_both_turns, take_turn
from violute.training.task import Losses, StepContext

N_VALIDATION_WINDOWS = 32
DISTRIBUTION = "distribution/rows"
ENDS = (0, 1)


class CycleGanTask(WindowTask):
    """The family `cyclegan` in training."""

    family = "cyclegan"
    network: CycleGan
    recipe: CycleGanRecipe

    def __init__(self, corpus: SpectrogramCorpus, recipe: CycleGanRecipe) -> None:
        super().__init__(lambda: CycleGan(recipe.network), corpus, recipe)
        rates: dict[str, Any] = {"lr": recipe.learning_rate, "betas": (recipe.momentum, 0.999)}
        critics = nn.ModuleList([self.network.critics, self.network.mixed_critics])
        self._optimizers = {
            "generators": torch.optim.Adam(self.network.generators.parameters(), **rates),
            "critics": torch.optim.Adam(critics.parameters(), **rates),
        }
        self._critics = critics
        self.total_weights = recipe.loss_weights

    def step(self, batch: DrawnWindows, context: StepContext) -> Losses:
        """Let the generators descend, then the critics on what the generators drew before."""
        windows = windows_of(batch, self.recipe.spectrogram)
        with _frozen(self._critics):
            losses, rows = self.generator_losses(windows)
            generators = take_turn("generators", losses, self.recipe.loss_weights, context)
        judged = self.critic_losses(windows, rows)
        return of_both_turns(generators, take_turn("critics", judged, self.recipe.loss_weights, context))

    def generator_losses(self, batch: Windows) -> tuple[dict[str, Float[Tensor, ""]], list[Tensor]]:
        """Translate both ways and back; return the losses and the rows that each end's generator drew."""
        network = self.network
        real = [_of_end(batch, end) for end in ENDS]
        drawn, own = [], []
        for end in ENDS:
            given = [real[1 - end].spectrogram, real[end].spectrogram]
            others, same = network.to_end(end, torch.cat(given)).split([len(one) for one in given])
            drawn.append(others)
            own.append(same)
        rows = [network.ear(one) for one in drawn]
        returned = [network.to_end(end, drawn[1 - end]) for end in ENDS]
        losses = {
            "adversarial/translation": sum_of(
                least_squares(network.critics[end](rows[end]), real=True) for end in ENDS
            ),
            "cycle/reconstruction": sum_of(self.distance(returned[end], real[end]) for end in ENDS),
            "identity/own_instrument": sum_of(self.distance(own[end], real[end]) for end in ENDS),
        }
        if network.config.has_mixed_critics:
            losses["adversarial/mixed"] = sum_of(
                least_squares(network.mixed_critics[end](rows[end]), real=True) for end in ENDS
            )
        return losses, rows

    def critic_losses(self, batch: Windows, rows: list[Tensor]) -> dict[str, Float[Tensor, ""]]:
        """Let each critic hear recordings, and drawings of its generator, new and old."""
        network = self.network
        recorded = [network.ear(_of_end(batch, end).spectrogram) for end in ENDS]
        met = [network.meet(end, rows[end]) for end in ENDS]
        losses = {
            "critic/translation": sum_of(
                least_squares(network.critics[end](recorded[end]), real=True)
                + least_squares(network.critics[end](met[end]), real=False)
                for end in ENDS
            )
        }
        if network.config.has_mixed_critics:
            both = torch.cat(recorded)
            losses["critic/mixed"] = sum_of(
                least_squares(network.mixed_critics[end](both), real=True)
                + least_squares(network.mixed_critics[end](met[end]), real=False)
                for end in ENDS
            )
        return losses

    def distance(self, made: Spectrograms, wanted: Windows) -> Float[Tensor, ""]:
        """Return the mean distance of windows, every mel alike, where the recording holds anything."""
        importance = wanted.is_recorded * self.bin_weights
        total = importance.sum() * made.shape[2]
        return ((made - wanted.spectrogram).abs() * importance).sum() / total

    def validate(self) -> Mapping[str, float]:
        """Measure cycle, identity, likeness and health on the same windows every time.

        `total` leaves the critics out, whose scores say nothing from one step to the next.
        """
        rng = np.random.default_rng(1)
        windows = self._held_out(min(N_VALIDATION_WINDOWS, 8 * self.recipe.batch_size), rng)
        losses, rows = self.generator_losses(windows)
        network = self.network
        real = [_of_end(windows, end) for end in ENDS]
        recorded = [network.ear(one.spectrogram) for one in real]
        # The untrained generators change nothing: what recordings of the other end miss is the scale.
        likeness = [
            distribution_distance(rows[end], recorded[end])
            / distribution_distance(recorded[1 - end], recorded[end])
            for end in ENDS
        ]
        silence = sum_of(self.distance(torch.zeros_like(one.spectrogram), one) for one in real)
        scores = [network.critics[end](one) for end in ENDS for one in (rows[end], recorded[end])]
        figures = {
            **{name: float(value) for name, value in losses.items()},
            DISTRIBUTION: float(sum(likeness)) / len(ENDS),
            DIVERSITY: diversity(rows, recorded),
            CYCLE_SHARE: float(losses["cycle/reconstruction"] / silence),
            LARGEST_SCORE: largest_score(scores),
        }
        kept = ("cycle/reconstruction", "identity/own_instrument")
        total = sum(self.total_weights[name] * figures[name] for name in kept) + figures[DISTRIBUTION]
        return {**figures, "total": total}

    def problem(self, measured: Mapping[str, float]) -> str | None:
        """Say that the generators or the critics have stopped working, where they have."""
        return diagnosis(measured)

    def hybrid(self, network: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Keep the generators; the critics' work is done."""
        assert isinstance(network, CycleGan)
        return CycleHybrid(network.generators), {"output": "transfer"}


def sum_of(losses: Iterator[Tensor]) -> Float[Tensor, ""]:
    """Return the sum of scalars."""
    return torch.stack(list(losses)).sum()


def _of_end(windows: Windows, end: int) -> Windows:
    """Return the windows that one instrument played."""
    chosen = windows.end == end
    spectrogram, is_recorded, played, heard, partials = windows
    partials = None if partials is None else partials[chosen]
    return Windows(spectrogram[chosen], is_recorded[chosen], played[chosen], heard[chosen], partials)


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Leave a module's parameters without gradients for a while."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
