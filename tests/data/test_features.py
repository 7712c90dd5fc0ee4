"""Features of a recording: bands between harmonics, the codec's limit, and a cache that notices."""

import dataclasses
import os

import numpy as np
import pytest
import scipy.signal
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from tones import SAMPLE_RATE, cents_apart, tone, vibrato

from violute.analysis.pitch_range import HIGH
from violute.data.features import highest_recorded_hz, measure, measure_all
from violute.data.harmonics import bands_from_gaps
from violute.data.recordings import Recording, list_recordings, read_recording
from violute.data.reverb_tails import reverberation_tails
from violute.errors import AudioError
from violute.synthesis.noise import N_BANDS, filtered_noise, noise_bands

NYQUIST_HZ = SAMPLE_RATE / 2


@pytest.fixture
def folder(tmp_path):
    """Two notes at two rates, and one of noise."""
    soundfile.write(tmp_path / "a.wav", tone(vibrato(440.0, 20.0, 5.5, 0.5), noise_db=-50.0), SAMPLE_RATE)
    low = scipy.signal.resample_poly(tone(880.0, 0.5, noise_db=-50.0), 1, 2)
    soundfile.write(tmp_path / "b.wav", low, SAMPLE_RATE // 2)
    noise = 0.1 * np.random.default_rng(0).standard_normal(SAMPLE_RATE // 2)
    soundfile.write(tmp_path / "c.wav", noise, SAMPLE_RATE)
    return tmp_path


def test_bands_of_shaped_noise_are_read_between_the_harmonics(tmp_path):
    """A breath with a peak at 3 kHz, made by the synthesiser itself, under a bowed tone."""
    centres_hz = noise_bands(N_BANDS)
    band_db = (-55.0 + 15.0 * np.exp(-np.square(np.log2(centres_hz / 3000.0)))).astype(np.float32)
    noise = filtered_noise(np.repeat(band_db[None], 200, axis=0))
    audio = noise + tone(vibrato(392.0, 15.0, 6.0, 2.0), db_per_octave=-9.0, level_db=-25.0)
    soundfile.write(tmp_path / "note.wav", audio, SAMPLE_RATE, subtype="FLOAT")
    measured = measure(Recording("note", tmp_path / "note.wav"))
    level_db = 10.0 * np.log10(np.mean(10.0 ** (measured.noise_db[10:-10] / 10.0), axis=0))
    chosen = (centres_hz > 800.0) & (centres_hz < 15_000.0)
    np.testing.assert_allclose(level_db[chosen], band_db[chosen], atol=2.0)


@given(level_db=st.floats(-100.0, 0.0), f0_hz=st.floats(190.0, 3600.0))
def test_level_gaps_are_level_bands(level_db, f0_hz):
    gap_db = np.full((3, 100), level_db, np.float32)
    bands_db = bands_from_gaps(gap_db, np.full(3, f0_hz, np.float32))
    assert bands_db.shape == (3, N_BANDS)
    np.testing.assert_allclose(bands_db, level_db, atol=1e-3)


def test_bands_lie_on_straight_lines_between_the_middles_of_gaps():
    f0_hz = 500.0
    middles_hz = (np.arange(44) + 0.5) * f0_hz
    rng = np.random.default_rng(0)
    gap_db = np.full((1, 100), -140.0, np.float32)
    gap_db[0, :44] = rng.uniform(-90.0, -30.0, 44)
    expected = np.interp(noise_bands(N_BANDS), middles_hz, gap_db[0, :44])
    got = bands_from_gaps(gap_db, np.array([f0_hz], np.float32))[0]
    np.testing.assert_allclose(got, expected, atol=0.1)


def test_unmeasured_gaps_are_never_read():
    """A high note has few gaps below Nyquist; what lies beyond them is filled in from the last."""
    gap_db = np.full((2, 100), -140.0, np.float32)
    gap_db[:, :7] = -60.0
    bands_db = bands_from_gaps(gap_db, np.full(2, 3000.0, np.float32))
    np.testing.assert_allclose(bands_db, -60.0, atol=0.1)


@pytest.mark.parametrize("cut_hz", [11_000.0, 15_000.0, 16_000.0, 19_000.0])
def test_a_codecs_low_pass_is_found(cut_hz):
    noise = 0.1 * np.random.default_rng(1).standard_normal(4 * SAMPLE_RATE)
    taps = scipy.signal.firwin(801, cut_hz, fs=SAMPLE_RATE)
    cut = scipy.signal.fftconvolve(noise, taps, mode="same").astype(np.float32)
    assert abs(highest_recorded_hz(cut) - cut_hz) <= 750.0


def test_what_falls_gently_was_not_cut():
    rng = np.random.default_rng(1)
    noise = 0.1 * rng.standard_normal(4 * SAMPLE_RATE)
    sos = scipy.signal.butter(4, 3000.0, fs=SAMPLE_RATE, output="sos")
    gentle = scipy.signal.sosfilt(sos, noise) + 1e-6 * rng.standard_normal(len(noise))
    for audio in (noise, gentle, noise[:100]):
        assert highest_recorded_hz(audio.astype(np.float32)) == NYQUIST_HZ


def test_a_note_is_measured_as_it_is(folder):
    features = measure(list_recordings(folder)[0])
    assert (features.name, features.source) == ("a", "a.wav")
    n_frames = features.controls.n_frames
    assert features.harmonic_db.shape == (n_frames, 100)
    assert features.noise_db.shape == (n_frames, N_BANDS)
    assert features.is_reliable[5:-5].all()
    assert np.abs(cents_apart(features.controls.f0_hz[0, 5:-5], 440.0)).max() < 25
    # A sawtooth: every octave of harmonics 6 dB down.
    level_db = np.median(features.harmonic_db[10:-10, :16], axis=0)
    np.testing.assert_allclose(level_db - level_db[0], -6.0 * np.log2(np.arange(1, 17)), atol=0.5)


def test_noise_has_nothing_to_learn_from(folder):
    features = measure(list_recordings(folder)[2])
    assert features.is_reliable.mean() < 0.05
    assert np.isfinite(features.harmonic_db).all()
    assert np.isfinite(features.noise_db).all()


def test_measurements_are_kept_and_made_anew_when_a_file_changes(folder, tmp_path):
    cache = tmp_path / "deep" / "cache"
    recordings = list_recordings(folder)
    shares = []
    first = measure_all(recordings, cache, on_progress=shares.append)
    assert shares == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert [features.name for features in first] == ["a", "b", "c"]
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(kept) == 3
    again = measure_all(recordings, cache)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == kept
    for one, other in zip(first, again, strict=True):
        assert_alike(one, other)
    soundfile.write(folder / "a.wav", tone(330.0, 0.5), SAMPLE_RATE)
    os.utime(folder / "a.wav", ns=(1, 1))
    changed, *rest = measure_all(recordings, cache)
    assert np.abs(cents_apart(changed.controls.f0_hz[0, 5:-5], 330.0)).max() < 10
    for one, other in zip(first[1:], rest, strict=True):
        assert_alike(one, other)
    assert len(list(cache.iterdir())) == 4


def test_what_the_cache_holds_is_what_was_measured(folder, tmp_path):
    recording = list_recordings(folder)[0]
    fresh = measure(recording)
    (cached,) = measure_all([recording], tmp_path / "cache")
    assert (cached.name, cached.source, cached.highest_hz) == (fresh.name, fresh.source, fresh.highest_hz)
    np.testing.assert_array_equal(cached.controls.f0_hz, fresh.controls.f0_hz)
    np.testing.assert_array_equal(cached.is_reliable, fresh.is_reliable)
    np.testing.assert_allclose(cached.harmonic_db, fresh.harmonic_db, atol=0.1)
    np.testing.assert_allclose(cached.noise_db, fresh.noise_db, atol=0.1)


def test_a_file_that_is_no_sound_is_named(tmp_path):
    (tmp_path / "x.wav").write_text("no sound")
    with pytest.raises(AudioError, match="x.wav is not audio that can be read"):
        measure(Recording("x", tmp_path / "x.wav"))


def assert_alike(one, other):
    for field in dataclasses.fields(one):
        if field.name != "controls":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name))
    np.testing.assert_array_equal(one.controls.f0_hz, other.controls.f0_hz)


def test_tails_and_sound_are_measured_once_too(folder, tmp_path):
    recordings = list_recordings(folder)
    cache = tmp_path / "cache"
    first = measure_all(recordings, cache, with_tails=True, with_audio=True)
    kept = {path: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert len(kept) == 9
    again = measure_all([recordings[1]], cache, with_tails=True, with_audio=True)
    assert {path: path.stat().st_mtime_ns for path in cache.iterdir()} == kept
    features = again[0]
    np.testing.assert_array_equal(features.tail_db, first[1].tail_db)
    np.testing.assert_array_equal(features.audio, read_recording(recordings[1], SAMPLE_RATE))
    f0_hz = np.maximum(features.controls.f0_hz[0], HIGH.lowest_hz)
    expected = reverberation_tails(f0_hz, features.harmonic_db.astype(np.float32))
    np.testing.assert_array_equal(features.tail_db, expected)
