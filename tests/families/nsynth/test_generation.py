"""Sampling a WaveNet: queues give what the whole network gives, and it hears only the past."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_nsynth
import torch
from fake_voice import CARD
from naive_wavenet import naive_levels

from violute.dsp.mu_law import scaled
from violute.dsp.sines import sines_of
from violute.errors import VoiceError
from violute.families.nsynth.config import SAMPLED_SIZES, NsynthConfig
from violute.families.nsynth.export import SteeringGraph, step_bytes
from violute.families.nsynth.network import Nsynth
from violute.families.nsynth.output import bits, drawn
from violute.families.nsynth.recipes import MEDIUM_NETWORK, PAPER_NETWORK, SMALL_NETWORK
from violute.families.nsynth.sampler import HIGHEST_SINE_HZ, driving_waves, generate
from violute.families.nsynth.segment_joins import Joiner
from violute.families.nsynth.voice import NsynthVoice
from violute.transforms.mu_law import companded
from violute.voices.network import open_network

PATTERNS = {
    "one layer": (1,),
    "rising": (1, 2, 4, 8),
    "twice": (1, 2, 4, 1, 2, 4),
    "falling": (8, 4, 2, 1),
    "alike": (3, 3, 3),
    "longer than a frame": (1, 70),
}
VARIANTS = {
    "logistics": {},
    "softmax": {"output": "softmax"},
    "no sines": {"n_harmonics": 0},
    "given nothing": {"n_harmonics": 0, "is_conditioned": False},
    "kernel of 2": {"kernel_size": 2},
    "the paper's": {
        "n_harmonics": 0,
        "is_conditioned": False,
        "condition_channels": 0,
        "output": "softmax",
        "first_kernel_size": 3,
    },
}
RECIPES = ("small", "medium", "paper")
N_FRAMES = 3


def network(config: NsynthConfig) -> Nsynth:
    """An untrained network whose sound moves: its last layer is loud."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = Nsynth(config).eval()
        with torch.no_grad():
            made.decoder.last.weight *= 4.0
    return made


def steering(made: Nsynth, n_pieces: int, n_frames: int = N_FRAMES):
    """Conditions and sines of random codes, the sines both ways round: (sine, sample) and (sample, sine)."""
    generator = torch.Generator().manual_seed(5)
    code = torch.rand(n_pieces, made.config.code_size, n_frames, generator=generator) * 2.0 - 1.0
    mix = torch.rand(n_pieces, n_frames, generator=generator)
    with torch.no_grad():
        f0_hz = torch.full_like(mix, 440.0)
        conditions = SteeringGraph(made)(code, mix, f0_hz, -30.0 * mix, 0.5 * mix)
    cycles = torch.arange(n_frames * made.config.hop_length) * (440.0 / 16_000) % 1.0
    sines = sines_of(cycles.expand(n_pieces, -1), f0_hz, made.config.n_harmonics, HIGHEST_SINE_HZ)
    return conditions, sines, np.ascontiguousarray(sines.numpy().transpose(0, 2, 1))


def chances(n_pieces: int, n_samples: int):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(n_pieces, n_samples, 2, generator=generator).clamp(1e-6, 1 - 1e-6)


def both(config: NsynthConfig, temperature: float, n_pieces: int = 2):
    """Levels by the whole network over and over, and by the queues."""
    made = network(config)
    conditions, sines, turned = steering(made, n_pieces)
    chance = chances(n_pieces, N_FRAMES * config.hop_length)
    naive = naive_levels(made.decoder, conditions, sines, chance, temperature).numpy()
    session = open_network(step_bytes(made), n_threads=1)
    given = (conditions.numpy(), turned, chance.numpy())
    return naive, generate(session, config, *given, temperature)


def levels_after(decoder, conditions, sines, levels):
    """What the whole network takes as likeliest after each past that `levels` holds.

    Where this is `levels` again, they are what the naive way draws at temperature 0: sample by sample, each
    from the same past.
    """
    levels = torch.from_numpy(levels)
    before = torch.nn.functional.pad(scaled(levels)[:, :-1], (1, 0))
    with torch.no_grad():
        outputs = decoder(before, conditions, sines)
    n_pieces, n_outputs, n_samples = outputs.shape
    flat = outputs.transpose(1, 2).reshape(-1, n_outputs)
    chance = torch.full((len(flat), 2), 0.5)
    likeliest = drawn(flat, chance, torch.tensor(0.0), decoder.config.output)
    return likeliest.view(n_pieces, n_samples).numpy()


@pytest.mark.parametrize("dilations", PATTERNS.values(), ids=PATTERNS)
def test_queues_equal_the_naive_way_at_temperature_0(dilations):
    naive, fast = both(replace(tiny_nsynth.NETWORK, dilations=dilations), 0.0)
    assert len(np.unique(naive)) > 3, "a sound that stands still proves nothing"
    assert np.array_equal(naive, fast)


@pytest.mark.parametrize("changes", VARIANTS.values(), ids=VARIANTS)
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_they_do_with_every_kind_of_decoder_and_with_chance(changes, temperature):
    naive, fast = both(replace(tiny_nsynth.NETWORK, **changes), temperature)
    assert np.array_equal(naive, fast)


