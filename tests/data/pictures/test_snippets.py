"""Snippets: where recordings are cut, what counts as silent, and frames that know their neighbours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.data.pictures.snippets import SHORTEST_SECONDS, Part, SnippetSettings, cut, parts_of, spectra
from violute.errors import InputError
from violute.transforms.spectrogram import ASSIGNMENT, DETAIL, SpectrogramSettings, stft

SMALL = SpectrogramSettings(sample_rate=1000, n_fft=64, hop_length=25, n_bins=32, n_frames=8)
FIVE = SnippetSettings()


def noise(n_samples, level=0.1):
    return (level * np.random.default_rng(0).standard_normal(n_samples)).astype(np.float32)


def test_five_seconds_are_one_part_or_four():
    assert parts_of(2 * 110_250, FIVE, ASSIGNMENT) == [Part(0, 110_250), Part(110_250, 110_250)]
    assert parts_of(220_500, FIVE, DETAIL) == [Part(i * 55_125, 55_125) for i in range(4)]


def test_a_short_recording_is_one_short_part_and_a_rest_is_kept_if_it_is_long_enough():
    assert parts_of(1000, FIVE, ASSIGNMENT) == [Part(0, 1000)]
    assert parts_of(0, FIVE, ASSIGNMENT) == []
    shortest = round(SHORTEST_SECONDS * 22_050)
    assert len(parts_of(110_250 + shortest - 1, FIVE, ASSIGNMENT)) == 1
    assert parts_of(110_250 + shortest, FIVE, ASSIGNMENT)[1] == Part(110_250, shortest)


@given(st.integers(1, 20_000), st.floats(0.2, 3.0), st.floats(0.0, 0.95))
def test_parts_cover_the_recording_in_even_steps(n_samples, seconds, overlap):
    settings = SnippetSettings(seconds, overlap)
    parts = parts_of(n_samples, settings, SMALL)
    stops = [part.start + part.n_samples for part in parts]
    assert parts[0].start == 0
    assert n_samples - max(stops) < SHORTEST_SECONDS * 1000
    assert all(part.n_samples <= SMALL.n_samples for part in parts)
    assert all(later.start <= stop for later, stop in zip(parts[1:], stops, strict=False))
    assert len(set(np.diff([part.start for part in parts]))) <= 1
    # No part but the last is short, and none lies within another.
    assert len({part.n_samples for part in parts[:-1]}) <= 1
    assert stops == sorted(set(stops))


def test_overlap_is_the_share_in_common():
    first, second = parts_of(400, SnippetSettings(0.2, 0.75), SMALL)[:2]
    assert first.n_samples == 200
    assert first.start + first.n_samples - second.start == 150


def test_silence_is_left_out_and_level_counts_within_a_file():
    settings = SnippetSettings(0.2, gate_db=-30.0)
    loud, soft = noise(200), noise(200, 0.001)  # 40 dB apart
    audio = np.concatenate([loud, np.zeros(200, np.float32), soft, loud])
    assert cut([audio], settings, SMALL) == [[Part(0, 200), Part(600, 200)]]
    assert cut([soft], settings, SMALL) == [[Part(0, 200)]]
    assert cut([soft, loud], settings, SMALL) == [[], [Part(0, 200)]]
    wide = SnippetSettings(0.2, gate_db=-50.0)
    assert cut([audio], wide, SMALL) == [[Part(0, 200), Part(400, 200), Part(600, 200)]]


def test_zeros_give_nothing():
    assert cut([np.zeros(5000, np.float32), np.zeros(0, np.float32)], FIVE, SMALL) == [[], []]


def test_a_part_that_sounds_for_less_than_a_quarter_is_left_out():
    settings = SnippetSettings(5.0)
    rate = ASSIGNMENT.sample_rate
    for seconds, is_kept in ((1.0, False), (1.5, True)):
        audio = np.zeros(5 * rate, np.float32)
        audio[: round(seconds * rate)] = noise(round(seconds * rate))
        assert bool(cut([audio], settings, ASSIGNMENT)[0]) is is_kept


def test_frames_of_parts_are_those_of_the_recording():
    audio = noise(1000)
    whole = stft(np.pad(audio, (0, 1000)), SMALL)
    parts = [Part(0, 200), Part(200, 200), Part(800, 200)]
    for part, spectrum in zip(parts, spectra(audio, parts, SMALL), strict=True):
        first = part.start // SMALL.hop_length
        # A window reaches 32 samples beyond its centre; all centres lie within the part.
        np.testing.assert_allclose(spectrum, whole[:, first : first + 8], atol=1e-6)


def test_silence_follows_a_short_part():
    (spectrum,) = spectra(noise(1000), [Part(400, 60)], SMALL)
    assert spectrum.shape == (33, 8)
    assert np.abs(spectrum[:, :3]).max() > 1e-3
    assert not spectrum[:, 5:].any()  # centred 125 samples and more after the start


@pytest.mark.parametrize(
    "settings",
    [
        {"seconds": 0.0},
        {"seconds": 1e9},
        {"seconds": float("nan")},
        {"overlap": 1.0},
        {"overlap": -0.1},
        {"gate_db": 0.0},
        {"gate_db": float("-inf")},
    ],
)
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(InputError, match="seconds|overlap|gate"):
        SnippetSettings(**settings)
