"""Help, voices and the demo."""

import json
import re

import numpy as np
import pytest
import soundfile
from command_line import complaint_of, put_voice, violute, violute_here
from PIL import Image
from tones import SAMPLE_RATE, tone

from violute import __version__
from violute.drawing.spectrogram_sheet import Panel, draw_page, log_spectrogram_db

BUILT_IN = ("violute-violin-flute", "violute-clarinet-cello")
VERBS = {"bench", "convert", "data", "decode", "demo", "encode", "export"} | {
    "notes",
    "pairs",
    "prepare",
    "rainbow",
    "refit",
    "site",
    "stream",
    "studio",
    "train",
    "voices",
}
CONVERT_OPTIONS = [
    "mix",
    "tone",
    "noise",
    "attack",
    "vibrato",
    "room",
    "automation",
    "voice",
    "voices",
    "force",
    "json",
    "quiet",
]
TRAIN_OPTIONS = [
    "a",
    "b",
    "out",
    "a-name",
    "b-name",
    "hold-out",
    "run",
    "resume",
    "steps",
    "minutes",
    "seed",
    "batch",
    "set",
    "card",
    "device",
    "recipe",
]
TRAINED = {"cyclegan", "ddsp", "mevae", "nsynth", "paired", "rave", "vae"}


@pytest.fixture
def place(tmp_path):
    put_voice(tmp_path)
    return tmp_path


def test_help_names_every_verb_and_every_option(place):
    top = violute("--help", cwd=place)
    assert (top.returncode, top.stderr) == (0, "")
    assert set(re.findall(r"^│ ([a-z]+) ", top.stdout, re.MULTILINE)) == VERBS
    options = violute("convert", "--help", cwd=place).stdout
    for option in CONVERT_OPTIONS:
        assert f"--{option} " in options
    train = violute("train", "ddsp", "--help", cwd=place).stdout
    for option in TRAIN_OPTIONS:
        assert f"--{option} " in train
    families = violute("train", "--help", cwd=place).stdout
    assert set(re.findall(r"^│ ([a-z]+) ", families, re.MULTILINE)) == TRAINED
    assert violute("--version", cwd=place).stdout.strip() == __version__


def test_voices_lists_name_family_ends_and_size(place):
    (place / "voices" / "torn.onnx").write_bytes(b"\x08")
    done = violute("voices", cwd=place)
    assert done.returncode == 0
    own = done.stdout[done.stdout.index("sines:") :]
    assert own.startswith("sines: low (mix 0) to high (mix 1)\n  no description\n  family sines, not live")
    assert "0.0 MB, voices" in own
    assert re.search(r"family ddsp, live.*built", done.stdout)
    assert "torn.onnx" in done.stderr
    listed = {entry["name"]: entry for entry in json.loads(violute("voices", "--json", cwd=place).stdout)}
    assert listed["sines"]["card"]["ends"] == ["low", "high"]
    assert listed["torn"]["card"] is None
    assert all(entry["card"]["name"] == name for name, entry in listed.items() if entry["card"])
    assert tuple(listed)[:2] == BUILT_IN
    assert all(listed[name]["is_live"] and listed[name]["where"] == "built-in" for name in BUILT_IN)
    assert not listed["sines"]["is_live"]
    assert "torn.onnx" in listed["torn"]["problem"]


