"""What an encoder hears: sound that tells neither instrument, player, room nor microphone.

Drawn anew for each window: overtones that the instrument did not play (a saturating curve, at every
loudness alike), a room, an equaliser from octave to octave, a slope that takes overtones away, a limit above
which nothing is heard, and some noise. A flute may arrive as rich as a violin and a violin as plain as a
flute, by another microphone in another hall; the decoder is to make the true sound of either, so it has to
take the instrument from its embedding, and only what was played from the code. Pictures have a disguise of
their own, `violute.families.pictures.disguise`.

Conventions: windows (window, sample), on any device. All chance comes from one generator, on that device
or on the CPU.

Source:
    Choi et al., Neural analysis and synthesis (NeurIPS 2021), section 3.1, for perturbing what an encoder
    hears so that it keeps what is asked for; Moorer, About this reverberation business (Computer Music
    Journal 3(2), 1979), for a room as noise that decays.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Windows = Float[Tensor, "window sample"]

EQUALISER_HZ = (60.0, 14_000.0)
EQUALISER_POINTS = 9
"""About one an octave."""

EQUALISER_RANGE_DB = 12.0

SATURATED_SHARE = 0.5
"""How often overtones are added."""

SATURATION_DRIVE = (1.0, 6.0)
"""Gain before the saturating curve, relative to the RMS; the larger, the more overtones."""

LARGEST_BIAS = 0.7
"""Shift before the curve: it adds the even overtones too."""

LEVEL_SAMPLES = 2048
"""Over which the level is taken that the curve works at."""

SLOPED_SHARE, SLOPE_HZ, SLOPE_DB_PER_OCTAVE = 0.5, (300.0, 2000.0), (3.0, 18.0)
"""How often overtones are taken away, from where on, and how steeply."""

LIMITED_SHARE, LIMIT_HZ, LIMIT_DB_PER_OCTAVE = 0.5, (3500.0, 20_000.0), 96.0
"""How often there is a limit, where (within the band), and how steeply the sound falls above it."""

ROOM_SHARE, ROOM_SECONDS, ROOM_DB = 0.5, (0.15, 1.5), (-18.0, 3.0)
"""How often there is a room, the time in which it falls by 60 dB, and how loud it is beside the dry sound."""

NOISE_DB = (-70.0, -25.0)
"""White noise beside the window's power."""


def disguised(
    audio: Windows,
    sample_rate: int,
    generator: torch.Generator,
    *,
    level_db: tuple[float, float] = (0.0, 0.0),
) -> Windows:
    """Change the colour and level of windows, not their notes; what comes back may exceed full scale, 1.

    The gain of each window lies between the two levels; by default each keeps its power.
    """
    saturated = _saturated(audio, generator)
    is_saturated = _drawn(audio, generator) < SATURATED_SHARE
    heard = coloured(torch.where(is_saturated, saturated, audio), sample_rate, generator)
    return heard * 10.0 ** (_between(*level_db, audio, generator) / 20.0)


def coloured(audio: Windows, sample_rate: int, generator: torch.Generator) -> Windows:
    """Weigh the frequencies of windows, let them sound in rooms, and add noise."""
    n_fft = 2 * audio.shape[1]
    spectra = torch.fft.rfft(audio, n_fft) * torch.fft.rfft(_rooms(audio, sample_rate, generator), n_fft)
    frequency_hz = torch.fft.rfftfreq(n_fft, 1.0 / sample_rate, device=audio.device).clamp_min(1.0)
    limit_hz = (LIMIT_HZ[0], min(LIMIT_HZ[1], 0.5 * sample_rate))
    gains_db = _equaliser_db(audio, frequency_hz, generator)
    for share, corners_hz, slopes in (
        (SLOPED_SHARE, SLOPE_HZ, SLOPE_DB_PER_OCTAVE),
        (LIMITED_SHARE, limit_hz, (LIMIT_DB_PER_OCTAVE, LIMIT_DB_PER_OCTAVE)),
    ):
        corner_hz = _between(math.log(corners_hz[0]), math.log(corners_hz[1]), audio, generator).exp()
        is_sloped = (_drawn(audio, generator) < share).to(audio.dtype)
        slope = is_sloped * _between(*slopes, audio, generator)
        gains_db = gains_db - slope * (frequency_hz / corner_hz).clamp_min(1.0).log2()
    changed = torch.fft.irfft(spectra * 10.0 ** (gains_db / 20.0), n_fft)[:, : audio.shape[1]]
    power = _power(audio)
    changed = changed * (power / _power(changed)).sqrt()
    levels = power.sqrt() * 10.0 ** (_between(*NOISE_DB, audio, generator) / 20.0)
    return changed + levels * _noise(audio, generator)


