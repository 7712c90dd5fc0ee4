"""`violute convert` as a user meets it: files, folders, second runs, what it prints."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import MODEL, START, complaint_of, files_below, put_voice, violute
from fake_voice import CARD

from violute.voices.file import seal

MANIFEST = "out/violute-manifest.jsonl"


def tone(n_samples=8_000, sample_rate=8_000, channels=1):
    mono = 0.3 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / sample_rate)
    return np.stack([mono] * channels, axis=1)


@pytest.fixture
def place(tmp_path):
    put_voice(tmp_path)
    soundfile.write(tmp_path / "solo.wav", tone(), 8_000)
    return tmp_path


@pytest.fixture
def tree(place):
    for name in ("rec/one.wav", "rec/deep/two.flac"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / name, tone(), 8_000)
    (place / "rec" / "bad.wav").write_text("no audio")
    return place


def convert(place, *arguments):
    done = violute("convert", *arguments, "--voice", "sines", cwd=place)
    assert "Traceback" not in done.stderr
    return done


def loudest_hz(path):
    audio, sample_rate = soundfile.read(path, always_2d=True)
    return np.argmax(np.abs(np.fft.rfft(audio[:, 0]))) * sample_rate / len(audio)


def test_from_file_to_file(place):
    done = convert(place, "solo.wav", "low.flac", "--mix", "0")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("solo.wav -> low.flac (1.0 s, ")
    assert loudest_hz(place / "low.flac") == pytest.approx(440, abs=2)
    done = convert(place, "solo.wav", "part.wav", "--from", "0.25", "--to", "0.75")
    assert done.stdout.startswith("solo.wav -> part.wav (0.5 of 1.0 s, ")


def test_a_named_output_that_exists_is_lost_only_on_demand(place):
    """`violute convert a.wav b.wav` may well be meant as two recordings."""
    soundfile.write(place / "take2.wav", tone(4_000), 8_000)
    before = (place / "take2.wav").read_bytes()
    (place / "voices" / "sines.onnx").rename(place / "kept.onnx")  # refused before a voice is looked for
    done = convert(place, "solo.wav", "take2.wav", "--mix", "1")
    assert complaint_of(done) == (
        "take2.wav exists: give --force to replace it, or name another file (the last path is OUT)"
    )
    assert (place / "take2.wav").read_bytes() == before
    (place / "kept.onnx").rename(place / "voices" / "sines.onnx")
    assert convert(place, "solo.wav", "take2.wav", "--mix", "1", "--force").returncode == 0
    assert soundfile.info(place / "take2.wav").frames == 8_000
    assert loudest_hz(place / "take2.wav") == pytest.approx(880, abs=2)


def test_dials_and_automation_reach_the_voice(place):
    (place / "moves.csv").write_text("0,1\n1,1\n")
    convert(place, "solo.wav", "a.wav", "--automation", "moves.csv")
    convert(place, "solo.wav", "b.wav", "--automation", "moves.csv", "--tone", "0")
    convert(place, "solo.wav", "c.wav", "--mix", "0", "--tone", "1", "--room", "0.5")
    assert [round(loudest_hz(place / f"{name}.wav") / 440) for name in "abc"] == [2, 1, 2]


def test_a_course_for_one_dial_and_what_becomes_of_the_hybrid(place):
    (place / "tone.csv").write_text("seconds,tone\n0,0\n0.001,1\n")
    convert(place, "solo.wav", "high.wav", "--tone", "tone.csv")
    assert loudest_hz(place / "high.wav") == pytest.approx(880, abs=2)
    output = ["--transpose", "-12", "--level", "-20", "--wet", "0.9"]
    done = convert(place, "solo.wav", "--tone", "1", "--noise", "1", *output)
    name = "solo-violute-sines-tone1.00-noise1.00-attack0.50-vibrato0.50-transpose-12-wet0.9-level-20.wav"
    assert name in done.stdout
    assert loudest_hz(place / name) == pytest.approx(440, abs=2)
    levels = [np.std(soundfile.read(place / path)[0]) for path in (name, "high.wav")]
    assert levels[0] == pytest.approx(0.1 * levels[1], rel=0.5)


@pytest.mark.parametrize(
    ("sample_rate", "channels", "subtype"),
    [(8_000, 8, "PCM_16"), (192_000, 1, "PCM_24"), (44_100, 2, "FLOAT"), (22_050, 2, "PCM_U8")],
)
def test_rate_channels_length_and_depth_stay(place, sample_rate, channels, subtype):
    n_samples = sample_rate // 2 + 1
    soundfile.write(place / "in.wav", tone(n_samples, sample_rate, channels), sample_rate, subtype=subtype)
    assert convert(place, "in.wav", "out.wav").returncode == 0
    info = soundfile.info(place / "out.wav")
    assert (info.samplerate, info.channels, info.frames) == (sample_rate, channels, n_samples)
    assert info.subtype == subtype or subtype == "PCM_U8"


def test_offset_clipping_and_names_of_all_kinds_work(place):
    odd = "ein Stück – ヴァイオリン & flûte.wav"
    soundfile.write(place / odd, np.clip(4 * tone() + 0.4, -1, 1), 8_000)
    done = convert(place, odd)
    assert (done.returncode, done.stderr) == (0, "")
    assert any(name.endswith("flûte-violute-sines-mix0.50.wav") for name in files_below(place))


def test_a_tree_is_kept_failures_are_counted_and_a_second_run_skips(tree):
    first = convert(tree, "rec", "out")
    results = ["out/deep/two-violute-sines-mix0.50.flac", "out/one-violute-sines-mix0.50.wav"]
    assert [name for name in files_below(tree) if name.startswith("out")] == [*results, MANIFEST]
    assert first.returncode == 2
    assert first.stderr.splitlines()[0] == "violute: 1 of 3 files failed:"
    assert "rec/bad.wav is not audio" in first.stderr.splitlines()[1]
    assert len(first.stdout.splitlines()) == 2

    rows = [json.loads(line) for line in (tree / MANIFEST).read_text().splitlines()]
    states = {Path(row["output"]).stem.removesuffix("-violute-sines-mix0.50"): row["state"] for row in rows}
    assert states == {"two": "done", "bad": "failed", "one": "done"}
    assert [row["sha256"] for row in rows if row["state"] == "done"] == [
        hashlib.sha256((tree / name).read_bytes()).hexdigest() for name in results
    ]

    (tree / "rec" / "bad.wav").unlink()
    stamps = [(tree / name).stat().st_mtime_ns for name in results]
    second = convert(tree, "rec", "out")
    assert second.returncode == 0
    assert second.stdout.startswith("2 files were already there (--force converts again)")
    assert [(tree / name).stat().st_mtime_ns for name in results] == stamps
    assert convert(tree, "rec", "out", "--force").returncode == 0
    assert all((tree / name).stat().st_mtime_ns > stamp for name, stamp in zip(results, stamps, strict=True))


def test_json_is_one_document(tree):
    convert(tree, "rec/one.wav", "out/")
    done = convert(tree, "rec", "out", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 2
    assert report["voice"] == "sines"
    (converted,) = report["converted"]
    assert converted["destination"] == str(Path("out/deep/two-violute-sines-mix0.50.flac"))
    assert converted["seconds"] == 1.0
    assert converted["real_time_factor"] > 0
    assert converted["warnings"] == []
    assert [entry["source"] for entry in report["skipped"]] == [str(Path("rec/one.wav"))]
    assert "bad.wav is not audio" in report["failed"][0]["error"]


def test_a_warning_names_the_file_and_is_no_failure(place):
    worried = replace(CARD, settings={"warnings": ["no steady pitch was found"]})
    (place / "worried.onnx").write_bytes(seal(MODEL, worried))
    done = violute("convert", "solo.wav", "out.wav", "--voice", "worried.onnx", cwd=place)
    assert done.returncode == 0
    assert done.stderr == "violute: warning: solo.wav: no steady pitch was found\n"
    command = ["convert", "solo.wav", "out.wav", "--voice", "worried.onnx", "--force", "--json"]
    (converted,) = json.loads(violute(*command, cwd=place).stdout)["converted"]
    assert converted["warnings"] == ["no steady pitch was found"]


def test_quiet_says_nothing(place):
    done = convert(place, "solo.wav", "out.wav", "--quiet")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (place / "out.wav").exists()


def test_a_failure_takes_its_new_folders_along(place):
    (place / "bad.wav").write_text("no audio")
    complaint_of(convert(place, "bad.wav", "new/deep/"))
    assert not (place / "new").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_nothing_behind(place, number, code):
    soundfile.write(place / "long.wav", tone(8_000 * 60 * 20), 8_000)
    before = files_below(place)
    # A test run in the background may have been told to ignore Ctrl-C, and its children with it.
    heed = "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
    start = heed + START.format(tests=str(Path(__file__).parents[1] / "support"))
    running = subprocess.Popen(
        [sys.executable, "-c", start, "convert", "long.wav", "out/", "--voice", "sines"],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(place.rglob("*.part.wav")):
        assert running.poll() is None, running.communicate()
        time.sleep(0.01)
    running.send_signal(number)
    _, complaint = running.communicate(timeout=120)
    assert running.returncode == code
    assert "Traceback" not in complaint
    assert files_below(place) == before
    assert not (place / "out").exists()
