"""The WaveNet autoencoder of NSynth: sound as a code of 16 numbers every 512 samples, and back.

A temporal encoder hears the waveform and writes the code; a WaveNet, conditioned by it at every layer,
draws the waveform again, each sample from those before it. A decoder that is taught on clean samples
reads the pitch off them and ignores the code, which shows only when it runs free. So the sizes for two
cores hear little of the past, and noisily (`families.nsynth.data`), and whatever lasts longer has to come
through the code.

They are also given the recording's pitch and loudness, and hear sines at the multiples of that pitch and
their sum, each as loud as instrument, pitch, loudness and code say: partials are drawn, also those that a
recording lacks.

An instrument embedding beside the code gives the two ends of the dial; what teaches the code besides the
waveform is in `families.nsynth.teachers`.

Conventions: mono sound at 16 kHz as mu-law levels, scaled to [-1, 1] at the networks' inputs. Frame `i` of
the code covers samples `i * hop_length` up to `(i + 1) * hop_length`. Instrument 0 is mix 0.

Source:
    Engel et al., Neural audio synthesis of musical notes with WaveNet autoencoders (ICML 2017), section 2.1;
    van den Oord et al., WaveNet (2016), section 2. Filters in front of the encoder and frames of context in
    front of the decoder are ours: they cost little and spare two cores the learning of them.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from violute.dsp.filter_bank import FilterBank
from violute.dsp.mu_law import companded
from violute.families.nsynth.config import HIGHEST_HZ, LOWEST_HZ, NsynthConfig
from violute.families.nsynth.output import n_outputs
from violute.families.nsynth.sampler import LEVELS_FROM

SAMPLE_RATE = 16_000
N_INSTRUMENTS = 2

N_PITCH_WAVES, PITCH_OCTAVES = 12, 4.5
"""Cosines over the range of fundamentals, as which a pitch is given."""

LOUDNESS_MIDDLE_DB, LOUDNESS_SPREAD_DB = -35.0, 20.0
N_CONDITIONS = N_PITCH_WAVES + 3
"""The pitch, the loudness, how noisy the past is, and whether the phases of partials are known."""

Codes = Float[Tensor, "piece size frame"]
Embeddings = Float[Tensor, "piece embedding frame"]
Conditions = Float[Tensor, "piece channel frame"]
Waves = Float[Tensor, "piece sample"]


class TemporalEncoder(nn.Module):
    """Dilated convolutions that hear both sides of each moment, averaged over frames."""

    N_STEPS = 8
    """Steps of the filters a frame."""

    def __init__(self, config: NsynthConfig) -> None:
        super().__init__()
        width = config.encoder_channels
        self.bank: FilterBank | None = None
        self.n_pooled = config.hop_length
        if config.stem == "filters":
            self.n_pooled = self.N_STEPS
            self.bank = FilterBank(SAMPLE_RATE, config.hop_length // self.N_STEPS)
            self.first = nn.Conv1d(self.bank.n_filters, width, 1)
        else:
            self.first = nn.Conv1d(1, width, 3, padding=1)
        self.dilated = nn.ModuleList(
            nn.Conv1d(width, width, 3, dilation=d, padding=d) for d in config.encoder_dilations
        )
        self.residual = nn.ModuleList(nn.Conv1d(width, width, 1) for _ in config.encoder_dilations)
        self.last = nn.Conv1d(width, config.code_size, 1)

    def forward(self, wave: Waves) -> Codes:
        """Encode whole frames of scaled mu-law samples; each number of the code lies in (-1, 1)."""
        # Levels as a first convolution likes them: around 0 and of a size of 1.
        x = self.first(wave[:, None] if self.bank is None else 4.0 * self.bank(wave) - 1.4)
        for dilated, residual in zip(self.dilated, self.residual, strict=True):
            x = x + residual(functional.relu(dilated(functional.relu(x))))
        # Bounded, so that no number of the code can outgrow the noise that is laid on it.
        return torch.tanh(functional.avg_pool1d(self.last(x), self.n_pooled))


class Conditioner(nn.Module):
    """From codes, instruments and conditioning to what steers the decoder, frame by frame."""

    def __init__(self, config: NsynthConfig) -> None:
        super().__init__()
        size, width = n_seen(config), config.condition_channels
        self.hidden = nn.ModuleList(
            nn.Conv1d(given, width, 3, padding=1) for given in ((size, width) if width else ())
        )
        self.last = nn.Conv1d(width or size, config.n_conditions, 1)

    def forward(self, seen: Float[Tensor, "piece size frame"]) -> Conditions:
        """Condition on what `Nsynth.seen` returns."""
        x = seen
        for convolution in self.hidden:
            x = functional.relu(convolution(x))
        return self.last(x)


class WaveNetDecoder(nn.Module):
    """Dilated causal convolutions with gates, steered at every layer."""

    def __init__(self, config: NsynthConfig) -> None:
        super().__init__()
        self.config = config
        channels, skip, n_layers = config.channels, config.skip_channels, len(config.dilations)
        self.first = nn.Conv1d(1, channels, config.first_kernel_size)
        self.driven = nn.Conv1d(config.n_driving, channels, 1, bias=False) if config.n_harmonics else None
        self.dilated = nn.ModuleList(
            nn.Conv1d(channels, 2 * channels, config.kernel_size, dilation=d, bias=False)
            for d in config.dilations
        )
        self.residual = nn.ModuleList(nn.Conv1d(channels, channels, 1) for _ in range(n_layers - 1))
        # The sum of the layers' skip convolutions is one convolution of all their outputs.
        # It hears the driving waves too, which are much of what comes out.
        self.skip = nn.Conv1d(n_layers * channels + config.n_driving, skip, 1)
        self.hidden = nn.Conv1d(skip, skip, 1)
        self.last = nn.Conv1d(skip, n_outputs(config.output, config.n_components), 1)

    def forward(
        self, before: Waves, conditions: Conditions, sines: Float[Tensor, "piece sine sample"] | None = None
    ) -> Float[Tensor, "piece output sample"]:
        """Say how each sample is distributed.

        Args:
            before: The sample before each that is to be drawn, scaled; before the first, silence is 0.
            conditions: Of as many frames as there are samples.
            sines: As `sines_of` returns them, for a decoder that hears harmonics.
        """
        config = self.config
        sizes = [2 * config.channels] * len(config.dilations) + [config.skip_channels, config.n_harmonics]
        *layers, output, _ = conditions.split(sizes, dim=1)
        x = self.first(causal(before[:, None], config.first_kernel_size))
        driving: list[Tensor] = []
        if self.driven is not None and sines is not None:
            driving = [self.partials(conditions, sines)[:, None], sines]
            x = x + self.driven(torch.cat(driving, dim=1))
        gated = []
        for i, (dilated, dilation) in enumerate(zip(self.dilated, config.dilations, strict=True)):
            h = steered(dilated(causal(x, config.kernel_size, dilation)), layers[i])
            filtered, gate = h.chunk(2, dim=1)
            gated.append(torch.tanh(filtered) * torch.sigmoid(gate))
            if i < len(self.residual):
                x = x + self.residual[i](gated[-1])
        h = functional.relu(self.skip(torch.cat([*gated, *driving], dim=1)))
        h = functional.relu(steered(self.hidden(h), output))
        # Means and scales finer than a level, which numbers of 16 bits do not hold.
        with torch.autocast(h.device.type, enabled=False):
            return self.last(h.float())

    def partials(self, conditions: Conditions, sines: Float[Tensor, "piece sine sample"]) -> Waves:
        """Sum cosines as loud as the conditions say, on the scale of mu-law samples.

        Levels move in straight lines to each frame's from the one before it: nothing is heard ahead.
        """
        n_harmonics = self.config.n_harmonics
        logs = conditions[:, -n_harmonics:].float()
        before = torch.cat([logs[..., :1], logs[..., :-1]], dim=2)
        hop = self.config.hop_length
        rise = (torch.arange(hop, device=logs.device) + 0.5) / hop
        levels = (before[..., None] + (logs - before)[..., None] * rise).flatten(2)
        summed = ((levels - LEVELS_FROM).exp() * sines[:, :n_harmonics]).sum(dim=1)
        return companded(summed)


class Nsynth(nn.Module):
    """Encoder, instruments, conditioner and decoder."""

    def __init__(self, config: NsynthConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = TemporalEncoder(config)
        self.instruments = nn.Parameter(torch.randn(N_INSTRUMENTS, config.embedding_size))
        self.conditioner = Conditioner(config)
        self.decoder = WaveNetDecoder(config)

    def embedded(self, shares: Float[Tensor, "piece instrument frame"]) -> Embeddings:
        """Return the embeddings of places between instruments, by each one's share."""
        return torch.einsum("pif,ie->pef", shares, self.instruments)

    def shares_of(self, instrument: Int[Tensor, " piece"], n_frames: int) -> Float[Tensor, "piece i frame"]:
        """Return the shares of pieces that one instrument plays throughout."""
        whole = functional.one_hot(instrument, N_INSTRUMENTS).float()
        return whole[:, :, None].expand(-1, -1, n_frames)

    def seen(
        self,
        code: Codes,
        shares: Float[Tensor, "piece instrument frame"],
        conditioning: Float[Tensor, "piece condition frame"] | None,
    ) -> Float[Tensor, "piece seen frame"]:
        """Return all that a conditioner sees: code, instrument, and what `conditioning_of` returns."""
        parts = [code, self.embedded(shares)]
        return torch.cat(
            parts if conditioning is None or not self.config.is_conditioned else [*parts, conditioning], dim=1
        )


