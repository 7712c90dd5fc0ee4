"""The figures of one clip: fake voices with known faults, and the targets."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from violute.errors import AudioError
from violute.evaluation.bench.figures import measure, play, source_facts
from violute.evaluation.bench.targets import is_met, target_text
from violute.evaluation.judge.classifier import Judge

RATE = 44_100


def melody(seconds: float = 2.0) -> np.ndarray:
    """Notes of half a second with a swell, some vibrato and a little breath."""
    time = np.arange(int(seconds * RATE)) / RATE
    steps = np.array([0, 2, 4, 5, 7, 9])[(time / 0.5).astype(int) % 6]
    f0_hz = 523.25 * 2 ** (steps / 12 + 0.15 / 12 * np.sin(2 * np.pi * 5.5 * time))
    phase = 2 * np.pi * np.cumsum(f0_hz) / RATE
    place = time % 0.5
    envelope = np.minimum(place / 0.02, 1) * np.minimum((0.5 - place) / 0.08, 1) * (0.5 + 0.5 * np.sin(time))
    tone = sum(np.sin(k * phase) / k for k in range(1, 12))
    noise = np.random.default_rng(0).standard_normal(len(time))
    return (0.15 * envelope * tone + 3e-4 * noise).astype(np.float32)


@dataclass
class FakeTake:
    audio: np.ndarray
    fault: str

    def render(self, mix: object = 0.5, *, on_progress: object = None) -> np.ndarray:
        assert isinstance(mix, float)
        if self.fault == "octave":
            return np.repeat(self.audio[: len(self.audio) // 2], 2)[: len(self.audio)]
        if self.fault == "flat":
            return np.clip(40 * self.audio, -0.2, 0.2)
        if self.fault == "short":
            return self.audio[:-5]
        if self.fault == "silent":
            return np.zeros_like(self.audio)
        # Faultless: the dial tilts the spectrum by up to 6 dB an octave, evenly.
        frequencies = np.maximum(np.fft.rfftfreq(len(self.audio), 1 / RATE), 20.0)
        tilt = (frequencies / 1000.0) ** mix
        return np.fft.irfft(np.fft.rfft(self.audio) * tilt, len(self.audio)).astype(np.float32)


@dataclass
class FakeVoice:
    fault: str = ""

    def analyse(self, audio: np.ndarray, sample_rate: int, *, on_progress: object = None) -> FakeTake:
        return FakeTake(audio, self.fault)


def evaluate(voice: FakeVoice, audio: np.ndarray) -> dict[str, Any]:
    judge = Judge()
    facts = source_facts(audio, RATE, judge=judge, pitch_judge="harvest")
    renderings, _ = play(voice, facts)
    return measure(renderings, facts, judge=judge) | {"source": facts.figures}


def test_a_faultless_voice_meets_the_targets_of_pitch_loudness_and_timing() -> None:
    figures = evaluate(FakeVoice(), melody())
    assert [row["mix"] for row in figures["mixes"]] == [0.0, 0.25, 0.5, 0.75, 1.0]
    untouched = figures["mixes"][0]
    assert untouched["pitch/raw_accuracy"] == 1.0
    assert untouched["pitch/median_deviation_cents"] == pytest.approx(0.0, abs=0.5)
    assert untouched["loudness/l1_db"] == pytest.approx(0.0, abs=0.01)
    assert untouched["loudness/correlation"] == pytest.approx(1.0)
    assert untouched["onsets/f1"] == 1.0
    assert untouched["judge/posterior"] == pytest.approx(figures["source"]["judge/posterior"], abs=1e-3)
    for row in figures["mixes"]:
        assert row["pitch/coverage"] > 0.8
        for name in ("pitch/raw_accuracy", "pitch/octave_errors", "loudness/correlation", "onsets/f1"):
            assert is_met(name, row[name]), (name, row)
    assert figures["path"]["mix/centroid_r2"] > 0.9
    assert figures["path"]["mix/pitch_drift_cents"] < 3.0


def test_faults_are_found() -> None:
    audio = melody(1.0)
    octave = evaluate(FakeVoice("octave"), audio)["mixes"][0]
    assert octave["pitch/raw_accuracy"] < 0.5
    flat = evaluate(FakeVoice("flat"), audio)
    assert flat["mixes"][0]["loudness/l1_db"] > 2.0
    assert not is_met("loudness/correlation", flat["mixes"][0]["loudness/correlation"])
    assert flat["path"]["mix/mfcc_r2"] is None
    silent = evaluate(FakeVoice("silent"), audio)["mixes"][0]
    assert silent["pitch/coverage"] == 0.0
    assert silent["pitch/raw_accuracy"] is silent["judge/posterior"] is None
    with pytest.raises(AudioError, match="mend the contender"):
        evaluate(FakeVoice("short"), audio)


@pytest.mark.parametrize(
    ("name", "value", "mix", "met"),
    [
        ("judge/posterior", 0.05, 0.0, True),
        ("judge/posterior", 0.8, 0.5, False),
        ("judge/posterior", 0.8, 0.25, None),
        ("judge/posterior", 0.95, 1.0, True),
        ("onsets/f1", 0.9, None, True),
        ("loudness/l1_db", 2.1, None, False),
        ("pitch/coverage", 0.5, None, None),
        ("onsets/f1", None, None, None),
    ],
)
def test_targets(name: str, value: float | None, mix: float | None, met: bool | None) -> None:
    assert is_met(name, value, mix=mix) is met


def test_targets_read_as_they_are_tested() -> None:
    assert target_text("onsets/f1") == ">= 0.9"
    assert target_text("loudness/l1_db") == "<= 2"
    assert target_text("judge/posterior", mix=0.5) == "0.3-0.7"
    assert target_text("judge/posterior", mix=0.25) == target_text("pitch/coverage") == ""
