"""The harmonics of a given pitch lie where they should, in the picture, in the sound and in both twins."""

import numpy as np
import pytest
import torch
from tones import SAMPLE_RATE, tone

from violute.analysis.analyser import analyse
from violute.analysis.controls import Controls
from violute.families.pictures import corpus
from violute.families.pictures.conditioning_pitch import (
    NOISE_LEVEL,
    ConditioningPitch,
    harmonic_lobes,
    phases_of,
)
from violute.transforms.spectrogram import DETAIL, stft


def controls(*lines_hz, n_frames=200, level_db=-20.0):
    pitch = np.stack([np.full(n_frames, hz, np.float32) for hz in lines_hz])
    return Controls(pitch, (pitch > 0.0) * 0.9, np.full(pitch.shape, level_db), np.zeros(n_frames))


@pytest.mark.parametrize("f0_hz", [196.0, 440.0, 2637.0])
def test_lobes_are_those_of_the_transform(f0_hz):
    spectrum = np.abs(stft(tone(f0_hz, 0.3, harmonic_db=[0.0] * 6), DETAIL))[: DETAIL.n_bins, 12]
    lobes = harmonic_lobes(np.array([f0_hz]), DETAIL)[:, 0]
    top = round(6.5 * f0_hz * DETAIL.n_fft / SAMPLE_RATE)
    np.testing.assert_allclose(lobes[:top], spectrum[:top] / spectrum.max(), atol=0.12)


def test_numpy_and_torch_draw_the_same_lobes():
    f0_hz = np.array([0.0, 196.0, 333.3, 2093.0], np.float32)
    bins = torch.from_numpy(f0_hz)[None, None] * (DETAIL.n_fft / DETAIL.sample_rate)
    torch.testing.assert_close(
        corpus.harmonic_lobes(bins, DETAIL.n_bins)[0],
        torch.from_numpy(harmonic_lobes(f0_hz, DETAIL)),
        atol=2e-3,
        rtol=0,
    )


def test_the_picture_of_two_notes_holds_the_harmonics_of_both():
    pitch = ConditioningPitch(controls(300.0, 470.0))
    picture = pitch.partials(20, 10, DETAIL)
    for hz in (300.0, 600.0, 470.0, 940.0, 20_100.0):
        assert picture[round(hz * DETAIL.n_fft / SAMPLE_RATE), 5] > 0.8
    assert picture[round(385.0 * DETAIL.n_fft / SAMPLE_RATE), 5] < 0.05


def test_outside_of_the_piece_and_without_a_pitch_nothing_is_drawn():
    pitch = ConditioningPitch(controls(300.0))
    assert pitch.partials(-40, 20, DETAIL).max() == 0.0
    assert pitch.partials(10_000, 5, DETAIL).max() == 0.0
    silent = ConditioningPitch(controls(0.0))
    assert silent.voiced_share == 0.0
    assert silent.partials(0, 50, DETAIL).max() == 0.0
    sound = np.concatenate(list(silent.excitation()))
    assert np.std(sound) == pytest.approx(NOISE_LEVEL, rel=0.02)


def test_the_excitation_has_all_harmonics_in_tune_and_equally_strong():
    pitch = ConditioningPitch(analyse(tone(441.0, 2.0)))
    sound = np.concatenate(list(pitch.excitation()))[SAMPLE_RATE // 2 : 3 * SAMPLE_RATE // 2]
    level = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) * 4.0 / len(sound)
    found = [level[441 * k - 3 : 441 * k + 4].max() for k in (1, 5, 20, 40)]
    np.testing.assert_allclose(found, 1.0, atol=0.25)
    assert level[500:800].max() < 0.02
    between = level[442 * 10 + 60 : 441 * 11 - 60]  # noise: flat, and never quite silent
    assert 0.0005 < np.sqrt(np.mean(np.square(between))) < 0.02


def test_where_nothing_has_a_pitch_the_phases_are_the_sources():
    rng = np.random.default_rng(0)
    source = (rng.standard_normal((50, 2)) + 1j * rng.standard_normal((50, 2))).astype(np.complex64)
    excitation = np.ones_like(source)
    excitation[:, 1] = 0.0
    turned = phases_of(excitation, source, np.array([1.0, 0.0], np.float32))
    apart = np.abs(np.angle(turned[:, 1] / source[:, 1]))
    assert np.median(apart) < 0.1
    assert np.abs(np.angle(turned[:, 0])).max() < 0.2
