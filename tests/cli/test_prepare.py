"""`violute prepare` from start to end: a folder in, arrays, images and sound out; a kill costs nothing."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile
from command_line import complaint_of, files_below, violute, violute_here
from PIL import Image
from tones import SAMPLE_RATE, tone


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Folders as `violute data musicnet` makes them, and what was prepared from them."""
    place = tmp_path_factory.mktemp("place")
    for name, f0_hz in (("flute/2202", 880.0), ("flute/2204", 990.0), ("violin/2186", 220.0)):
        (place / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / "data" / f"{name}.wav", tone(f0_hz, 1.0), SAMPLE_RATE, subtype="FLOAT")
    (place / "data" / "labels").mkdir()
    (place / "data" / "labels" / "2202.csv").write_text("start_time,end_time")
    return place


@pytest.fixture(scope="module")
def done(place):
    return violute(
        "prepare", "data", "--out", "store", "--preset", "assignment", "--phase", "--json", cwd=place
    )


def test_arrays_images_and_a_sheet_are_written(place, done):
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert said["splits"]["train"]["flute"] == {"pictures": 1, "recordings": 1, "seconds": 1.0}
    assert said["splits"]["held_out"] == {
        "flute": {"pictures": 1, "recordings": 1, "seconds": 1.0},
        "violin": {"pictures": 0, "recordings": 0, "seconds": 0.0},
    }
    assert files_below(place / "store") == [
        "contact_sheet.png",
        "held_out.npy",
        "held_out.nyquist.npy",
        "held_out.phase.npy",
        "images/held_out/flute/000000_2204.png",
        "images/train/flute/000000_2202.png",
        "images/train/violin/000001_2186.png",
        "store.json",
        "train.npy",
        "train.nyquist.npy",
        "train.phase.npy",
    ]
    assert np.load(place / "store" / "train.npy", mmap_mode="r").shape == (2, 1024, 128)
    with Image.open(place / "store" / said["contact_sheet"].removeprefix("store/")) as sheet:
        assert sheet.width > 1000


def stamps(folder):
    """When each file that costs work was written."""
    names = [name for name in files_below(folder) if name != "contact_sheet.png"]
    return {name: (folder / name).stat().st_mtime_ns for name in names}


def test_the_same_command_changes_nothing_and_another_is_refused(place, done):
    before = stamps(place / "store")
    again = violute("prepare", "data", "--out", "store", "--preset", "assignment", "--phase", cwd=place)
    assert again.stderr == "violute: held out: 2204\n"
    assert (
        again.stdout == "store (2 pictures of 0.0 minutes to learn from, 1 picture of 0.0 minutes held out)\n"
    )
    assert stamps(place / "store") == before
    other = violute("prepare", "data", "--out", "store", cwd=place)
    assert "name another folder" in complaint_of(other)


def test_pictures_become_sound_again(place, done):
    true, _ = soundfile.read(place / "data" / "violin" / "2186.wav")
    said = violute("prepare", "invert", "store:1", "back.wav", "--json", cwd=place)
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout)["phase"] == "stored"
    heard, rate = soundfile.read(place / "back.wav")
    assert (rate, len(heard)) == (22_050, 22_050)
    assert np.std(heard[2000:-2000]) == pytest.approx(np.std(true), rel=0.02)

    image = "store/images/train/violin/000001_2186.png"
    said = violute("prepare", "invert", image, "back.wav", cwd=place)
    assert "back.wav exists" in complaint_of(said)
    said = violute("prepare", "invert", image, "back.wav", "--force", cwd=place)
    assert said.stdout.startswith("back.wav (1.00 s, phases by Griffin-Lim, spectral convergence 0.0")
    heard, _ = soundfile.read(place / "back.wav")
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert spectrum.argmax() == pytest.approx(220, abs=2)


def test_arrays_or_images_can_be_left_out(place):
    only_images = violute("prepare", "data/violin", "--out", "images-only", "--no-arrays", cwd=place)
    assert only_images.returncode == 0
    assert files_below(place / "images-only") == [
        "contact_sheet.png",
        "images/train/violin/000000_2186.png",
        "store.json",
    ]
    arguments = [
        "prepare",
        "data",
        "--out",
        "arrays-only",
        "--no-images",
        "--instruments",
        "flute",
        "--quiet",
    ]
    only_arrays = violute(*arguments, "--hold-out", "220[34]", cwd=place)
    assert (only_arrays.returncode, only_arrays.stdout) == (0, "")
    assert files_below(place / "arrays-only") == [
        "contact_sheet.png",
        "held_out.npy",
        "store.json",
        "train.npy",
    ]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_a_killed_run_goes_on(place, tmp_path):
    (tmp_path / "flute").mkdir()
    for i in range(10):
        soundfile.write(
            tmp_path / "flute" / f"{i:02d}.wav", tone(300.0 + 10 * i, 1.5, db_per_octave=-np.inf), SAMPLE_RATE
        )
    command = ["prepare", "flute", "--out", "store", "--preset", "detail", "--no-images", "--jobs", "1"]
    run = subprocess.Popen([sys.executable, "-m", "violute", *command], cwd=tmp_path)
    parts = tmp_path / "store" / ".parts"
    while run.poll() is None and len(list(parts.glob("[0-9a-f]*.npz"))) < 2:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    done_before = {path.name: path.stat().st_mtime_ns for path in parts.glob("[0-9a-f]*.npz")}
    assert 2 <= len(done_before) < 10
    assert violute(*command, cwd=tmp_path).returncode == 0
    assert not parts.exists()
    assert np.load(tmp_path / "store" / "train.npy", mmap_mode="r").shape == (20, 1024, 128)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nowhere"], "nowhere: there is no such folder"),
        (["data/labels"], "holds no audio"),
        (["data", "--instruments", "oboe"], "oboe: there is no such folder of recordings: choose of flute"),
        (["data", "data/flute"], "two folders of flute"),
        (["data", "--seconds", "0"], "snippets last"),
        (["data", "--overlap", "1"], "from 0 to 0.95"),
        (["data", "--gate-db", "3"], "gate 3 dB"),
        (["data", "--jobs", "0"], "--jobs must be above 0"),
        (["data", "--no-images", "--no-arrays"], "nothing to write"),
        (["data", "--hold-out", "*"], "every recording is held out"),
        (["data", "--hold-out", "none.txt"], "none.txt: cannot be read: give a text file"),
        ([], "no folder"),
    ],
)
def test_bad_input_costs_one_line_and_nothing_else(place, arguments, reason):
    before = files_below(place)
    line = complaint_of(violute_here("prepare", *arguments, "--out", "new", cwd=place))
    assert reason in line
    assert files_below(place) == before


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "is empty"), (b"RIFF", "is damaged or truncated"), (b"not audio at all", "is not audio")],
)
def test_a_damaged_recording_is_named(tmp_path, content, reason):
    (tmp_path / "flute").mkdir()
    (tmp_path / "flute" / "bad.wav").write_bytes(content)
    done = violute("prepare", "flute", "--out", "new", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    first, line = done.stderr.splitlines()
    assert first == "violute: held out: nothing; what is by default, MusicNet's 2204 and 2191, is not here"
    assert f"bad.wav {reason}" in line
    assert files_below(tmp_path) == ["flute/bad.wav"]
    assert not (tmp_path / "new").exists()
