"""What picture networks hear in training: windows disguised, so that they tell nothing of who recorded.

Drawn anew for each window: overtones at the harmonics of its pitch that nobody played, an equaliser from
octave to octave, a tilt, a band limit, a room that lets every bin ring on, hiss, and another level. What a
network is to draw stays the clean recording. So it cannot take the player, the room, the microphone, nor, in
good part, the instrument from what it hears.

Conventions: windows on the scale of `transforms.spectrogram.normalise`.

Source:
    Choi et al., Neural analysis and synthesis (NeurIPS 2021), section 3.1, for perturbing what an encoder
    hears so that it keeps what is asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from violute.transforms.spectrogram import SpectrogramSettings

PLAIN_SHARE = 0.1
"""How often a window is left as it is."""

EQUALISER_HZ = (60.0, 16_000.0)
EQUALISER_OCTAVES = 1.0
EQUALISER_DB = 12.0
TILT_DB_PER_OCTAVE = 4.0
TILT_HZ = 500.0

LIMITED_SHARE, LIMIT_HZ, LIMIT_DB = 0.6, (3_500.0, 18_000.0), (40.0, 100.0)
"""How often a band ends early, where, and by how much it falls there."""

OVERTONE_SHARE, OVERTONE_DB = 0.6, (-60.0, -10.0)
"""How often overtones are added, and how far below the loudest bin of their frame they lie, from octave to
octave."""

ROOM_SHARE, ROOM_SECONDS, ROOM_DB = 0.6, (0.15, 1.5), (-25.0, -6.0)
"""How often there is a room, its reverberation time, and its level beside the direct sound."""

HISS_SHARE, HISS_DB = 0.5, (-65.0, -25.0)
"""How often there is hiss, and its power beside the window's."""

LEVEL_DB = (-12.0, 6.0)

SMALLEST_POWER = 1e-12
"""In squared floors of the window's scale."""


class Disguises(NamedTuple):
    """How each of some windows is disguised: drawn with a batch, before anything is computed on a device."""

    seed: int
    filter_db: Float[Tensor, "window bin"]
    overtone_db: Float[Tensor, "window bin"]
    room_seconds: Float[Tensor, " window"]
    room_gain: Float[Tensor, " window"]
    hiss_gain: Float[Tensor, " window"]


def drawn_disguises(n_windows: int, settings: SpectrogramSettings, rng: np.random.Generator) -> Disguises:
    """Draw how windows are disguised; some are not at all."""
    hz = np.maximum(np.arange(settings.n_bins) * settings.sample_rate / settings.n_fft, 1.0)
    filter_db = np.zeros((n_windows, settings.n_bins))
    overtone_db = np.full((n_windows, settings.n_bins), -np.inf)
    room_seconds, room_gain, hiss_gain = np.ones(n_windows), np.zeros(n_windows), np.zeros(n_windows)
    for i in range(n_windows):
        if rng.random() < PLAIN_SHARE:
            continue
        filter_db[i] = _curve(hz, -EQUALISER_DB, EQUALISER_DB, rng) + rng.uniform(*LEVEL_DB)
        tilt = rng.uniform(-TILT_DB_PER_OCTAVE, TILT_DB_PER_OCTAVE)
        filter_db[i] += tilt * np.log2(np.maximum(hz / TILT_HZ, 1.0))
        if rng.random() < LIMITED_SHARE:
            filter_db[i, hz > np.exp(rng.uniform(*np.log(LIMIT_HZ)))] -= rng.uniform(*LIMIT_DB)
        if rng.random() < OVERTONE_SHARE:
            overtone_db[i] = _curve(hz, *OVERTONE_DB, rng)
        if rng.random() < ROOM_SHARE:
            room_seconds[i] = np.exp(rng.uniform(*np.log(ROOM_SECONDS)))
            room_gain[i] = 10.0 ** (rng.uniform(*ROOM_DB) / 10.0)
        if rng.random() < HISS_SHARE:
            hiss_gain[i] = 10.0 ** (rng.uniform(*HISS_DB) / 20.0)
    seed = int(rng.integers(2**62))
    tracks = (filter_db, overtone_db, room_seconds, room_gain, hiss_gain)
    return Disguises(seed, *(torch.from_numpy(track.astype(np.float32)) for track in tracks))


def disguised(
    spectrogram: Float[Tensor, "window bin frame"],
    partials: Float[Tensor, "window bin frame"] | None,
    disguises: Disguises,
    settings: SpectrogramSettings,
) -> Float[Tensor, "window bin frame"]:
    """Disguise windows, on their device.

    Args:
        spectrogram: Windows in [0, 1].
        partials: 1 where the harmonics of their pitch lie; None adds no overtones.
        disguises: One for each window.
        settings: Of the transform.

    Returns:
        Windows in [0, 1]; silent frames stay silent but for hiss and the room.
    """
    full = settings.log_range
    seed, filter_db, overtone_db, seconds, room_gain, hiss_gain = disguises
    magnitude = torch.expm1(full * spectrogram)
    if partials is not None:
        loudest = magnitude.amax(dim=1, keepdim=True)
        magnitude = magnitude + loudest * (10.0 ** (overtone_db / 20.0))[:, :, None] * partials
    power = (magnitude * (10.0 ** (filter_db / 20.0))[:, :, None]).square()
    power = power + room_gain[:, None, None] * _rung_on(power, seconds, settings)
    generator = torch.Generator(spectrogram.device).manual_seed(seed)
    noise = torch.empty_like(power).exponential_(generator=generator)  # power of Gaussian noise in a bin
    hiss = hiss_gain.square() * power.mean(dim=(1, 2))
    # Not 0, where a root has no gradient: drawings are disguised, too.
    magnitude = (power + hiss[:, None, None] * noise).clamp_min(SMALLEST_POWER).sqrt() - SMALLEST_POWER**0.5
    return (torch.log1p(magnitude) / full).clamp(0.0, 1.0)


def _rung_on(
    power: Float[Tensor, "window bin frame"], seconds: Float[Tensor, " window"], settings: SpectrogramSettings
) -> Float[Tensor, "window bin frame"]:
    """Let powers decay by 60 dB in some seconds: the sum of what rings of all frames before, of gain 1."""
    n_windows, _, n_frames = power.shape
    frames = torch.arange(n_frames, device=power.device)
    rate = settings.sample_rate / settings.hop_length
    decay = 10.0 ** (-6.0 * frames / (rate * seconds[:, None]))
    decay = decay / decay.sum(dim=1, keepdim=True)
    padded = functional.pad(power.transpose(0, 1), (n_frames - 1, 0))
    return functional.conv1d(padded, decay.flip(1)[:, None], groups=n_windows).transpose(0, 1)


def _curve(
    hz: Float[np.ndarray, " bin"], lowest_db: float, highest_db: float, rng: np.random.Generator
) -> Float[np.ndarray, " bin"]:
    """Draw gains at octaves and join them by straight lines over the logarithm of frequency."""
    n_points = round(np.log2(EQUALISER_HZ[1] / EQUALISER_HZ[0]) / EQUALISER_OCTAVES) + 1
    points_hz = np.geomspace(*EQUALISER_HZ, n_points)
    return np.interp(np.log(hz), np.log(points_hz), rng.uniform(lowest_db, highest_db, n_points))
