"""The spectrogram models: sizes as published, a mix that begins at the source."""

from dataclasses import replace

import pytest
import tiny_vae
import torch

from violute.dsp.reversed_gradient import ReversedGradient
from violute.errors import ShapeError
from violute.families.mevae.network import MultiEncoderVae
from violute.families.pictures.config import SpectrogramNetworkConfig
from violute.families.pictures.corpus import partials_of
from violute.families.pictures.networks import Hybrid, group_norm
from violute.families.vae.network import LatentAxis, LatentAxisHybrid, Vae
from violute.families.vae.recipes import MEVAE_RECIPES, VAE_RECIPES
from violute.transforms.spectrogram import DETAIL

BIN_HZ = DETAIL.sample_rate / DETAIL.n_fft
NETWORKS = [tiny_vae.NETWORK, tiny_vae.PLAIN_NETWORK]
ENDS = torch.tensor([0, 1, 1])


def built(build, config):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(config).eval()


def windows(n_windows=3, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n_windows, tiny_vae.NETWORK.n_bins, tiny_vae.NETWORK.n_frames, generator=generator)


def partials(f0_hz=400.0, n_windows=3):
    return partials_of(torch.full((n_windows, tiny_vae.NETWORK.n_frames), f0_hz), tiny_vae.SETTINGS)


