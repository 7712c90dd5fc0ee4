"""The network that hears chords, in training: one loss over all pitches, and a measure of found notes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from multipitch.network import MultipitchConfig, MultipitchGraph, MultipitchNetwork
from multipitch.pool import FURTHEST_SHIFT_BINS, Pool
from violute.analysis.polyphony.log_spectrum import N_BINS
from violute.families.recipes import Recipe, tiny_loop
from violute.families.task import ModulesTask
from violute.training.losses import weighted_total
from violute.training.onnx_graph import onnx_bytes
from violute.training.seeds import first_weights
from violute.training.settings import LoopSettings
from violute.training.task import Losses, Sound, StepContext
from violute.whole_file import replace_bytes

CARD_KEY = "violute.multipitch"
"""Entry of the ONNX file's metadata that says what the network learned from, as JSON."""

VALIDATION_BATCH = 25
FOUND = 0.5
NEAR_BINS = 2


@dataclass(frozen=True, kw_only=True)
class MultipitchRecipe(Recipe):
    """Everything about the training that is not data.

    Attributes:
        n_clips: In the pool.
        n_validation_clips: Of lines that training does not hear.
        network: Sizes.
    """

    learning_rate: float = 3e-3
    batch_size: int = 12
    n_clips: int = 5_000
    n_validation_clips: int = 200
    network: MultipitchConfig = field(default_factory=MultipitchConfig)
    loss_weights: Mapping[str, float] = field(default_factory=lambda: {"pitch/cross_entropy": 1.0})


def multipitch_default() -> MultipitchRecipe:
    """Return half an hour of one core; the shipped network's own schedule stands in its card."""
    loop = LoopSettings(n_steps=1_800, validate_every=200, checkpoint_every=100, averaging_decay=0.99)
    return MultipitchRecipe(loop=loop)


def multipitch_tiny() -> MultipitchRecipe:
    """Return what runs through everything in seconds, for tests."""
    network = MultipitchConfig(channels=4, coarse_channels=6)
    return MultipitchRecipe(
        loop=tiny_loop(averaging_decay=None), batch_size=2, n_clips=6, n_validation_clips=2, network=network
    )


MULTIPITCH_RECIPES: Mapping[str, Callable[[], MultipitchRecipe]] = {
    "default": multipitch_default,
    "tiny": multipitch_tiny,
}


class MultipitchTask(ModulesTask):
    """The network in training.

    Args:
        training: Clips to learn from.
        validation: Clips that are only measured.
        recipe: Sizes and rates.
        card: What the exported file says of itself.
    """

    def __init__(
        self, training: Pool, validation: Pool, recipe: MultipitchRecipe, *, card: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.training, self.validation, self.recipe, self.card = training, validation, recipe, dict(card)
        with first_weights(recipe.loop.seed):
            network = MultipitchNetwork(recipe.network)
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._modules = {"network": self.network}
        self._optimizers = {"network": torch.optim.Adam(self.network.parameters(), lr=recipe.learning_rate)}

    def batch(self, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Draw clips, each moved on the grid."""
        n = self.recipe.batch_size
        indices = torch.randint(len(self.training), (n,), generator=generator)
        shifts = torch.randint(-FURTHEST_SHIFT_BINS, FURTHEST_SHIFT_BINS + 1, (n,), generator=generator)
        return self.training.batch(indices.numpy(), shifts.numpy())

    def step(self, batch: tuple[Tensor, Tensor, Tensor], context: StepContext) -> Losses:
        """Descend on the cross-entropy."""
        spectra, target, weight = batch
        losses = {"pitch/cross_entropy": pitch_loss(self.network(spectra), target, weight)}
        losses = weighted_total(losses, self.recipe.loss_weights)
        context.descend("network", losses["total"])
        return losses

    def validate(self) -> Mapping[str, float]:
        """Measure the loss, and the F-measure of pitches frame by frame."""
        loss, found, wanted, both = 0.0, 0, 0, 0
        n_clips = len(self.validation)
        for start in range(0, n_clips, VALIDATION_BATCH):
            indices = np.arange(start, min(start + VALIDATION_BATCH, n_clips))
            spectra, target, weight = self.validation.batch(indices, np.zeros_like(indices))
            logits = self.network(spectra)
            loss += float(pitch_loss(logits, target, weight)) * len(indices) / n_clips
            counts = found_pitches(torch.sigmoid(logits).numpy(), target.numpy(), weight.numpy() > 0.0)
            found, wanted, both = found + counts[0], wanted + counts[1], both + counts[2]
        return {"total": loss, "pitch/frame_f1": 2.0 * both / max(found + wanted, 1)}

    def sounds(self) -> Mapping[str, Sound]:
        """Return none: the network makes no sound."""
        return {}

    def export(self, path: Path) -> None:
        """Write the network as ONNX, its card as metadata."""
        import onnx

        model = onnx.load_from_string(graph_bytes(self.network))
        onnx.helper.set_model_props(model, {CARD_KEY: json.dumps({**self.card, **self.validate_apart()})})
        replace_bytes(path, model.SerializeToString())

    def validate_apart(self) -> dict[str, float]:
        """Measure what the modules hold now, for the card."""
        self.network.eval()
        with torch.no_grad():
            measured = self.validate()
        return {
            "validation_loss": round(measured["total"], 5),
            "frame_f1": round(measured["pitch/frame_f1"], 4),
        }


def pitch_loss(
    logits: Float[Tensor, "clip frame pitch"],
    target: Float[Tensor, "clip frame pitch"],
    weight: Float[Tensor, "clip frame pitch"],
) -> Float[Tensor, ""]:
    """Cross-entropy of each pitch by itself, its sum over pitches averaged over frames."""
    losses = F.binary_cross_entropy_with_logits(logits, target, weight=weight, reduction="none")
    return losses.sum(dim=2).mean()


def found_pitches(
    probability: Float[np.ndarray, "clip frame pitch"],
    target: Float[np.ndarray, "clip frame pitch"],
    is_asked: Bool[np.ndarray, "clip frame pitch"],
) -> tuple[int, int, int]:
    """Count pitches that were found, that sound, and that are both, within two thirds of a semitone."""
    padded = np.pad(probability, ((0, 0), (0, 0), (1, 1)))
    is_peak = (probability > padded[..., :-2]) & (probability >= padded[..., 2:]) & (probability > FOUND)
    is_true = target >= 1.0
    reach = [slice(i, i + target.shape[2]) for i in range(2 * NEAR_BINS + 1)]
    width = ((0, 0), (0, 0), (NEAR_BINS, NEAR_BINS))
    near_peak = np.max([np.pad(is_peak, width)[..., part] for part in reach], axis=0)
    near_true = np.max([np.pad(is_true, width)[..., part] for part in reach], axis=0)
    n_both = int((is_true & near_peak).sum())
    n_wrong = int((is_peak & ~near_true & is_asked).sum())
    return n_both + n_wrong, int(is_true.sum()), n_both


def graph_bytes(network: MultipitchNetwork) -> bytes:
    """Export the network to ONNX, for any number of frames."""
    graph = MultipitchGraph(network.eval()).eval()
    given = (torch.zeros(64, N_BINS, 2),)
    return onnx_bytes(graph, given, {"levels": {0: "frame"}}, {"probability": {0: "frame"}})
