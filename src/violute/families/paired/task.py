"""Training the paired model on what a teacher made, in either flavour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.critics import Scores, least_squares
from violute.families.paired.data import pair_folder, with_hybrids
from violute.families.paired.network import PairedModel
from violute.families.paired.pairs import read_pairs
from violute.families.paired.recipes import PairedRecipe
from violute.families.pictures.adversarial_health import (
    DIVERSITY,
    LARGEST_SCORE,
    diagnosis,
    diversity,
    largest_score,
)
from violute.families.pictures.corpus import DrawnWindows, PictureLine, Windows, windows_of
from violute.families.pictures.losses import divergence_above, spectrogram_losses
from violute.families.pictures.networks import Hybrid, Spectrograms
from violute.families.pictures.task import SpectrogramCorpus, WindowTask, build_corpus
from violute.training.losses import of_both_turns, take_turn
from violute.training.task import Losses, StepContext

if TYPE_CHECKING:
    from violute.families.ends import TwoEnds

N_VALIDATION_WINDOWS = 32


class PairedTask(WindowTask):
    """The family `paired` in training; `lesson` is what the card says of the set: teacher, blend, mixes."""

    family = "paired"
    built = PairedModel
    network: PairedModel
    recipe: PairedRecipe

    def __init__(
        self, corpus: SpectrogramCorpus, recipe: PairedRecipe, lesson: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(corpus, recipe)
        self.lesson = dict(lesson or {})
        rate = recipe.learning_rate
        self._optimizers = {"network": torch.optim.Adam(self.network.network.parameters(), lr=rate)}
        if self.network.critic is not None:
            self._optimizers["critic"] = torch.optim.Adam(self.network.critic.parameters(), lr=0.5 * rate)

    def step(self, batch: DrawnWindows, context: StepContext) -> Losses:
        """Let the network descend, then the critic on what the network drew before."""
        windows, critic = windows_of(batch, self.recipe.spectrogram), self.network.critic
        if critic is not None:
            critic.requires_grad_(False)
        made, losses = self.losses(windows)
        if critic is not None:
            losses["adversarial/hybrid"] = least_squares(self._scores(windows, made), real=True)
        own = take_turn("network", losses, self.recipe.loss_weights, context)
        if critic is None:
            return own
        critic.requires_grad_(True)
        judged = {
            "critic/hybrid": least_squares(self._scores(windows, windows.wanted), real=True)
            + least_squares(self._scores(windows, made.detach()), real=False)
        }
        return of_both_turns(own, take_turn("critic", judged, self.recipe.loss_weights, context))

    def losses(self, windows: Windows) -> tuple[Spectrograms, dict[str, Float[Tensor, ""]]]:
        """Draw hybrids; return them, their noise grained, and what they miss of the teacher's."""
        redrawn = self.network(windows.heard, windows.partials, windows.mix, windows.wanted, is_grained=True)
        made, grained = redrawn.drawn
        compared = spectrogram_losses(made, windows.wanted, windows.is_recorded, self.bin_weights)
        losses = {f"pairs/{name.partition('/')[2]}": value for name, value in compared.items()}
        if redrawn.posterior is not None:
            losses["latent/divergence"] = divergence_above(redrawn.posterior, self.recipe.free_nats)
        return grained, losses

    def validate(self) -> Mapping[str, float]:
        """Measure what is missed on the same pairs every time, and the critic's health; it has no vote."""
        rng = np.random.default_rng(1)
        pairs = self._held_out(min(N_VALIDATION_WINDOWS, 8 * self.recipe.batch_size), rng)
        made, losses = self.losses(pairs)
        unchanged = spectrogram_losses(pairs.spectrogram, pairs.wanted, pairs.is_recorded, self.bin_weights)
        figures = {name: float(value) for name, value in losses.items()}
        weights = self.recipe.loss_weights
        total = sum(weights[name] * value for name, value in figures.items())
        ear = self.network.ear
        figures["pairs/share_of_unchanged"] = figures["pairs/fine"] / max(
            float(unchanged["spectrogram/fine"]), 1e-9
        )
        figures[DIVERSITY] = diversity([ear(made)], [ear(pairs.wanted)])
        if self.network.critic is not None:
            scores = [score for one in (made, pairs.wanted) for score in self._scores(pairs, one)]
            figures[LARGEST_SCORE] = largest_score(scores)
        return {**figures, "total": total}

    def problem(self, measured: Mapping[str, float]) -> str | None:
        """Say that the network or the critic has stopped working, where it has."""
        return diagnosis(measured)

    def hybrid(self, network: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Keep the network; the critic's work is done."""
        assert isinstance(network, PairedModel)
        return Hybrid(network), {"output": "transfer", "flavour": network.config.flavour, **self.lesson}

    def _scores(self, windows: Windows, hybrid: Spectrograms) -> Scores:
        return self.network.scores(windows.spectrogram, windows.partials, hybrid, windows.mix)


def build_paired_task(ends: TwoEnds, recipe: PairedRecipe) -> PairedTask:
    """Prepare the sources and hybrids of a paired set and set the task up.

    Raises:
        TrainingError: The recordings are no sources of a paired set, or an end is silent throughout.
    """
    corpus = build_corpus(ends, recipe)
    sets: list[list[PictureLine]] = [[], []]
    for chosen, lines in zip(sets, (corpus.training, corpus.validation), strict=True):
        for end, recordings in enumerate(ends.recordings):
            own = [line for line in lines if line.end == end]
            chosen += with_hybrids(own, recordings, recipe.spectrogram, ends.cache)
    settings, _ = read_pairs(pair_folder(ends.recordings[0]))
    lesson = {name: settings[name] for name in ("blend", "mixes")}
    lesson["teacher"] = Path(settings["teacher"]).name
    return PairedTask(replace(corpus, training=sets[0], validation=sets[1]), recipe, lesson)
