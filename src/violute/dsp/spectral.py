"""Losses on spectra at several resolutions.

Magnitudes are scaled so that a steady sine of amplitude 1 reads 1 in the bin of its frequency, at any
resolution; the floor of the logarithm is therefore a level below full scale.

Source:
    Yamamoto, Song & Kim, Parallel WaveGAN (ICASSP 2020), equations 3 to 6; Engel et al., DDSP
    (ICLR 2020), section 4.2, for the resolutions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

Spectra = Float[Tensor, "batch bin frame"]
Heard = Float[Tensor, "batch #bin #frame"]

N_FFTS = (2048, 1024, 512, 256, 128, 64)
"""Window lengths, in samples."""

FLOOR = 1e-5
"""Magnitude whose power is added to every bin, so that silence has a logarithm: 100 dB below full scale."""

QUIETEST = 1e-4
"""Root mean square magnitude that the quietest target of `spectral_convergence` is taken for."""


def multi_resolution_spectral_loss(
    audio: Float[Tensor, "batch sample"],
    target: Float[Tensor, "batch sample"],
    *,
    sample_rate: int,
    n_ffts: Sequence[int] = N_FFTS,
    max_hz: Float[Tensor, " batch"] | None = None,
) -> Float[Tensor, ""]:
    """Compare magnitudes: spectral convergence plus distance of logarithms, averaged over resolutions.

    Args:
        audio: What was made.
        target: What was wanted.
        sample_rate: Of both, in Hz.
        n_ffts: Window lengths in samples; windows overlap by three quarters.
        max_hz: Highest frequency of each item that counts. A recording from a lossy source has no
            top octave, and without this limit it would teach a dull voice.

    Returns:
        0 for equal sounds, without an upper bound otherwise; the mean over the batch.
    """
    total = audio.new_zeros(())
    for n_fft in n_ffts:
        made, wanted = power_spectrum(audio, n_fft=n_fft), power_spectrum(target, n_fft=n_fft)
        heard = torch.ones_like(wanted[:, :, :1])
        if max_hz is not None:
            frequency_hz = torch.arange(n_fft // 2 + 1, device=audio.device) * (sample_rate / n_fft)
            heard = (frequency_hz <= max_hz.unsqueeze(1)).to(audio.dtype).unsqueeze(2)
        distance = 0.5 * ((made + FLOOR**2).log() - (wanted + FLOOR**2).log()).abs()
        apart = ((distance * heard).sum(dim=(1, 2)) / count(heard, made)).mean()
        total = total + (spectral_convergence(made, wanted, heard) + apart)
    return total / len(n_ffts)


def power_spectrum(audio: Float[Tensor, "batch sample"], *, n_fft: int) -> Spectra:
    """Return Hann-windowed powers; a steady sine of amplitude 1 reads 1 in the bin of its frequency."""
    window = torch.hann_window(n_fft, dtype=audio.dtype, device=audio.device)
    spectrum = torch.stft(
        audio, n_fft, n_fft // 4, window=window, center=True, pad_mode="constant", return_complex=True
    )
    spectrum = spectrum * (2.0 / window.sum())
    return spectrum.real.square() + spectrum.imag.square()


def spectral_convergence(made: Spectra, wanted: Spectra, heard: Heard) -> Float[Tensor, ""]:
    """Return the norm of the difference of magnitudes relative to that of the target.

    Targets quieter than `QUIETEST` count as that loud, or a rest would outweigh the whole batch.

    Source:
        Arik, Jun & Diamos, Fast spectrogram inversion (IEEE SPL 26, 2019), equation 2.
    """
    counted = count(heard, made)
    difference = (made + FLOOR**2).sqrt() - (wanted + FLOOR**2).sqrt()
    # A norm has no slope at 0; the floor under the root, taken off again, gives it one.
    missed = ((difference.square() * heard).sum(dim=(1, 2)) / counted + FLOOR**2).sqrt() - FLOOR
    present = ((wanted * heard).sum(dim=(1, 2)) / counted).sqrt().clamp_min(QUIETEST)
    return (missed / present).mean()


def count(heard: Heard, spectrum: Spectra) -> Float[Tensor, " batch"]:
    """Count the bins of each item that are heard, at least one."""
    return heard.expand_as(spectrum).sum(dim=(1, 2)).clamp_min(1.0)
