"""Sizes of RAVE's networks; read without torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

from violute.dsp.pqmf_sizes import N_BANDS, N_TAPS, delay_samples
from violute.errors import ShapeError
from violute.families.rave.conditioning import N_TRACKS

CONDITIONS = ("pitch", "loudness")


@dataclass(frozen=True)
class RaveConfig:
    """Sizes.

    Attributes:
        channels: Of the levels, that of the bands first.
        strides: Between the levels.
        dilations: Of the residual blocks at each level.
        latent_size: Numbers of a latent step.
        n_heard_bands: Lower bands that the encoder hears.
        n_encoders: 1 for both instruments, or 2.
        condition_size: Of the embedding of an instrument.
        has_shortcut: Whether a linear map leads past the encoder's layers, and another past the decoder's;
            it takes a latent that is large enough for the waveforms that are heard.
        conditions: What the decoder is given beside the latent: nothing, or pitch and loudness.
        n_taps: Of the filters through which a conditioned decoder sends each band of its excitation.

    Raises:
        ShapeError: There is not one more of the channels than of the strides, or the latent is too small
            for a shortcut, or something else than pitch and loudness is to condition it.
    """

    channels: tuple[int, ...] = (48, 72, 112)
    strides: tuple[int, ...] = (4, 2)
    dilations: tuple[int, ...] = (1, 3)
    latent_size: int = 24
    n_heard_bands: int = 3
    n_encoders: int = 1
    condition_size: int = 8
    has_shortcut: bool = True
    conditions: tuple[str, ...] = ()
    n_taps: int = 8

    def __post_init__(self) -> None:
        if len(self.channels) != len(self.strides) + 1:
            raise ShapeError(
                f"{len(self.channels)} channels, {len(self.strides)} strides: give one less of these"
            )
        n_heard = self.n_heard_bands * math.prod(self.strides)
        if self.has_shortcut and self.latent_size < n_heard:
            raise ShapeError(f"a latent of {self.latent_size} has no shortcut for {n_heard}: give it as many")
        if self.conditions not in ((), CONDITIONS) or (self.conditions and self.has_shortcut):
            raise ShapeError(
                f"conditions are {self.conditions}: give nothing, or {CONDITIONS} and no shortcut"
            )

    @property
    def n_frames(self) -> int:
        """Band frames of a latent step."""
        return math.prod(self.strides)

    @property
    def ratio(self) -> int:
        """Samples of a latent step."""
        return N_BANDS * self.n_frames

    @property
    def n_drive(self) -> int:
        """Channels of what drives the decoder: noise, and if conditioned an excitation and tracks."""
        return 2 * N_BANDS + N_TRACKS if self.conditions else N_BANDS

    @property
    def encoder_steps(self) -> int:
        """Latent steps of audio before the present one that an encoder hears."""
        frames, rate = N_TAPS // N_BANDS + 4.0, 1.0
        for stride in self.strides:
            frames += rate * 2.0 * sum(self.dilations) + rate * stride
            rate *= stride
        return math.ceil(frames / rate) + 2

    @property
    def decoder_steps(self) -> int:
        """Latent steps before the present one that the decoder hears."""
        steps, rate = (6.0 if self.conditions else 4.0), 1.0
        for stride in self.strides[::-1]:
            steps += rate
            rate /= stride
            steps += rate * (2.0 * sum(self.dilations) + (2.0 if self.conditions else 0.0))
        n_filter = N_TAPS // N_BANDS + 1
        if self.conditions:  # the excitation is split into bands and filtered first, and means are taken
            n_filter += n_filter + self.n_taps + 32
        return math.ceil(steps + rate * (4 + n_filter))

    @property
    def delay_samples(self) -> int:
        """Samples by which the output is late."""
        return delay_samples()

    @property
    def latency_samples(self) -> int:
        """Samples from a sample's arrival to its departure: the delay, and the wait for a whole step."""
        return self.delay_samples + self.ratio - 1


@dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes.

    Attributes:
        n_scales: Rates: the full one, and each half of the one before.
        channels: Of the layers of each discriminator; between them the rate falls by `stride`.
        stride: See `channels`.
        n_ffts: Resolutions of the discriminators of spectra, in samples; none as in the paper.
        spectral_channels: Of their layers.
    """

    n_scales: int = 2
    channels: tuple[int, ...] = (16, 32, 64, 64)
    stride: int = 4
    n_ffts: tuple[int, ...] = ()
    spectral_channels: tuple[int, ...] = (16, 32, 64)
