"""The second stage of the default voice: what it plays is compared with what was recorded.

Levels alone leave open how they sound together: attacks within a frame, noise beside partials, the
room. Here the levels are synthesised by the differentiable twins, each source's reverberation is
added, and spectra at several resolutions are compared.

Source:
    Engel et al., DDSP (ICLR 2020), section 4, for the multi-scale spectral loss and for learning the
    room apart from the voice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from violute.analysis.controls import SILENCE_DB
from violute.dsp.harmonics import harmonic_bank
from violute.dsp.noise import filtered_noise, white_spectra
from violute.dsp.room import reverb
from violute.dsp.spectral import multi_resolution_spectral_loss
from violute.families.ddsp.data import Line, Snippets, choose, sampler_of, snippets_at
from violute.families.ddsp.network import DdspDecoder
from violute.rates import HOP_LENGTH, SAMPLE_RATE

REVERB_SECONDS = 0.6
START_WET_DB = -25.0
START_DECAY_SECONDS = 0.15
UNITS_PER_PARAMETER = 20.0
"""Reverberation is learned in units this large: it has far to go in few steps of a small rate."""

LEAST_RELIABLE_SHARE = 0.7
N_TRIES = 8
"""Places looked at before one without so sure a pitch is taken all the same."""

COMPARED_RMS = 0.1
"""Level at which sounds are compared: the floor of the loss lies 80 dB below it."""


class Sounds(NamedTuple):
    """A batch of short sounds and what was measured from them."""

    snippets: Snippets
    loudness_db: Float[Tensor, "batch frame"]
    audio: Float[Tensor, "batch sample"]


class SourceReverb(nn.Module):
    """A room for each source of recordings: noise that decays, as loud and as long as is learned."""

    noise: Tensor
    seconds: Tensor

    def __init__(self, n_sources: int) -> None:
        super().__init__()
        n_taps = round(REVERB_SECONDS * SAMPLE_RATE)
        generator = torch.Generator().manual_seed(0)
        self.register_buffer("noise", torch.randn(n_taps, generator=generator), persistent=False)
        self.register_buffer("seconds", torch.arange(n_taps) / SAMPLE_RATE, persistent=False)
        self.wet = nn.Parameter(torch.zeros(n_sources))
        self.decay = nn.Parameter(torch.zeros(n_sources))

    def forward(self, source: Int[Tensor, " batch"]) -> Float[Tensor, "batch tap"]:
        """Return the impulse response of each source's room, without the direct sound."""
        wet_db = START_WET_DB + UNITS_PER_PARAMETER * self.wet[source]
        decay_seconds = START_DECAY_SECONDS * torch.exp(UNITS_PER_PARAMETER / 10.0 * self.decay[source])
        envelope = torch.exp(-self.seconds / decay_seconds[:, None])
        power = envelope.square().sum(dim=1, keepdim=True)
        return 10.0 ** (wet_db[:, None] / 20.0) * envelope * self.noise / power.sqrt()


def draw_sounds(lines: Sequence[Line], n_frames: int, batch_size: int, rng: np.random.Generator) -> Sounds:
    """Draw sounds of which most frames have a sure pitch, balanced as snippets are."""
    sampler, places = sampler_of(lines), []
    for i in range(batch_size):
        for _ in range(N_TRIES):
            line, start = choose(sampler, i, n_frames, rng)
            if line.is_reliable[start : start + n_frames].mean() >= LEAST_RELIABLE_SHARE:
                break
        places.append((line, start))
    n_samples = n_frames * HOP_LENGTH
    audio = np.zeros((batch_size, n_samples), np.float32)
    loudness_db = np.zeros((batch_size, n_frames), np.float32)
    for i, (line, start) in enumerate(places):
        piece = line.audio[start * HOP_LENGTH : start * HOP_LENGTH + n_samples]
        audio[i, : len(piece)] = piece
        levels = line.loudness_db[start : start + n_frames]
        loudness_db[i] = np.pad(levels, (0, n_frames - len(levels)), constant_values=SILENCE_DB)
    return Sounds(
        snippets_at(places, n_frames, rng=None), torch.from_numpy(loudness_db), torch.from_numpy(audio)
    )


def spectral_loss(
    decoder: DdspDecoder, rooms: SourceReverb, sounds: Sounds, generator: torch.Generator
) -> Float[Tensor, ""]:
    """Synthesise and compare; one gain brings the recording to `COMPARED_RMS`, and what was made with it.

    Args:
        decoder: Gives the levels.
        rooms: Gives the reverberation.
        sounds: To imitate.
        generator: Of the noise, on the CPU.
    """
    snippets = sounds.snippets
    levels = decoder(snippets.features, snippets.f0_hz, snippets.end, snippets.source)
    loudness_db = sounds.loudness_db[:, :, None]
    amplitudes = 10.0 ** ((levels.harmonic_db + loudness_db) / 20.0) * snippets.is_reliable[:, :, None]
    rate = {"sample_rate": SAMPLE_RATE, "hop_length": HOP_LENGTH}
    batch, n_frames = snippets.f0_hz.shape
    white = white_spectra(batch, n_frames + 1, generator=generator).to(amplitudes.device)
    dry = harmonic_bank(snippets.f0_hz, amplitudes.transpose(1, 2), **rate)
    dry = dry + filtered_noise((levels.noise_db + loudness_db).transpose(1, 2), white, **rate)
    made = dry + reverb(dry, rooms(snippets.source))
    rms = sounds.audio.square().mean(dim=1, keepdim=True).sqrt() + 1e-5
    return multi_resolution_spectral_loss(
        COMPARED_RMS * made / rms,
        COMPARED_RMS * sounds.audio / rms,
        sample_rate=SAMPLE_RATE,
        max_hz=snippets.highest_hz.min(dim=1).values,
    )
