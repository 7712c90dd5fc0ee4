"""Disguised sound: what an encoder hears, so that it tells neither player nor room nor microphone.

Drawn anew for each piece: overtones of a saturating curve, an equaliser from octave to octave, a slope, a
limit of the band, a short room, hiss and a level. Notes and their timing stay as they are.

Source:
    Choi et al., Neural analysis and synthesis (NeurIPS 2021), section 3.1, for perturbing what an encoder
    hears so that it keeps what is asked for.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

SATURATED_SHARE, SATURATION_DRIVE = 0.5, (0.5, 6.0)
"""Gain before the saturating curve, relative to the RMS; the larger, the more overtones."""

LOWEST_HZ = 60.0
POINTS_PER_OCTAVE = 1.0
EQUALISER_DB = 12.0
"""Gains at the points of the equaliser lie so far from 0 at most."""

SLOPED_SHARE, SLOPE_FROM_HZ, SLOPE_DB_PER_OCTAVE = 0.5, 500.0, (-12.0, 6.0)
LIMITED_SHARE, LIMIT_HZ, LIMIT_DB_PER_OCTAVE = 0.6, (2000.0, 8000.0), 60.0
ROOM_SHARE, ROOM_SECONDS, ROOM_DECAY_SECONDS, ROOM_DB = 0.5, 0.25, (0.03, 0.12), (-20.0, -3.0)
HISS_DB = (-70.0, -25.0)
"""White noise beside the piece's power, after the band's limit."""

LEVEL_DB = (-12.0, 3.0)


def disguised(
    audio: Float[Tensor, "piece sample"], sample_rate: int, generator: torch.Generator
) -> Float[Tensor, "piece sample"]:
    """Change the colour, room, hiss and level of pieces.

    Args:
        audio: Pieces, on any device.
        sample_rate: In Hz.
        generator: On the same device; all chance comes from it.
    """
    n_pieces, n_samples = audio.shape
    n_fft = n_samples + round(ROOM_SECONDS * sample_rate)
    n_fft += n_fft % 2

    chance: dict[str, Any] = {"generator": generator, "device": audio.device}

    def drawn(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n_pieces, 1, **chance)

    def is_drawn(share: float) -> Tensor:
        return torch.rand(n_pieces, 1, **chance) < share

    rms = audio.square().mean(dim=1, keepdim=True).sqrt() + 1e-6
    drive = drawn(*map(math.log, SATURATION_DRIVE)).exp() / rms
    played = torch.where(is_drawn(SATURATED_SHARE), (drive * audio).tanh() / drive, audio)
    octaves = torch.fft.rfftfreq(n_fft, 1.0 / sample_rate, device=audio.device).clamp(min=1.0).log2()
    n_points = math.ceil(math.log2(0.5 * sample_rate / LOWEST_HZ) * POINTS_PER_OCTAVE) + 1
    points_db = EQUALISER_DB * (2.0 * torch.rand(n_pieces, n_points, **chance) - 1.0)
    gain_db = _between_points(points_db, octaves)
    slope = drawn(*SLOPE_DB_PER_OCTAVE) * is_drawn(SLOPED_SHARE)
    gain_db = gain_db + slope * (octaves - math.log2(SLOPE_FROM_HZ)).clamp(min=0.0)
    limit = drawn(*map(math.log2, LIMIT_HZ))
    above = (octaves - limit).clamp(min=0.0) * is_drawn(LIMITED_SHARE)
    gain_db = gain_db - LIMIT_DB_PER_OCTAVE * above
    changed = torch.fft.rfft(played, n_fft) * 10.0 ** (gain_db / 20.0)

    t = torch.arange(round(ROOM_SECONDS * sample_rate), device=audio.device) / sample_rate
    echoes = torch.randn(n_pieces, len(t), **chance)
    echoes = echoes * (-t / drawn(*ROOM_DECAY_SECONDS)).exp()
    echoes = echoes / echoes.square().sum(dim=1, keepdim=True).sqrt()
    room = is_drawn(ROOM_SHARE) * 10.0 ** (drawn(*ROOM_DB) / 20.0) * echoes
    changed = torch.fft.irfft(changed * (1.0 + torch.fft.rfft(room, n_fft)), n_fft)[:, :n_samples]

    changed = changed * (rms / (changed.square().mean(dim=1, keepdim=True).sqrt() + 1e-6))
    hiss = torch.randn(audio.shape, **chance)
    changed = changed + rms * 10.0 ** (drawn(*HISS_DB) / 20.0) * hiss
    return (changed * 10.0 ** (drawn(*LEVEL_DB) / 20.0)).clamp(-1.0, 1.0)


def _between_points(
    points_db: Float[Tensor, "piece point"], octaves: Float[Tensor, " bin"]
) -> Float[Tensor, "piece bin"]:
    """Join gains at evenly spaced octaves from `LOWEST_HZ` on by straight lines."""
    place = ((octaves - math.log2(LOWEST_HZ)) * POINTS_PER_OCTAVE).clamp(0.0, points_db.shape[1] - 1.001)
    before = place.long()
    return torch.lerp(points_db[:, before], points_db[:, before + 1], (place - before)[None])
