"""The voice as it plays, differentiable: from controls to sound, in the room of a source of recordings.

The same way as `violute.families.ddsp.voice` takes at an end of the dial, so what training hears is what
a musician hears: noise trimmed and rumble taken off, partials that waver, and every frame brought to the
loudness of the source.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

from violute.analysis.conditioning import REGISTERS
from violute.analysis.loudness import a_weighting_db
from violute.dsp.harmonics import harmonic_bank, nyquist_fade
from violute.dsp.noise import filtered_noise, white_spectra
from violute.dsp.room import reverb
from violute.families.ddsp.adversarial.data import Asked
from violute.families.ddsp.levels import HIGHEST_LEVEL_DB, LOWEST_LEVEL_DB, noise_weights
from violute.families.ddsp.network import DdspDecoder, Levels, octaves_above_tilt
from violute.families.ddsp.sound import SourceReverb
from violute.rates import HOP_LENGTH, SAMPLE_RATE

NEPERS_PER_DB = math.log(10.0) / 20.0
QUIETEST_POWER = 1e-14


class Player(nn.Module):
    """What plays a decoder's levels.

    Args:
        noise_trim_db: What the voice file adds to its network's noise, by end, register and band.
        rumble_db: What rendering takes off each band, by end.
        tilt_db_per_octave: What the voice file adds to its network's partials, by end.
    """

    noise_trim_db: Tensor
    rumble_db: Tensor
    tilt: Tensor
    a_weights: Tensor
    noise_weights: Tensor

    def __init__(
        self,
        noise_trim_db: Float[Tensor, "end register band"],
        rumble_db: Float[Tensor, "end band"],
        tilt_db_per_octave: Float[Tensor, " end"],
    ) -> None:
        super().__init__()
        self.register_buffer("noise_trim_db", noise_trim_db)
        self.register_buffer("rumble_db", rumble_db)
        self.register_buffer("tilt", tilt_db_per_octave)
        curve = 10.0 ** (a_weighting_db(torch.arange(SAMPLE_RATE // 2).numpy() + 0.5) / 10.0)
        self.register_buffer("a_weights", torch.from_numpy(curve).float())
        self.register_buffer("noise_weights", torch.from_numpy(noise_weights()).float())

    def levels(self, decoder: DdspDecoder, asked: Asked, *, in_rooms: bool) -> Levels:
        """Return levels relative to the loudness of the frame, as the voice file gives them."""
        source = asked.source if in_rooms else None
        levels = decoder(asked.features, asked.f0_hz, asked.end, source)
        registers = asked.features[:, :, REGISTERS]
        registers = registers / registers.sum(dim=2, keepdim=True)
        noise_db = levels.noise_db + torch.einsum("ifr,irb->ifb", registers, self.noise_trim_db[asked.end])
        frequency_hz = asked.f0_hz[:, :, None] * decoder.harmonic_number
        tilted = self.tilt[asked.end][:, None, None] * octaves_above_tilt(frequency_hz)
        return Levels(levels.harmonic_db + tilted, noise_db - self.rumble_db[asked.end][:, None])

    def forward(
        self, levels: Levels, asked: Asked, rooms: SourceReverb, generator: torch.Generator
    ) -> Float[Tensor, "item sample"]:
        """Play levels; noise comes from a generator on their device."""
        harmonic = torch.exp(NEPERS_PER_DB * levels.harmonic_db.clamp(LOWEST_LEVEL_DB, HIGHEST_LEVEL_DB))
        harmonic = harmonic * asked.wavering.square()
        noise_db = levels.noise_db.clamp(LOWEST_LEVEL_DB, HIGHEST_LEVEL_DB)
        number = torch.arange(1, harmonic.shape[2] + 1, device=harmonic.device)
        frequency_hz = asked.f0_hz[:, :, None] * number
        index = frequency_hz.long().clamp(max=len(self.a_weights) - 1)
        weights = self.a_weights[index] * nyquist_fade(frequency_hz, SAMPLE_RATE / 2)
        power = (harmonic.square() * weights).sum(dim=2) * asked.gate.square()
        power = power + torch.exp(2.0 * NEPERS_PER_DB * noise_db) @ self.noise_weights
        gain_db = asked.wanted_db - 10.0 * torch.log10(power.clamp_min(QUIETEST_POWER))
        amplitudes = harmonic * (torch.exp(NEPERS_PER_DB * gain_db) * asked.gate)[:, :, None]
        rate = {"sample_rate": SAMPLE_RATE, "hop_length": HOP_LENGTH}
        batch, n_frames = asked.f0_hz.shape
        white = white_spectra(batch, n_frames + 1, generator=generator)
        with _full_precision():
            dry = harmonic_bank(asked.sounding_hz, amplitudes.transpose(1, 2), **rate)
            dry = dry + filtered_noise((noise_db + gain_db[:, :, None]).transpose(1, 2), white, **rate)
        return dry + reverb(dry, rooms(asked.source))


@contextmanager
def _full_precision() -> Iterator[None]:
    """Multiply matrices in float32: in TF32 partials would hiss 60 dB down, where breath is heard."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
