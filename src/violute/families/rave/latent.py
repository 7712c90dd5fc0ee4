"""The latent of a trained RAVE, turned to its principal axes and cropped to as many as its fidelity asks for.

Over the training recordings, the fewest axes that hold a share of the latent's variance; the decoder gets
the latent back on its own axes.

Annotations of the module are plain, not strings: TorchScript reads them.

Source:
    Caillon & Esling, RAVE (2021), section 3.3: fidelity and the rank that it asks for.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.rave.network import Rave


@dataclass(frozen=True)
class LatentAxes:
    """Where the latent lies.

    Attributes:
        mean: Of each number.
        basis: Principal axes, as columns, those of most variance first.
        fidelity: Share of the variance that they hold together.
    """

    mean: Float[Tensor, " latent"]
    basis: Float[Tensor, "latent kept"]
    fidelity: float


def latent_axes(means: Float[Tensor, "latent step"], fidelity: float) -> LatentAxes:
    """Find the fewest principal axes that hold a share of the variance, in (0, 1]; 1 keeps every axis.

    Source:
        RAVE, equation 7.
    """
    centred = (means - means.mean(dim=1, keepdim=True)).double()
    variance, axes = torch.linalg.eigh(centred @ centred.T / centred.shape[1])
    variance, axes = variance.flip(0).clamp_min(0.0), axes.flip(1)
    held = variance.cumsum(0) / variance.sum().clamp_min(1e-30)
    n_kept = len(held) if fidelity >= 1.0 else min(int((held < fidelity).sum()) + 1, len(held))
    return LatentAxes(means.mean(dim=1), axes[:, :n_kept].float(), float(held[n_kept - 1]))


class CroppedRave(nn.Module):
    """A trained network, on the CPU and evaluating, whose latent is turned and cropped."""

    mean: Tensor
    basis: Tensor

    def __init__(self, network: Rave, axes: LatentAxes) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", axes.mean[:, None])
        self.register_buffer("basis", axes.basis)

    def encode(self, audio: Tensor) -> Tensor:
        """Return the cropped latent (batch, kept, step) of audio (batch, sample)."""
        return torch.matmul(self.basis.t(), self.network.encode(audio) - self.mean)

    def decode(self, latent: Tensor, mix: Tensor, drive: Tensor) -> Tensor:
        """Return the audio (batch, sample) of a cropped latent at a mix (batch, step)."""
        return self.network.decode(torch.matmul(self.basis, latent) + self.mean, mix, drive)

    def forward(self, audio: Tensor, latent: Tensor, mix: Tensor, drive: Tensor) -> tuple[Tensor, Tensor]:
        """Encode one thing and decode another: the two parts of a voice file's graph."""
        return self.encode(audio), self.decode(latent, mix, drive)
