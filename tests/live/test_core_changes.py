"""What changes in the real-time core while it plays: room, bypass, dry sound, level; and beginning anew."""

import subprocess

import live_core
import numpy as np
import pytest
from live_core import FADE_SAMPLES, SAMPLE_RATE, LiveCore, assert_glides, example, played

from violute.audio.resample import resample
from violute.families.ddsp.live_file import live_bytes
from violute.voices.load import DEFAULT_VOICE


@pytest.fixture(scope="module")
def voice():
    return live_bytes(DEFAULT_VOICE)


@pytest.fixture(scope="module")
def audio():
    return example("violin")[: 2 * SAMPLE_RATE]


@pytest.fixture(scope="module")
def other(audio):
    return np.roll(audio, 10_000)[::-1].copy()


def delayed(sound, n_samples):
    return np.concatenate([np.zeros(n_samples, np.float32), sound])[: len(sound)]


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_what_was_reset_plays_as_what_was_just_opened(voice, audio, other, sample_rate):
    with LiveCore(voice, sample_rate=sample_rate, room_size=0.4, n_channels=2, wet=0.7, mix=0.3) as live:
        first = live.push(audio)
        live.push(other[:12_345])
        live.reset()
        assert np.array_equal(live.push(audio), first)


def test_a_voice_of_the_low_range_is_reset_too(audio, other):
    low = live_bytes("violute-clarinet-cello")
    with LiveCore(low) as live:
        live.push(other[:12_345])
        live.reset()
        assert np.array_equal(live.push(audio), played(low, audio))


def test_a_reset_takes_the_room_that_was_asked_for_last(voice, audio):
    wanted = played(voice, audio, room_size=0.9, n_channels=2)
    with LiveCore(voice, room_size=0.1, n_channels=2) as live:
        live.push(audio[:30_000])
        assert live.resize_room(0.3)
        live.push(audio[:2_000])
        assert live.resize_room(0.9)
        live.turn(room=0.9)
        live.reset()
        assert np.array_equal(live.push(audio), wanted)


@pytest.mark.parametrize(("before", "after"), [(0.1, 0.9), (1.0, 0.0), (0.0, 0.6)])
def test_a_room_of_another_size_fades_in_and_has_heard_all_before(voice, audio, before, after):
    at, rooms = 40_000, {}
    for size in (before, after):
        with LiveCore(voice, room_size=size, n_channels=2) as live:
            live.turn(room=0.5)
            rooms[size] = live.push(audio)
    with LiveCore(voice, room_size=before, n_channels=2) as live:
        live.turn(room=0.5)
        made = [live.push(audio[:at])]
        assert live.resize_room(after)
        made.append(live.push(audio[at:]))
    made = np.concatenate(made, axis=1)
    old, new = rooms[before], rooms[after]
    there = at + SAMPLE_RATE // 5
    assert np.array_equal(made[:, :at], old[:, :at])
    assert np.array_equal(made[:, there:], new[:, there:])
    assert not np.allclose(old[:, there:], new[:, there:])
    shares = [
        np.sum((made - old)[:, i : i + 441] * (new - old)[:, i : i + 441])
        / np.sum(np.square((new - old)[:, i : i + 441]))
        for i in range(at, there, 441)
    ]
    steps = np.diff(shares)
    assert steps.min() > -1e-3
    assert steps.max() < 0.15


