"""What people really give to `violute convert`: pipes, odd names, mixed folders, two runs at once."""

import io
import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import START, complaint_of, put_voice, violute

from violute.cli.terminal.output import complain


def tone(level=0.3):
    return level * np.sin(2 * np.pi * 440 * np.arange(8_000) / 8_000)


def wav():
    content = io.BytesIO()
    soundfile.write(content, tone(), 8_000, format="WAV")
    return content.getvalue()


@pytest.fixture
def place(tmp_path):
    put_voice(tmp_path)
    (tmp_path / "solo.wav").write_bytes(wav())
    return tmp_path


def piped(place, content, *arguments):
    code = START.format(tests=str(Path(__file__).parents[1] / "support"))
    command = [sys.executable, "-c", code, "convert", *arguments, "--voice", "sines"]
    return subprocess.run(command, cwd=place, input=content, capture_output=True)


@pytest.mark.parametrize("out", [["out.wav"], []])
def test_standard_input_is_a_recording(place, out):
    done = piped(place, wav(), "-", *out)
    assert (done.returncode, done.stderr) == (0, b"")
    made = place / (out[0] if out else "stdin-violute-sines-mix0.50.wav")
    assert soundfile.info(made).frames == 8_000


def test_standard_input_without_a_recording_is_one_line(place):
    for content, reason in ((b"", "is empty"), (b"a poem " * 90, "is not audio")):
        done = piped(place, content, "-", "out.wav")
        assert done.returncode == 2
        assert f"violute: standard input {reason}" in done.stderr.decode()
    assert "not written to standard output" in complaint_of(violute("convert", "solo.wav", "-", cwd=place))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_is_a_recording(place):
    os.mkfifo(place / "pipe")
    writer = threading.Thread(target=lambda: (place / "pipe").write_bytes(wav()), daemon=True)
    writer.start()
    done = violute("convert", "pipe", "out.wav", "--voice", "sines", cwd=place)
    writer.join()
    assert (done.returncode, done.stderr) == (0, "")
    assert soundfile.info(place / "out.wav").frames == 8_000


@pytest.mark.skipif(sys.platform != "linux", reason="names are text here")
def test_names_of_all_kinds_are_converted(place):
    names = [
        b"\xff\xe9 not utf-8.wav",
        b"line\nbreak.wav",
        b"n" * 251 + b".wav",
        "ü".encode() * 125 + b".wav",
    ]
    (place / "rec").mkdir()
    for name in names:
        (place / "rec" / os.fsdecode(name)).write_bytes(wav())
    done = violute("convert", "rec", "out", "--voice", "sines", cwd=place)
    assert (done.returncode, done.stderr) == (0, "")
    made = [os.fsencode(path.name) for path in (place / "out").glob("*.wav")]
    assert len(made) == len(names)
    assert all(len(name) <= 255 and name.endswith(b"-violute-sines-mix0.50.wav") for name in made)
    again = violute("convert", "rec", "out", "--voice", "sines", cwd=place)
    assert again.stdout.startswith("4 files were already there")
    report = json.loads(violute("convert", "rec", "out", "--voice", "sines", "--json", cwd=place).stdout)
    assert len(report["skipped"]) == 4


@pytest.mark.parametrize("paths", [["x" * 300 + ".wav"], ["solo.wav", "x" * 300 + ".wav"]])
def test_a_name_that_no_system_allows_is_one_line(place, paths):
    complaint_of(violute("convert", *paths, "--voice", "sines", cwd=place))


def test_an_error_that_nobody_foresaw_is_that_files_alone(place, monkeypatch, capsys):
    from fake_voice import SineVoice

    from violute.cli import convert as verb

    class Stumbling(SineVoice):
        def analyse_source(self, source, **options):
            if "bad" in source.name:
                raise ZeroDivisionError("by nobody's fault")
            return super().analyse_source(source, **options)

    monkeypatch.chdir(place)
    monkeypatch.setattr("violute.voices.conversion.work_list.opened_voice", lambda _: Stumbling())
    for name in ("a", "bad", "c"):
        (place / f"{name}.wav").write_bytes(wav())
    assert verb.convert("a.wav", "bad.wav", "c.wav", "out/") == 2
    complaints = capsys.readouterr().err.splitlines()
    assert complaints[0] == "violute: 1 of 3 files failed:"
    assert complaints[1] == "violute: bad.wav: it cannot be converted (ZeroDivisionError: by nobody's fault)"
    assert len(list((place / "out").iterdir())) == 2
    with pytest.raises(ZeroDivisionError):  # a bug with one file alone is a bug
        verb.convert("bad.wav", "out/")


def test_what_a_folder_holds_besides_is_counted_and_named(place):
    (place / "rec").mkdir()
    for name in ("a.wav", "cover.jpg", "b.JPG", "notes.txt", ".hidden", "strange"):
        (place / "rec" / name).write_bytes(wav())
    done = violute("convert", "rec", "--voice", "sines", cwd=place)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == (
        "4 files are of no kind that can be converted and left out (2 .jpg, 1 .txt, 1 no ending): "
        f"{Path('rec/b.JPG')}, {Path('rec/cover.jpg')}, {Path('rec/notes.txt')}, {Path('rec/strange')}"
    )
    report = json.loads(violute("convert", "rec", "--voice", "sines", "--json", cwd=place).stdout)
    assert len(report["left_out"]) == 4


def test_without_ffmpeg_a_phones_recording_is_named_with_the_way_out(place):
    (place / "rec").mkdir()
    (place / "rec" / "a.wav").write_bytes(wav())
    (place / "rec" / "phone.m4a").write_bytes(b"\0\0\0\x1cftypM4A " + bytes(500))
    code = START.format(tests=str(Path(__file__).parents[1] / "support"))
    command = [sys.executable, "-c", code, "convert", "rec", "out", "--voice", "sines"]
    done = subprocess.run(
        command, cwd=place, capture_output=True, text=True, env=os.environ | {"PATH": str(place)}
    )
    assert done.returncode == 2
    assert done.stderr.splitlines()[0] == "violute: 1 of 2 files failed:"
    assert "phone.m4a is MP4 (AAC or ALAC), which needs ffmpeg: install" in done.stderr
    assert len(list((place / "out").glob("*.wav"))) == 1


def test_a_header_without_length_is_a_warning(place):
    content = bytearray(wav())
    content[40:44] = struct.pack("<I", 0)
    (place / "crashed.wav").write_bytes(content)
    done = violute("convert", "crashed.wav", "out.wav", "--voice", "sines", cwd=place)
    assert done.returncode == 0
    assert done.stderr == (
        "violute: warning: crashed.wav: its header gives no length, as after a crash or from a pipe, "
        "1.0 s were found\n"
    )


def test_a_recording_beyond_full_scale_comes_with_a_warning(place):
    for level, warns in ((2.0, True), (1.0, False)):
        soundfile.write(place / "loud.wav", tone(level), 8_000, subtype="FLOAT")
        done = violute("convert", "loud.wav", "out.wav", "--voice", "sines", "--force", cwd=place)
        assert done.returncode == 0
        assert ("it goes 6.0 dB over full scale: the hybrid stays below" in done.stderr) == warns


def test_a_complaint_is_one_line_whatever_the_name(capsys):
    complain("a\nb")
    assert capsys.readouterr().err == "violute: a b\n"
