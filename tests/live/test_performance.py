"""The core's player of measured parameters plays what a rendering is, from any place and in any blocks."""

import math
import subprocess

import live_core
import numpy as np
import pytest
from live_core import LiveCoreError
from measured_pieces import (
    MOVED,
    SETTINGS,
    all_at,
    cello,
    chords,
    error_db,
    parameters_of,
    rendered,
    swinging,
    violin,
)
from performance_core import PerformanceCore, parse, play

from violute.analysis.analyser import analyse
from violute.synthesis.room import PLACES, room_response
from violute.voices.mix import Mix

HOP_LENGTH = 441
SAME_DB = -100.0
"""Far below what is promised, -60 dB: what single precision leaves."""


@pytest.mark.parametrize(("mix", "step"), SETTINGS)
def test_it_plays_what_a_rendering_is(mix, step):
    assert error_db(play(parameters_of(violin), step), rendered(violin(), mix)) < SAME_DB


def test_a_dial_by_register_stands_where_the_renderings_does():
    assert error_db(play(parameters_of(cello), {}), rendered(cello(), 0.5)) < SAME_DB


def test_chords_too():
    assert chords().n_lines == 3
    assert error_db(play(parameters_of(chords), {}), rendered(chords(), 0.5)) < SAME_DB


@pytest.mark.parametrize("dial", [0.0, 0.3, 1.0])
def test_vibrato_moves_as_a_renderings_does(dial):
    made = play(parameters_of(swinging), {"dials": {"vibrato": dial}})
    assert error_db(made, rendered(swinging(), Mix(vibrato=dial))) < SAME_DB
    assert error_db(made, rendered(swinging(), Mix(vibrato=abs(dial - 0.1)))) > -40.0


@pytest.mark.parametrize("block", [1, 441, 1000, 10**6])
def test_blocks_of_any_size_give_the_same_samples(block):
    content, step = parameters_of(violin), {"dials": MOVED, "play": 40_000}
    np.testing.assert_array_equal(play(content, step, block=block), play(content, step))


@pytest.mark.parametrize("piece", [violin, chords])
def test_from_any_place_on_it_plays_what_it_would_have_played(piece):
    content = parameters_of(piece)
    whole = play(content, {"dials": MOVED})
    places = [150_001, 3 * HOP_LENGTH, 0, 123_456]
    steps = ({"dials": MOVED, "seek": place, "play": 3000} for place in places)
    pieces = play(content, *steps).reshape(len(places), 3000)
    for place, made in zip(places, pieces, strict=True):
        np.testing.assert_allclose(made, whole[place : place + 3000], atol=1e-6)


def test_after_the_vibrato_moved_too():
    before = {"dials": {"vibrato": 0.0}, "seek": 90_000, "play": 10_000}
    made = play(parameters_of(swinging), before, {"dials": {"vibrato": 1.0}, "seek": 50_000})
    assert error_db(made[10_000:], rendered(swinging(), Mix(vibrato=1.0))[50_000:]) < SAME_DB


def test_a_dial_is_heard_from_the_next_frame_on():
    """Moved in the middle of hop 300, the tone begins to change at frame 301 and has changed at 302."""
    before, after = all_at(0.0)["dials"], {"tone": 1.0}
    played = play(parameters_of(violin), {"dials": before, "play": 300 * HOP_LENGTH + 200}, {"dials": after})
    mix = Mix(tone=[(3.01, 0.0), (3.02, 1.0)], noise=0.0, attack=0.0, vibrato=0.0)
    assert error_db(played, rendered(violin(), mix)) < SAME_DB


def test_dials_count_again_when_courses_end_and_a_mix_is_let_go_of():
    steps = [
        {"automation": [(0.0, 1.0)], "hold": 1.0, "play": 100},
        {"automation": [], "hold": math.nan, "seek": 0},
    ]
    made = play(parameters_of(violin), *steps)
    np.testing.assert_array_equal(made[100:], play(parameters_of(violin), {}))


@pytest.mark.parametrize("semitones", [-7.0, 12.0])
def test_transposed_it_has_the_pitch_of_a_rendering_there(semitones):
    controls = analyse(play(parameters_of(swinging), {"transpose": semitones}))
    played_hz = np.median(controls.f0_hz[controls.periodicity > 0.8])
    assert 12.0 * np.log2(played_hz / 440.0) == pytest.approx(semitones, abs=0.1)


def test_gains_follow_the_tone():
    step = {**all_at(0.25), "play": 50_000}
    plain = play(parameters_of(violin), step)
    louder = play(parameters_of(violin), {**step, "gains": {"mixes": [0.0, 0.5], "gain": [1.0, 4.0]}})
    np.testing.assert_allclose(louder, 2.5 * plain, atol=1e-6)


def test_after_the_end_it_is_silent():
    with PerformanceCore(parameters_of(violin)) as core:
        core.do(seek=core.n_samples - 100)
        assert np.abs(core.play(100)).max() > 0.0
        assert not core.play(1000).any()
        assert core.position == core.n_samples
        core.do(seek=10**9)
        assert not core.play(10).any()
        core.do(seek=-5)
        assert core.position == 0


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("size", [0.0, 0.3, 1.0])
def test_its_rooms_are_the_renderers(size, place):
    with PerformanceCore(parameters_of(violin)) as core:
        assert error_db(core.room(size, place), room_response(size, seed=place)) < SAME_DB


def refusal(**changed):
    with pytest.raises(LiveCoreError) as raised:
        PerformanceCore(parameters_of(violin), **changed)
    line = str(raised.value)
    assert line
    assert "\n" not in line
    return line


def test_what_is_damaged_is_refused_with_one_line():
    _, _, (arrays,) = parse(parameters_of(violin))

    def with_one(name, value, place=17):
        changed = arrays[name].copy()
        changed[place] = value
        return {name: changed}

    assert "harmonics" in refusal(n_harmonics=101)
    assert "1 frame" in refusal(n_frames=0)
    assert "13 hours" in refusal(n_frames=10**7)
    dial = {"mixes": [0.0, 0.5, 1.0], "hz": [200.0, 800.0], "places": [[0.0, 0.2, 1.0], [0.0, 0.8, 1.0]]}
    assert "does not rise" in refusal(dial={**dial, "mixes": [0.0, 0.5, 0.5]})
    assert "does not rise" in refusal(dial={**dial, "hz": [800.0, 200.0]})
    assert "does not rise" in refusal(dial={**dial, "hz": [0.0, 200.0]})
    assert "row" in refusal(**with_one("row", 600))
    assert "row" in refusal(**with_one("row", -2))
    assert "fundamental" in refusal(**with_one("f0_hz", 0.0))
    assert "fundamental" in refusal(**with_one("f0_hz", np.nan))
    for name in ("loudness_db", "gate", "attack_share", "vibrato_cents", "vibrato_db", "noise_power"):
        assert "no number" in refusal(**with_one(name, np.inf))


def test_levels_that_are_nonsense_are_finite_sound():
    _, _, (arrays,) = parse(parameters_of(violin))
    nonsense = np.random.default_rng(0).integers(0, 2**16, arrays["harmonic_root"].size).astype(np.uint16)
    changed = {"harmonic_root": nonsense, "loudness_db": np.full_like(arrays["loudness_db"], 3e38)}
    with PerformanceCore(parameters_of(violin), **changed) as core:
        assert np.isfinite(core.play(20_000)).all()


def test_sanitizers_and_a_count_of_allocations_find_nothing_in_a_piece_of_nonsense():
    program = live_core.built(sanitized=True) / "violute-live-nonsense"
    done = subprocess.run([program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
