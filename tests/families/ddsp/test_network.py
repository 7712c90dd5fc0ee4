"""The default voice's network: filters read exactly, no look ahead, rooms that can be left out."""

import numpy as np
import pytest
import tiny_ddsp
import torch
from hypothesis import given
from hypothesis import strategies as st

from violute.analysis.pitch_range import HIGH
from violute.families.ddsp import voice as performance
from violute.families.ddsp.network import (
    FILTER_HIGHEST_HZ,
    DdspConfig,
    DdspDecoder,
    FilterTable,
    VoiceGraph,
)

CONFIG = DdspConfig(n_harmonics=20, n_bands=8, n_sources=3, channels=12)


@pytest.fixture
def decoder():
    """Random everywhere, also where training starts from 0."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DdspDecoder(CONFIG)
        with torch.no_grad():
            for table in (network.body.gain_db, network.room.gain_db, network.room_noise_db):
                table.normal_(0.0, 6.0)
    return network.eval()


def given_inputs(n_frames, batch=2, seed=1):
    told = tiny_ddsp.inputs(n_frames, seed)
    return told["features"][:1].repeat(batch, 1, 1), told["f0_hz"][None].repeat(batch, 1)


def filled(bins_per_octave, n_members=3):
    table = FilterTable(n_members, bins_per_octave)
    generator = torch.Generator().manual_seed(bins_per_octave)
    with torch.no_grad():
        table.gain_db.copy_(10.0 * torch.randn(table.gain_db.shape, generator=generator))
    return table


@pytest.mark.parametrize("bins_per_octave", [1, 12, 24])
def test_a_table_is_exact_at_its_bins_and_straight_between(bins_per_octave):
    table = filled(bins_per_octave)
    bins = np.arange(int(np.log2(FILTER_HIGHEST_HZ / HIGH.filter_lowest_hz) * bins_per_octave))
    for part in (0.0, 0.25, 0.5):
        hz = HIGH.filter_lowest_hz * 2.0 ** ((bins + part) / bins_per_octave)
        frequency_hz = torch.from_numpy(hz.astype(np.float32)).repeat(3, 1)
        gain_db = table.gain_db.detach()
        expected = (1.0 - part) * gain_db[:, bins] + part * gain_db[:, bins + 1]
        torch.testing.assert_close(table(torch.arange(3), frequency_hz), expected, atol=5e-3, rtol=0)


@given(hz=st.lists(st.floats(1.0, 60_000.0), min_size=1, max_size=30), member=st.integers(0, 2))
def test_a_table_is_numpys_interpolation_anywhere(hz, member):
    table = filled(12)
    gain_db = table.gain_db.detach().numpy()[member]
    octaves = np.log2(np.clip(hz, HIGH.filter_lowest_hz, FILTER_HIGHEST_HZ) / HIGH.filter_lowest_hz)
    expected = np.interp(octaves * 12, np.arange(len(gain_db)), gain_db)
    got = table(torch.tensor([member]), torch.tensor([hz], dtype=torch.float32))
    np.testing.assert_allclose(got.detach().numpy()[0], expected, atol=5e-3)


def test_a_table_reads_any_shape_of_frequencies_member_by_member():
    table = filled(12)
    frequency_hz = 200.0 + 5000.0 * torch.rand(2, 7, 5, generator=torch.Generator().manual_seed(0))
    read = table(torch.tensor([2, 0]), frequency_hz)
    assert read.shape == frequency_hz.shape
    for row, member in enumerate((2, 0)):
        alone = table(torch.tensor([member]), frequency_hz[row].reshape(1, -1)).reshape(7, 5)
        torch.testing.assert_close(read[row], alone)


def test_roughness_is_0_for_straight_lines_only():
    table = filled(12)
    assert table.roughness() > 1.0
    with torch.no_grad():
        table.gain_db.copy_(torch.outer(torch.tensor([1.0, -0.5, 0.0]), torch.arange(1.0 * table.n_bins)))
    assert table.roughness().item() == pytest.approx(0.0, abs=1e-9)


@given(now=st.integers(1, 99), end=st.integers(0, 1))
def test_the_future_changes_nothing(now, end):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = DdspDecoder(CONFIG).eval()
    features, f0_hz = given_inputs(100, batch=1)
    other_features, other_hz = features.clone(), f0_hz.clone()
    other_features[:, now:] += 1.0
    other_hz[:, now:] *= 1.3
    with torch.no_grad():
        before = network(features, f0_hz, torch.tensor([end]))
        after = network(other_features, other_hz, torch.tensor([end]))
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one[:, :now], other[:, :now], atol=1e-5, rtol=0)
        assert (one[:, now] - other[:, now]).abs().max() > 1e-3


def test_a_performance_looks_back_further_than_the_network_hears(decoder):
    """Blocks of a performance start with cold history; what they drop must be enough."""
    for config in (CONFIG, DdspConfig()):
        hears = sum(2 * dilation for dilation in config.dilations)
        assert hears <= performance.LOOK_BACK_FRAMES
    features, f0_hz = given_inputs(200, batch=1)
    cut = 200 - performance.LOOK_BACK_FRAMES - 1
    with torch.no_grad():
        whole = decoder(features, f0_hz, torch.tensor([1]))
        late = decoder(features[:, cut:], f0_hz[:, cut:], torch.tensor([1]))
    for one, other in zip(whole, late, strict=True):
        torch.testing.assert_close(one[:, -1], other[:, -1], atol=1e-4, rtol=0)


def test_the_room_is_what_a_source_adds_and_none_leaves_out(decoder):
    features, f0_hz = given_inputs(30)
    end = torch.tensor([0, 1])
    with torch.no_grad():
        dry = decoder(features, f0_hz, end)
        for source in range(3):
            member = torch.full((2,), source)
            wet = decoder(features, f0_hz, end, member)
            room = decoder.room(member, f0_hz[:, :, None] * decoder.harmonic_number)
            torch.testing.assert_close(wet.harmonic_db, dry.harmonic_db + room, atol=1e-4, rtol=0)
            noise_room = decoder.room_noise_db[source].expand_as(dry.noise_db)
            torch.testing.assert_close(wet.noise_db, dry.noise_db + noise_room, atol=1e-4, rtol=0)
            assert room.abs().mean() > 1.0
        decoder.room.gain_db.fill_(99.0)
        torch.testing.assert_close(decoder(features, f0_hz, end).harmonic_db, dry.harmonic_db)


def test_the_body_stays_where_it_is_while_the_pitch_moves(decoder):
    """Changing only the body changes each harmonic by the gain at its own frequency."""
    features, f0_hz = given_inputs(10, batch=1)
    end = torch.tensor([1])
    with torch.no_grad():
        with_body = decoder(features, f0_hz, end).harmonic_db
        gain = decoder.body(end, f0_hz[:, :, None] * decoder.harmonic_number)
        decoder.body.gain_db[1] = 0.0
        without = decoder(features, f0_hz, end).harmonic_db
    torch.testing.assert_close(with_body - without, gain, atol=1e-4, rtol=0)


def test_the_voice_graph_is_both_ends_at_one_pitch(decoder):
    told = tiny_ddsp.inputs(40, 5)
    with torch.no_grad():
        both = VoiceGraph(decoder)(told["features"], told["f0_hz"])
        for end in range(2):
            alone = decoder(told["features"][end : end + 1], told["f0_hz"][None], torch.tensor([end]))
            torch.testing.assert_close(both.harmonic_db[end], alone.harmonic_db[0], atol=1e-4, rtol=0)
            torch.testing.assert_close(both.noise_db[end], alone.noise_db[0], atol=1e-4, rtol=0)
    assert (both.harmonic_db[0] - both.harmonic_db[1]).abs().max() > 1.0
