"""Training the VAE, and finding the axis between the instruments in what it learned.

Left to itself a VAE keeps the instrument anywhere, and the means of two instruments differ mostly
by the notes they happened to play. So the recipes that are made to work ask one channel of the
latent to tell the instrument, which gives the decoder something to go by and the axis a direction.

Source:
    Pati & Lerch, Attribute-based regularization of latent spaces for variational auto-encoders
    (Neural Computing and Applications 33, 2021), for a dimension that is tied to an attribute; the
    loss for a yes or no is ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from violute.families.pictures.corpus import Windows
from violute.families.pictures.losses import active_units, divergence_above, played_by, spectrogram_losses
from violute.families.pictures.networks import Latents
from violute.families.pictures.task import SpectrogramTask
from violute.families.vae.network import LatentAxis, LatentAxisHybrid, Vae

PROBE_STEPS = 200
PROBE_DECAY = 1e-3
ENCODED_AT_ONCE = 16
N_AXIS_WINDOWS = 256
"""Windows of each end from which a voice file's axis is found, and active units are counted."""


class VaeTask(SpectrogramTask):
    """The family `vae` in training."""

    family = "vae"
    built = Vae
    network: Vae

    def losses(self, windows: Windows) -> dict[str, Float[Tensor, ""]]:
        """Reconstruct windows from what is heard of them, and weigh their latents."""
        coded = self.network(windows.heard, windows.end, windows.partials)
        losses = {
            **spectrogram_losses(
                coded.spectrogram, windows.spectrogram, windows.is_recorded, self.bin_weights
            ),
            "latent/divergence": divergence_above(coded.posterior, self.recipe.free_nats),
        }
        if self.network.critic is not None:
            losses["latent/critic"] = played_by(self.network.critic(coded.latent), windows.end)
        return losses

    def validate(self) -> Mapping[str, float]:
        """Measure the losses and count the active units."""
        measured = dict(super().validate())
        n_windows = min(N_AXIS_WINDOWS, 8 * self.recipe.batch_size)
        means = encoded(self.network, self.training_windows(n_windows).spectrogram)
        return {**measured, "latent/active_units": float(active_units(means).sum())}

    def hybrid(self, network: nn.Module) -> tuple[nn.Module, dict[str, Any]]:
        """Wrap the network; one without condition has its axis found from windows of both instruments."""
        assert isinstance(network, Vae)
        if network.instrument is not None:
            return super().hybrid(network)
        windows = self.training_windows(2 * min(N_AXIS_WINDOWS, 8 * self.recipe.batch_size))
        means = encoded(network, windows.spectrogram)
        return LatentAxisHybrid(network, latent_axis(means, windows.end)), {}


@torch.no_grad()
def encoded(network: Vae, spectrogram: Float[Tensor, "window bin frame"]) -> Latents:
    """Return the latent means of windows, on the CPU, a few windows at a time."""
    device = next(network.parameters()).device
    return torch.cat(
        [network.encode(group.to(device)).mean.cpu() for group in spectrogram.split(ENCODED_AT_ONCE)]
    )


def latent_axis(means: Latents, end: Int[Tensor, " window"]) -> LatentAxis:
    """Find the axis between two instruments.

    The direction is the difference of their means; the probe is a logistic regression on what each
    window says on average over its steps.
    """
    pooled = means.mean(dim=2)
    direction = pooled[end == 1].mean(dim=0) - pooled[end == 0].mean(dim=0)
    weight = torch.zeros(pooled.shape[1], requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=PROBE_STEPS)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = functional.binary_cross_entropy_with_logits(pooled @ weight + bias, end.to(pooled.dtype))
        loss = loss + PROBE_DECAY * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return LatentAxis(direction, weight.detach(), float(bias.detach()))
