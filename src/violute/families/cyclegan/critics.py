"""What tells a CycleGAN's drawings from recordings: critics, and the pool of drawings that they meet again.

Source:
    Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks (ICCV
    2017), section 4, for critics of patches and the pool of 50; Mao et al., Least squares generative
    adversarial networks (ICCV 2017), equation 9; Wang et al., High-resolution image synthesis with
    conditional GANs (CVPR 2018), section 3.2, for critics at several scales; Zhao et al., Differentiable
    augmentation for data-efficient GAN training (NeurIPS 2020), for critics that cannot learn a few
    recordings by heart.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.families.pictures.networks import group_norm

POOL_SIZE = 50

SCALES = ((1, 1), (4, 2))
"""How many rows and frames are averaged before a critic hears them."""

EQUALISER_POINTS = 6
EQUALISER_LEVEL = 0.12
"""How far what critics hear is raised or lowered at random, recordings and drawings alike; 0.1 is 8 dB."""

Views = Float[Tensor, "window plane row frame"]
"""What critics hear of windows: rows, and beside them what conditions the critics."""

Scores = list[Float[Tensor, "window 1 _patch_row _patch_column"]]


class PatchCritic(nn.Module):
    """Scores patches of rows: 1 for recordings, 0 for drawings.

    A patch is some 0.4 seconds long and as high as the window: an instrument is known by how its high
    partials stand to its low ones, which no small square shows. For the same reason the layers are
    normalised in groups; instance by instance, every channel would forget its level.

    Args:
        channels: Of the three first convolutions.
        n_rows: That it hears.
        audible_from: Values of the first planes below are silence to it.
        n_heard: Planes of rows.
        n_conditions: Planes that condition it.
        scale: How many rows and frames are averaged first.
    """

    position: Tensor

    def __init__(
        self,
        channels: tuple[int, int, int],
        n_rows: int,
        *,
        audible_from: float,
        n_heard: int = 1,
        n_conditions: int = 0,
        scale: tuple[int, int] = (1, 1),
    ) -> None:
        super().__init__()
        self.audible_from, self.n_heard, self.scale = audible_from, n_heard, scale
        first, second, third = channels
        self.register_buffer("position", torch.linspace(-1.0, 1.0, n_rows)[:, None], persistent=False)
        # Rows that were averaged already are passed over half as fast.
        kernel, stride, padding = ((8, 4), (4, 2), (2, 1)) if scale[0] == 1 else ((4, 4), (2, 2), (1, 1))
        self.layers = nn.Sequential(
            nn.Conv2d(1 + n_heard + n_conditions, first, kernel, stride, padding),
            nn.LeakyReLU(0.2),
            nn.Conv2d(first, second, kernel, stride, padding),
            group_norm(second),
            nn.LeakyReLU(0.2),
            nn.Conv2d(second, third, kernel, stride, padding),
            group_norm(third),
            nn.LeakyReLU(0.2),
            nn.Conv2d(third, 1, 3, padding=1),
        )

    def forward(self, views: Views) -> Float[Tensor, "window 1 patch_row patch_column"]:
        """Return a score for each patch."""
        heard = functional.relu(views[:, : self.n_heard] - self.audible_from)
        position = self.position.expand_as(views[:, :1])
        planes = torch.cat([heard, views[:, self.n_heard :], position], dim=1)
        return self.layers(functional.avg_pool2d(planes, self.scale))


class Critics(nn.Module):
    """Critics at several scales, which are given where the harmonics lie.

    What they hear, recordings and drawings alike, is raised and lowered at random from one register to the
    next, so that they cannot know a room or a microphone.
    """

    def __init__(self, channels: tuple[int, int, int], n_rows: int, *, audible_from: float) -> None:
        super().__init__()
        self.critics = nn.ModuleList(
            PatchCritic(channels, n_rows, audible_from=audible_from, n_conditions=1, scale=scale)
            for scale in SCALES
        )

    def forward(self, views: Views) -> Scores:
        """Return a score for each patch, of each critic."""
        rows = views[:, :1]
        points = (2.0 * torch.rand(len(rows), 1, EQUALISER_POINTS) - 1.0).to(rows)
        curve = functional.interpolate(points, rows.shape[2], mode="linear", align_corners=True)
        views = torch.cat([rows + EQUALISER_LEVEL * curve[..., None], views[:, 1:]], dim=1)
        return [critic(views) for critic in self.critics]


class DrawingPool(nn.Module):
    """The last drawings of a generator, as critics hear them, who meet old ones as well as new."""

    kept: Tensor
    n_kept: Tensor

    def __init__(self, shape: tuple[int, int, int], size: int = POOL_SIZE) -> None:
        super().__init__()
        # Buffers, so that a resumed run meets the same drawings.
        self.register_buffer("kept", torch.zeros(size, *shape, dtype=torch.float16))
        self.register_buffer("n_kept", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, views: Views) -> Views:
        """Take drawings in and return as many: half of them new, half old once the pool is full."""
        given = views.detach().clone()
        size = len(self.kept)
        n_kept = int(self.n_kept)
        for i, drawing in enumerate(views.detach()):
            if n_kept < size:
                self.kept[n_kept] = drawing.half()
                n_kept += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(size, ()))
                given[i] = self.kept[place].to(views.dtype)
                self.kept[place] = drawing.half()
        self.n_kept.fill_(n_kept)
        return given


def least_squares(scores: Sequence[Float[Tensor, "..."]], *, real: bool) -> Float[Tensor, ""]:
    """Return how far scores are from 1, for what should pass as real, or from 0; the mean over critics.

    Source:
        Mao et al. (ICCV 2017), equation 9.
    """
    each = [((one.float() - 1.0) if real else one.float()).square().mean() for one in scores]
    return torch.stack(each).mean()
