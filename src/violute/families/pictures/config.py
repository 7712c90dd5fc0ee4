"""What families of spectrograms share: sizes of networks, and fields of recipes; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

import numpy as np

from violute.errors import ShapeError
from violute.families.recipes import Recipe
from violute.transforms.spectrogram import DETAIL, SpectrogramSettings

ROWS_A_NODE = 8
FRAMES_A_STEP = 4
"""How much coarser the grid of what is drawn is than the rows and frames that the network hears."""


@dataclass(frozen=True)
class SpectrogramNetworkConfig:
    """Sizes of an encoder and its decoder.

    Attributes:
        n_bins: Of a window, in frequency.
        n_frames: Of a window, in time.
        style: `plain` or `residual`; see the module.
        filters: Of the five convolutions.
        kernels: Of the five convolutions, in bins and frames alike.
        strides: Of the five convolutions, in bins and frames.
        latent_channels: Numbers of the latent at one step.
        latent_steps: Steps of the latent in time; `latent_channels * latent_steps` is its size.
        decoder_channels: Width of the residual decoder; the plain one mirrors the encoder.
        n_heard_bins: Bins that the encoder hears. Lossy recordings end at 16 kHz, and an encoder
            that could tell would take the codec for the instrument.
        condition_size: Of the embedding of an instrument that conditions the decoder beside the latent; 0
            for none.

    Raises:
        ShapeError: The strides or the latent steps don't divide the window.
    """

    n_bins: int = 1024
    n_frames: int = 128
    style: Literal["plain", "residual"] = "residual"
    filters: tuple[int, ...] = (16, 32, 64, 96, 128)
    kernels: tuple[int, ...] = (5, 5, 3, 3, 3)
    strides: tuple[tuple[int, int], ...] = ((4, 2), (4, 2), (4, 1), (2, 2), (2, 1))
    latent_channels: int = 8
    latent_steps: int = 16
    decoder_channels: int = 256
    n_heard_bins: int = 720
    condition_size: int = 0

    def __post_init__(self) -> None:
        if not len(self.filters) == len(self.kernels) == len(self.strides):
            raise ShapeError("filters, kernels and strides differ in number: give one of each a layer")
        rows = prod(stride[0] for stride in self.strides)
        columns = prod(stride[1] for stride in self.strides)
        if self.n_bins % rows or self.n_frames % columns:
            raise ShapeError(
                f"strides of {rows} x {columns} in all don't divide {self.n_bins} x {self.n_frames}: "
                "choose strides that do"
            )
        if (self.n_frames // columns) % self.latent_steps:
            raise ShapeError(
                f"{self.latent_steps} latent steps don't divide {self.n_frames // columns} columns: "
                "choose a divisor"
            )

    @property
    def latent_size(self) -> int:
        """Numbers in the latent of a window."""
        return self.latent_channels * self.latent_steps

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns that the convolutions leave."""
        rows = self.n_bins // prod(stride[0] for stride in self.strides)
        return rows, self.n_frames // prod(stride[1] for stride in self.strides)


@dataclass(frozen=True)
class DrawingConfig:
    """Sizes of a network that draws windows.

    Attributes:
        n_bins: Of a window, in frequency.
        n_frames: Of a window, in time.
        bin_hz: Distance of two bins, in Hz.
        floor_db: Magnitude, relative to full scale, below which the window's scale turns linear.
        n_rows: Rows that the network hears, evenly spaced in mel.
        n_heard_bins: Bins that the rows cover. Lossy recordings end at 16 kHz, and a network that could
            tell would take the codec for the instrument.
        channels: Of the two first convolutions and of the residual blocks.
        n_blocks: Residual blocks.
        condition_size: Numbers that condition the network beside the window; 0 for none.

    Raises:
        ShapeError: The rows or frames don't divide into nodes and steps.
    """

    n_bins: int = 1024
    n_frames: int = 128
    bin_hz: float = 44_100 / 2048
    floor_db: float = -80.0
    n_rows: int = 256
    n_heard_bins: int = 720
    channels: tuple[int, int, int] = (16, 32, 32)
    n_blocks: int = 3
    condition_size: int = 0

    def __post_init__(self) -> None:
        if self.n_rows % ROWS_A_NODE or self.n_frames % FRAMES_A_STEP:
            raise ShapeError(
                f"{self.n_rows} rows and {self.n_frames} frames: give multiples of {ROWS_A_NODE} and "
                f"{FRAMES_A_STEP}"
            )
        if not 2 <= self.n_heard_bins <= self.n_bins:
            raise ShapeError(f"{self.n_heard_bins} heard bins of {self.n_bins}: give from 2 to all")

    @property
    def grid(self) -> tuple[int, int]:
        """Nodes in frequency and steps in time of what is drawn."""
        return self.n_rows // ROWS_A_NODE, self.n_frames // FRAMES_A_STEP

    @property
    def full_scale(self) -> float:
        """Natural logarithm of how far 1 lies above the floor of a window's scale."""
        return float(np.log1p(10.0 ** (-self.floor_db / 20.0)))


@dataclass(frozen=True, kw_only=True)
class WindowRecipe(Recipe):
    """Everything about training a spectrogram model that is not data.

    Attributes:
        spectrogram: The transform.
        is_augmented: Whether windows are transposed and made louder or softer a little, pairs alike.
        is_conditioned: Whether the network is given the pitch of what it hears, as a picture of harmonics:
            see `pictures.conditioning_pitch`.
        is_disguised: Whether windows are disguised before the network hears them; see `pictures.disguise`.
    """

    spectrogram: SpectrogramSettings = DETAIL
    is_augmented: bool = True
    is_conditioned: bool = False
    is_disguised: bool = False
