"""Snippets: both ends alike, what is not sure masked, and losses that hear only what counts."""

import dataclasses

import numpy as np
import pytest
import tiny_ddsp
import torch
from hypothesis import given
from hypothesis import strategies as st

from violute.analysis.conditioning import N_FEATURES, conditioning
from violute.analysis.onsets import pick_onsets
from violute.data.sampling import split
from violute.errors import TrainingError
from violute.families.ddsp.data import (
    QUIETEST_DB,
    TRANSPOSED_SEMITONES,
    draw,
    lines_of,
)
from violute.families.ddsp.losses import regression_losses

LOSSES = ("regression/harmonics", "regression/noise")


def four_lines():
    """End 0 has one source, end 1 three of very unlike length."""
    first = lines_of([tiny_ddsp.features(0, n_notes=10)], 0, 0)
    members = [
        tiny_ddsp.features(1, n_notes=n_notes, source=name)
        for n_notes, name in ((20, "long"), (5, "middle"), (2, "short"))
    ]
    return first + lines_of(members, 1, 1)


def snippets(n_frames=50, batch_size=6, *, augment=False, seed=0, lines=None):
    rng = np.random.default_rng(seed)
    return draw(lines or four_lines(), n_frames, batch_size, rng, augment=augment)


def altered(batch, **changes):
    return batch._replace(**changes)


def test_recordings_of_a_source_become_one_line():
    members = [tiny_ddsp.features(1, seed=s, source=name) for s, name in enumerate(("b", "a", "b"))]
    lines = lines_of(members, 1, 4)
    assert [(line.name, line.end, line.source) for line in lines] == [("a", 1, 4), ("b", 1, 5)]
    joined = lines[1]
    np.testing.assert_array_equal(
        joined.f0_hz, np.concatenate([members[0].controls.f0_hz[0], members[2].controls.f0_hz[0]])
    )
    frames = joined.is_reliable
    loud_db = np.percentile(joined.relative_loudness_db[frames], 95)
    assert loud_db == pytest.approx(0.0, abs=0.1)


def test_levels_of_a_line_are_relative_to_its_frames():
    member = tiny_ddsp.features(0)
    (line,) = lines_of([member], 0, 0)
    loudness_db = member.controls.loudness_db[0][:, None]
    np.testing.assert_allclose(line.harmonic_db, member.harmonic_db - loudness_db, atol=1e-4)
    np.testing.assert_allclose(line.noise_db, tiny_ddsp.BREATH_DB[0], atol=1e-4)


def test_frames_far_below_the_loud_ones_teach_nothing():
    member = tiny_ddsp.features(0)
    loudness_db = member.controls.loudness_db.copy()
    loudness_db[:, :40] = loudness_db.max() + QUIETEST_DB - 10.0
    quiet = dataclasses.replace(
        member, controls=dataclasses.replace(member.controls, loudness_db=loudness_db)
    )
    (line,) = lines_of([quiet], 0, 0)
    assert not line.is_reliable[:40].any()
    assert line.is_reliable[40:].any()


def test_recordings_without_a_steady_pitch_are_refused():
    member = tiny_ddsp.features(0)
    nothing = dataclasses.replace(member, is_reliable=np.zeros_like(member.is_reliable))
    with pytest.raises(TrainingError, match="no recording has a steady pitch"):
        lines_of([nothing], 0, 0)
    assert len(lines_of([nothing, member], 0, 0)) == 1


