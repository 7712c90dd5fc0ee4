"""Training the paired model on what a teacher made, in either flavour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.critics import Scores, least_squares
from violute.families.paired.data import (
    DrawnPairs,
    PairLine,
    PairWindows,
    draw_pairs,
    pair_folder,
    pair_lines,
    pairs_of,
)
from violute.families.paired.network import ConditionedPairedHybrid, PairedHybrid, PairedModel
from violute.families.paired.pairs import read_pairs
from violute.families.paired.recipes import PairedRecipe
from violute.families.pictures.adversarial_health import (
    DIVERSITY,
    LARGEST_SCORE,
    diagnosis,
    diversity,
    largest_score,
)
from violute.families.pictures.losses import divergence_above, spectrogram_losses
from violute.families.pictures.networks import Spectrograms
from violute.families.pictures.task import SpectrogramCorpus, WindowTask, build_corpus
from violute.training.batches import to_device
from violute.training.losses import of_both_turns, take_turn
from violute.training.seeds import numpy_generator
from violute.training.task import Losses, StepContext

if TYPE_CHECKING:
    from violute.families.ends import TwoEnds

N_VALIDATION_WINDOWS = 32


class PairedTask(WindowTask):
    """The family `paired` in training.

    Args:
        corpus: Sources of both ends.
        training: Pairs to learn from.
        validation: Pairs that are only measured; if empty, those to learn from stand in.
        recipe: Flavour, sizes, rates and weights.
        lesson: What the card says of the set: teacher, blend and mixes.
    """

    family = "paired"
    network: PairedModel
    recipe: PairedRecipe

    def __init__(
        self,
        corpus: SpectrogramCorpus,
        training: Sequence[PairLine],
        validation: Sequence[PairLine],
        recipe: PairedRecipe,
        lesson: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(lambda: PairedModel(recipe.network), corpus, recipe)
        self.lesson = dict(lesson or {})
        self.training, self.validation = training, validation or training
        rate = recipe.learning_rate
        self._optimizers = {"network": torch.optim.Adam(self.network.network.parameters(), lr=rate)}
        if self.network.critic is not None:
            self._optimizers["critic"] = torch.optim.Adam(self.network.critic.parameters(), lr=0.5 * rate)

    def batch(self, generator: torch.Generator) -> Any:
        """Draw pairs."""
        recipe = self.recipe
        return self._drawn_pairs(
            self.training, recipe.batch_size, numpy_generator(generator), augment=recipe.is_augmented
        )

    def step(self, batch: DrawnPairs, context: StepContext) -> Losses:
        """Let the network descend, then the critic on what the network drew before."""
        return self._descend(pairs_of(batch, self.recipe.spectrogram), context)

    def _descend(self, batch: PairWindows, context: StepContext) -> Losses:
        critic = self.network.critic
        if critic is not None:
            critic.requires_grad_(False)
        made, losses = self.losses(batch)
        if critic is not None:
            losses["adversarial/hybrid"] = least_squares(self._scores(batch, made), real=True)
        own = take_turn("network", losses, self.recipe.loss_weights, context)
        if critic is None:
            return own
        critic.requires_grad_(True)
        judged = {
            "critic/hybrid": least_squares(self._scores(batch, batch.hybrid), real=True)
            + least_squares(self._scores(batch, made.detach()), real=False)
        }
        return of_both_turns(own, take_turn("critic", judged, self.recipe.loss_weights, context))

    def losses(self, batch: PairWindows) -> tuple[Spectrograms, dict[str, Float[Tensor, ""]]]:
        """Draw hybrids; return them, their noise grained, and what they miss of the teacher's."""
        redrawn = self.network(batch.heard, batch.partials, batch.mix, batch.hybrid, is_grained=True)
        made, grained = redrawn.drawn
        compared = spectrogram_losses(made, batch.hybrid, batch.is_recorded, self.bin_weights)
        losses = {f"pairs/{name.partition('/')[2]}": value for name, value in compared.items()}
        if redrawn.posterior is not None:
            losses["latent/divergence"] = divergence_above(redrawn.posterior, self.recipe.free_nats)
        return grained, losses

    def validate(self) -> Mapping[str, float]:
        """Measure what is missed on the same pairs every time, and the critic's health; it has no vote."""
        rng = np.random.default_rng(1)
        n_windows = min(N_VALIDATION_WINDOWS, 8 * self.recipe.batch_size)
        drawn = self._drawn_pairs(self.validation, n_windows, rng, augment=False)
        pairs = pairs_of(to_device(drawn, self.corpus.device), self.recipe.spectrogram)
        made, losses = self.losses(pairs)
        unchanged = spectrogram_losses(pairs.source, pairs.hybrid, pairs.is_recorded, self.bin_weights)
        figures = {name: float(value) for name, value in losses.items()}
        weights = self.recipe.loss_weights
        total = sum(weights[name] * value for name, value in figures.items())
        ear = self.network.ear
        figures["pairs/share_of_unchanged"] = figures["pairs/fine"] / max(
            float(unchanged["spectrogram/fine"]), 1e-9
        )
        figures[DIVERSITY] = diversity([ear(made)], [ear(pairs.hybrid)])
        if self.network.critic is not None:
            scores = [score for one in (made, pairs.hybrid) for score in self._scores(pairs, one)]
            figures[LARGEST_SCORE] = largest_score(scores)
        return {**figures, "total": total}

    def problem(self, measured: Mapping[str, float]) -> str | None:
        """Say that the network or the critic has stopped working, where it has."""
        return diagnosis(measured)

    def hybrid(self, network: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Keep the network; the critic's work is done."""
        assert isinstance(network, PairedModel)
        kind = ConditionedPairedHybrid if self.recipe.is_conditioned else PairedHybrid
        return kind(network), {"output": "transfer", "flavour": network.config.flavour, **self.lesson}

    def _scores(self, batch: PairWindows, hybrid: Spectrograms) -> Scores:
        return self.network.scores(batch.source, batch.partials, hybrid, batch.mix)

    def _drawn_pairs(
        self, lines: Sequence[PairLine], n_windows: int, rng: np.random.Generator, *, augment: bool
    ) -> DrawnPairs:
        recipe = self.recipe
        return draw_pairs(
            lines, recipe.spectrogram, n_windows, rng, augment=augment, disguise=recipe.is_disguised
        )


def build_paired_task(ends: TwoEnds, recipe: PairedRecipe) -> PairedTask:
    """Prepare the sources and hybrids of a paired set and set the task up.

    Raises:
        TrainingError: The recordings are no sources of a paired set, or an end is silent throughout.
        DataError: The set is not finished.
        AudioError: A recording cannot be read.
    """
    corpus = build_corpus(ends, recipe)
    sets: list[list[PairLine]] = [[], []]
    for chosen, lines in zip(sets, (corpus.training, corpus.validation), strict=True):
        for end, recordings in enumerate(ends.recordings):
            own = [line for line in lines if line.end == end]
            chosen += pair_lines(own, recordings, recipe.spectrogram, ends.cache)
    settings, _ = read_pairs(pair_folder(ends.recordings[0]))
    lesson = {name: settings[name] for name in ("blend", "mixes")}
    lesson["teacher"] = Path(settings["teacher"]).name
    return PairedTask(corpus, sets[0], sets[1], recipe, lesson)
