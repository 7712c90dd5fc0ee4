"""The report over a voice: fake voices with known faults, and the command on two small folders."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile

from violute.data.recordings import list_recordings
from violute.errors import AudioError, InputError
from violute.evaluation.bench import voice_report
from violute.evaluation.bench.voice_report import evaluate_clip, evaluate_voice
from violute.evaluation.report.tables import is_met, markdown_report
from violute.voices.card import Card

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

    @property
    def card(self) -> Card:
        return Card(name="fake", family="none", ends=("flute", "violin"), sample_rate=RATE)

    def analyse(self, audio: np.ndarray, sample_rate: int, *, on_progress: object = None) -> FakeTake:
        return FakeTake(audio, self.fault)


def test_a_faultless_voice_meets_the_targets_of_pitch_loudness_and_timing() -> None:
    figures = evaluate_clip(FakeVoice(), melody(), RATE, mixes=(0.0, 0.5, 1.0))
    assert [row["mix"] for row in figures["mixes"]] == [0.0, 0.5, 1.0]
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
    audio = melody(1.2)
    octave = evaluate_clip(FakeVoice("octave"), audio, RATE, mixes=(0.0, 1.0))["mixes"][0]
    assert octave["pitch/raw_accuracy"] < 0.5
    flat = evaluate_clip(FakeVoice("flat"), audio, RATE, mixes=(0.0, 1.0))
    assert flat["mixes"][0]["loudness/l1_db"] > 2.0
    assert not is_met("loudness/correlation", flat["mixes"][0]["loudness/correlation"])
    assert flat["path"]["mix/mfcc_r2"] is None
    silent = evaluate_clip(FakeVoice("silent"), audio, RATE, mixes=(0.0, 1.0))["mixes"][0]
    assert silent["pitch/coverage"] == 0.0
    assert silent["pitch/raw_accuracy"] is silent["judge/posterior"] is None
    with pytest.raises(AudioError, match="mend the voice"):
        evaluate_clip(FakeVoice("short"), audio, RATE, mixes=(0.0, 1.0))


def test_the_command_writes_both_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for instrument in ("violin", "flute"):
        (tmp_path / instrument).mkdir()
        for seconds in (0.5, 1.0):
            soundfile.write(tmp_path / instrument / f"{instrument}_{seconds:g}s.wav", melody(seconds), RATE)
    monkeypatch.setattr(voice_report, "load_voice", lambda name: FakeVoice())
    out = tmp_path / "report"
    options = ["--data", str(tmp_path), "--out", str(out)]
    assert voice_report.main([*options, "--shortest", "0.8"]) == 0
    figures = json.loads(out.with_suffix(".json").read_text())
    assert [clip["name"] for clip in figures["clips"]] == ["violin_1s", "flute_1s"]
    assert set(figures["medians"]) == {"violin", "flute"}
    clip = next(c for c in figures["clips"] if c["instrument"] == "flute")
    assert figures["medians"]["flute"]["mixes"][1] == clip["mixes"][1]
    table = out.with_suffix(".md").read_text()
    assert table == capsys.readouterr().out == markdown_report(figures)
    assert "| pitch/raw_accuracy | >= 0.95 | 1.000 |" in table
    assert voice_report.main([*options, "--shortest", "60"]) == 2
    assert "no recordings to evaluate on" in capsys.readouterr().err
    assert voice_report.main(["--data", str(tmp_path / "nowhere")]) == 2


def test_mixes_must_rise(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", melody(0.5), RATE)
    with pytest.raises(InputError, match="do not rise"):
        evaluate_voice(FakeVoice(), list_recordings(tmp_path), (0.5, 0.5))


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
