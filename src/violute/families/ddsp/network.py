"""The default voice's network: from conditioning to harmonic and noise levels, for either end.

A causal dilated convolution net, conditioned on the instrument by an embedding, predicts the level of each
harmonic and noise band relative to the loudness of the frame. What depends on frequency alone is
kept apart from what depends on the note: each instrument owns a body, a fixed filter read at the
frequency of each harmonic, so that vibrato sweeps its resonances; each source of recordings owns a
room, another such filter and the strength of its reverberation, which is left out when a voice is
rendered.

Source:
    Engel et al., DDSP: Differentiable digital signal processing (ICLR 2020), sections 3 and 4, for
    the harmonic-plus-noise decoder; Perez et al., FiLM (AAAI 2018), for the modulation by the
    instrument; van den Oord et al., WaveNet (2016), for the dilated causal stack.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from violute.analysis.conditioning import N_FEATURES, REGISTERS
from violute.analysis.pitch_range import HIGH
from violute.families.ddsp.settings import DB_PER_UNIT, FILTER_HIGHEST_HZ, TILT_FROM_HZ
from violute.synthesis.noise import noise_bands

START_TAIL_DB = -25.0
"""Energy of a hall's reverberation over that of the sound, where training begins."""


@dataclass(frozen=True)
class DdspConfig:
    """Sizes of the network.

    Attributes:
        n_harmonics: Harmonics at most.
        n_bands: Noise bands.
        n_ends: Instruments.
        n_sources: Sources of recordings, each with a room.
        n_tails: Rates at which a room's reverberation decays.
        channels: Width of the stack.
        dilations: Of the causal convolutions of three taps, in frames.
        body_bins_per_octave: Resolution of an instrument's body.
        room_bins_per_octave: Resolution of a room.
        filter_lowest_hz: Where the tables of bodies and rooms begin.
    """

    n_harmonics: int = 100
    n_bands: int = 64
    n_ends: int = 2
    n_sources: int = 1
    n_tails: int = 2
    channels: int = 160
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    body_bins_per_octave: int = 24
    room_bins_per_octave: int = 12
    filter_lowest_hz: float = HIGH.filter_lowest_hz


class Levels(NamedTuple):
    """Levels relative to the loudness of the frame, in dB."""

    harmonic_db: Float[Tensor, "batch frame harmonic"]
    noise_db: Float[Tensor, "batch frame band"]


class FilterTable(nn.Module):
    """Gains over log frequency, one row a member, read anywhere by straight lines between bins."""

    def __init__(
        self, n_members: int, bins_per_octave: int, lowest_hz: float = HIGH.filter_lowest_hz
    ) -> None:
        super().__init__()
        octaves = torch.log2(torch.tensor(FILTER_HIGHEST_HZ / lowest_hz))
        self.bins_per_octave, self.lowest_hz = bins_per_octave, lowest_hz
        self.n_bins = int(octaves * bins_per_octave) + 2
        self.gain_db = nn.Parameter(torch.zeros(n_members, self.n_bins))

    def forward(
        self, member: Int[Tensor, " batch"], frequency_hz: Float[Tensor, "batch *rest"]
    ) -> Float[Tensor, "batch *rest"]:
        """Read each member's gain in dB at its frequencies."""
        octaves = torch.log2(torch.clamp(frequency_hz, self.lowest_hz, FILTER_HIGHEST_HZ) / self.lowest_hz)
        position = torch.clamp(octaves * self.bins_per_octave, 0.0, self.n_bins - 1.001)
        low = position.floor()
        part = position - low
        rows = self.gain_db[member]
        index = low.long().reshape(len(rows), -1)
        below = torch.gather(rows, 1, index).reshape(position.shape)
        above = torch.gather(rows, 1, index + 1).reshape(position.shape)
        return below + part * (above - below)

    def roughness(self) -> Float[Tensor, ""]:
        """Mean square of the second difference: how little the table is a smooth curve."""
        return self.gain_db.diff(n=2, dim=1).square().mean()


class CausalBlock(nn.Module):
    """One residual block: a causal dilated convolution, modulated by the instrument."""

    def __init__(self, channels: int, dilation: int, embedding_size: int) -> None:
        super().__init__()
        self.look_back = 2 * dilation
        self.dilated = nn.Conv1d(channels, channels, 3, dilation=dilation)
        self.modulation = nn.Linear(embedding_size, 2 * channels)
        self.pointwise = nn.Conv1d(channels, channels, 1)

    def forward(
        self, x: Float[Tensor, "batch channel frame"], embedding: Float[Tensor, "batch embedding"]
    ) -> Float[Tensor, "batch channel frame"]:
        """Add what the block finds to `x`."""
        hidden = self.dilated(functional.pad(x, (self.look_back, 0), mode="replicate"))
        scale, shift = self.modulation(embedding)[:, :, None].chunk(2, dim=1)
        return x + self.pointwise(functional.silu(hidden * (1.0 + scale) + shift))