@pytest.mark.parametrize("network_of", [SMALL_NETWORK, MEDIUM_NETWORK, PAPER_NETWORK], ids=RECIPES)
def test_queues_equal_the_whole_network_over_the_dilations_of_the_recipes(network_of):
    narrow = {"channels": 6, "skip_channels": 8, "encoder_channels": 4, "encoder_dilations": (1,)}
    config = replace(network_of, **narrow, condition_channels=0, embedding_size=2)
    made = network(config)
    with torch.no_grad():
        for weight in (made.decoder.first.weight, *(layer.weight for layer in made.decoder.dilated)):
            weight *= 4.0
    n_frames = -(-(config.receptive_field + 600) // config.hop_length)
    conditions, sines, turned = steering(made, 1, n_frames)
    chance = chances(1, n_frames * config.hop_length)
    session = open_network(step_bytes(made), n_threads=1)
    fast = generate(session, config, conditions.numpy(), turned, chance.numpy(), 0.0)
    latest = slice(config.receptive_field, None)
    assert len(np.unique(fast[:, latest])) > 3, "it still moves when every queue has come round"
    whole = levels_after(made.decoder, conditions, sines, fast)
    assert np.array_equal(fast[:, latest], whole[:, latest])


def test_pieces_do_not_depend_on_those_beside_them():
    config = tiny_nsynth.NETWORK
    made = network(config)
    conditions, _, sines = steering(made, 17)
    chance = chances(17, N_FRAMES * config.hop_length).numpy()
    session = open_network(step_bytes(made), n_threads=1)
    together = generate(session, config, conditions.numpy(), sines, chance, 0.0)
    for i in (0, 8, 16):
        one = slice(i, i + 1)
        alone = generate(session, config, conditions[one].numpy(), sines[one], chance[one], 0.0)
        assert np.array_equal(together[i], alone[0])


@pytest.mark.parametrize("dilations", PATTERNS.values(), ids=PATTERNS)
def test_the_decoder_hears_the_past_alone_and_no_more_than_it_says(dilations):
    config = replace(tiny_nsynth.NETWORK, dilations=dilations, n_harmonics=0)
    made = network(config)
    n_samples = 6 * config.hop_length
    conditions, _, _ = steering(made, 1, 6)
    before = torch.rand(1, n_samples, generator=torch.Generator().manual_seed(2), requires_grad=True)
    at = n_samples - 3
    made.decoder(before, conditions)[0, :, at].square().sum().backward()
    heard = torch.nonzero(before.grad[0]).flatten()
    assert int(heard.max()) == at, (
        "`before` holds the sample before each, so this one is the last that is known"
    )
    assert int(heard.min()) == at - config.receptive_field + 1


def test_joined_waves_do_not_cancel():
    t = np.arange(4000)
    wave = lambda phase: np.sin(2.0 * np.pi * t / 53.0 + phase).astype(np.float32)
    joiner = Joiner(1000, 500, 200)
    joined = np.concatenate([joiner.push(wave(phase)[:1900]) for phase in (0.0, 2.0, 4.0)])
    assert len(joined) == 3000
    assert np.abs(joined).reshape(-1, 50).max(axis=1).min() > 0.98, "nowhere do they cancel"
    steps = np.abs(np.diff(joined)).max()
    assert steps < 1.1 * np.abs(np.diff(wave(0.0))).max()


def test_chances_add_up_and_draws_follow_them():
    generator = torch.Generator().manual_seed(0)
    levels = torch.arange(256)
    for output, n in (("softmax", 256), ("logistics", 6)):
        outputs = torch.randn(n, 1, generator=generator)
        shares = 2.0 ** -bits(outputs.expand(-1, 256), levels, output)
        assert float(shares.sum()) == pytest.approx(1.0, abs=1e-4)
        chance = torch.rand(20_000, 2, generator=generator).clamp(1e-6, 1 - 1e-6)
        got = drawn(outputs[:, 0].expand(20_000, -1), chance, torch.tensor(1.0), output)
        counted = torch.bincount(got, minlength=256) / 20_000
        assert float((counted.cumsum(0) - shares.cumsum(0)).abs().max()) < 0.015


def test_partials_are_drawn_alike_in_training_and_in_play():
    config = replace(tiny_nsynth.NETWORK, hop_length=40)
    made = network(config)
    conditions, sines, turned = steering(made, 2, 5)
    with torch.no_grad():
        conditions[:, -config.n_harmonics :] *= 4.0
        wanted = made.decoder.partials(conditions, sines).numpy()
    given = (config, conditions.numpy(), turned)
    played = np.concatenate([driving_waves(*given, frame) for frame in range(5)], axis=1)
    assert np.allclose(played[..., 0], wanted, atol=1e-4)
    assert np.array_equal(played[..., 1:], turned)
    levels = np.exp(conditions[0, -config.n_harmonics :, 3].numpy() - 4.0)
    expected = (levels * turned[0, 159, : config.n_harmonics]).sum()
    assert played[0, 159, 0] == pytest.approx(float(companded(np.array([expected]))[0]), abs=0.02)


def test_a_card_whose_sizes_contradict_each_other_is_that_of_a_damaged_voice():
    sizes = {name: getattr(MEDIUM_NETWORK, name) for name in SAMPLED_SIZES}
    assert sizes["n_harmonics"] > 0
    card = replace(CARD, family="nsynth", settings={"told": [], "wavenet": sizes})
    with pytest.raises(VoiceError, match=r"^voice .* is damaged \(n_harmonics follow a pitch"):
        NsynthVoice(b"", card)