def test_the_demo_plays_both_pieces_at_five_mixes_and_draws_them(place):
    done = violute("demo", "--voice", "sines", "--json", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    report = json.loads(done.stdout)
    assert [entry["mix"] for entry in report["written"]] == [0.0, 0.25, 0.5, 0.75, 1.0] * 2
    assert all((place / entry["path"]).stat().st_size > 100_000 for entry in report["written"])
    with Image.open(place / report["picture"]) as picture:
        assert picture.width >= 1600
    assert (
        sorted(path.suffix for path in (place / "violute-demo-sines").iterdir()) == [".png"] + [".wav"] * 10
    )


def test_notes_go_into_midi_and_tables(place):
    soundfile.write(place / "solo.wav", np.concatenate([tone(440.0, 0.5), tone(660.0, 0.5)]), SAMPLE_RATE)
    assert violute_here("notes", "solo.wav", cwd=place).stdout == "solo.mid (2 notes)\n"
    assert (place / "solo.mid").read_bytes()[:4] == b"MThd"
    assert json.loads(violute_here("notes", "solo.wav", "n.csv", "--json", cwd=place).stdout)["notes"] == 2
    assert len((place / "n.csv").read_text().splitlines()) == 3
    assert violute_here("notes", "solo.wav", "f.csv", "--frames", cwd=place).returncode == 0
    assert len((place / "f.csv").read_text().splitlines()) > 100
    soundfile.write(place / "one.wav", tone(440.0, 0.5), SAMPLE_RATE)
    assert violute_here("notes", "one.wav", cwd=place).stdout == "one.mid (1 note)\n"
    low = np.concatenate([tone(f0_hz, 0.5, noise_db=-60.0) for f0_hz in (82.4, 110.0)])
    soundfile.write(place / "solo.wav", low, SAMPLE_RATE)
    for words, pitches_hz in (([], [82.4, 110.0]), (["--range", "low"], [82.4, 110.0])):
        assert violute_here("notes", "solo.wav", "low.csv", "--force", *words, cwd=place).returncode == 0
        rows = (place / "low.csv").read_text().splitlines()[1:]
        assert [float(row.split(",")[2]) for row in rows] == pytest.approx(pitches_hz, rel=0.01)
    assert violute_here("notes", "solo.wav", "h.csv", "--range", "high", cwd=place).returncode == 0
    assert "82.4" not in (place / "h.csv").read_text()
    soundfile.write(place / "hiss.wav", 0.1 * np.random.default_rng(0).standard_normal(22_050), SAMPLE_RATE)
    for words in ([], ["hiss.csv", "--frames"], ["hiss.csv", "--json", "--force"]):
        done = violute_here("notes", "hiss.wav", *words, cwd=place)
        assert done.returncode == 0
        assert done.stderr.startswith("violute: warning: hiss.wav: no steady pitch was found")
        assert len(done.stderr.splitlines()) == 1
    for words, reason in (
        (["solo.mid"], "exists"),
        (["x.txt"], "written as .mid or .csv"),
        (["x.mid", "--frames"], "--frames are a table"),
        (["x.mid", "--lines", "9"], "give auto, or 1 to 4"),
        (["x.mid", "--range", "mid"], "--range"),
    ):
        assert reason in complaint_of(violute_here("notes", "solo.wav", *words, cwd=place))
    assert not list(place.glob("x.*"))


@pytest.mark.parametrize("f0_hz", [200.0, 1000.0, 7000.0])
def test_a_tone_is_drawn_at_its_pitch_and_level(f0_hz):
    tone = 0.5 * np.sin(2 * np.pi * f0_hz * np.arange(44_100) / 44_100)
    levels = log_spectrogram_db(tone.astype(np.float32), 44_100, n_columns=20, n_rows=200)
    edges = np.geomspace(150, 16_000, 201)
    loudest = levels[:, 10].argmax()
    assert edges[loudest] / 1.05 <= f0_hz <= edges[loudest + 1] * 1.05
    assert levels[loudest, 10] == pytest.approx(-6.0, abs=1.5)


def test_what_lies_above_nyquist_stays_dark_and_time_runs_right():
    early = np.zeros(8_000, np.float32)
    early[:2_000] = np.sin(np.arange(2_000))
    levels = log_spectrogram_db(early, 8_000, n_columns=40, n_rows=100)
    edges = np.geomspace(150, 16_000, 101)
    assert (levels[edges[:-1] > 4_000] == -200).all()
    assert levels[:, :5].max() > levels[:, 35:].max() + 60


def test_a_page_has_a_panel_for_each_row_and_column():
    rng = np.random.default_rng(0)
    noise = Panel(rng.standard_normal(8_000).astype(np.float32), 8_000)
    silence = Panel(np.zeros(8_000, np.float32), 8_000)
    page = np.asarray(draw_page([("first", [noise, silence]), ("second", [silence, noise])], ["a", "b"]))
    half = page.shape[0] // 2, page.shape[1] // 2
    brightness = [
        page[rows, columns].min(axis=2)
        for rows, columns in (
            (slice(0, half[0]), slice(100, half[1])),
            (slice(0, half[0]), slice(half[1] + 40, None)),
            (slice(half[0], None), slice(100, half[1])),
            (slice(half[0], None), slice(half[1] + 40, None)),
        )
    ]
    black = [float((panel < 6).mean()) for panel in brightness]
    assert black[1] > 2 * black[0]
    assert black[2] > 2 * black[3]
