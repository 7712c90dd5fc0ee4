"""Harmonics: the differentiable twin of `violute.synthesis.harmonics`.

The same conventions and the same factorisation: with z = exp(j phase), harmonics 1 ... A B are the
imaginary part of z * sum_a (z^B)^a * sum_b amplitude[a, b] * z^b. Backward needs the B powers of z and
not the A B sines, a fifth of the memory.

Source:
    Engel et al., DDSP (ICLR 2020), section 3.2, for the signal model; the factorisation is our own.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Complex, Float
from torch import Tensor

from violute.errors import ShapeError
from violute.synthesis.harmonics import FADE_START, FADE_STOP, HARMONICS_PER_ROW, LEAP_CENTS

Frames = Float[Tensor, "batch frame"]

HOPS_PER_GROUP = 64
"""Hops worked on together: few enough for their tensors to stay in cache, four times the speed of all."""


def harmonic_bank(
    f0_hz: Frames,
    harmonic_amplitudes: Float[Tensor, "batch harmonic frame"],
    *,
    sample_rate: int,
    hop_length: int,
) -> Float[Tensor, "batch sample"]:
    """Sum sinusoids at the whole multiples of a gliding fundamental.

    Harmonics above Nyquist are silent, so the output never aliases. Frame `i` is centred on sample
    `i * hop_length`; pitch and amplitudes move in straight lines, and the last frame holds for one hop.
    Over a leap of the pitch the note that is left fades at its own pitch, as in the other twin.

    Args:
        f0_hz: Fundamental per frame in Hz; 0 where unvoiced: silent there, and the pitch of a voiced
            neighbour holds through the fade.
        harmonic_amplitudes: Linear peak amplitude of harmonic k + 1, in [0, 1].
        sample_rate: Of the output, in Hz.
        hop_length: Output samples per frame.

    Returns:
        `frame * hop_length` samples, as precise as the amplitudes.

    Raises:
        ShapeError: The inputs differ in batch or frame.

    Source:
        Engel et al., DDSP (ICLR 2020), section 3.2.
    """
    if (
        f0_hz.ndim != 2
        or harmonic_amplitudes.ndim != 3
        or f0_hz.shape != harmonic_amplitudes.shape[::2]
        or f0_hz.shape[1] == 0
    ):
        raise ShapeError(
            f"f0_hz {tuple(f0_hz.shape)} and harmonic_amplitudes {tuple(harmonic_amplitudes.shape)} must be "
            "(batch, frame) and (batch, harmonic, frame) with at least one frame"
        )
    nyquist_hz = sample_rate / 2
    points_hz = torch.cat([f0_hz, f0_hz[:, -1:]], dim=1).double()
    start_hz, stop_hz = points_hz[:, :-1], points_hz[:, 1:]
    start_hz, stop_hz = (
        torch.where(start_hz > 0, start_hz, stop_hz),
        torch.where(stop_hz > 0, stop_hz, start_hz),
    )
    ratio = 2.0 ** (LEAP_CENTS / 1200.0)
    is_leap = (stop_hz > start_hz * ratio) | (start_hz > stop_hz * ratio)
    left_hz, start_hz = start_hz, torch.where(is_leap, stop_hz, start_hz)
    turns = glide_turns(start_hz, stop_hz, sample_rate=sample_rate, hop_length=hop_length)

    amplitudes = harmonic_amplitudes.transpose(1, 2)
    amplitudes = torch.cat([amplitudes, amplitudes[:, -1:]], dim=1) * (points_hz > 0).unsqueeze(2)
    number = torch.arange(1, amplitudes.shape[2] + 1, device=f0_hz.device)
    faded = amplitudes * nyquist_fade(points_hz.unsqueeze(2) * number, nyquist_hz).to(amplitudes.dtype)
    arriving = faded[:, :-1].masked_fill(is_leap.unsqueeze(2), 0.0)
    over = torch.maximum(start_hz, stop_hz).unsqueeze(2) * number >= nyquist_hz
    crossing = over & ((arriving != 0) | (faded[:, 1:] != 0))
    start_amplitude = arriving.masked_fill(crossing, 0.0).flatten(0, 1)
    stop_amplitude = faded[:, 1:].masked_fill(crossing, 0.0).flatten(0, 1)
    hops = (turns.flatten(0, 1), start_amplitude, stop_amplitude)
    # An accelerator has no such cache to spare and would rather start few, large kernels.
    groups = (tensor.split(HOPS_PER_GROUP if turns.is_cpu else len(tensor)) for tensor in hops)
    audio = torch.cat([straight_lines(*group) for group in zip(*groups, strict=True)]).view_as(turns)
    if is_leap.any():
        left = faded[:, :-1][is_leap]
        steady = (left_hz[is_leap] * (hop_length / sample_rate)).unsqueeze(1)
        position = torch.arange(hop_length, dtype=torch.float64, device=turns.device) / hop_length
        left_turns = turns[is_leap][:, :1] + steady * position
        fading = straight_lines(left_turns - left_turns.round(), left, torch.zeros_like(left))
        audio = audio.index_put((is_leap,), fading, accumulate=True)
    if crossing.any():
        audio = audio + leaps_over_nyquist(turns, start_hz, stop_hz, amplitudes, crossing, nyquist_hz)
    return audio.flatten(1)


def glide_turns(
    start_hz: Frames, stop_hz: Frames, *, sample_rate: int, hop_length: int
) -> Float[Tensor, "batch frame hop"]:
    """Integrate a pitch that moves in a straight line over each hop: wrapped phase in turns, float64."""
    hop_seconds = hop_length / sample_rate
    position = torch.arange(hop_length, dtype=torch.float64, device=start_hz.device) / hop_length
    hop_turns = (start_hz + stop_hz) * (0.5 * hop_seconds)
    hop_turns = hop_turns - hop_turns.round()
    first_turns = torch.cumsum(hop_turns, dim=1) - hop_turns
    curve = ((stop_hz - start_hz) * (0.5 * hop_seconds)).unsqueeze(2) * position
    turns = first_turns.unsqueeze(2) + (curve + (start_hz * hop_seconds).unsqueeze(2)) * position
    return turns - turns.round()


def straight_lines(
    turns: Float[Tensor, "hops hop"],
    start_amplitude: Float[Tensor, "hops harmonic"],
    stop_amplitude: Float[Tensor, "hops harmonic"],
) -> Float[Tensor, "hops hop"]:
    """Sum the harmonics of some hops, whatever items they belong to; amplitudes move in straight lines."""
    n_hops, hop_length = turns.shape
    dtype = start_amplitude.dtype
    n_rows = max(1, math.ceil(start_amplitude.shape[1] / HARMONICS_PER_ROW))
    padding = (0, n_rows * HARMONICS_PER_ROW - start_amplitude.shape[1])
    table = torch.stack([start_amplitude, stop_amplitude - start_amplitude], dim=1)
    table = torch.nn.functional.pad(table, padding).unflatten(2, (n_rows, HARMONICS_PER_ROW))
    table = table.transpose(1, 2).flatten(2)

    z = unit_phasor(turns, dtype)
    powers = [torch.ones_like(z)]
    for _ in range(1, HARMONICS_PER_ROW):
        powers.append(powers[-1] * z)
    # Real matrices multiply the two parts of complex ones at half the cost.
    pairs = torch.view_as_real(torch.stack(powers, dim=1)).flatten(2)
    ramp = torch.arange(hop_length, dtype=dtype, device=turns.device).repeat_interleave(2) / hop_length
    rows = table @ torch.cat([pairs, pairs * ramp], dim=1)
    rows = torch.view_as_complex(rows.reshape(n_hops, n_rows, hop_length, 2))

    leap = HARMONICS_PER_ROW * turns
    stride = unit_phasor(leap - leap.round(), dtype)
    total = rows[:, -1]
    for row in range(n_rows - 2, -1, -1):
        total = total * stride + rows[:, row]
    return (total * z).imag


def leaps_over_nyquist(
    turns: Float[Tensor, "batch frame hop"],
    start_hz: Frames,
    stop_hz: Frames,
    amplitudes: Float[Tensor, "batch point harmonic"],
    crossing: Bool[Tensor, "batch frame harmonic"],
    nyquist_hz: float,
) -> Float[Tensor, "batch frame hop"]:
    """Sum, one by one, the few harmonics that leap over Nyquist within a hop, faded at every sample."""
    item, frame, index = crossing.nonzero(as_tuple=True)
    number = (index + 1).unsqueeze(1)
    position = torch.arange(turns.shape[2], dtype=turns.dtype, device=turns.device) / turns.shape[2]
    first_hz, last_hz = start_hz[item, frame].unsqueeze(1), stop_hz[item, frame].unsqueeze(1)
    fade = nyquist_fade(number * (first_hz + (last_hz - first_hz) * position), nyquist_hz)
    first = amplitudes[item, frame, index].unsqueeze(1)
    last = amplitudes[item, frame + 1, index].unsqueeze(1)
    sines = (fade * torch.sin(2 * math.pi * number * turns[item, frame])).to(amplitudes.dtype)
    tones = (first + (last - first) * position.to(amplitudes.dtype)) * sines
    audio = torch.zeros(turns.shape, dtype=amplitudes.dtype, device=turns.device)
    return audio.index_put((item, frame), tones, accumulate=True)


def nyquist_fade(frequency_hz: Float[Tensor, " *axes"], nyquist_hz: float) -> Float[Tensor, " *axes"]:
    """Return the gain of a sinusoid: 1 up to `FADE_START`, 0 from `FADE_STOP`, smooth between."""
    below = (FADE_STOP * nyquist_hz - frequency_hz) / ((FADE_STOP - FADE_START) * nyquist_hz)
    below = below.clamp(0.0, 1.0)
    return below * below * (3.0 - 2.0 * below)


def unit_phasor(turns: Float[Tensor, " *axes"], dtype: torch.dtype) -> Complex[Tensor, " *axes"]:
    """Return exp(2j pi turns), each part in `dtype`."""
    radians = (2.0 * math.pi * turns).to(dtype)
    return torch.complex(torch.cos(radians), torch.sin(radians))