class DdspDecoder(nn.Module):
    """Levels of one instrument for given conditioning."""

    harmonic_number: Tensor

    def __init__(self, config: DdspConfig) -> None:
        super().__init__()
        self.config = config
        embedding_size = 16
        self.instrument = nn.Embedding(config.n_ends, embedding_size)
        self.first = nn.Conv1d(N_FEATURES, config.channels, 1)
        self.blocks = nn.ModuleList(
            CausalBlock(config.channels, dilation, embedding_size) for dilation in config.dilations
        )
        self.to_harmonics = nn.Linear(config.channels, config.n_harmonics)
        self.to_noise = nn.Linear(config.channels, config.n_bands)
        self.level_db = nn.Embedding(config.n_ends, 1)
        nn.init.constant_(self.level_db.weight, -20.0)
        nn.init.constant_(self.to_noise.bias, -15.0)
        lowest_hz = config.filter_lowest_hz
        self.body = FilterTable(config.n_ends, config.body_bins_per_octave, lowest_hz)
        self.room = FilterTable(config.n_sources, config.room_bins_per_octave, lowest_hz)
        self.room_noise_db = nn.Parameter(torch.zeros(config.n_sources, config.n_bands))
        self.room_tails = nn.Parameter(
            torch.full((config.n_sources, config.n_tails), START_TAIL_DB / DB_PER_UNIT)
        )
        self.register_buffer("harmonic_number", torch.arange(1.0, config.n_harmonics + 1.0))

    def forward(
        self,
        features: Float[Tensor, "batch frame feature"],
        f0_hz: Float[Tensor, "batch frame"],
        end: Int[Tensor, " batch"],
        source: Int[Tensor, " batch"] | None = None,
    ) -> Levels:
        """Predict levels.

        Args:
            features: From `violute.analysis.conditioning`.
            f0_hz: Fundamental in Hz.
            end: Instrument of each item.
            source: Source of each item, whose room is added; None renders dry.
        """
        embedding = self.instrument(end)
        x = self.first(features.transpose(1, 2))
        for block in self.blocks:
            x = block(x, embedding)
        hidden = functional.silu(x).transpose(1, 2)
        frequency_hz = f0_hz[:, :, None] * self.harmonic_number
        level_db = self.level_db(end)[:, :, None]
        harmonic_db = DB_PER_UNIT * self.to_harmonics(hidden) + self.body(end, frequency_hz) + level_db
        noise_db = DB_PER_UNIT * self.to_noise(hidden) / 4.0 + level_db
        if source is not None:
            harmonic_db = harmonic_db + self.room(source, frequency_hz)
            noise_db = noise_db + self.room_noise_db[source][:, None, :]
        return Levels(harmonic_db, noise_db)

    def measured_noise_db(
        self,
        noise_db: Float[Tensor, "batch frame band"],
        tail_db: Float[Tensor, "batch frame tail band"],
        source: Int[Tensor, " batch"],
    ) -> Float[Tensor, "batch frame band"]:
        """Add the reverberation of earlier notes to an instrument's noise: what a microphone measures.

        Args:
            noise_db: Of the instrument.
            tail_db: From `violute.data.reverb_tails`, relative to the loudness of the frame as `noise_db` is.
            source: Source of each item, whose room answers as strongly as it has learned.
        """
        tail_db = tail_db + DB_PER_UNIT * self.room_tails[source][:, None, :, None]
        nepers = torch.cat([noise_db[:, :, None], tail_db], dim=2) * (math.log(10.0) / 10.0)
        return torch.logsumexp(nepers, dim=2) * (10.0 / math.log(10.0))


class VoiceGraph(nn.Module):
    """What a voice file holds: both ends at once, as a musician's dial needs them.

    Args:
        decoder: Trained.
        tilt_db_per_octave: For each end, what its levels gain per octave above `TILT_FROM_HZ`: a
            correction by hand where all recordings of an instrument are brighter or duller than it is.
        noise_trim_db: What to add to the noise of each end, by register and band; None adds nothing.
    """

    band_hz: Tensor
    noise_trim_db: Tensor | None

    def __init__(
        self,
        decoder: DdspDecoder,
        tilt_db_per_octave: tuple[float, float] = (0.0, 0.0),
        noise_trim_db: Float[Tensor, "end register band"] | None = None,
    ) -> None:
        super().__init__()
        self.decoder = decoder
        self.tilt_db_per_octave = tilt_db_per_octave
        centres_hz = noise_bands(decoder.config.n_bands).astype("float32")
        self.register_buffer("band_hz", torch.from_numpy(centres_hz), persistent=False)
        self.register_buffer("noise_trim_db", noise_trim_db, persistent=False)

    def forward(self, features: Float[Tensor, "end frame feature"], f0_hz: Float[Tensor, " frame"]) -> Levels:
        """Predict the levels of both ends.

        Args:
            features: Conditioning adapted to each end.
            f0_hz: Fundamental in Hz, shared: the ends stand at one pitch.
        """
        n_ends = features.shape[0]
        pitch = f0_hz[None].expand(n_ends, -1)
        levels = self.decoder(features, pitch, torch.arange(n_ends))
        frequency_hz = f0_hz[None, :, None] * self.decoder.harmonic_number
        registers = features[:, :, REGISTERS]
        registers = registers / registers.sum(dim=2, keepdim=True)
        harmonic_db, noise_db = [], []
        for i, tilt in enumerate(self.tilt_db_per_octave):
            harmonic, noise = levels.harmonic_db[i], levels.noise_db[i]
            if self.noise_trim_db is not None:
                noise = noise + registers[i] @ self.noise_trim_db[i]
            if tilt != 0.0:
                harmonic = harmonic + tilt * octaves_above_tilt(frequency_hz[0])
                noise = noise + tilt * octaves_above_tilt(self.band_hz)
            harmonic_db.append(harmonic)
            noise_db.append(noise)
        return Levels(torch.stack(harmonic_db), torch.stack(noise_db))


def octaves_above_tilt(frequency_hz: Float[Tensor, "*axes"]) -> Float[Tensor, "*axes"]:
    """Octaves above `TILT_FROM_HZ`; 0 below it."""
    return torch.log2(torch.clamp(frequency_hz, min=TILT_FROM_HZ) / TILT_FROM_HZ)
