"""Losses of spectrogram models: distances between windows as the ear weighs them, and the latent's cost.

Source:
    Kingma & Welling, Auto-encoding variational Bayes (ICLR 2014), appendix B, for the divergence;
    Kingma et al., Improving variational inference with inverse autoregressive flow (NeurIPS 2016),
    appendix C.8, for free bits; Burda et al., Importance weighted autoencoders (ICLR 2016), section
    5.2, for active units.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from violute.families.pictures.networks import Latents, Spectrograms
from violute.families.pictures.rows import MEL_BREAK_HZ
from violute.families.vae.network import Posterior

SMOOTHINGS = ((4, 2), (16, 4), (64, 8))
"""Bins and frames averaged before windows are compared again."""

ACTIVE_VARIANCE = 0.01
"""A number of the latent whose mean varies more over the data is in use (Burda et al.)."""


def mel_weights(n_bins: int, *, bin_hz: float) -> Float[Tensor, "bin 1"]:
    """Weigh each bin by its width in mel, 1 on average, so that every mel counts alike."""
    weights = 1.0 / (1.0 + torch.arange(n_bins) * bin_hz / MEL_BREAK_HZ)
    return (weights / weights.mean()).unsqueeze(1)


def spectrogram_losses(
    made: Spectrograms,
    wanted: Spectrograms,
    heard: Float[Tensor, "window bin 1"],
    weights: Float[Tensor, "bin 1"],
) -> dict[str, Float[Tensor, ""]]:
    """Compare windows bin by bin and again at coarser and coarser resolutions.

    The fine distance alone is least for a blur between two possible harmonics; the coarse ones hold
    the envelope and the course of loudness, which is what a timbre is.

    Args:
        made: By the decoder, in [0, 1].
        wanted: The recording's.
        heard: 1 for bins that were recorded, 0 for those that a codec cut off, which would teach a
            dull voice.
        weights: Of the bins, as `mel_weights` gives them.

    Returns:
        `spectrogram/fine` and `spectrogram/smooth`, mean distances on the scale of the windows.
    """
    importance = heard * weights
    difference = (made - wanted) * importance
    total = importance.sum() * made.shape[2]
    fine = difference.abs().sum() / total
    smooth = difference.new_zeros(())
    for size in SMOOTHINGS:
        # Sums of pools are compared, so that a pool of light bins counts little.
        pooled = functional.avg_pool2d(difference.unsqueeze(1), size, ceil_mode=False) * (size[0] * size[1])
        smooth = smooth + pooled.abs().sum() / total
    return {"spectrogram/fine": fine, "spectrogram/smooth": smooth / len(SMOOTHINGS)}


def divergence(posterior: Posterior) -> Float[Tensor, "channel step"]:
    """Return the mean Kullback-Leibler divergence from the standard normal, in nats a number."""
    mean, log_variance = posterior
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1.0).mean(dim=0)


def divergence_above(posterior: Posterior, free_nats: float) -> Float[Tensor, ""]:
    """Return the mean divergence a number of the latent, of which the first `free_nats` cost nothing.

    The allowance is each channel's, over the steps: numbers of one channel mean the same at other times.
    """
    return divergence(posterior).mean(dim=1).clamp_min(free_nats).mean()


def played_by(odds: Float[Tensor, " window"], end: Int[Tensor, " window"]) -> Float[Tensor, ""]:
    """Return the cross entropy of log odds that the second instrument plays."""
    return functional.binary_cross_entropy_with_logits(odds, end.to(odds.dtype))


def active_units(means: Latents) -> Bool[Tensor, "channel step"]:
    """Say which numbers of the latent vary with the window, from the means of many windows."""
    return means.var(dim=0) > ACTIVE_VARIANCE
