"""CycleGAN: two generators that turn each instrument into the other, learned from unpaired recordings.

Each end of the dial has a generator that turns a window of anything into that instrument, and critics
that tell its drawings from recordings patch by patch. A window that went to the other end and back
should be what it was, and the generator of one's own instrument should change nothing. The hybrid needs
no word on which instrument plays: both generators redraw the source, one of them hardly at all, and the
mix lies between the two drawings on their logarithmic scale.

Conditioned generators hear a disguised window, its pitch and its loudness, and draw the clean one
(`families.pictures.drawing`); those of the paper hear a picture and answer with one (`paper`).

Source:
    Zhu et al., Unpaired image-to-image translation using cycle-consistent adversarial networks (ICCV
    2017): equations 1 to 3, identity loss of section 5.2; Brunner et al., Symbolic music genre transfer
    with CycleGAN (ICTAI 2018), section III, for critics that hear music of both domains.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.families.cyclegan.config import CycleGanConfig
from violute.families.cyclegan.critics import Critics, DrawingPool, Views
from violute.families.cyclegan.paper import PaperCritic, PaperGenerator
from violute.families.pictures.drawing import Drawn, Generator
from violute.families.pictures.networks import Spectrograms
from violute.families.pictures.rows import Ear, Loudness


class CycleGan(nn.Module):
    """Generators, critics and pools of two ends; entry 0 and 1 of each list are those of mix 0 and 1."""

    def __init__(self, config: CycleGanConfig) -> None:
        super().__init__()
        self.config = config
        self.is_conditioned = config.paper is None
        drawing = config.drawing
        self.ear, self.loudness = Ear(drawing), Loudness(drawing)
        self.generators = nn.ModuleList(
            Generator(drawing) if config.paper is None else PaperGenerator(config.paper) for _ in range(2)
        )
        self.critics = nn.ModuleList(self._critics() for _ in range(2))
        self.mixed_critics = nn.ModuleList(self._critics() for _ in range(2 * config.has_mixed_critics))
        shape = (
            (2, drawing.n_rows, drawing.n_frames)
            if self.is_conditioned
            else (1, drawing.n_bins, drawing.n_frames)
        )
        self.pools = nn.ModuleList(DrawingPool(shape) for _ in range(2))

    def to_end(
        self,
        end: int,
        heard: Spectrograms,
        partials: Spectrograms | None,
        like: Spectrograms | None = None,
    ) -> Drawn:
        """Draw windows as the instrument of an end, 0 or 1.

        Args:
            end: Whose.
            heard: Windows of anything, perhaps disguised.
            partials: 1 where the harmonics of the given pitch lie; None where nothing is given.
            like: Windows that are as loud as the drawings should be; None takes those heard.
        """
        generator = self.generators[end]
        if not self.is_conditioned:
            made = generator(heard)
            return Drawn(made, made)
        power = None if like is None else self.loudness(like)
        drawn: Drawn = generator(heard, partials, power=power, is_grained=True)
        return drawn

    def hybrid(
        self, spectrogram: Spectrograms, partials: Spectrograms | None, mix: Float[Tensor, " window"]
    ) -> Spectrograms:
        """Draw windows as both instruments and return what lies between at `mix`, as a voice file does."""
        first, second = (
            one(spectrogram) if partials is None else one(spectrogram, partials).spectrogram
            for one in self.generators
        )
        between: Tensor = first + mix[:, None, None] * (second - first)
        return between

    def view(self, spectrogram: Spectrograms, partials: Spectrograms | None) -> Views:
        """Return what critics hear of windows."""
        if partials is None:
            return spectrogram.unsqueeze(1)
        return torch.stack([self.ear(spectrogram), self.ear(partials)], dim=1)

    def meet(self, end: int, views: Views) -> Views:
        """Return drawings of an end's generator, new and old, for its critics."""
        pool = self.pools[end]
        assert isinstance(pool, DrawingPool)
        return pool.exchange(views)

    def _critics(self) -> nn.Module:
        config = self.config
        if config.paper is not None:
            return PaperCritic(config.paper)
        return Critics(config.critic_channels, config.drawing.n_rows, audible_from=config.audible_from)
