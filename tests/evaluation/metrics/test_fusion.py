"""Fusion: one tone is one voice, layers are several, and partials grate as Plomp and Levelt found."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone, vibrato

from violute.errors import AudioError, ShapeError
from violute.evaluation.metrics.fusion import (
    FRAME_RATE_HZ,
    MAX_SERIES,
    dissonance,
    harmonic_series,
    mean_f0_tracks,
    n_series,
    roughness,
    spectral_peaks,
)

PURE = -np.inf


def layered(f0_hz: float, cents: float, *, share: float = 1.0) -> np.ndarray:
    return tone(f0_hz, 0.8) + share * tone(f0_hz * 2 ** (cents / 1200), 0.8, seed=1)


@pytest.mark.parametrize("f0_hz", [196.0, 261.63, 440.0, 1046.5, 2093.0, 3520.0])
@pytest.mark.parametrize("db_per_octave", [-6.0, -15.0])
def test_one_tone_is_one_series_at_its_pitch(f0_hz: float, db_per_octave: float) -> None:
    audio = tone(f0_hz, 0.6, db_per_octave=db_per_octave, noise_db=-60.0)
    assert mean_f0_tracks(audio, SAMPLE_RATE) == 1.0
    series_hz = harmonic_series(*spectral_peaks(audio, SAMPLE_RATE))[5:-5]
    assert np.max(np.abs(1200 * np.log2(series_hz[:, 0] / f0_hz))) < 10.0


def test_a_weak_fundamental_and_an_uneven_spectrum_are_still_one_series() -> None:
    weak = tone(330.0, 0.6, harmonic_db=[-25.0, 0.0, -3.0, -3.0, -6.0, -6.0], level_db=-20.0)
    assert mean_f0_tracks(weak, SAMPLE_RATE) == 1.0
    uneven = tone(330.0, 0.6, harmonic_db=[0.0, -12.0, 3.0, -20.0, -2.0, -9.0, -14.0], level_db=-20.0)
    assert mean_f0_tracks(uneven, SAMPLE_RATE) == 1.0


@pytest.mark.parametrize("f0_hz", [220.0, 660.0, 1760.0])
def test_vibrato_is_one_voice_and_hardly_rougher(f0_hz: float) -> None:
    straight = tone(f0_hz, 1.0)
    swinging = tone(vibrato(f0_hz, 25.0, 6.0, 1.0))
    assert mean_f0_tracks(swinging, SAMPLE_RATE) == 1.0
    assert roughness(swinging, SAMPLE_RATE) < roughness(straight, SAMPLE_RATE) + 0.06


@pytest.mark.parametrize("semitones", [1, 2, 3, 4, 5, 7, 9, 16])
@pytest.mark.parametrize("f0_hz", [293.66, 587.33])
def test_two_notes_are_two_series_at_their_pitches(f0_hz: float, semitones: int) -> None:
    audio = layered(f0_hz, 100.0 * semitones)
    assert mean_f0_tracks(audio, SAMPLE_RATE) > 1.9
    found = np.sort(harmonic_series(*spectral_peaks(audio, SAMPLE_RATE))[5:-5, :2], axis=1)
    wanted = f0_hz * 2 ** (np.array([0, semitones]) / 12)
    assert np.median(np.abs(1200 * np.log2(found / wanted))) < 15.0


def test_three_notes_are_three_series() -> None:
    triad = sum(tone(f0_hz, 0.8, seed=i) for i, f0_hz in enumerate((293.66, 369.99, 440.0)))
    assert mean_f0_tracks(triad, SAMPLE_RATE) > 2.7


@pytest.mark.parametrize("cents", [60.0, 150.0, 700.0])
def test_a_layer_of_two_voices_is_less_fused_than_either(cents: float) -> None:
    single, layer = tone(440.0, 0.8), layered(440.0, cents)
    assert mean_f0_tracks(layer, SAMPLE_RATE) > mean_f0_tracks(single, SAMPLE_RATE) + 0.9
    assert roughness(layer, SAMPLE_RATE) > 1.3 * roughness(single, SAMPLE_RATE)


def test_layers_at_one_pitch_are_one_series() -> None:
    assert mean_f0_tracks(layered(440.0, 0.0), SAMPLE_RATE) == 1.0
    assert mean_f0_tracks(layered(440.0, 1200.0), SAMPLE_RATE) == 1.0


def test_detuning_grates_more_and_more_up_to_a_semitone() -> None:
    detuned = [
        roughness(layered(440.0, cents), SAMPLE_RATE) for cents in (0.0, 10.0, 20.0, 40.0, 60.0, 100.0)
    ]
    assert all(smaller < larger for smaller, larger in pairwise(detuned)), detuned
    assert roughness(layered(440.0, 700.0), SAMPLE_RATE) < 0.3 * detuned[-1]


def test_a_second_voice_counts_from_a_share_on_and_grates_more_the_louder_it_is() -> None:
    shares = (0.0, 0.1, 0.3, 1.0)
    layers = [layered(440.0, 100.0, share=share) for share in shares]
    tracks = [mean_f0_tracks(layer, SAMPLE_RATE) for layer in layers]
    assert tracks[:2] == [1.0, 1.0]
    assert tracks[3] == 2.0
    grates = [roughness(layer, SAMPLE_RATE) for layer in layers]
    assert all(smaller < larger for smaller, larger in pairwise(grates)), grates


def test_noise_grates() -> None:
    figures = [
        roughness(tone(440.0, 0.8, noise_db=level), SAMPLE_RATE) for level in (-80.0, -40.0, -30.0, -20.0)
    ]
    assert all(smaller < larger for smaller, larger in pairwise(figures)), figures


def test_notes_that_follow_each_other_are_not_simultaneous() -> None:
    scale = np.concatenate([tone(440.0 * 2 ** (i / 12), 0.25, seed=i) for i in (0, 2, 4, 5, 7)])
    assert mean_f0_tracks(scale, SAMPLE_RATE) == 1.0
    counts = n_series(np.concatenate([tone(440.0, 0.5), layered(440.0, 400.0)]), SAMPLE_RATE)
    change = round(0.5 * FRAME_RATE_HZ)
    assert set(counts[: change - 4].tolist()) == {1}
    assert set(counts[change + 4 : -4].tolist()) == {2}


@pytest.mark.parametrize("low_hz", [500.0, 1000.0, 2000.0])
def test_two_sines_grate_most_at_a_fraction_of_the_critical_band(low_hz: float) -> None:
    # Plomp and Levelt: about a quarter of the band; the band by Zwicker and Terhardt (1980).
    band_hz = 25.0 + 75.0 * (1.0 + 1.4 * (low_hz / 1000.0) ** 2) ** 0.69
    apart_hz = np.linspace(0.0, 3.0 * band_hz, 2000)
    curve = dissonance(np.full(2000, low_hz), low_hz + apart_hz)
    assert apart_hz[curve.argmax()] == pytest.approx(0.25 * band_hz, rel=0.35)
    assert curve.max() == pytest.approx(1.0, abs=1e-3)
    assert curve[0] == 0.0
    assert curve[-1] < 0.05
    worst_hz = low_hz + apart_hz[curve.argmax()]
    pair = tone(low_hz, 0.8, db_per_octave=PURE) + tone(worst_hz, 0.8, db_per_octave=PURE)
    assert roughness(pair, SAMPLE_RATE) == pytest.approx(0.5, abs=0.1)


def test_peaks_are_read_exactly() -> None:
    sines = [(441.3, 0.5), (1234.5, 0.1), (5678.9, 0.02)]
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    audio = np.sum([level * np.sin(2 * np.pi * hz * time) for hz, level in sines], axis=0)
    frequency_hz, amplitude = spectral_peaks(audio, SAMPLE_RATE)
    np.testing.assert_allclose(frequency_hz[10:-10, :3], [[hz for hz, _ in sines]] * 31, atol=0.5)
    np.testing.assert_allclose(amplitude[10:-10, :3], [[level for _, level in sines]] * 31, rtol=0.01)
    assert np.all(amplitude[10:-10, 3:] < 1e-3)


@settings(max_examples=10)
@given(gain=st.floats(1e-3, 10.0), semitones=st.integers(0, 12))
def test_level_counts_for_nothing(gain: float, semitones: int) -> None:
    audio = layered(440.0, 100.0 * semitones)[:13230].astype(np.float64)
    assert mean_f0_tracks(gain * audio, SAMPLE_RATE) == mean_f0_tracks(audio, SAMPLE_RATE)
    assert roughness(gain * audio, SAMPLE_RATE) == pytest.approx(roughness(audio, SAMPLE_RATE), rel=1e-6)


@settings(max_examples=10)
@given(seed=st.integers(0, 99), n_samples=st.integers(1, 9000))
def test_bounds_on_noise_of_any_length(seed: int, n_samples: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(n_samples)
    counts = n_series(noise, SAMPLE_RATE)
    assert counts.min() >= 0
    assert counts.max() <= MAX_SERIES
    assert roughness(noise, SAMPLE_RATE) >= 0.0
    assert 1.0 <= mean_f0_tracks(noise, SAMPLE_RATE) <= MAX_SERIES


def test_rate_and_channels_matter_little() -> None:
    audio = layered(440.0, 60.0)
    stereo = np.stack([audio, audio])
    assert roughness(stereo, SAMPLE_RATE) == pytest.approx(roughness(audio, SAMPLE_RATE), rel=1e-5)
    # The same samples at half the rate sound an octave lower.
    assert mean_f0_tracks(layered(880.0, 60.0), SAMPLE_RATE // 2) > 1.8


def test_silence_has_no_figure() -> None:
    silence = np.zeros(SAMPLE_RATE // 2)
    assert n_series(silence, SAMPLE_RATE).tolist() == [0] * 26
    assert np.isnan(mean_f0_tracks(silence, SAMPLE_RATE))
    assert np.isnan(roughness(silence, SAMPLE_RATE))
    assert not harmonic_series(*spectral_peaks(silence, SAMPLE_RATE)).any()


@pytest.mark.unchecked
def test_errors() -> None:
    for figure in (n_series, mean_f0_tracks, roughness):
        with pytest.raises(AudioError, match="no samples"):
            figure(np.zeros(0), SAMPLE_RATE)
        with pytest.raises(AudioError, match="not finite"):
            figure(np.array([1.0, np.nan]), SAMPLE_RATE)
    with pytest.raises(ShapeError, match="alike"):
        harmonic_series(np.zeros((2, 3)), np.zeros((2, 4)))
