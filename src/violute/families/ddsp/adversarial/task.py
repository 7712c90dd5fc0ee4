"""Refitting a voice's levels through its synthesiser, against critics that know the instruments.

The network starts from a voice file. First what belongs to the recordings is fitted: the colour of each
source and, for some hundreds of steps, its reverberation, so that what is left apart is the instrument. From
then on the decoder descends too. What an end plays is set beside recordings of it: copies of these very
recordings by their spectra, and both copies and conversions by critics of spectrograms at several
resolutions, which are given the end. Levels are held near those of the voice that it started from. The voice
that comes out has the same graph, so nothing is added to playing it.

Source:
    Engel et al., DDSP (ICLR 2020), section 4.2, for spectra through the synthesiser and rooms apart; Kumar
    et al., MelGAN (NeurIPS 2019), for critics and the matching of their features, as in
    `violute.families.rave.discriminators`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from violute.data.features import Features
from violute.dsp.spectral import multi_resolution_spectral_loss
from violute.families.ddsp.adversarial.data import Asked, Compared, ComparedSampler, played_line
from violute.families.ddsp.adversarial.player import Player
from violute.families.ddsp.adversarial.rooms import fit_colours
from violute.families.ddsp.adversarial.spread import spread_distance
from violute.families.ddsp.adversarial.start import Start, export_like
from violute.families.ddsp.losses import (
    HARMONIC_KNEE_DB,
    NOISE_KNEE_DB,
    audibility,
    weighted_l1,
)
from violute.families.ddsp.network import DdspDecoder
from violute.families.ddsp.recipes import AdversarialRecipe
from violute.families.ddsp.sound import COMPARED_RMS, SourceReverb
from violute.families.ddsp.task import SPECTRAL, DdspTask
from violute.families.rave.config import DiscriminatorConfig
from violute.families.rave.discriminators import (
    Discriminators,
    decoder_loss,
    discriminator_loss,
    feature_distance,
    statistics_distance,
)
from violute.rates import SAMPLE_RATE
from violute.training.batches import to_device
from violute.training.losses import of_both_turns, take_turn
from violute.training.seeds import first_weights, numpy_generator
from violute.training.task import Losses, StepContext

N_VALIDATION_ITEMS = 16
N_FFTS = (2048, 1024, 512, 256)
QUIETEST_RMS = 1e-5


class AdversarialTask(DdspTask):
    """The family `ddsp` in training from a voice on; for the arguments see `DdspTask`."""

    def __init__(
        self,
        start: Start,
        training: tuple[list[Features], list[Features]],
        validation: tuple[list[Features], list[Features]],
        recipe: AdversarialRecipe,
        *,
        names: tuple[str, str],
        device: torch.device,
        card: Mapping[str, object],
    ) -> None:
        sizes = start.decoder.config
        recipe = replace(recipe, channels=sizes.channels, dilations=sizes.dilations, spectral_from_step=0)
        super().__init__(training, validation, recipe, names=names, device=device, card=card)
        assert self.rooms is not None  # for the type checker: sounds are compared from the first step
        self.reverb: SourceReverb = self.rooms
        self.adversarial, self.start = recipe, start
        own = {name: v for name, v in start.decoder.state_dict().items() if not name.startswith("room")}
        self.decoder.load_state_dict(own, strict=False)
        self.before = DdspDecoder(sizes).to(device).eval().requires_grad_(False)
        self.before.load_state_dict(start.decoder.state_dict())
        self.player = Player(start.noise_trim_db, start.rumble_db, start.tilt).to(device)
        config = DiscriminatorConfig(
            n_scales=0, n_ffts=recipe.n_ffts, spectral_channels=recipe.critic_channels
        )
        with first_weights(recipe.loop.seed):
            self.critics = Discriminators(config).to(device)
        prepared = [played_line(start.voice, line) for line in self.lines]
        self.sampler = ComparedSampler(prepared, start.voice.settings, recipe.n_frames)
        held = [played_line(start.voice, line) for line in self.validation_lines]
        self.validation_sampler = ComparedSampler(held, start.voice.settings, recipe.n_frames)
        fit_colours(self.decoder, prepared, start.tilt)
        reverb = list(self.reverb.parameters())
        of_end = [p for name, p in self.decoder.named_parameters() if not name.startswith("room")]
        voice: list[dict[str, Any]] = [{"params": of_end}]
        voice.append({"params": reverb, "lr": recipe.reverb_learning_rate})
        adam = torch.optim.Adam
        self._modules |= {"critics": self.critics}
        self._optimizers = {
            "rooms": adam(reverb, lr=recipe.reverb_learning_rate),
            "voice": adam(voice, lr=recipe.learning_rate, betas=(0.5, 0.9)),
            "critics": adam(self.critics.parameters(), lr=recipe.critic_learning_rate, betas=(0.5, 0.9)),
        }

    def batch(self, generator: torch.Generator) -> Compared:
        """Draw sounds to compare, and what is asked for."""
        return self.sampler.draw(self.adversarial.batch_size, numpy_generator(generator))

    def step(self, batch: Compared, context: StepContext) -> Losses:
        """Let critics and decoder descend; for the first steps the rooms' reverberation alone."""
        compared, weights = batch, self.adversarial.loss_weights
        noise = self._noise(context.generator)
        if context.scheduled_step < self.adversarial.rooms_until_step:
            losses = {SPECTRAL: self._spectral(self._played(_copies(compared), noise), compared)}
            return take_turn("rooms", losses, weights, context)
        levels = self.player.levels(self.decoder, compared.asked, in_rooms=True)
        made = self.player(levels, compared.asked, self.reverb, noise)
        n_items = len(compared.audio)
        end = compared.asked.end[:n_items]
        real = _at_level(compared.audio)
        fake = torch.cat([_like(made[:n_items], compared.audio), _at_level(made[n_items:])])
        heard, judged = self.critics(real, end), self.critics(fake.detach(), compared.asked.end)
        turn = {"adversarial/critics": discriminator_loss(heard, judged)}
        critics = take_turn("critics", turn, weights, context)
        with torch.no_grad():
            heard = self.critics(real, end)
        judged = self.critics(fake, compared.asked.end)
        voice = take_turn(
            "voice",
            {
                SPECTRAL: self._spectral(made[:n_items], compared),
                "adversarial/decoder": decoder_loss(judged),
                "adversarial/feature_matching": feature_distance(heard, judged, n_items),
                "adversarial/feature_statistics": statistics_distance(heard, end, judged, compared.asked.end),
                "adversarial/feature_spread": spread_distance(heard, end, judged, compared.asked.end),
                **self._anchor(compared.asked),
            },
            weights,
            context,
        )
        return of_both_turns(critics, voice)

    def validate(self) -> Mapping[str, float]:
        """Compare copies of the same recordings every time, and how far levels have moved."""
        drawn = self.validation_sampler.draw(N_VALIDATION_ITEMS, np.random.default_rng(1))
        compared = to_device(drawn, self.device)
        made = self._played(_copies(compared), self._noise(torch.Generator().manual_seed(1)))
        losses = {SPECTRAL: self._spectral(made, compared), **self._anchor(compared.asked)}
        return {name: float(loss) for name, loss in losses.items()}

    def _export(self, path: Path, *, is_calibrated: bool) -> None:  # noqa: ARG002  # nothing is measured
        """Write the voice that it started from with the network as it is now; nothing is measured anew."""
        decoder = DdspDecoder(self.start.decoder.config)
        own = {
            name: value.cpu()
            for name, value in self.decoder.state_dict().items()
            if not name.startswith("room")
        }
        decoder.load_state_dict(own, strict=False)
        export_like(self.start, decoder, self.lines, path, card={"name": path.stem, **self.card})

    def _noise(self, generator: torch.Generator) -> torch.Generator:
        """Return a generator on the device whose chance follows from one on the CPU."""
        seed = int(torch.randint(2**31, (1,), generator=generator))
        return torch.Generator(self.device).manual_seed(seed)

    def _played(self, asked: Asked, noise: torch.Generator) -> Float[Tensor, "item sample"]:
        made: Tensor = self.player(
            self.player.levels(self.decoder, asked, in_rooms=True), asked, self.reverb, noise
        )
        return made

    def _spectral(self, made: Float[Tensor, "item sample"], compared: Compared) -> Float[Tensor, ""]:
        return multi_resolution_spectral_loss(
            _like(made, compared.audio),
            _at_level(compared.audio),
            sample_rate=SAMPLE_RATE,
            n_ffts=N_FFTS,
            max_hz=compared.highest_hz,
        )

    def _anchor(self, asked: Asked) -> dict[str, Tensor]:
        """Distances of dry levels from those of the voice that it started from, in dB, where heard."""
        now = self.player.levels(self.decoder, asked, in_rooms=False)
        with torch.no_grad():
            before = self.player.levels(self.before, asked, in_rooms=False)
        of_ends = torch.tensor(self.adversarial.anchor_of_ends, device=asked.end.device)
        firmness = of_ends[asked.end][:, None, None]

        def apart(now_db: Tensor, before_db: Tensor, knee_db: float) -> Tensor:
            return weighted_l1(now_db, before_db, firmness * audibility(before_db, knee_db))

        return {
            "anchor/harmonics": apart(now.harmonic_db, before.harmonic_db, HARMONIC_KNEE_DB),
            "anchor/noise": apart(now.noise_db, before.noise_db, NOISE_KNEE_DB),
        }


def _copies(compared: Compared) -> Asked:
    """Return what asks for copies alone."""
    return Asked(*(tensor[: len(compared.audio)] for tensor in compared.asked))


def _rms(audio: Float[Tensor, "item sample"]) -> Float[Tensor, "item 1"]:
    return audio.square().mean(dim=1, keepdim=True).sqrt() + QUIETEST_RMS


def _at_level(audio: Float[Tensor, "item sample"]) -> Float[Tensor, "item sample"]:
    """Bring sounds to the level at which they are compared."""
    return COMPARED_RMS * audio / _rms(audio)


def _like(
    made: Float[Tensor, "item sample"], audio: Float[Tensor, "item sample"]
) -> Float[Tensor, "item sample"]:
    """Give copies the gain that their recordings get."""
    return COMPARED_RMS * made / _rms(audio)
