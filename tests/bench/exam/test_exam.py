"""The strangers exam: conditions do what they say, figures tell good voices from bad ones, bounds bind."""

from dataclasses import dataclass

import numpy as np
import pytest
import scipy.signal
from exam.conditions import CONDITIONS, LOW_RATE, under
from exam.figures import MIXES, Source, examine, measure_source
from exam.page import medians, page, verdicts
from exam.requirements import requirements

from violute.evaluation.judge.classifier import Judge

RATE = 44_100


def melody(octaves: float = 0.0) -> np.ndarray:
    """Three notes of seven partials, with vibrato."""
    seconds = np.arange(int(1.8 * RATE)) / RATE
    notes_hz = np.choose((seconds / 0.6).astype(int).clip(0, 2), [440.0, 587.3, 523.3]) * 2.0**octaves
    phase = 2.0 * np.pi * np.cumsum(notes_hz * (1.0 + 0.004 * np.sin(2 * np.pi * 5.5 * seconds))) / RATE
    tone = sum(np.sin(k * phase) / k for k in range(1, 8))
    fade = np.minimum(1.0, np.minimum(seconds % 0.6, 0.6 - seconds % 0.6) / 0.03)
    return (0.2 * tone * fade).astype(np.float32)


@dataclass
class Player:
    """Plays one sound at mix 0 and another at every other mix."""

    near: np.ndarray
    far: np.ndarray

    def analyse(self, audio: np.ndarray, sample_rate: int) -> "Player":
        return self

    def render(self, mix: float) -> np.ndarray:
        return self.near if mix == 0.0 else self.far


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="module")
def source(judge: Judge) -> Source:
    return measure_source(melody(), RATE, judge=judge)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_is_the_same_for_every_voice_and_keeps_the_length(condition: str) -> None:
    first, rate = under(condition, melody(), RATE, name="a")
    again, _ = under(condition, melody(), RATE, name="a")
    np.testing.assert_array_equal(first, again)
    assert len(first) / rate == pytest.approx(1.8, abs=1e-3)
    assert np.abs(first).max() <= 1.0


def test_at_16_khz_nothing_is_above_8_khz() -> None:
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    assert under("at 16 kHz", noise, RATE, name="a")[1] == LOW_RATE


def test_hiss_is_25_db_below() -> None:
    audio = 0.5 * melody()
    noise = under("hiss, -25 dB", audio, RATE, name="a")[0] - audio
    level_db = 20.0 * np.log10(np.sqrt(np.mean(noise**2) / np.mean(audio**2)))
    assert level_db == pytest.approx(-25.0, abs=0.3)
    other = under("hiss, -25 dB", audio, RATE, name="b")[0] - audio
    assert abs(np.corrcoef(noise, other)[0, 1]) < 0.05


def test_a_room_rings_on_after_a_click() -> None:
    click = np.zeros(RATE, dtype=np.float32)
    click[100] = 0.5
    wet = under("in a room", click, RATE, name="a")[0].astype(np.float64)
    early, late = (10 * np.log10(np.mean(np.square(wet[n : n + 4000]))) for n in (8_000, 28_000))
    # 60 dB in 0.9 s are 30 dB in 0.45 s
    assert early - late == pytest.approx(60.0 / 0.9 * 20_000 / RATE, abs=4.0)
    direct, rest = wet[100] ** 2, np.sum(np.square(wet[101:]))
    assert 10.0 * np.log10(direct / rest) == pytest.approx(3.0, abs=0.5)


def test_mp3_loses_what_64_kbit_cannot_hold() -> None:
    noise = np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32) * 0.1
    coded, _ = under("64 kb/s MP3", noise, RATE, name="a")
    frequencies, power = scipy.signal.welch(coded, RATE, nperseg=4096)
    low, high = (power[(frequencies > a) & (frequencies < b)].mean() for a, b in ((1e3, 5e3), (17e3, 20e3)))
    assert 10.0 * np.log10(low / high) > 40.0


