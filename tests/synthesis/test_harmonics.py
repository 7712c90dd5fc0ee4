"""`HarmonicSynth` against sines summed one by one in float64, and against the physics of tones and glides."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.synthesis.harmonics import HarmonicSynth, harmonic_synth, nyquist_fade

RATE, HOP = 44_100, 441


def level_db(error, reference):
    return 10 * np.log10(np.mean(np.square(error, dtype=float)) / np.mean(np.square(reference, dtype=float)))


def sines_one_by_one(f0_hz, amplitudes):
    """Sum sines whose phase is the running sum of a pitch drawn sample by sample (trapezoids)."""
    n_frames, n_harmonics = amplitudes.shape
    seconds = np.arange(n_frames * HOP + 1)
    pitch = np.interp(seconds, np.arange(n_frames) * HOP, f0_hz)
    phase = 2 * np.pi * np.concatenate([[0], np.cumsum((pitch[1:] + pitch[:-1]) / 2 / RATE)])[:-1]
    audio = np.zeros(n_frames * HOP)
    for k in range(1, n_harmonics + 1):
        amplitude = np.interp(seconds[:-1], np.arange(n_frames) * HOP, amplitudes[:, k - 1])
        audio += amplitude * np.sin(k * phase)
    return audio


def spectrum_db(audio):
    """Return amplitudes in dB relative to a sine of amplitude 1, one bin per Hz, side-lobes below -90 dB."""
    seconds = audio[:RATE].astype(float)
    position = 2 * np.pi * np.arange(RATE) / RATE
    window = (
        0.35875 - 0.48829 * np.cos(position) + 0.14128 * np.cos(2 * position) - 0.01168 * np.cos(3 * position)
    )
    return 20 * np.log10(np.abs(np.fft.rfft(seconds * window)) * 2 / window.sum() + 1e-12)


def vibrato(n_frames, f0_hz, cents=50.0):
    return f0_hz * 2 ** (cents / 1200 * np.sin(2 * np.pi * 6 * np.arange(n_frames) / 100))


@pytest.mark.parametrize("n_harmonics", [1, 9, 10, 11, 60])
def test_agrees_with_sines_one_by_one(n_harmonics):
    rng = np.random.default_rng(n_harmonics)
    f0_hz = vibrato(300, 300.0)
    amplitudes = rng.uniform(0, 0.1, (300, n_harmonics)).astype(np.float32)
    audio = harmonic_synth(f0_hz, amplitudes)
    expected = sines_one_by_one(f0_hz, amplitudes)
    assert audio.dtype == np.float32
    assert level_db(audio - expected, expected) < -100


def test_pure_tone_has_its_amplitude_and_frequency_and_nothing_else():
    audio = harmonic_synth(np.full(110, 1000.0), np.full((110, 1), 0.5, np.float32))
    levels = spectrum_db(audio)
    assert levels[1000] == pytest.approx(20 * np.log10(0.5), abs=0.001)
    assert np.delete(levels, np.arange(996, 1005)).max() < -95


@given(st.lists(st.integers(0, 20), min_size=1, max_size=12), st.integers(0, 2**32 - 1))
def test_blocks_of_any_size_give_the_offline_samples(sizes, seed):
    rng = np.random.default_rng(seed)
    n_frames = sum(sizes)
    f0_hz = rng.uniform(0, 3600, n_frames + 1) * (rng.random(n_frames + 1) > 0.2)
    amplitudes = rng.uniform(0, 0.1, (n_frames + 1, 30)).astype(np.float32)
    offline = harmonic_synth(f0_hz, amplitudes)[: n_frames * HOP]
    synth, blocks, start = HarmonicSynth(), [], 0
    for size in sizes:
        blocks.append(synth.block(f0_hz[start : start + size + 1], amplitudes[start : start + size + 1]))
        start += size
    np.testing.assert_allclose(
        np.concatenate(blocks), offline, atol=1e-5 * max(1e-3, np.abs(offline).max(initial=0))
    )


def test_a_rising_chirp_leaves_nothing_folded_back_below_it():
    # Eight harmonics climb through Nyquist; an alias would fall below the fundamental.
    f0_hz = np.linspace(3500, 21_000, 101)
    audio = harmonic_synth(f0_hz, np.full((101, 8), 0.1, np.float32))
    levels = spectrum_db(audio)
    assert levels[3500:21_000].max() > -60
    assert levels[:3300].max() < -100


def test_a_fast_glide_over_nyquist_does_not_alias():
    # 7.1 to 7.43 kHz within one hop, just no leap: harmonic 3 would end at 22.3 kHz, folded at 21.8 kHz.
    f0_hz = np.repeat([7100.0, 7430.0], 55)
    amplitudes = np.zeros((110, 3), np.float32)
    amplitudes[:, 2] = 0.1
    glide = harmonic_synth(f0_hz, amplitudes)[54 * HOP : 55 * HOP].astype(float)
    assert np.abs(glide).max() > 0.005  # it sounds at first,
    stop = int(HOP * (0.98 * RATE / 2 / 3 - 7100.0) / 330.0) + 2
    assert np.abs(glide[stop:]).max() == 0  # and stops before Nyquist.


@pytest.mark.parametrize("notes_hz", [(440.0, 660.0), (660.0, 440.0), (5000.0, 10_000.0)])
def test_a_leap_gives_one_note_for_the_other_without_a_sweep(notes_hz):
    old_hz, new_hz = notes_hz
    f0_hz = np.repeat(notes_hz, 55)
    amplitudes = np.full((110, 5), 0.1, np.float32)
    leap = harmonic_synth(f0_hz, amplitudes)[54 * HOP : 55 * HOP].astype(float)
    seconds = np.arange(54 * HOP, 55 * HOP) / RATE
    fade = np.arange(HOP) / HOP
    expected = np.zeros(HOP)
    for k in range(1, 6):
        start = 2 * np.pi * k * old_hz * 54 * HOP / RATE
        old = np.sin(2 * np.pi * k * old_hz * seconds) * nyquist_fade(np.array([k * old_hz]), RATE / 2)
        new = np.sin(start + 2 * np.pi * k * new_hz * (seconds - seconds[0]))
        expected += 0.1 * ((1 - fade) * old + fade * new * nyquist_fade(np.array([k * new_hz]), RATE / 2))
    np.testing.assert_allclose(leap, expected, atol=1e-4)


def test_gliding_pitch_fades_harmonics_without_a_step():
    # The 20th harmonic glides from 19 to 23 kHz: its envelope, from the analytic signal, must fall smoothly.
    f0_hz = np.linspace(950, 1150, 201)
    amplitudes = np.zeros((201, 20), np.float32)
    amplitudes[:, 19] = 0.1
    audio = harmonic_synth(f0_hz, amplitudes).astype(float)
    spectrum = np.fft.fft(audio)
    spectrum[len(audio) // 2 :] = 0
    envelope = np.abs(2 * np.fft.ifft(spectrum))
    expected = 0.1 * nyquist_fade(
        20 * np.interp(np.arange(len(audio)), np.arange(201) * HOP, f0_hz), RATE / 2
    )
    np.testing.assert_allclose(envelope[2000:-2000], expected[2000:-2000], atol=2e-3)


def test_phase_is_continuous_where_pitch_and_blocks_change():
    rng = np.random.default_rng(3)
    f0_hz = rng.uniform(100, 500, 80)
    audio = harmonic_synth(f0_hz, np.ones((80, 1), np.float32)).astype(float)
    # Between samples a sine of amplitude 1 moves by no more than its phase does, and a fade a little.
    assert np.abs(np.diff(audio)).max() <= 2 * np.sin(np.pi * 500 / RATE) + 2 / HOP


def test_phase_is_exact_after_three_hours():
    f0_hz = 1234.5678
    synth = HarmonicSynth()
    frames = 1_080_000
    silent = np.zeros((10_001, 0), np.float32)
    for _ in range(frames // 10_000):
        synth.block(np.full(10_001, f0_hz), silent)
    audio = synth.block(np.full(2, f0_hz), np.ones((2, 10), np.float32))
    # Whole turns drop out of the product in exact integers: f0 in units of 1e-4 Hz.
    turns = (12_345_678 * frames % 1_000_000) / 1_000_000
    phase = turns + f0_hz * np.arange(HOP) / RATE
    expected = np.sin(2 * np.pi * np.arange(1, 11)[:, None] * phase).sum(axis=0)
    np.testing.assert_allclose(audio, expected, atol=1e-4)


def test_unvoiced_frames_are_silent_and_do_not_bend_the_pitch():
    f0_hz = np.array([400.0, 400.0, 0.0, 0.0, 0.0, 800.0, 800.0])
    audio = harmonic_synth(f0_hz, np.ones((7, 1), np.float32))
    assert np.all(audio[2 * HOP : 4 * HOP] == 0)
    fade = audio[HOP : 2 * HOP] / (1 - np.arange(HOP) / HOP)
    expected = np.sin(2 * np.pi * 400 * (HOP + np.arange(HOP)) / RATE)
    np.testing.assert_allclose(fade[:-20], expected[:-20], atol=1e-4)


@given(st.floats(1e-3, 1e3), st.integers(0, 2**32 - 1))
def test_gain_passes_through(gain, seed):
    rng = np.random.default_rng(seed)
    f0_hz = rng.uniform(200, 3600, 5)
    amplitudes = rng.random((5, 12)).astype(np.float32)
    once = harmonic_synth(f0_hz, amplitudes)
    np.testing.assert_allclose(
        harmonic_synth(f0_hz, np.float32(gain) * amplitudes), gain * once, rtol=1e-3, atol=1e-4 * gain
    )


def test_silence_and_empty_blocks():
    assert not harmonic_synth(np.zeros(4), np.ones((4, 5), np.float32)).any()
    assert not harmonic_synth(np.full(4, 30_000.0), np.ones((4, 5), np.float32)).any()
    assert HarmonicSynth().block(np.ones(1), np.ones((1, 5), np.float32)).shape == (0,)
