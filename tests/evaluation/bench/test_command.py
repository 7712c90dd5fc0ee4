"""`violute bench` in a process of its own."""

import json

import pytest
import soundfile
from command_line import complaint_of, put_voice, violute, violute_here
from tones import tone

RATE = 44_100


@pytest.fixture
def data(tmp_path):
    """A folder of two instruments; the sines of the voice play 440 Hz at mix 0 and 880 Hz at mix 1."""
    for instrument, f0_hz in (("low", 440.0), ("high", 880.0)):
        (tmp_path / instrument).mkdir()
        soundfile.write(tmp_path / instrument / f"{instrument} tone.wav", tone(f0_hz, 0.7), RATE)
    return tmp_path


def test_the_command_writes_its_reports(data):
    put_voice(data)
    options = ("--voices", "sines", "--no-baselines", "--no-cost", "--jobs", "1", "--shortest", "0.5")
    options = (*options, "--webmushra")
    done = violute(
        "bench", "--data", ".", *options, "--limit", "1", "--heard", "1", "--out", "report", cwd=data
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [
        *("report.json", "report.md", "report.html"),
        "report.webmushra/configs/report.yaml",
    ]
    assert json.loads((data / "report.json").read_text())["environment"]["command"].startswith(
        "violute bench"
    )
    assert "low in, 1 recording" in (data / "report.md").read_text()
    same = violute("bench", "compare", "report.json", "report.json", cwd=data)
    assert "## Worse: 0" in same.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--data", "nowhere", "--voices", "sines"), "nowhere: there is no such file or folder"),
        (("--data", ".", "--voices", "sines", "--limit", "0"), "--limit"),
        (("--data", ".", "--voices", "sines", "--seconds", "nan"), "--seconds"),
        (("--data", ".", "--voices", "unheard-of"), "unknown voice 'unheard-of'"),
        (("--data", ".", "--voices", "sines", "voices/sines.onnx"), "given twice"),
        (("--data", ".", "--voices", "sines", "--select", "none.txt"), "none.txt"),
    ],
)
def test_bad_settings_are_told_in_one_line(data, options, says):
    put_voice(data)
    assert says in complaint_of(violute_here("bench", *options, cwd=data))
