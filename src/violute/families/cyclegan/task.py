"""Training the CycleGAN: generators and critics take turns, and figures say whether both still work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.critics import Views, least_squares
from violute.families.cyclegan.network import CycleGan
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
from violute.families.pictures.disguise import disguised, drawn_disguises
from violute.families.pictures.drawing import Drawn
from violute.families.pictures.losses import spectrogram_losses
from violute.families.pictures.networks import Hybrid, Spectrograms
from violute.families.pictures.task import SpectrogramCorpus, WindowTask
from violute.training.batches import to_device
from violute.training.losses import of_both_turns, take_turn
from violute.training.seeds import numpy_generator
from violute.training.task import Losses, StepContext

N_VALIDATION_WINDOWS = 32
DISTRIBUTION = "distribution/rows"
ENDS = (0, 1)


class Translations(NamedTuple):
    """What each end's generator made of a batch; an entry for each end."""

    real: list[Windows]
    drawn: list[Drawn]
    """Of the other end's windows."""
    own: list[Drawn]
    """Of its own."""
    returned: list[Drawn]
    """Of its own, after they went to the other end."""


class CycleGanTask(WindowTask):
    """The family `cyclegan` in training."""

    family = "cyclegan"
    built = CycleGan
    network: CycleGan
    recipe: CycleGanRecipe

    def __init__(self, corpus: SpectrogramCorpus, recipe: CycleGanRecipe) -> None:
        super().__init__(corpus, recipe)
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
        recipe = self.recipe
        rng = numpy_generator(context.generator) if recipe.is_disguised else None
        with _frozen(self._critics):
            with self._precision():
                made = self.translations(windows_of(batch, recipe.spectrogram), rng)
                losses = self.generator_losses(made)
            generators = take_turn("generators", losses, recipe.loss_weights, context)
        with self._precision():
            judged = self.critic_losses(made)
        return of_both_turns(generators, take_turn("critics", judged, self.recipe.loss_weights, context))

    def translations(self, batch: Windows, rng: np.random.Generator | None) -> Translations:
        """Translate both ways and back.

        Args:
            batch: Windows of both ends.
            rng: Decides how drawings are disguised before they come back, as recordings are; None leaves
                them as they are.
        """
        network = self.network
        real = [_of_end(batch, end) for end in ENDS]
        drawn, own, returned = [], [], []
        for end in ENDS:
            # In one go, which takes a GPU hardly longer than either.
            made = network.to_end(end, *_joined(real[1 - end], real[end]))
            n_others = len(real[1 - end].end)
            drawn.append(_some(made, slice(None, n_others)))
            own.append(_some(made, slice(n_others, None)))
        for end in ENDS:
            partials, heard = real[end].partials, drawn[1 - end].grained
            assert heard is not None
            if rng is not None:
                settings = self.recipe.spectrogram
                disguises = to_device(drawn_disguises(len(heard), settings, rng), heard.device)
                heard = disguised(heard, partials, disguises, settings)
            returned.append(network.to_end(end, heard, partials, real[end].spectrogram))
        return Translations(real, drawn, own, returned)

    def generator_losses(self, made: Translations) -> dict[str, Float[Tensor, ""]]:
        """Return what generators miss: critics' approval, the way back, one's own instrument."""
        network, real = self.network, made.real
        views = self._views(made)
        losses = {
            "adversarial/translation": sum_of(
                least_squares(network.critics[end](views[end]), real=True) for end in ENDS
            ),
            "cycle/reconstruction": sum_of(
                self.distance(made.returned[end].spectrogram, real[end]) for end in ENDS
            ),
            "identity/own_instrument": sum_of(
                self.distance(made.own[end].spectrogram, real[end]) for end in ENDS
            ),
        }
        if network.config.has_mixed_critics:
            losses["adversarial/mixed"] = sum_of(
                least_squares(network.mixed_critics[end](views[end]), real=True) for end in ENDS
            )
        return losses

    def critic_losses(self, made: Translations) -> dict[str, Float[Tensor, ""]]:
        """Let each critic hear recordings, and drawings of its generator, new and old.

        What a conditioned generator draws of its own instrument counts as recorded, too: what all its
        drawings have in common is no sign of the other instrument then.
        """
        network = self.network
        real = [network.view(one.spectrogram, one.partials).detach() for one in made.real]
        if network.is_conditioned:
            own = [self._view(made.own[end], made.real[end].partials).detach() for end in ENDS]
            real = [torch.cat(both) for both in zip(real, own, strict=True)]
        met = [network.meet(end, view) for end, view in enumerate(self._views(made))]
        losses = {
            "critic/translation": sum_of(
                least_squares(network.critics[end](real[end]), real=True)
                + least_squares(network.critics[end](met[end]), real=False)
                for end in ENDS
            )
        }
        if network.config.has_mixed_critics:
            both = torch.cat(real)
            losses["critic/mixed"] = sum_of(
                least_squares(network.mixed_critics[end](both), real=True)
                + least_squares(network.mixed_critics[end](met[end]), real=False)
                for end in ENDS
            )
        return losses

    def distance(self, made: Spectrograms, wanted: Windows) -> Float[Tensor, ""]:
        """Return the mean distance of windows, every mel alike, where the recording holds anything.

        For conditioned networks half of it is that of their means over neighbouring bins and frames, which
        hold the level of noise.
        """
        compared = spectrogram_losses(made, wanted.spectrogram, wanted.is_recorded, self.bin_weights)
        if not self.network.is_conditioned:
            return compared["spectrogram/fine"]
        return 0.5 * (compared["spectrogram/fine"] + compared["spectrogram/smooth"])

    def validate(self) -> Mapping[str, float]:
        """Measure cycle, identity, likeness and health on the same windows every time.

        `total` leaves the critics out, whose scores say nothing from one step to the next.
        """
        rng = np.random.default_rng(1)
        windows = self._held_out(min(N_VALIDATION_WINDOWS, 8 * self.recipe.batch_size), rng)
        made = self.translations(windows, None)
        losses = self.generator_losses(made)
        network, real = self.network, made.real
        recorded = [network.view(one.spectrogram, one.partials) for one in real]
        views = self._views(made)
        rows = [[view[:, 0] for view in side] for side in (views, recorded)]
        # What recordings of the other end miss is the scale.
        likeness = [
            distribution_distance(rows[0][end], rows[1][end])
            / distribution_distance(rows[1][1 - end], rows[1][end])
            for end in ENDS
        ]
        silence = sum_of(self.distance(torch.zeros_like(one.spectrogram), one) for one in real)
        scores = [
            score
            for end in ENDS
            for view in (views[end], recorded[end])
            for score in network.critics[end](view)
        ]
        figures = {
            **{name: float(value) for name, value in losses.items()},
            DISTRIBUTION: float(sum(likeness)) / len(ENDS),
            DIVERSITY: diversity(*rows),
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
        return Hybrid(network), {"output": "transfer"}

    def _precision(self) -> torch.autocast:
        """Compute convolutions as precisely as the recipe says."""
        return torch.autocast(self.corpus.device.type, torch.bfloat16, enabled=self.recipe.is_half)

    def _view(self, drawn: Drawn, partials: Spectrograms | None) -> Views:
        """Return what critics hear of a drawing."""
        assert drawn.grained is not None
        return self.network.view(drawn.grained, partials)

    def _views(self, made: Translations) -> list[Views]:
        """Return what the critics of each end hear of the translations."""
        return [self._view(made.drawn[end], made.real[1 - end].partials) for end in ENDS]


def sum_of(losses: Iterator[Tensor]) -> Float[Tensor, ""]:
    """Return the sum of scalars."""
    return torch.stack(list(losses)).sum()


def _of_end(windows: Windows, end: int) -> Windows:
    """Return the windows that one instrument played."""
    fields: Any = (None if field is None else field[windows.end == end] for field in windows)
    return Windows(*fields)


def _joined(first: Windows, second: Windows) -> tuple[Spectrograms, Spectrograms | None, Spectrograms]:
    """Return what is heard of both instruments, its partials, and what was recorded, one after the other."""
    partials = None
    if first.partials is not None and second.partials is not None:
        partials = torch.cat([first.partials, second.partials])
    heard = torch.cat([first.heard, second.heard])
    return heard, partials, torch.cat([first.spectrogram, second.spectrogram])


def _some(drawn: Drawn, chosen: slice) -> Drawn:
    """Return some of some drawings."""
    spectrogram, grained = drawn
    return Drawn(spectrogram[chosen], None if grained is None else grained[chosen])


@contextmanager
def _frozen(module: nn.Module) -> Iterator[None]:
    """Leave a module's parameters without gradients for a while."""
    module.requires_grad_(False)
    try:
        yield
    finally:
        module.requires_grad_(True)