def test_the_recording_itself_keeps_every_note(source: Source, judge: Judge) -> None:
    found = examine(Player(melody(), melody()), source, judge=judge)
    assert [row["mix"] for row in found["mixes"]] == list(MIXES)
    for row in found["mixes"]:
        assert (row["pitch/raw_accuracy"], row["pitch/octave_errors"], row["onsets/f1"]) == (1.0, 0.0, 1.0)
        assert row["pitch/coverage"] > 0.95
    assert found["source"]["pitch/judges_agree"] > 0.9


def test_octaves_and_silent_pitch_are_found_out(source: Source, judge: Judge) -> None:
    rng = np.random.default_rng(0)
    hiss = (0.1 * rng.standard_normal(len(melody()))).astype(np.float32)
    low, noise = (examine(Player(melody(), far), source, judge=judge) for far in (melody(-1.0), hiss))
    assert low["mixes"][-1]["pitch/octave_errors"] > 0.95
    assert low["mixes"][-1]["pitch/raw_accuracy"] < 0.05
    assert noise["mixes"][-1]["pitch/coverage"] < 0.5


def exam_result(group: str, instrument: str, posteriors: list[float], **changes: float) -> dict:
    rows = [
        {
            "mix": mix,
            "judge/posterior": posterior,
            "judge/other": 0.05,
            "pitch/raw_accuracy": 0.97,
            "pitch/octave_errors": 0.0,
            "pitch/coverage": 0.99,
            "onsets/f1": 0.9,
            **changes,
        }
        for mix, posterior in zip(MIXES, posteriors, strict=True)
    ]
    own = {"judge/posterior": 0.0, "judge/other": 0.0, "pitch/judges_agree": 1.0}
    one = {"source": own, "mixes": rows, "mix/spearman": 1.0}
    return {
        "voice": "v",
        "family": "vae",
        "clip": f"{instrument}/{group}",
        "instrument": instrument,
        "group": group,
        "conditions": dict.fromkeys(CONDITIONS, one),
    }


GOOD = [0.02, 0.3, 0.5, 0.8, 0.95]


def test_all_hold_for_a_good_voice_and_the_page_says_so() -> None:
    results = [exam_result(f"{i}", name, GOOD) for i in range(3) for name in ("flute", "violin")]
    assert all(row["holds"] for row in verdicts(results))
    text = page(results, "Strangers", ["- a note"])
    assert "**no**" not in text
    assert "0.95 (0.95 to 0.95)" in text


@pytest.mark.parametrize(
    ("changes", "n_failing"),
    [({"judge/other": 0.3}, 2), ({"pitch/octave_errors": 0.03}, 1), ({"pitch/raw_accuracy": 0.9}, 1)],
)
def test_a_bound_that_is_crossed_fails(changes: dict[str, float], n_failing: int) -> None:
    results = [exam_result("1", name, GOOD, **changes) for name in ("flute", "violin")]
    assert sum(not row["holds"] for row in verdicts(results)) == n_failing


def test_an_end_that_is_not_reached_fails() -> None:
    results = [exam_result("1", name, [0.02, 0.1, 0.3, 0.4, 0.6]) for name in ("flute", "violin")]
    failing = {row["requirement"] for row in verdicts(results) if not row["holds"]}
    assert failing == {"flute in, mix 1: violin at least 0.85", "violin in, mix 1: violin at least 0.9"}
    assert "flute in, mix 1: violin at least 0.7" in {r.title for r in requirements("nsynth")}


def test_nothing_measured_is_not_passed() -> None:
    failed = {**exam_result("1", "flute", GOOD), "failure": "no"}
    failed.pop("conditions")
    assert not any(row["holds"] for row in verdicts([failed, exam_result("1", "violin", GOOD)]))


def test_clips_of_one_recording_count_once() -> None:
    results = [exam_result("long", "flute", [value] * 5) for value in (0.1, 0.2, 0.3)]
    results += [exam_result("short", "flute", [0.8] * 5)]
    interval = medians(results, "as it is")("flute", "judge/posterior", 0.0)
    assert (interval.estimate, interval.n) == (pytest.approx(0.5), 2)
    assert np.isnan(interval.low)
