"""Sizes of NSynth's networks; read without torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from violute.errors import TrainingError

LOWEST_HZ, HIGHEST_HZ = 180.0, 3700.0
"""Between which fundamentals are given."""

SAMPLED_SIZES = ("hop_length", "channels", "kernel_size", "dilations", "first_kernel_size", "n_harmonics")
"""What a voice's card says of its decoder, to be sampled by."""


@dataclass(frozen=True)
class NsynthConfig:
    """Sizes; those that are not given are the paper's.

    Attributes:
        hop_length: Samples a frame of the code.
        code_size: Numbers a frame.
        stem: What the encoder hears: the `waveform`, or levels of fixed `filters` each eighth of a frame.
        encoder_channels: Width of the encoder.
        encoder_dilations: Of its convolutions, in samples or steps of the filters.
        channels: Residual channels of the decoder.
        skip_channels: Of its output.
        kernel_size: Samples that each of its layers hears.
        dilations: Of its layers, in samples.
        first_kernel_size: Samples that its first convolution hears.
        condition_channels: Width of two convolutions over frames between code and decoder; 0 leaves them out.
        output: Each sample is one of 256 levels (`softmax`), or a mixture of logistics on their scale.
        n_components: Of the mixture.
        embedding_size: Numbers that say the instrument; 0 leaves it to the code.
        is_conditioned: Whether it is given the recording's pitch and loudness, and how far its past can be
            relied on.
        n_harmonics: Of the fundamental's sines that the first convolution hears beside the past, each as
            loud as the conditions say; it has to be given the pitch. The paper's hears none.
    """

    hop_length: int = 512
    code_size: int = 16
    stem: Literal["waveform", "filters"] = "waveform"
    encoder_channels: int = 128
    encoder_dilations: tuple[int, ...] = 3 * (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    channels: int = 512
    skip_channels: int = 256
    kernel_size: int = 3
    dilations: tuple[int, ...] = 3 * (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
    first_kernel_size: int = 3
    condition_channels: int = 0
    output: Literal["softmax", "logistics"] = "softmax"
    n_components: int = 5
    embedding_size: int = 0
    is_conditioned: bool = False
    n_harmonics: int = 0

    def __post_init__(self) -> None:
        if self.n_harmonics and not self.is_conditioned:
            raise TrainingError("n_harmonics follow a pitch: set is_conditioned too, or give 0 of them")

    @property
    def receptive_field(self) -> int:
        """Samples before the one that is drawn that the decoder hears."""
        return self.first_kernel_size + (self.kernel_size - 1) * sum(self.dilations)

    @property
    def n_conditions(self) -> int:
        """Numbers a frame that steer a decoder: two for each channel of a layer, the output's, the sines'."""
        return 2 * self.channels * len(self.dilations) + self.skip_channels + self.n_harmonics

    @property
    def n_driving(self) -> int:
        """Waves that the first convolution hears beside the past: the sines, and the partials' sum."""
        return 2 * self.n_harmonics + 1 if self.n_harmonics else 0