def _equaliser_db(
    audio: Windows, frequency_hz: Float[Tensor, " bin"], generator: torch.Generator
) -> Float[Tensor, "window bin"]:
    """Draw gains at points an octave apart, joined in straight lines."""
    low, high = (math.log(edge) for edge in EQUALISER_HZ)
    place = (frequency_hz.log() - low) / (high - low) * (EQUALISER_POINTS - 1)
    place = place.clamp(0.0, EQUALISER_POINTS - 1 - 1e-3)
    before = place.long()
    points_db = EQUALISER_RANGE_DB * (2.0 * _drawn(audio, generator, EQUALISER_POINTS) - 1.0)
    return points_db[:, before] + (place - before) * (points_db[:, before + 1] - points_db[:, before])


def _rooms(audio: Windows, sample_rate: int, generator: torch.Generator) -> Windows:
    """Draw impulse responses: the dry sound, and in some windows noise that decays."""
    seconds = torch.arange(audio.shape[1], device=audio.device) / sample_rate
    low, high = (math.log(edge) for edge in ROOM_SECONDS)
    falls_in = _between(low, high, audio, generator).exp()
    tail = _noise(audio, generator) * 10.0 ** (-3.0 * seconds / falls_in)
    has_room = (_drawn(audio, generator) < ROOM_SHARE).to(audio.dtype)
    level = has_room * 10.0 ** (_between(*ROOM_DB, audio, generator) / 20.0)
    responses = level * tail / tail.square().sum(dim=1, keepdim=True).sqrt()
    responses[:, 0] += 1.0
    return responses


def _saturated(audio: Windows, generator: torch.Generator) -> Windows:
    """Send waveforms through a saturating curve, levelled so that soft and loud get as many overtones."""
    envelope = _smoothed(audio.square()).clamp_min(1e-10).sqrt()
    low, high = (math.log(edge) for edge in SATURATION_DRIVE)
    gain = _between(low, high, audio, generator).exp()
    shift = gain * _between(-LARGEST_BIAS, LARGEST_BIAS, audio, generator)
    saturated = torch.tanh(gain * audio / envelope / 1.5 + shift) - torch.tanh(shift)
    saturated = envelope * (saturated - _smoothed(saturated))
    return saturated * (_power(audio) / _power(saturated)).sqrt()


def _smoothed(x: Windows) -> Windows:
    """Return running means over `LEVEL_SAMPLES`, the edges held."""
    half = LEVEL_SAMPLES // 2
    padded = functional.pad(x.unsqueeze(1), (half, half), mode="replicate").squeeze(1)
    summed = functional.pad(padded.double().cumsum(dim=1), (1, 0))
    means = (summed[:, LEVEL_SAMPLES:] - summed[:, :-LEVEL_SAMPLES]) / LEVEL_SAMPLES
    return means[:, : x.shape[1]].to(x.dtype)


def _drawn(audio: Windows, generator: torch.Generator, n_columns: int = 1) -> Float[Tensor, "window column"]:
    """Draw numbers from 0 to 1 for each window."""
    return torch.rand(len(audio), n_columns, generator=generator, device=generator.device).to(audio.device)


def _noise(audio: Windows, generator: torch.Generator) -> Windows:
    return torch.randn(audio.shape, generator=generator, device=generator.device).to(audio.device)


def _between(
    low: float, high: float, audio: Windows, generator: torch.Generator
) -> Float[Tensor, "window 1"]:
    return low + (high - low) * _drawn(audio, generator)


def _power(audio: Windows) -> Float[Tensor, "window 1"]:
    return audio.square().mean(dim=1, keepdim=True) + 1e-12
