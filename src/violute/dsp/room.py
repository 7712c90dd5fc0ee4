"""A room as convolution: the differentiable twin of `violute.synthesis.room`."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def reverb(
    audio: Float[Tensor, "batch sample"], impulse_response: Float[Tensor, "#batch tap"]
) -> Float[Tensor, "batch sample"]:
    """Convolve with an impulse response by one FFT; the sound that rings on is cut.

    As many samples come back as came; with a first tap of 0 they are the room alone, to be added to the dry
    sound.
    """
    n_samples = audio.shape[1]
    # The next power of two: the whole linear convolution fits, and every FFT library is quick.
    n_fft = 1 << (n_samples + impulse_response.shape[1] - 1).bit_length()
    spectrum = torch.fft.rfft(audio, n_fft) * torch.fft.rfft(impulse_response, n_fft)
    return torch.fft.irfft(spectrum, n_fft)[:, :n_samples]
