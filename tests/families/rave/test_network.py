"""RAVE is causal, remembers exactly, is late by what it says, and its latent is cropped by its fidelity."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from violute.dsp.causal import CausalConv1d, set_streaming
from violute.errors import ShapeError
from violute.families.rave.config import DiscriminatorConfig, RaveConfig
from violute.families.rave.discriminators import (
    HIGHEST_HZ,
    SAMPLE_RATE,
    Discriminators,
    SpectralDiscriminator,
    decoder_loss,
    discriminator_loss,
    feature_distance,
    statistics_distance,
)
from violute.families.rave.latent import CroppedRave, latent_axes
from violute.families.rave.network import Rave
from violute.families.rave.recipes import RAVE_RECIPES, rave_paper

CONFIG = RaveConfig(channels=(6, 8, 10), dilations=(1, 3), latent_size=8, n_heard_bands=1)
RATIO = CONFIG.ratio


def network(config=CONFIG, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Rave(config).eval()


def sound(n_steps, seed=0, config=CONFIG):
    generator = torch.Generator().manual_seed(seed)
    audio = 0.2 * torch.randn(1, n_steps * config.ratio, generator=generator)
    mix = torch.rand(1, n_steps, generator=generator)
    noise = torch.randn(1, 16, n_steps * config.n_frames, generator=generator)
    return audio, mix, noise


def played(rave, audio, mix, noise):
    with torch.no_grad():
        return rave.decode(rave.encode(audio), mix, noise)


def below_db(made, wanted):
    return float(20.0 * torch.log10((made - wanted).abs().max() / wanted.abs().max()))


@pytest.mark.parametrize("n_encoders", [1, 2])
@pytest.mark.parametrize("block", [128, 256, 640, 2048])
def test_streaming_equals_offline_for_blocks_from_128_samples(block, n_encoders):
    assert RATIO == 128
    rave = network(replace(CONFIG, n_encoders=n_encoders))
    audio, mix, noise = sound(80)
    whole = played(rave, audio, mix, noise)
    set_streaming(rave, on=True)
    steps = block // RATIO
    blocks = [
        played(rave, a, m, n)
        for a, m, n in zip(
            audio.split(block, 1), mix.split(steps, 1), noise.split(steps * CONFIG.n_frames, 2), strict=True
        )
    ]
    assert below_db(torch.cat(blocks, dim=1), whole) < -60.0
    set_streaming(rave, on=False)
    assert below_db(played(rave, audio, mix, noise), whole) < -100.0, "it should have forgotten"


@given(st.integers(0, 39), st.integers(0, 127))
def test_no_output_hears_a_later_step(step, offset):
    rave = network()
    audio, mix, noise = sound(40)
    changed = audio.clone()
    changed[0, step * RATIO + offset] += 1.0
    before, after = (played(rave, one, mix, noise) for one in (audio, changed))
    assert torch.equal(before[:, : step * RATIO], after[:, : step * RATIO])


def test_it_remembers_no_more_steps_than_it_says():
    for config in (
        CONFIG,
        RaveConfig(latent_size=16, n_heard_bands=2),
        replace(CONFIG, strides=(2, 4), dilations=(1, 2, 5)),
    ):
        rave = network(config)
        audio, mix, noise = sound(60, config=config)
        latent = rave.encode(audio).detach()
        n = config.encoder_steps
        cut = rave.encode(audio[:, (40 - n) * config.ratio :])[:, :, n]
        torch.testing.assert_close(cut, latent[:, :, 40], atol=1e-5, rtol=1e-4)
        n, whole = config.decoder_steps, rave.decode(latent, mix, noise)
        part = rave.decode(
            latent[:, :, 40 - n :], mix[:, 40 - n :], noise[:, :, (40 - n) * config.n_frames :]
        )
        torch.testing.assert_close(
            part[:, n * config.ratio :], whole[:, 40 * config.ratio :], atol=1e-5, rtol=1e-4
        )


def test_the_latency_is_what_is_stated():
    """With its layers silenced the shortcut alone plays: what enters in the heard bands leaves, late."""
    config = RaveConfig(channels=(4, 4, 4), latent_size=24, n_heard_bands=3)
    rave = network(config)
    with torch.no_grad():
        for layer in (rave.encoders[0].last, rave.decoder.waveform, rave.decoder.loudness):
            for parameter in layer.parameters():
                parameter.zero_()
        time = torch.arange(200 * config.ratio) / 44_100
        audio = 0.05 * torch.sin(2 * torch.pi * 440.0 * time)[None] * (time > 0.2)
        made = rave.decode(rave.encode(audio)[:, :24], torch.zeros(1, 200), torch.zeros(1, 16, 200 * 8))
    likeness = [float(audio[0, : -lag or None] @ made[0, lag:]) for lag in range(600)]
    assert max(range(600), key=likeness.__getitem__) == config.delay_samples
    assert config.latency_samples == config.delay_samples + config.ratio - 1
    assert config.latency_samples / 44_100 < 0.02
    torch.testing.assert_close(
        made[:, config.delay_samples :], audio[:, : -config.delay_samples], atol=2e-3, rtol=0
    )


def test_the_dial_is_heard_and_passes_between_the_ends():
    rave = network()
    audio, _, noise = sound(30)
    ends = [played(rave, audio, torch.full((1, 30), mix), noise) for mix in (0.0, 0.5, 1.0)]
    assert not torch.allclose(ends[0], ends[2])
    assert float((ends[1] - ends[0]).abs().mean()) < float((ends[2] - ends[0]).abs().mean())
    half = torch.cat([torch.zeros(1, 15), torch.ones(1, 15)], dim=1)
    moved = played(rave, audio, half, noise)
    assert torch.equal(moved[:, : 15 * RATIO], ends[0][:, : 15 * RATIO])


def test_the_latent_is_cropped_to_the_fidelity_and_loses_no_more():
    generator = torch.Generator().manual_seed(0)
    spread = torch.tensor([3.0, 1.0, 0.1, 0.01])
    turn = torch.linalg.qr(torch.randn(4, 4, generator=generator)).Q
    means = turn @ (spread[:, None] * torch.randn(4, 5000, generator=generator)) + 2.0
    axes = latent_axes(means, 0.99)
    assert axes.basis.shape == (4, 2)
    assert axes.fidelity >= 0.99
    kept = axes.basis @ (axes.basis.T @ (means - axes.mean[:, None])) + axes.mean[:, None]
    assert float((kept - means).square().sum()) <= 0.01 * float(
        (means - means.mean(1, keepdim=True)).square().sum()
    )
    assert latent_axes(means, 1.0).basis.shape == (4, 4)


def test_a_crop_that_keeps_every_axis_changes_nothing():
    rave = network()
    audio, mix, noise = sound(30)
    with torch.no_grad():
        means = rave.encode(audio)[0]
        cropped = CroppedRave(rave, latent_axes(means, 1.0))
        made = cropped.decode(cropped.encode(audio), mix, noise)
    torch.testing.assert_close(made, played(rave, audio, mix, noise), atol=1e-4, rtol=0.0)


def test_a_shortcut_needs_room():
    with pytest.raises(ShapeError, match="no shortcut"):
        RaveConfig(latent_size=4)
    with pytest.raises(ShapeError, match="one less"):
        RaveConfig(strides=(2, 2, 2))


def test_convolutions_start_again_when_the_batch_changes():
    conv = CausalConv1d(1, 1, 3)
    set_streaming(conv, on=True)
    first = conv(torch.ones(1, 1, 4))
    conv(torch.ones(2, 1, 4))
    torch.testing.assert_close(conv(torch.ones(1, 1, 4)), first)


def test_paper_has_the_published_sizes():
    paper = rave_paper().network
    assert (paper.ratio, paper.latent_size, paper.n_heard_bands) == (2048, 128, 16)
    assert paper.channels[-1] == 1024
    assert "paper" in RAVE_RECIPES


def test_discriminators_judge_by_the_instrument_that_is_claimed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judges = Discriminators(DiscriminatorConfig(2, (4, 8))).requires_grad_(False)
        audio = 0.1 * torch.randn(4, 2048)
    first = judges(audio, torch.zeros(4, dtype=torch.long))
    second = judges(audio, torch.ones(4, dtype=torch.long))
    assert not torch.equal(first.scores[0], second.scores[0])
    assert torch.equal(first.features[0][0], second.features[0][0])
    assert float(feature_distance(first, first, 2)) == 0.0
    good, bad = ([torch.full((4, 8), value)] for value in (2.0, -2.0))
    real, made = first._replace(scores=good, others=bad), first._replace(scores=bad)
    assert float(discriminator_loss(real, made)) == 0.0
    wrong = real._replace(others=good)
    assert float(discriminator_loss(wrong, made)) == 1.5, "a wrong claim counts as a fake"
    assert float(decoder_loss(real)) == -2.0


def test_mean_features_are_compared_by_the_instrument_that_is_claimed():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = DiscriminatorConfig(1, (4, 8), n_ffts=(256,), spectral_channels=(4,))
        judges = Discriminators(sizes).requires_grad_(False)
        noise = 0.1 * torch.randn(4, 4096)
    flute, violin = torch.tensor([0, 0, 0, 0]), torch.tensor([1, 1, 1, 1])
    who = torch.tensor([0, 1, 0, 1])
    loud = torch.where(who[:, None] == 1, 3.0 * noise, noise)
    real, same, swapped = (judges(one, who) for one in (loud, loud[[2, 3, 0, 1]], loud[[1, 0, 3, 2]]))
    assert float(statistics_distance(real, who, same, who)) < 1e-4, "another order is no distance"
    assert float(statistics_distance(real, who, swapped, who)) > 0.1
    assert float(statistics_distance(real, who, swapped, 1 - who)) < 1e-4
    assert float(statistics_distance(real, flute, same, violin)) == 0.0, "no instrument is on both sides"


def test_discriminators_of_spectra_hear_levels_and_not_what_codecs_take_away():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        judge = SpectralDiscriminator(512, (4, 8)).requires_grad_(False)
        noise = torch.fft.rfft(0.1 * torch.randn(1, 8192))
    hz = torch.fft.rfftfreq(8192, 1 / SAMPLE_RATE)
    low, all_of_it = (torch.fft.irfft(noise * (hz < limit)) for limit in (HIGHEST_HZ + 200.0, 22_050.0))
    answers = [judge(one)[0] for one in (low, all_of_it, 0.1 * low)]
    torch.testing.assert_close(answers[0], answers[1], atol=1e-3, rtol=0.0)
    assert float((answers[2] - answers[0]).abs().max()) > 1e-2