def axis(position_logit=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    direction = torch.randn(tiny_vae.PLAIN_NETWORK.latent_channels, generator=generator)
    return LatentAxis(direction, torch.zeros_like(direction), position_logit)


@pytest.mark.parametrize("recipe", ["assignment", "medium", "default", "small"])
def test_a_window_of_1024_by_128_goes_through_five_convolutions_and_128_numbers(recipe):
    config = VAE_RECIPES[recipe]().network
    assert len(config.filters) == 5
    with torch.device("meta"):
        network = Vae(config)
        pictures = torch.empty(2, 1024, 128)
        coded = network(pictures, torch.zeros(2, dtype=torch.long), pictures)
    assert coded.latent[0].numel() == 128
    assert coded.spectrogram.shape == (2, 1024, 128)
    assert MEVAE_RECIPES[recipe]().network == config


def test_the_assignment_is_taken_at_its_word():
    recipe = VAE_RECIPES["assignment"]()
    assert (recipe.network.filters, recipe.network.kernels) == ((512, 256, 128, 64, 32), (5, 5, 3, 3, 3))
    assert (recipe.network.style, recipe.is_augmented, recipe.is_conditioned) == ("plain", False, False)
    assert not recipe.is_disguised
    assert recipe.spectrogram.n_samples / recipe.spectrogram.sample_rate == pytest.approx(5.0, abs=0.01)


def test_what_a_codec_may_have_cut_off_is_not_heard():
    network = built(Vae, tiny_vae.NETWORK)
    dull, duller = windows(), windows()
    dull[:, 120:] = 0.0
    duller[:, 100:] = 0.0
    with torch.no_grad():
        heard, same, other = (network.encode(given).mean for given in (windows(), dull, duller))
    assert torch.equal(heard, same)
    assert not torch.equal(heard, other)


def test_the_level_of_a_window_is_heard_through_the_normalisation():
    network = built(Vae, tiny_vae.NETWORK)
    with torch.no_grad():
        soft, loud = (network.encode(torch.full_like(windows(1), level)).mean for level in (0.1, 0.9))
    assert (soft - loud).abs().max() > 1e-3


@pytest.mark.parametrize("config", NETWORKS, ids=lambda config: config.style)
def test_training_draws_and_evaluation_does_not(config):
    network = built(Vae, config)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        assert torch.equal(network(windows(), ENDS, partials()).latent, network.encode(windows()).mean)
        posterior = network.train().encode(windows())
        drawn = torch.stack([posterior.sample() for _ in range(400)])
    spread = (0.5 * posterior.log_variance).exp()
    torch.testing.assert_close(drawn.std(dim=0), spread, rtol=0.25, atol=0.0)
    assert ((drawn.mean(dim=0) - posterior.mean).abs() < 5.0 * spread / 20.0).all()


def test_without_a_condition_windows_move_along_the_axis_from_where_they_stand():
    network = built(Vae, tiny_vae.PLAIN_NETWORK)
    for logit, home in ((-40.0, 0.0), (40.0, 1.0)):
        way = axis(logit)
        hybrid = LatentAxisHybrid(network, way).eval()
        with torch.no_grad():
            latent = network.encode(windows()).mean
            for mix in (0.0, 0.5, 1.0):
                made = hybrid(windows(), torch.full((3,), mix))
                moved = latent + (mix - home) * way.direction[None, :, None]
                wanted = network.decode(moved, torch.full((3,), mix))
                torch.testing.assert_close(made, wanted, atol=1e-5, rtol=0)


def test_the_pitch_that_it_is_given_decides_where_harmonics_are_drawn():
    network = built(Vae, tiny_vae.NETWORK)
    decoder = network.decoder
    with torch.no_grad():
        decoder.to_levels.weight.zero_()
        decoder.to_levels.bias.zero_()
        decoder.bin_bias.weight.zero_()
        decoder.bin_bias.bias.zero_()
        decoder.to_levels.bias[tiny_vae.NETWORK.n_bins :] = 4.0
        drawn = Hybrid(network)(windows(), partials(), torch.zeros(3))
    torch.testing.assert_close(drawn, torch.sigmoid(4.0 * partials()), atol=1e-5, rtol=0)
    with pytest.raises(ShapeError, match="given the pitch"):
        network.decode(network.encode(windows()).mean, torch.zeros(3))


def test_the_instrument_that_it_is_given_changes_the_drawing_of_the_same_latent():
    network = built(Vae, tiny_vae.NETWORK)
    hybrid = Hybrid(network)
    with torch.no_grad():
        first, middle, second = (
            hybrid(windows(), partials(), torch.full((3,), mix)) for mix in (0.0, 0.5, 1.0)
        )
    assert (first - second).abs().max() > 1e-3
    assert (middle - first).abs().mean() < (second - first).abs().mean()


@pytest.mark.parametrize("family", ["vae", "mevae"])
def test_each_window_has_its_own_mix_and_no_neighbours(family):
    if family == "vae":
        hybrid = Hybrid(built(Vae, tiny_vae.NETWORK)).eval()
    else:
        hybrid = Hybrid(built(MultiEncoderVae, tiny_vae.NETWORK)).eval()
    lobes = torch.cat([partials(hz, 1) for hz in (250.0, 400.0, 700.0)])
    mix = torch.tensor([0.0, 0.3, 1.0])
    with torch.no_grad():
        together = hybrid(windows(), lobes, mix)
        alone = torch.cat([hybrid(*(part[i : i + 1] for part in (windows(), lobes, mix))) for i in range(3)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
    assert ((together >= 0.0) & (together <= 1.0)).all()


def test_the_mix_of_the_multi_encoder_vae_lies_between_the_embeddings():
    network = built(MultiEncoderVae, tiny_vae.NETWORK)
    condition = network.instrument(torch.tensor([0.0, 0.25, 1.0]))
    first, second = network.instrument.ends.weight
    torch.testing.assert_close(condition, torch.stack([first, 0.75 * first + 0.25 * second, second]))


def test_each_window_is_read_by_the_encoder_of_its_instrument_and_by_the_other():
    network = built(MultiEncoderVae, tiny_vae.NETWORK)
    end = torch.tensor([0, 1, 1])
    with torch.no_grad():
        coded = network(windows(), end, partials())
        by_each = torch.stack([network.encode(windows(), i).mean for i in (0, 1)])
    torch.testing.assert_close(coded.own.mean, by_each[end, torch.arange(3)])
    torch.testing.assert_close(coded.other.mean, by_each[1 - end, torch.arange(3)])
    assert torch.equal(coded.latent, coded.own.mean)


def test_the_listener_chooses_the_encoder():
    network = built(MultiEncoderVae, tiny_vae.NETWORK)
    hybrid = Hybrid(network)
    mix = torch.full((3,), 0.5)
    with torch.no_grad():
        for encoder, logit in ((0, -60.0), (1, 60.0)):
            network.listener.head.weight.zero_()
            network.listener.head.bias.fill_(logit)
            wanted = network.decode(network.encode(windows(), encoder).mean, mix, partials())
            torch.testing.assert_close(hybrid(windows(), partials(), mix), wanted, atol=1e-5, rtol=0)


def test_the_reversed_gradient_reverses_and_changes_nothing_else():
    value = torch.randn(5, generator=torch.Generator().manual_seed(0), requires_grad=True)
    passed = ReversedGradient.apply(value)
    assert torch.equal(passed, value)
    (3.0 * passed).sum().backward()
    assert torch.equal(value.grad, torch.full((5,), -3.0))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"filters": (4, 4)}, "differ in number"),
        ({"n_bins": 100}, "don't divide 100 x 16"),
        ({"latent_steps": 3}, "3 latent steps don't divide 4 columns"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes, reason):
    with pytest.raises(ShapeError, match=reason):
        replace(tiny_vae.NETWORK, **changes)


def test_a_decoder_doubles_steps_until_they_are_frames():
    with pytest.raises(ShapeError, match="don't double to 24 frames"):
        Vae(
            SpectrogramNetworkConfig(
                n_bins=32, n_frames=24, strides=((2, 1),) * 5, filters=(4,) * 5, latent_steps=8
            )
        )


@pytest.mark.parametrize("channels", [1, 4, 12, 24, 96, 100])
def test_groups_divide_the_channels(channels):
    norm = group_norm(channels)
    assert channels % norm.num_groups == 0
    assert norm.num_groups <= 8
