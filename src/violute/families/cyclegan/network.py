"""CycleGAN: two generators that turn each instrument into the other, learned from unpaired recordings.

Each end of the dial has a generator that turns a window of anything into that instrument, and a critic
that tells its drawings from recordings patch by patch. A window that went to the other end and back
should be what it was, and the generator of one's own instrument should change nothing. The hybrid needs
no word on which instrument plays: both generators redraw the source, one of them hardly at all, and the
mix lies between the two drawings on their logarithmic scale.

Source:
    Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks (ICCV
    2017): equations 1 to 3, identity loss of section 5.2, critics and pool of 50 of section 4; Mao et
    al., Least squares generative adversarial networks (ICCV 2017), equation 9; Brunner et al., Symbolic
    music genre transfer with CycleGAN (ICTAI 2018), section III, for critics that hear music of both
    domains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from violute.families.pictures.networks import Conditions, Spectrograms, group_norm
from violute.families.pictures.retouching import Ear, RetouchConfig, RetouchEncoder, Retoucher, Rows

POOL_SIZE = 50


@dataclass(frozen=True)
class CycleGanConfig:
    """Sizes of generators and critics.

    Attributes:
        retouch: Of the generators.
        critic_channels: Of a critic's three first convolutions.
        audible_from: Where on a window's scale the critics begin to hear, 0 to 1: what lies below is the
            recording's noise, by which they would know the room instead of the instrument.
        has_mixed_critics: Whether each end has a second critic, for which recordings of either
            instrument are real: it asks for music rather than for an instrument.
    """

    retouch: RetouchConfig = field(default_factory=RetouchConfig)
    critic_channels: tuple[int, int, int] = (16, 32, 64)
    audible_from: float = 0.15
    has_mixed_critics: bool = False


class Generator(nn.Module):
    """Redraws windows as one instrument's."""

    def __init__(self, config: RetouchConfig) -> None:
        super().__init__()
        self.ear = Ear(config)
        self.encoder = RetouchEncoder(config, config.n_blocks)
        self.retoucher = Retoucher(config, config.channels[-1])

    def forward(self, spectrogram: Spectrograms, condition: Conditions | None = None) -> Spectrograms:
        """Return the windows, redrawn, in [0, 1]."""
        return self.retoucher(spectrogram, self.encoder(self.ear(spectrogram), condition))


class PatchCritic(nn.Module):
    """Scores patches of rows: 1 for recordings, 0 for drawings.

    A patch is some 0.4 seconds long and as high as the window: an instrument is known by how its high
    partials stand to its low ones, which no small square shows. For the same reason the layers are
    normalised in groups; instance by instance, every channel would forget its level.

    Args:
        channels: Of the three first convolutions.
        n_rows: That it hears.
        audible_from: Values below are silence to it.
        n_inputs: Planes of rows that it hears at once.
    """

    position: Tensor

    def __init__(
        self, channels: tuple[int, int, int], n_rows: int, *, audible_from: float, n_inputs: int = 1
    ) -> None:
        super().__init__()
        self.audible_from = audible_from
        first, second, third = channels
        self.register_buffer("position", torch.linspace(-1.0, 1.0, n_rows)[:, None], persistent=False)
        self.layers = nn.Sequential(
            nn.Conv2d(1 + n_inputs, first, (8, 4), (4, 2), (2, 1)),
            nn.LeakyReLU(0.2),
            nn.Conv2d(first, second, (8, 4), (4, 2), (2, 1)),
            group_norm(second),
            nn.LeakyReLU(0.2),
            nn.Conv2d(second, third, (8, 4), (4, 2), (2, 1)),
            group_norm(third),
            nn.LeakyReLU(0.2),
            nn.Conv2d(third, 1, 3, padding=1),
        )

    def forward(self, *rows: Rows) -> Float[Tensor, "window 1 patch_row patch_column"]:
        """Return a score for each patch."""
        heard = [functional.relu(plane - self.audible_from) for plane in rows]
        return self.layers(torch.stack([*heard, self.position.expand_as(rows[0])], dim=1))


class DrawingPool(nn.Module):
    """The last drawings of a generator, of which its critic meets old ones as well as new."""

    kept: Tensor
    n_kept: Tensor

    def __init__(self, n_rows: int, n_frames: int, size: int = POOL_SIZE) -> None:
        super().__init__()
        # Buffers, so that a resumed run meets the same drawings.
        self.register_buffer("kept", torch.zeros(size, n_rows, n_frames, dtype=torch.float16))
        self.register_buffer("n_kept", torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def exchange(self, rows: Rows) -> Rows:
        """Take drawings in and return as many: half of them new, half old once the pool is full."""
        given = rows.detach().clone()
        size = len(self.kept)
        for i, drawing in enumerate(rows.detach()):
            n_kept = int(self.n_kept)
            if n_kept < size:
                self.kept[n_kept] = drawing.half()
                self.n_kept += 1
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(size, ()))
                given[i] = self.kept[place].to(rows.dtype)
                self.kept[place] = drawing.half()
        return given


class CycleGan(nn.Module):
    """Generators, critics and pools of two ends; entry 0 and 1 of each list are those of mix 0 and 1."""

    def __init__(self, config: CycleGanConfig) -> None:
        super().__init__()
        self.config = config
        retouch = config.retouch
        self.ear = Ear(retouch)
        self.generators = nn.ModuleList(Generator(retouch) for _ in range(2))
        self.critics = nn.ModuleList(self._critic() for _ in range(2))
        self.mixed_critics = nn.ModuleList(self._critic() for _ in range(2 * config.has_mixed_critics))
        self.pools = nn.ModuleList(DrawingPool(retouch.n_rows, retouch.n_frames) for _ in range(2))

    def to_end(self, end: int, spectrogram: Spectrograms) -> Spectrograms:
        """Redraw windows as the instrument of an end, 0 or 1."""
        return self.generators[end](spectrogram)

    def meet(self, end: int, rows: Rows) -> Rows:
        """Return drawings of an end's generator, new and old, for its critic."""
        pool = self.pools[end]
        assert isinstance(pool, DrawingPool)
        return pool.exchange(rows)

    def _critic(self) -> PatchCritic:
        config = self.config
        return PatchCritic(config.critic_channels, config.retouch.n_rows, audible_from=config.audible_from)


class CycleHybrid(nn.Module):
    """What a voice file holds: windows and a mix in, windows of the hybrid out.

    Args:
        generators: Of mix 0 and mix 1, trained.
    """

    def __init__(self, generators: nn.ModuleList) -> None:
        super().__init__()
        self.generators = generators

    def forward(self, spectrogram: Spectrograms, mix: Float[Tensor, " window"]) -> Spectrograms:
        """Redraw windows as both instruments and return what lies between at `mix`."""
        first, second = (generator(spectrogram) for generator in self.generators)
        return first + mix[:, None, None] * (second - first)


def least_squares(scores: Float[Tensor, "..."], *, real: bool) -> Float[Tensor, ""]:
    """Return how far scores are from 1, for what should pass as real, or from 0.

    Source:
        Mao et al. (ICCV 2017), equation 9.
    """
    return (scores - 1.0).square().mean() if real else scores.square().mean()
