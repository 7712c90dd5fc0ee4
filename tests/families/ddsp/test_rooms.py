"""Ends are dry and share one room; a ripple moves what a vibrato moves and leaves still notes alone."""

import copy

import numpy as np
import pytest
import tiny_ddsp
from tones import tone

from violute.analysis.controls import Controls
from violute.audio.loudness import LoudnessMeter
from violute.families.ddsp.voice import HarmonicPerformance
from violute.synthesis.room import room
from violute.voices.mix import DEFAULT_ROOM, Mix, dials

N_FRAMES = 300


def controls(cents=0.0, *, stop=N_FRAMES):
    """One note with a vibrato of so many cents, and silence after it."""
    frames = np.arange(N_FRAMES)
    sounds = frames < stop
    f0_hz = 500.0 * 2.0 ** (cents * np.sin(2.0 * np.pi * 5.5 * frames / 100.0) / 1200.0)
    return Controls(
        f0_hz[None].astype(np.float32),
        np.where(sounds, 0.95, 0.0)[None].astype(np.float32),
        np.where(sounds, -20.0, -100.0)[None].astype(np.float32),
        (frames == 0).astype(np.float32),
    )


def play(told, mix, *, size=0.0, ripple_db=0.0):
    voice = tiny_ddsp.voice()
    settings = copy.copy(voice.settings)
    settings.ripple_db = [ripple_db] * 2
    settings.level_variation_db = np.zeros_like(settings.level_variation_db)
    performance = HarmonicPerformance(voice.session, settings, told)
    laid = dials(Mix.at(mix, room=size), performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_an_end_is_dry_and_the_room_is_the_same_for_all(mix):
    told = controls(stop=150)
    dry, wet = play(told, mix), play(told, mix, size=0.6)
    after = slice(170 * 441, None)
    assert np.abs(dry[after]).max() < 1e-3 * np.abs(dry).max()
    assert np.abs(wet[after]).max() > 5e-3 * np.abs(wet).max()
    np.testing.assert_allclose(wet, room(dry, 0.6), atol=1e-5)


def test_a_ripple_leaves_the_colour_of_a_still_note():
    still = controls()
    np.testing.assert_allclose(play(still, 1.0, ripple_db=5.0), play(still, 1.0), atol=1e-6)


def test_a_ripple_moves_partials_with_the_vibrato_and_the_loudness_stays():
    told = controls(cents=25.0)
    rippled, plain = play(told, 1.0, ripple_db=5.0), play(told, 1.0)
    inside = slice(60 * 441, 240 * 441)
    assert np.abs(rippled - plain)[inside].max() > 0.02 * np.abs(plain).max()
    powers = [np.square(audio[inside].astype(float)).mean() for audio in (rippled, plain)]
    assert 10.0 * abs(np.log10(powers[0] / powers[1])) < 1.0


def test_each_end_may_be_told_its_loudness():
    voice, told = tiny_ddsp.voice(), controls()
    loudness_db = [np.full(N_FRAMES, level, np.float32) for level in (-30.0, 0.0)]
    soft, loud = (
        HarmonicPerformance(voice.session, voice.settings, told, end_loudness_db=[level] * 2).live_tracks()[0]
        for level in loudness_db
    )
    assert np.abs(soft.harmonic_root.astype(float) - loud.harmonic_root.astype(float)).max() > 1e-2
    again = HarmonicPerformance(voice.session, voice.settings, told, end_loudness_db=[loudness_db[0]] * 2)
    np.testing.assert_array_equal(again.live_tracks()[0].harmonic_root, soft.harmonic_root)


@pytest.mark.parametrize("sample_rate", [22_050, 44_100])
def test_either_side_of_a_stereo_recording_has_walls_of_its_own(sample_rate):
    note = 0.2 * tone(440.0, 2.0)[:: 44_100 // sample_rate]
    stereo = np.stack([note, 0.5 * note])
    take = tiny_ddsp.voice().analyse(stereo, sample_rate)
    dry, wide = (take.render(Mix.at(0.5, room=size)) for size in (0.0, 0.5))
    assert wide.shape == dry.shape == stereo.shape
    np.testing.assert_allclose(dry[1], 0.5 * dry[0], atol=1e-6)
    side = wide[0] - 2.0 * wide[1]
    share = np.square(side).sum() / np.square(wide[0]).sum()
    # Walls of energy 0.25 beside 1, and twice as much where two of them are unlike.
    assert 0.05 < share < 0.8
    wanted = loudness_lufs(stereo, sample_rate)
    for rendering in (dry, wide):
        assert loudness_lufs(rendering, sample_rate) == pytest.approx(wanted, abs=0.1)
    mono = take.performance
    laid = dials(Mix.at(0.5, room=0.5), mono.n_frames, mono.frame_rate_hz)
    left = np.concatenate([block[0] for block in mono.wide_blocks(laid)])
    np.testing.assert_array_equal(left, np.concatenate(list(mono.blocks(laid))))


def test_a_small_room_is_where_no_other_is_asked_for():
    take = tiny_ddsp.voice().analyse(0.2 * tone(440.0, 1.0), 44_100)
    np.testing.assert_array_equal(take.render(0.5), take.render(Mix.at(0.5, room=DEFAULT_ROOM)))
    assert not np.array_equal(take.render(0.5), take.render(Mix.at(0.5, room=0.0)))
    assert dials(0.5, 10, 100.0).is_one_dial
    assert not dials(Mix.at(0.5, room=0.5), 10, 100.0).is_one_dial


def loudness_lufs(audio, sample_rate):
    meter = LoudnessMeter(sample_rate, len(audio))
    meter.push(audio)
    return meter.integrated_lufs()
