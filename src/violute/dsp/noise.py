"""Filtered noise: the differentiable twin of `violute.synthesis.noise`.

The same conventions: a band level is the mean power spectral density under the band's triangle, in dB
relative to white noise of RMS 1; the triangles, even in mel, add up to one at every frequency.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from violute.synthesis.noise import N_FFT, band_weights, noise_bands

QUIETEST_DB = -200.0
"""Levels below this count as this, which keeps gradients finite at silence."""


def filtered_noise(
    band_db: Float[Tensor, "batch band frame"],
    noise: Complex[Tensor, "batch draw bin"],
    *,
    sample_rate: int,
    hop_length: int,
) -> Float[Tensor, "batch sample"]:
    """Shape white noise to the band levels of each frame and overlap-add it.

    Args:
        band_db: Level of each band, in dB relative to white noise of RMS 1.
        noise: Spectra of white noise of RMS 1, one for each frame and one more: the last frame holds
            for one hop. See `white_spectra`.
        sample_rate: Of the output, in Hz.
        hop_length: Output samples per frame, at most half of the FFT of `noise`.

    Returns:
        `frame * hop_length` samples.
    """
    n_fft = 2 * (noise.shape[-1] - 1)
    band_db = torch.cat([band_db, band_db[:, :, -1:]], dim=2).transpose(1, 2).clamp_min(QUIETEST_DB)
    centres_hz = noise_bands(band_db.shape[2], sample_rate=sample_rate)
    weights = torch.from_numpy(band_weights(centres_hz, sample_rate=sample_rate, n_fft=n_fft))
    magnitude = torch.sqrt(torch.exp(band_db * (math.log(10) / 10)) @ weights.to(band_db))
    draws = torch.fft.irfft(noise * magnitude, n_fft, dim=2)[:, :, : 2 * hop_length]
    position = torch.arange(2 * hop_length, dtype=band_db.dtype, device=band_db.device) + 0.5
    draws = draws * torch.sin(math.pi * position / (2 * hop_length))
    return (draws[:, :-1, hop_length:] + draws[:, 1:, :hop_length]).flatten(1)


def white_spectra(
    batch: int, n_draws: int, *, generator: torch.Generator | None = None
) -> Complex[Tensor, "batch draw bin"]:
    """Draw spectra of white noise of RMS 1, on the device of the generator."""
    device = torch.device("cpu") if generator is None else generator.device
    white = torch.randn(batch, n_draws, N_FFT, generator=generator, device=device)
    return torch.fft.rfft(white, dim=2)
