"""Where the harmonics of a pitch lie in a window, as the transform shows them.

Source:
    Harris, On the use of windows for harmonic analysis with the discrete Fourier transform (Proc. IEEE
    66(1), 1978), for the main lobe.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from violute.families.pictures.conditioning_pitch import LOBE_BINS, LOBE_BLUR


def harmonic_lobes(
    f0_bins: Float[Tensor, "window 1 frame"], n_bins: int
) -> Float[Tensor, "window bin frame"]:
    """Draw every harmonic as a raised cosine: within 0.03 of the Hann window's main lobe.

    Args:
        f0_bins: Fundamental of each frame, in bins; where it is 0 nothing is drawn.
        n_bins: Of the windows.
    """
    bins = torch.arange(float(n_bins), device=f0_bins.device)[:, None]
    spacing = f0_bins.clamp_min(0.01)
    harmonic = (bins / spacing).round().clamp_min(1.0)
    distance = (bins - harmonic * spacing).abs() / (1.0 + LOBE_BLUR * harmonic)
    lobes = 0.5 + 0.5 * torch.cos(math.pi * (distance / LOBE_BINS).clamp_max(1.0))
    return lobes * (f0_bins > 0.0)
