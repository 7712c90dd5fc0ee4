"""Discriminators of waveforms and of spectra at several scales, conditioned on the claimed instrument.

Each hears the sound at a rate or at a resolution of its own and answers, step by step, once for each
instrument: a recording of a flute is real as a flute only, and as a violin it is as wrong as a fake. So they
learn the instruments and not only the decoder's faults, and they judge both what the decoder makes of an
instrument's own latents and what it makes of the other's, which is what the dial will ask for.

The paper's hear waveforms. Those of spectra are ours, as an option: in the hundreds of steps that a processor
can take, colour is learned from levels, not from waveforms.

Source:
    Kumar et al., MelGAN (NeurIPS 2019), section 2.2, for strided discriminators at several rates and the
    matching of their features; Lim & Ye, Geometric GAN (2017), equation 11, for the hinge; Caillon & Esling,
    RAVE (2021), section 3.2; Choi et al., StarGAN (CVPR 2018), section 3.1, for judging by domain; Reed
    et al., Generative adversarial text to image synthesis (ICML 2016), section 4.2, for real sounds of a
    wrong claim; Jang et al., UnivNet (Interspeech 2021), section 2.3, for spectra at several resolutions.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from violute.dsp.spectral import power_spectrum
from violute.families.rave.band_levels import mean_of
from violute.families.rave.config import DiscriminatorConfig
from violute.families.rave.network import N_ENDS
from violute.families.rave.parts import SLOPE
from violute.rates import SAMPLE_RATE

HIGHEST_HZ = 14_000.0
"""Up to which spectra are judged."""

N_COARSE = 8
"""Bands of frequency in which features of spectra are averaged."""

SPECTRAL_FLOOR, LEVEL_SCALE = 1e-4, 9.2
"""Magnitude that stands for silence; with this scale its level reads -1 and full scale 1."""


class Judged(NamedTuple):
    """What the discriminators say, one after the other.

    Attributes:
        scores: As the instrument that a sound claims to be.
        others: As the other instrument.
        features: By discriminator and layer.
    """

    scores: list[Tensor]
    others: list[Tensor]
    features: list[list[Tensor]]


class Discriminator(nn.Module):
    """One discriminator."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        sizes = config.channels
        self.first = weight_norm(nn.Conv1d(1, sizes[0], 15, padding=7))
        kernel = 4 * config.stride + 1
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv1d(a, b, kernel, config.stride, padding=kernel // 2, groups=min(4, a, b)))
            for a, b in pairwise(sizes)
        )
        self.last = weight_norm(nn.Conv1d(sizes[-1], N_ENDS, 3, padding=1))

    def forward(
        self, audio: Float[Tensor, "batch sample"]
    ) -> tuple[Float[Tensor, "batch end step"], list[Tensor]]:
        """Return scores for each instrument, and the features on the way."""
        x = functional.leaky_relu(self.first(audio.unsqueeze(1)), SLOPE)
        features = [x]
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.last(x), features


class SpectralDiscriminator(nn.Module):
    """One discriminator of levels by frequency and time.

    It also sees how high it is, since colour is a matter of absolute frequency. Frequencies above
    `HIGHEST_HZ` are not judged: codecs take them away, and no decoder should learn that.
    """

    def __init__(self, n_fft: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.n_bins = round(HIGHEST_HZ / SAMPLE_RATE * n_fft)
        sizes = (2, *channels)
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(a, b, (9, 3), (4 if i else 2, 2 if i else 1), padding=(4, 1)))
            for i, (a, b) in enumerate(pairwise(sizes))
        )
        self.last = weight_norm(nn.Conv2d(sizes[-1], N_ENDS, 3, padding=1))

    def forward(
        self, audio: Float[Tensor, "batch sample"]
    ) -> tuple[Float[Tensor, "batch end place"], list[Tensor]]:
        """Return scores for each instrument, and the features on the way."""
        power = power_spectrum(audio, n_fft=self.n_fft)[:, : self.n_bins]
        levels = (power + SPECTRAL_FLOOR**2).log().unsqueeze(1) / LEVEL_SCALE + 1.0
        height = torch.linspace(-1.0, 1.0, self.n_bins, device=audio.device)[:, None].expand_as(levels)
        x, features = torch.cat([levels, height], dim=1), []
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), SLOPE)
            features.append(x)
        return self.last(x).flatten(2), features