@given(n=st.integers(1, 45))
def test_a_tenth_of_a_large_source_is_held_for_validation(n):
    members = [tiny_ddsp.features(0, n_notes=1, seed=i) for i in range(n)]
    kept, held = split(members)
    assert {m.name for m in kept} | {m.name for m in held} == {m.name for m in members}
    assert len(kept) + len(held) == n
    assert len(held) == (0 if n < 10 else (n + 4) // 10)


@given(batch_size=st.integers(1, 9), n_frames=st.integers(1, 300), augment=st.booleans())
def test_shapes_and_types(batch_size, n_frames, augment):
    batch = snippets(n_frames, batch_size, augment=augment)
    assert batch.features.shape == (batch_size, n_frames, N_FEATURES)
    assert batch.harmonic_db.shape == (batch_size, n_frames, 100)
    assert batch.noise_db.shape == (batch_size, n_frames, 64)
    assert batch.f0_hz.shape == batch.is_reliable.shape == batch.highest_hz.shape == (batch_size, n_frames)
    assert all(t.dtype == torch.float32 for t in (batch.features, batch.f0_hz, batch.harmonic_db))
    assert batch.features.isfinite().all()


def test_both_ends_come_equally_often_and_no_source_is_forgotten():
    batch = snippets(2, 800)
    assert (batch.end == 0).sum() == 400
    counts = np.bincount(batch.source[batch.end == 1].numpy(), minlength=4)[1:]
    # Sources longer than others come more often, yet less than their length would have it.
    by_length = np.array([20, 5, 2]) / 27
    share = counts / counts.sum()
    assert share[0] > share[1] > share[2] > by_length[2]
    assert share[0] < by_length[0]


def test_beyond_the_end_of_a_short_line_nothing_is_learnt():
    (line,) = lines_of([tiny_ddsp.features(1, n_notes=2)], 1, 0)
    batch = snippets(200, 4, lines=[line])
    assert not batch.is_reliable[:, 80:].any()
    assert batch.is_reliable[:, 2:40].all()


def test_without_augmentation_snippets_are_the_line_itself():
    (line,) = lines_of([tiny_ddsp.features(1, n_notes=3)], 1, 0)
    batch = snippets(120, 1, lines=[line])
    np.testing.assert_array_equal(batch.f0_hz[0].numpy(), line.f0_hz)
    np.testing.assert_array_equal(batch.harmonic_db[0].numpy(), line.harmonic_db[:])
    told = conditioning(
        line.f0_hz, line.relative_loudness_db, pick_onsets(line.onset_strength), frame_rate_hz=100.0
    )
    np.testing.assert_allclose(batch.features[0].numpy(), told, atol=1e-6)


def test_augmentation_moves_pitch_and_loudness_and_no_level():
    (line,) = lines_of([tiny_ddsp.features(1, n_notes=3)], 1, 0)
    batch = snippets(120, 200, augment=True, lines=[line])
    semitones = 12.0 * np.log2(batch.f0_hz.numpy() / line.f0_hz)
    np.testing.assert_allclose(semitones, semitones[:, :1].repeat(120, axis=1), atol=1e-3)
    is_moved = np.abs(semitones[:, 0]) > 1e-3
    assert 0 < is_moved.sum() < 100
    assert np.abs(semitones).max() <= TRANSPOSED_SEMITONES + 1e-3
    np.testing.assert_array_equal(
        batch.harmonic_db.numpy(), np.repeat(line.harmonic_db[:][None], 200, axis=0)
    )
    assert np.ptp(batch.features[~torch.from_numpy(is_moved)].numpy(), axis=0).max() > 0.05


def test_the_same_chance_draws_the_same_snippets():
    for one, other in zip(snippets(augment=True), snippets(augment=True), strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(snippets(augment=True, seed=1).f0_hz, snippets(augment=True).f0_hz)


def test_losses_are_0_at_identity():
    batch = snippets()
    losses = regression_losses(batch.harmonic_db, batch.noise_db, batch)
    assert set(losses) == set(LOSSES)
    assert all(float(loss) == 0.0 for loss in losses.values())


@given(offset_db=st.floats(-20.0, 20.0))
def test_losses_are_the_distance_in_db(offset_db):
    batch = snippets()
    losses = regression_losses(batch.harmonic_db + offset_db, batch.noise_db - offset_db, batch)
    for loss in losses.values():
        assert float(loss) == pytest.approx(abs(offset_db), rel=1e-3, abs=1e-3)


def test_masked_frames_are_not_heard():
    batch = snippets()
    is_masked = ~batch.is_reliable[..., None]
    assert is_masked.any()
    harmonic_db = torch.where(is_masked, 1000.0, batch.harmonic_db)
    noise_db = torch.where(is_masked, -1000.0, batch.noise_db)
    losses = regression_losses(harmonic_db, noise_db, batch)
    assert all(float(loss) == 0.0 for loss in losses.values())


def test_what_the_codec_cut_off_is_not_heard():
    batch = snippets()
    batch = altered(batch, highest_hz=torch.full_like(batch.highest_hz, 12_000.0))
    frequency_hz = batch.f0_hz[..., None] * torch.arange(1, 101)
    wild = torch.where(frequency_hz >= 12_000.0, 1000.0, batch.harmonic_db)
    assert not torch.equal(wild, batch.harmonic_db)
    losses = regression_losses(wild, batch.noise_db, batch)
    assert float(losses["regression/harmonics"]) == 0.0
    lower = torch.where((frequency_hz < 12_000.0) & (frequency_hz > 8000.0), 0.0, batch.harmonic_db)
    assert float(regression_losses(lower, batch.noise_db, batch)["regression/harmonics"]) > 0.0
    noise_db = batch.noise_db.clone()
    noise_db[..., -8:] += 1000.0  # the last bands lie above 12 kHz
    assert float(regression_losses(batch.harmonic_db, noise_db, batch)["regression/noise"]) == 0.0
    noise_db[..., 20] += 1.0
    assert float(regression_losses(batch.harmonic_db, noise_db, batch)["regression/noise"]) > 0.0


def test_an_error_counts_less_where_it_is_masked_by_the_rest():
    batch = snippets()
    levels_db = batch.harmonic_db.clone()
    levels_db[..., 0], levels_db[..., 1] = -10.0, -90.0
    batch = altered(batch, harmonic_db=levels_db)

    def loss_of(harmonic):
        wrong = levels_db.clone()
        wrong[..., harmonic] += 6.0
        return float(regression_losses(wrong, batch.noise_db, batch)["regression/harmonics"])

    assert loss_of(0) > 5.0 * loss_of(1) > 0.0


def test_losses_have_gradients_only_where_they_hear():
    batch = snippets()
    harmonic_db = (batch.harmonic_db + 1.0).requires_grad_()
    noise_db = (batch.noise_db + 1.0).requires_grad_()
    sum(regression_losses(harmonic_db, noise_db, batch).values()).backward()
    for gradient in (harmonic_db.grad, noise_db.grad):
        assert not gradient[~batch.is_reliable].any()
        assert (gradient[batch.is_reliable][:, 0] > 0).all()
