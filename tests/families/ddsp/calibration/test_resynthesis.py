"""A voice beside its recordings: which notes are listened to, and how far its noise stands from theirs."""

import numpy as np
import pytest
import tiny_ddsp

from violute.analysis.pitch_range import HIGH, N_REGISTERS
from violute.families.ddsp.calibration.noise_level import (
    HIGHEST_HZ,
    LOWEST_HZ,
    MOST_DB,
    gap_levels_db,
    noise_trim_db,
    weighted_median,
)
from violute.families.ddsp.calibration.resynthesis import ATTACK_FRAMES, Note, lone_notes, resynthesised
from violute.families.ddsp.data import lines_of
from violute.rates import HOP_LENGTH
from violute.synthesis.harmonics import harmonic_synth
from violute.synthesis.noise import N_BANDS, filtered_noise, noise_bands

CENTRES_HZ = noise_bands(N_BANDS)


def sound(f0_hz, band_db, seed):
    """Steady partials over noise of given band levels, with a margin on either side."""
    n_frames = len(f0_hz) + 2 * ATTACK_FRAMES
    amplitudes = np.repeat(0.1 / np.arange(1, 31.0)[None], n_frames, axis=0)
    tone = harmonic_synth(np.pad(f0_hz, ATTACK_FRAMES, mode="edge"), amplitudes)
    return tone + filtered_noise(np.repeat(band_db[None], n_frames, axis=0), seed=seed)


def note(seed, excess_db, f0_hz=None):
    """A note whose recording has more noise than what was played, by so much in each band."""
    rng = np.random.default_rng(seed)
    f0_hz = np.full(80, f0_hz or 250.0 * 2.0 ** rng.uniform(0.0, 2.0), np.float32)
    played_db = np.full(N_BANDS, -50.0, np.float32)
    recorded, played = (
        sound(f0_hz, level_db.astype(np.float32), seed + i)
        for i, level_db in enumerate((played_db + excess_db, played_db))
    )
    empty = np.zeros((80, 100), np.float32)
    return Note(f0_hz, recorded, played, np.zeros(80, np.float32), empty, empty, 22_050.0)


def test_noise_between_partials_is_measured_in_the_units_of_the_synthesiser():
    levels_db = gap_levels_db(note(0, np.zeros(N_BANDS), f0_hz=700.0).recorded, np.full(80, 700.0))
    inside = (CENTRES_HZ > LOWEST_HZ) & (CENTRES_HZ < HIGHEST_HZ)
    told = np.isfinite(levels_db[:, inside])
    assert told.mean() > 0.6
    power = 10.0 ** (levels_db[:, inside][told] / 10.0)
    assert 10.0 * np.log10(power.mean()) == pytest.approx(-50.0, abs=1.0)


def test_the_trim_is_the_difference_band_by_band():
    excess_db = np.interp(CENTRES_HZ, [300.0, 500.0, 900.0, 4000.0], [0.0, 6.0, -4.0, 3.0])
    trim = noise_trim_db([note(10 * seed, excess_db) for seed in range(12)], HIGH)
    assert trim.shape == (N_REGISTERS, N_BANDS)
    inside = (CENTRES_HZ > 450.0) & (CENTRES_HZ < HIGHEST_HZ)
    np.testing.assert_allclose(np.median(trim, axis=0)[inside], excess_db[inside], atol=1.5)
    assert not trim[:, CENTRES_HZ < LOWEST_HZ].any()


def test_a_trim_is_bounded_and_needs_notes():
    trim = noise_trim_db([note(10 * seed, np.full(N_BANDS, 30.0)) for seed in range(6)], HIGH)
    assert trim.max() == MOST_DB
    assert not noise_trim_db([note(0, np.full(N_BANDS, 5.0))], HIGH).any()
    assert not noise_trim_db([], HIGH).any()


def test_the_weighted_median_is_the_median_where_weights_are_equal():
    values = np.array([3.0, 1.0, 2.0, 5.0, 4.0])
    assert weighted_median(values, np.ones(5)) == 3.0
    assert weighted_median(values, np.array([0.0, 9.0, 1.0, 0.0, 0.0])) == 1.0


def line_with_sound(quiet_frames):
    """Notes of a line, each after so many frames of silence."""
    features = tiny_ddsp.features(0, n_notes=6)
    line = lines_of([features], 0, 0)[0]
    is_reliable = np.arange(len(line.f0_hz)) % tiny_ddsp.NOTE_FRAMES >= quiet_frames
    loudness_db = np.where(is_reliable, -20.0, -70.0).astype(np.float32)
    audio = np.zeros(len(line.f0_hz) * HOP_LENGTH, np.float32)
    return type(line)(
        **{**vars(line), "is_reliable": is_reliable, "loudness_db": loudness_db, "audio": audio}
    )


def test_only_notes_after_silence_are_listened_to(monkeypatch):
    monkeypatch.setattr("violute.families.ddsp.calibration.resynthesis.SHORTEST_FRAMES", 12)
    monkeypatch.setattr("violute.families.ddsp.calibration.resynthesis.ATTACK_FRAMES", 3)
    monkeypatch.setattr("violute.families.ddsp.calibration.resynthesis.QUIET_FRAMES", 10)
    found = lone_notes(line_with_sound(quiet_frames=15))
    assert len(found) == 6
    assert all(part.start % tiny_ddsp.NOTE_FRAMES == 18 for part in found)
    assert len(lone_notes(line_with_sound(quiet_frames=4))) <= 1  # the first comes after nothing at all


def test_a_line_is_played_by_its_own_end_beside_its_recording(monkeypatch):
    for name, frames in {"SHORTEST_FRAMES": 12, "ATTACK_FRAMES": 3, "QUIET_FRAMES": 10}.items():
        monkeypatch.setattr(f"violute.families.ddsp.calibration.resynthesis.{name}", frames)
    line = line_with_sound(quiet_frames=15)
    notes = resynthesised(tiny_ddsp.voice(), [line])
    assert len(notes) == 6
    for heard in notes:
        assert len(heard.played) == len(heard.recorded) == (len(heard.f0_hz) + 6) * HOP_LENGTH
        assert np.abs(heard.played).max() > 1e-3
    silent = type(line)(**{**vars(line), "audio": np.zeros(0, np.float32)})
    assert resynthesised(tiny_ddsp.voice(), [silent]) == []