class Discriminators(nn.Module):
    """Discriminators at several rates and resolutions."""

    def __init__(self, config: DiscriminatorConfig) -> None:
        super().__init__()
        self.scales = nn.ModuleList(Discriminator(config) for _ in range(config.n_scales))
        self.spectra = nn.ModuleList(
            SpectralDiscriminator(n_fft, config.spectral_channels) for n_fft in config.n_ffts
        )

    def forward(self, audio: Float[Tensor, "batch sample"], end: Int[Tensor, " batch"]) -> Judged:
        """Judge sounds as the instruments that they claim to be."""
        judged = Judged([], [], [])
        each = torch.arange(len(end), device=end.device)
        x = audio
        for i, part in enumerate([*self.scales, *self.spectra]):
            if 0 < i < len(self.scales):
                x = functional.avg_pool1d(x.unsqueeze(1), 2).squeeze(1)
            scores, features = part(x if i < len(self.scales) else audio)
            judged.scores.append(scores[each, end])
            judged.others.append(scores[each, 1 - end])
            judged.features.append(features)
        return judged


def discriminator_loss(real: Judged, made: Judged) -> Float[Tensor, ""]:
    """Return the hinge loss of the discriminators, their mean.

    What is false is half made by the decoder and half recorded, but of the other instrument.
    """
    losses = [
        functional.relu(1.0 - right).mean()
        + 0.5 * (functional.relu(1.0 + fake).mean() + functional.relu(1.0 + wrong).mean())
        for right, wrong, fake in zip(real.scores, real.others, made.scores, strict=True)
    ]
    return torch.stack(losses).mean()


def decoder_loss(made: Judged) -> Float[Tensor, ""]:
    """Return the hinge loss of the decoder, the mean over the discriminators."""
    return torch.stack([-scores.mean() for scores in made.scores]).mean()


def feature_distance(real: Judged, made: Judged, n_items: int) -> Float[Tensor, ""]:
    """Return the distance of the first `n_items` sounds' features, relative to the real ones' size.

    Source:
        MelGAN, equation 3; relative, as the layers' sizes differ.
    """
    distances = [
        (a[:n_items].detach() - b[:n_items]).abs().mean() / a[:n_items].detach().abs().mean().clamp_min(1e-6)
        for first, second in zip(real.features, made.features, strict=True)
        for a, b in zip(first, second, strict=True)
    ]
    return torch.stack(distances).mean()


def statistics_distance(
    real: Judged, end: Int[Tensor, " recording"], made: Judged, claimed: Int[Tensor, " sound"]
) -> Float[Tensor, ""]:
    """Return the distance of mean features of each instrument's recordings and of what claims to be it.

    What is made of the other instrument has no recording to be compared with; on average its features should
    be those of the instrument all the same, which keeps a decoder from overdoing what the discriminators
    like. Features of spectra are averaged within coarse bands of frequency.

    Source:
        Salimans et al., Improved techniques for training GANs (NeurIPS 2016), section 3.1.
    """
    distances, weights = [], []
    for which in range(N_ENDS):
        for first, second in zip(real.features, made.features, strict=True):
            for a, b in zip(first, second, strict=True):
                wanted, n_wanted = mean_of(_pooled(a.detach()), end == which)
                found, n_found = mean_of(_pooled(b), claimed == which)
                weights.append((n_wanted * n_found).clamp_max(1.0))
                missed = (found - wanted).abs().mean() / wanted.abs().mean().clamp_min(1e-6)
                distances.append(weights[-1] * missed)
    return torch.stack(distances).sum() / torch.stack(weights).sum().clamp_min(1.0)


def _pooled(features: Tensor) -> Tensor:
    """Return the mean over time of each sound, by channel and, of spectra, by coarse band."""
    if features.ndim == 4:
        features = functional.adaptive_avg_pool2d(features, (N_COARSE, 1))
    return features.mean(dim=-1)
