"""Training RAVE in two stages: an autoencoder first, then its decoder against discriminators.

Stage one: spectra at several resolutions, the waveforms of the bands that the encoder hears (the paper has
none: they settle pitch and phase within minutes), the divergence of the latent, and the confusion of a critic
that guesses the instrument from it. Stage two, from a step that the recipe states: the encoder is frozen, and
a share of each batch is decoded as the other instrument, which the discriminators judge too, while the
encoder should find the same latent in it again. Their first steps the discriminators learn alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from violute.data.recordings import Recording
from violute.data.sampling import training_and_validation
from violute.dsp.causal import fold, repeat
from violute.dsp.disguise import disguised
from violute.dsp.sines import pulses
from violute.dsp.spectral import multi_resolution_spectral_loss
from violute.families.ends import TwoEnds, read_both_ends
from violute.families.rave.band_levels import invented_level_distance
from violute.families.rave.checks import ACTIVE_VARIANCE, LEAST_ACTIVE, memory_errors
from violute.families.rave.conditioning import FRAME_SAMPLES, TUNING_HZ
from violute.families.rave.data import DUET_SHARE, SoundLine, SoundWindows, draw, window_at
from violute.families.rave.discriminators import (
    Discriminators,
    decoder_loss,
    discriminator_loss,
    feature_distance,
    statistics_distance,
)
from violute.families.rave.network import Rave
from violute.families.rave.parts import InstrumentCritic
from violute.families.rave.recipes import RaveRecipe, are_discriminators_heard, stage_at
from violute.families.task import Corpus, ModulesTask, example_sounds
from violute.rates import SAMPLE_RATE
from violute.training.batches import to_device
from violute.training.losses import of_both_turns, take_turn, weights_of
from violute.training.processes import current_processes
from violute.training.seeds import first_weights, numpy_generator
from violute.training.task import Losses, Sound, StepContext

N_VALIDATION_BATCHES = 4
EXAMPLE_SECONDS = 6.0
ACTIVE = "latent/active_dimensions"


class RaveTask(ModulesTask):
    """The family `rave` in training."""

    family = "rave"

    def __init__(self, corpus: Corpus[SoundLine], recipe: RaveRecipe) -> None:
        super().__init__()
        self.corpus, self.recipe = corpus, recipe
        has_two_stages = recipe.stage_two_from_step is not None
        with first_weights(recipe.loop.seed):
            self.network = Rave(recipe.network).to(corpus.device)
            self.critic = InstrumentCritic(recipe.network.latent_size).to(corpus.device)
            self.discriminators = (
                Discriminators(recipe.discriminators).to(corpus.device) if has_two_stages else None
            )
        rate = recipe.learning_rate
        self._modules = {"network": self.network, "critic": self.critic}
        self._optimizers = {
            "autoencoder": torch.optim.Adam(self.network.parameters(), lr=rate),
            "critic": torch.optim.Adam(self.critic.parameters(), lr=rate),
        }
        if self.discriminators is not None:
            self._modules["discriminators"] = self.discriminators
            self._optimizers["discriminators"] = torch.optim.Adam(
                self.discriminators.parameters(), lr=rate, betas=(0.5, 0.9)
            )

    def batch(self, generator: torch.Generator) -> SoundWindows:
        """Draw windows, augmented if the recipe says so."""
        rng = numpy_generator(generator)
        return self._drawn(self.corpus.training, rng, augment=self.recipe.is_augmented)

    def step(self, batch: SoundWindows, context: StepContext) -> Losses:
        """Take a step of the stage that the step's number or the time says."""
        if self.recipe.is_augmented:
            batch = batch._replace(encoder_input=disguised(batch.audio, SAMPLE_RATE, context.generator))
        stage = stage_at(context.scheduled_step, self.recipe)
        with memory_errors(self.recipe.batch_size):
            return self._first(batch, context) if stage == 1 else self._second(batch, context)

    def _first(self, batch: SoundWindows, context: StepContext) -> Losses:
        """Let the autoencoder descend, then the critic on the latents that were drawn."""
        self.critic.requires_grad_(False)
        losses, latent = self.autoencoder_losses(batch)
        own = take_turn("autoencoder", losses, self.recipe.loss_weights, context)
        self.critic.requires_grad_(True)
        odds = self.critic(latent.detach())
        judged = {"critic/instrument": _cross_entropy(odds, batch.end)}
        return of_both_turns(own, take_turn("critic", judged, self.recipe.loss_weights, context))

    def autoencoder_losses(self, batch: SoundWindows) -> tuple[dict[str, Float[Tensor, ""]], Tensor]:
        """Reconstruct windows from draws of the posterior; return the losses and the latents."""
        mean, deviation = self._posterior(batch)
        latent = mean + deviation * torch.randn_like(mean) if self.network.training else mean
        divergence = 0.5 * (mean.square() + deviation.square() - 1.0) - deviation.log()
        odds = self.critic(latent)
        losses = {
            **self.reconstruction_losses(batch, self._decoded(latent, batch, batch.end)),
            "latent/divergence": divergence.mean(),
            # 0 where the critic cannot tell the instruments apart.
            "latent/confusion": (0.5 * (functional.softplus(odds) + functional.softplus(-odds))).mean()
            - math.log(2.0),
        }
        if self.network.listener is not None:
            bands = self.network.analysis(batch.encoder_input)
            heard = self.network.listener(bands[:, : self.network.n_heard_bands]).squeeze(1)
            losses["source/cross_entropy"] = _cross_entropy(heard, batch.end)
        return losses, latent

    def reconstruction_losses(self, batch: SoundWindows, bands: Tensor) -> dict[str, Float[Tensor, ""]]:
        """Compare bands and the audio that they make with what was to be made."""
        wanted = self.network.analysis(batch.audio)
        return {
            "spectral/multi_resolution": multi_resolution_spectral_loss(
                self.network.synthesis(bands),
                self.late(batch.audio),
                sample_rate=SAMPLE_RATE,
                n_ffts=self.recipe.n_ffts,
                max_hz=batch.highest_hz,
            ),
            "waveform/heard_bands": _missed_share(bands, wanted, self.network.n_heard_bands),
        }

    def late(self, audio: Float[Tensor, "batch sample"]) -> Float[Tensor, "batch sample"]:
        """Delay audio as the network does."""
        delay = self.recipe.network.delay_samples
        return functional.pad(audio, (delay, 0))[:, : audio.shape[1]]

    def _second(self, batch: SoundWindows, context: StepContext) -> Losses:
        """Let the decoder descend, half of its sounds as the other instrument, then the discriminators."""
        assert self.discriminators is not None
        for frozen in (self.network.encoders, self.network.listener, self.critic):
            if frozen is not None:
                frozen.requires_grad_(False)
        recipe = self.recipe
        n_own = max(len(batch.end) - round(recipe.converted_share * len(batch.end)), 1)
        if n_own % 2 and (context.step + current_processes().rank) % 2:
            # Ends alternate in a batch: an odd number of own ones would let all claims lean to one end.
            batch = SoundWindows(*(tensor.flip(0) for tensor in batch))
        with torch.no_grad():
            latent = self._posterior(batch)[0]
        recorded = self.late(batch.audio)
        claimed = torch.cat([batch.end[:n_own], 1 - batch.end[n_own:]])
        is_listened_to = are_discriminators_heard(context.scheduled_step, recipe)
        with torch.set_grad_enabled(is_listened_to):
            bands = self._decoded(latent, batch, claimed)
            made = self.network.synthesis(bands)
        real = self.discriminators(recorded, batch.end)
        decoder: dict[str, Tensor] = {}
        if is_listened_to:
            self.discriminators.requires_grad_(False)
            judged = self.discriminators(made, claimed)
            own = SoundWindows(*(tensor[:n_own] for tensor in batch))
            losses = {
                **self.reconstruction_losses(own, bands[:n_own]),
                "spectral/invented_levels": invented_level_distance(
                    self.network.analysis(batch.audio), batch.end, bands, claimed, self.network.n_heard_bands
                ),
                # How far the latent found again in what was made lies off, relative to its size.
                "latent/consistency": (self._encoded(bands, claimed)[0] - latent).abs().mean()
                / latent.abs().mean().clamp_min(1e-6),
                "adversarial/decoder": decoder_loss(judged),
                "adversarial/feature_matching": feature_distance(real, judged, n_own),
                "adversarial/feature_statistics": statistics_distance(real, batch.end, judged, claimed),
            }
            decoder = take_turn("autoencoder", losses, recipe.loss_weights, context)
            self.discriminators.requires_grad_(True)
        scored = {
            "critic/discriminators": discriminator_loss(real, self.discriminators(made.detach(), claimed))
        }
        critic = take_turn("discriminators", scored, recipe.loss_weights, context)
        return of_both_turns(decoder, critic) if decoder else critic

    def validate(self) -> Mapping[str, float]:
        """Measure the autoencoder on the same windows every time, and how much of the latent is in use."""
        rng = np.random.default_rng(1)
        lines = self.corpus.validation or self.corpus.training
        rows, means = [], []
        for _ in range(N_VALIDATION_BATCHES if self.corpus.validation else 1):
            windows = SoundWindows(*to_device(self._drawn(lines, rng, augment=False), self.corpus.device))
            losses, latent = self.autoencoder_losses(windows)
            losses["latent/critic_accuracy"] = (
                ((self.critic(latent) > 0.0) == (windows.end[:, None] == 1)).float().mean()
            )
            rows.append(losses)
            means.append(latent.transpose(0, 1).flatten(1))
        figures = {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}
        figures[ACTIVE] = float((torch.cat(means, dim=1).var(dim=1) > ACTIVE_VARIANCE).sum())
        weights = weights_of(losses, self.recipe.loss_weights)
        return {**figures, "total": sum(weight * figures[name] for name, weight in weights.items())}

    def problem(self, measured: Mapping[str, float]) -> str | None:
        """Say that the latent has collapsed, where it has."""
        if measured[ACTIVE] >= LEAST_ACTIVE:
            return None
        return (
            f"the latent has collapsed: {measured[ACTIVE]:.0f} of {self.recipe.network.latent_size} "
            "numbers are in use; lower the weights of latent/divergence and latent/confusion"
        )

    def sounds(self) -> Mapping[str, Sound]:
        """Play a few seconds of each instrument at three mixes, by the voice file that would be written."""
        n_samples = int(EXAMPLE_SECONDS * SAMPLE_RATE)
        examples = {}
        for end, name in enumerate(self.corpus.names):
            line = max((one for one in self.corpus.training if one.end == end), key=lambda one: one.seconds)
            examples[name] = window_at(line, 0, min(n_samples, len(line.audio)))
        return example_sounds(self.export, examples, SAMPLE_RATE)

    def export(self, path: Path) -> None:
        """Write a voice file, or TorchScript for nn~ where the name ends in .ts."""
        from violute.families.rave.export import export_rave

        export_rave(self, path)

    def _posterior(self, batch: SoundWindows) -> tuple[Tensor, Tensor]:
        """Encode what is heard, each window by the encoder of its instrument."""
        return self._encoded(self.network.analysis(batch.encoder_input), batch.end)

    def _encoded(self, bands: Tensor, end: Tensor) -> tuple[Tensor, Tensor]:
        first = self.network.posterior(bands, 0)
        if self.recipe.network.n_encoders == 1:
            return first
        is_second = (end == 1)[:, None, None]
        pairs = zip(first, self.network.posterior(bands, 1), strict=True)
        mean, deviation = (torch.where(is_second, b, a) for a, b in pairs)
        return mean, deviation

    def _decoded(self, latent: Tensor, batch: SoundWindows, end: Tensor) -> Tensor:
        """Return bands of latents as an instrument's, conditioned as a batch says."""
        mix = end.to(latent.dtype)[:, None].expand(len(end), latent.shape[2])
        drive = self._noise(latent)
        if self.recipe.network.conditions:
            drive = torch.cat([drive, driving(batch.cycles, batch.tracks)], dim=1)
        return self.network.decode_bands(latent, mix, drive)

    def _noise(self, latent: Tensor) -> Tensor:
        n_bands = self.network.analysis.n_bands
        n_frames = latent.shape[2] * self.recipe.network.ratio // n_bands
        return torch.randn(latent.shape[0], n_bands, n_frames, device=latent.device)

    def _drawn(self, lines: Sequence[SoundLine], rng: np.random.Generator, *, augment: bool) -> SoundWindows:
        recipe = self.recipe
        # A second note would not be among the conditions.
        duet_share = 0.0 if recipe.network.conditions else DUET_SHARE
        return draw(lines, recipe.n_samples, recipe.batch_size, rng, augment=augment, duet_share=duet_share)