def test_rooms_may_change_more_often_than_they_fade(voice, audio):
    with LiveCore(voice, room_size=0.2, n_channels=2) as live:
        for i in range(40):
            assert live.resize_room(i / 40)
            assert np.isfinite(live.push(audio[i * 700 : (i + 1) * 700])).all()
        assert live.resize_room(0.7)
        live.turn(room=0.7)
        live.push(audio[28_000 : 28_000 + SAMPLE_RATE // 2])
        made = live.push(audio[28_000 + SAMPLE_RATE // 2 :])
    wanted = played(voice, audio, room_size=0.7, n_channels=2)[:, 28_000 + SAMPLE_RATE // 2 :]
    assert np.allclose(made, wanted, atol=1e-5)


def test_no_size_of_a_room_is_refused_and_changes_nothing(voice, audio):
    with LiveCore(voice, room_size=0.3) as live:
        for size in (-0.1, 1.1, float("nan")):
            assert not live.resize_room(size)
        assert np.array_equal(live.push(audio), played(voice, audio, room_size=0.3))


@pytest.mark.parametrize("sample_rate", [44_100, 48_000, 96_000])
def test_what_came_waits_for_the_hybrid(voice, audio, sample_rate):
    """A click is dry at the latency that is reported, and an own hybrid doesn't comb with it."""
    sound = resample(audio[:20_000], SAMPLE_RATE, sample_rate)
    hybrid = played(voice, sound, sample_rate=sample_rate)[0]
    with LiveCore(voice, sample_rate=sample_rate, wet=0.0) as live:
        dry = live.push(sound)[0]
        assert np.array_equal(dry, delayed(sound, live.latency_samples))
    both = played(voice, sound, sample_rate=sample_rate, wet=0.25)[0]
    assert np.allclose(both, np.sqrt(0.25) * hybrid + np.sqrt(0.75) * dry, atol=1e-6)


def test_what_came_in_two_channels_stays_on_its_side_and_the_voice_hears_both(voice, audio, other):
    sides = np.stack([audio, other])
    with LiveCore(voice, n_channels=2) as live:
        hybrid = live.push(sides)
    assert np.array_equal(hybrid[0], played(voice, 0.5 * (audio + other))[0])
    with LiveCore(voice, n_channels=2, wet=0.0) as live:
        dry = live.push(sides)
        assert np.array_equal(dry, np.stack([delayed(side, live.latency_samples) for side in sides]))


def test_the_level_is_reached_without_a_step(voice, audio):
    hybrid = played(voice, audio)[0]
    with LiveCore(voice) as live:
        made = [live.push(audio[:50_000])]
        live.level(6.0)
        made.append(live.push(audio[50_000:]))
    made = np.concatenate(made, axis=1)[0]
    assert np.array_equal(made[:50_000], hybrid[:50_000])
    gain = 10.0 ** (6.0 / 20.0)
    there = 50_000 + FADE_SAMPLES + 32
    assert np.allclose(made[there:], gain * hybrid[there:], atol=1e-6)
    assert_glides(made, hybrid, gain * hybrid, 50_000)


def test_bypass_lets_through_what_came_and_neither_end_clicks(voice, audio):
    hybrid, dry = played(voice, audio)[0], delayed(audio, 882)
    with LiveCore(voice) as live:
        made = [live.push(audio[:40_000])]
        live.bypass(True)
        made.append(live.push(audio[40_000:60_000]))
        live.bypass(False)
        made.append(live.push(audio[60_000:]))
    made = np.concatenate(made, axis=1)[0]
    assert np.array_equal(made[:40_000], hybrid[:40_000])
    assert np.array_equal(made[40_000 + FADE_SAMPLES + 32 : 60_000], dry[40_000 + FADE_SAMPLES + 32 : 60_000])
    assert np.array_equal(made[60_000 + FADE_SAMPLES + 32 :], hybrid[60_000 + FADE_SAMPLES + 32 :])
    assert_glides(made, hybrid, dry, 40_000)
    assert_glides(made, dry, hybrid, 60_000)


def test_blocks_of_any_size_give_the_same_with_dry_sound_and_level(voice, audio):
    options = {"room_size": 0.4, "n_channels": 2, "wet": 0.6, "sample_rate": 48_000}
    one = played(voice, audio[:20_000], block=20_000, **options)
    assert np.array_equal(one, played(voice, audio[:20_000], block=1, **options))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 1e38])
def test_whatever_comes_in_what_is_let_through_is_finite(voice, audio, odd):
    sides = np.stack([audio, audio])
    sides[0, 5_000:6_000] = odd
    for options in ({"wet": 0.5}, {"wet": 0.0}):
        with LiveCore(voice, n_channels=2, **options) as live:
            made = live.push(sides)
        assert np.isfinite(made).all()
        assert np.abs(made[:, 30_000:]).max() > 0.01


def test_sanitizers_and_a_count_of_allocations_find_nothing_while_another_thread_changes_all(tmp_path, voice):
    (tmp_path / "voice.live").write_bytes(voice)
    program = live_core.built(sanitized=True) / "violute-live-changes"
    done = subprocess.run(
        [program, tmp_path / "voice.live"], capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    n_rooms, n_resets = (int(word) for word in done.stdout.split() if word.isdigit())
    assert n_rooms > 10
    assert n_resets > 10
