"""Wavering partials: smooth, repeatable, of the width that was asked for, and measured as it was made."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import tiny_ddsp
from violute.analysis.conditioning import conditioning
from violute.synthesis.noise import N_BANDS
from violute.training.ddsp_data import lines_of
from violute.training.unrest import MOST_DB, partial_unrest_db
from violute.voices.unrest import HARMONICS, N_TRACK_FRAMES, N_TRACKS, WIDEST, unrest_curve, wavering


def levels_db(frames, unrest_db):
    """What the factors do to the levels of amplitudes."""
    return 40.0 * np.log10(wavering(frames, np.full(N_TRACKS, unrest_db, np.float32)))


def test_tracks_have_the_width_that_was_asked_for_keep_the_power_and_wander_apart():
    moved_db = levels_db(np.arange(N_TRACK_FRAMES), 2.0)
    # Clipping takes a hundredth.
    assert moved_db.std() == pytest.approx(2.0, rel=0.03)
    assert np.mean(10.0 ** (moved_db / 10.0)) == pytest.approx(1.0, rel=0.03)
    assert np.abs(moved_db - moved_db.mean()).max() <= 2.0 * WIDEST + 0.02
    between = np.corrcoef(moved_db.T)[np.triu_indices(N_TRACKS, 1)]
    assert np.abs(between).mean() < 0.06


def test_tracks_are_smooth_over_the_seam_too():
    moved_db = levels_db(np.arange(N_TRACK_FRAMES + 100), 1.0)
    moved_db -= moved_db.mean()
    step_db = np.diff(moved_db, axis=0)
    assert np.mean(moved_db[1:] * moved_db[:-1]) == pytest.approx(0.83, abs=0.03)
    assert np.abs(step_db[N_TRACK_FRAMES - 1]).max() <= np.abs(step_db[: N_TRACK_FRAMES - 1]).max()
    np.testing.assert_array_equal(moved_db[N_TRACK_FRAMES:], moved_db[:100])


@settings(max_examples=30, deadline=None)
@given(start=st.integers(0, 20_000), cut=st.integers(1, 49))
def test_a_frame_wavers_alike_in_any_block(start, cut):
    frames, unrest_db = np.arange(start, start + 50), np.full(30, 3.0, np.float32)
    whole = wavering(frames, unrest_db)
    pieces = [wavering(frames[part], unrest_db) for part in (slice(cut), slice(cut, None))]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)


def test_a_voice_that_tells_nothing_stands_still():
    curve = unrest_curve((), 20)
    np.testing.assert_array_equal(wavering(np.arange(10), curve), 1.0)


def test_a_curve_goes_through_what_was_told_and_holds_above():
    told = [1.0 + i for i in range(len(HARMONICS))]
    curve = unrest_curve(told, 100)
    np.testing.assert_allclose(curve[np.array(HARMONICS) - 1], told)
    assert (np.diff(curve) >= 0.0).all()
    np.testing.assert_array_equal(curve[HARMONICS[-1] :], told[-1])


def wavering_line(decoder, unrest_db):
    """A line of long notes that plays what the decoder predicts, wavering by a known amount."""
    line = lines_of([tiny_ddsp.features(1, n_notes=30)], 1, 1)[0]
    f0_hz = np.repeat(line.f0_hz[:: tiny_ddsp.NOTE_FRAMES], 4 * tiny_ddsp.NOTE_FRAMES)
    n_frames = len(f0_hz)
    calm = {
        "f0_hz": f0_hz,
        "relative_loudness_db": np.zeros(n_frames, np.float32),
        "onset_strength": np.zeros(n_frames, np.float32),
    }
    features = conditioning(*calm.values(), frame_rate_hz=100.0)
    with torch.no_grad():
        levels = decoder(
            torch.from_numpy(features)[None],
            torch.from_numpy(f0_hz)[None],
            torch.tensor([line.end]),
            torch.tensor([line.source]),
        )
    moved_db = levels_db(np.arange(n_frames), unrest_db)
    return type(line)(
        **{
            **vars(line),
            **calm,
            "harmonic_db": (levels.harmonic_db[0].numpy() + moved_db).astype(np.float32),
            "noise_db": np.full((n_frames, N_BANDS), -140.0, np.float32),
            "tail_db": np.full((n_frames, 2, N_BANDS), -140.0, np.float32),
            "loudness_db": np.zeros(n_frames, np.float32),
            "is_reliable": np.ones(n_frames, bool),
            "highest_hz": np.full(n_frames, 22_050.0, np.float32),
        }
    )


@pytest.mark.parametrize("unrest_db", [0.0, 1.0, 3.0])
def test_unrest_is_measured_as_it_was_made(unrest_db):
    decoder = tiny_ddsp.task().decoder
    told = partial_unrest_db(decoder, [wavering_line(decoder, unrest_db)])
    assert len(told) == len(HARMONICS)
    # An eighth lasts longer than half a second and is taken for the note's own course.
    np.testing.assert_allclose(told, 0.88 * unrest_db, rtol=0.08, atol=0.02)


def test_what_no_recording_told_clearly_is_bounded_and_borrowed():
    decoder = tiny_ddsp.task().decoder
    line = wavering_line(decoder, 20.0)
    assert max(partial_unrest_db(decoder, [line])) <= MOST_DB
    drowned = type(line)(**{**vars(line), "noise_db": np.full_like(line.noise_db, 60.0)})
    assert partial_unrest_db(decoder, [drowned]) == [0.0] * len(HARMONICS)
    dull = type(line)(**{**vars(line), "highest_hz": np.full_like(line.highest_hz, 2500.0)})
    told = partial_unrest_db(decoder, [dull])
    assert told[-1] == told[-2] > 0.0