def n_seen(config: NsynthConfig) -> int:
    """Return how many numbers a frame a conditioner sees."""
    return config.code_size + config.embedding_size + (N_CONDITIONS if config.is_conditioned else 0)


def conditioning_of(
    f0_hz: Float[Tensor, "piece frame"],
    loudness_db: Float[Tensor, "piece frame"],
    noisiness: Float[Tensor, "piece frame"],
    knows_phases: Float[Tensor, "piece frame"],
) -> Float[Tensor, "piece condition frame"]:
    """Tell pitch and loudness as a network likes to hear them.

    Args:
        f0_hz: Of each frame.
        loudness_db: Likewise.
        noisiness: Of the past, from 0 to 1, as `unreliable` returns it.
        knows_phases: 1 where the sines are in the partials' own phases, 0 where in any.
    """
    octaves = (f0_hz.clamp(LOWEST_HZ, HIGHEST_HZ) / LOWEST_HZ).log2()
    waves = torch.arange(1, N_PITCH_WAVES + 1, device=f0_hz.device)[:, None]
    pitch = torch.cos(math.pi / PITCH_OCTAVES * waves * octaves[:, None])
    loudness = (loudness_db - LOUDNESS_MIDDLE_DB) / LOUDNESS_SPREAD_DB
    rest = torch.stack([loudness.clamp(-3.0, 3.0), noisiness, knows_phases], dim=1)
    return torch.cat([pitch, rest], dim=1)


def causal(x: Float[Tensor, "piece channel sample"], kernel_size: int, dilation: int = 1) -> Tensor:
    """Put silence before sound, so that a convolution hears the past alone."""
    return functional.pad(x, ((kernel_size - 1) * dilation, 0))


def steered(x: Float[Tensor, "piece channel sample"], conditions: Conditions) -> Tensor:
    """Add to each channel what its frame's condition says, held over the frame."""
    frames = x.unflatten(2, (conditions.shape[2], -1))
    return (frames + conditions[..., None]).flatten(2)