def build_rave_task(ends: TwoEnds, recipe: RaveRecipe) -> RaveTask:
    """Read and check the recordings of both ends and set the task up.

    Raises:
        TrainingError: An end is silent or has too little sound.
    """
    from violute.families.rave.checks import check_sources, sounding_lines

    if ends.is_training:
        check_sources(ends)

    def read(end: int, _: list[Recording], on_progress: Callable[[float], None]) -> list[SoundLine]:
        return sounding_lines(ends, end, recipe, on_progress)

    training, validation = training_and_validation(read_both_ends(ends, read, lambda line: line.seconds))
    return RaveTask(Corpus(ends.names, training, validation, ends.device, ends.card), recipe)


def driving(
    cycles: Float[Tensor, "window sample"], tracks: Float[Tensor, "window 3 frame"]
) -> Float[Tensor, "window channel frame"]:
    """Return an excitation's samples, 16 to a frame, and the tracks: the twin of `Conditioning.between`."""
    f0_hz = repeat(TUNING_HZ * 2.0 ** tracks[:, :1], FRAME_SAMPLES).squeeze(1)
    sounding = repeat(tracks[:, 1:2], FRAME_SAMPLES).squeeze(1)
    return torch.cat([fold((sounding * pulses(cycles, f0_hz)).unsqueeze(1), FRAME_SAMPLES), tracks], dim=1)


def _cross_entropy(odds: Tensor, end: Tensor) -> Float[Tensor, ""]:
    played = end.to(odds.dtype)[:, None].expand_as(odds)
    return functional.binary_cross_entropy_with_logits(odds, played)


def _missed_share(made: Tensor, wanted: Tensor, n_bands: int) -> Float[Tensor, ""]:
    """Mean distance of the lower bands' waveforms, relative to their size in each window."""
    missed = (made - wanted)[:, :n_bands].abs().mean(dim=(1, 2))
    return (missed / wanted[:, :n_bands].abs().mean(dim=(1, 2)).clamp_min(1e-4)).mean()
