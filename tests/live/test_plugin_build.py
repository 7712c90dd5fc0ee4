"""The build of the plug-in puts a voice into it that its core reads, whichever violute is installed."""

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from live_core import ROOT
from live_plugin import DPF

from violute.families.ddsp.live_file import FORMAT_VERSION
from violute.voices.file import LIVE_MAGIC

WRITES = """#!/bin/sh
[ "$1 $2" = "export violute-violin-flute" ] && cp "{voice}" "$3"
"""
INSTALLS = """#!/bin/sh
mkdir -p "$4/bin" && ln -s /bin/true "$4/bin/pip" && cp "{violute}" "$4/bin/violute"
"""


@pytest.fixture
def export(tmp_path):
    """Return what exports the voice where a violute writes one file, and one that is installed another."""
    if shutil.which("cmake") is None:
        pytest.skip("cmake builds the plug-in")
    programs, later = tmp_path / "programs", tmp_path / "later"
    out = tmp_path / "build" / "builtin.live"
    for folder in (programs, later, out.parent):
        folder.mkdir()

    def program(path, text):
        path.write_text(text)
        path.chmod(0o755)

    def exported(on_path, installed):
        for folder, content in ((programs, on_path), (later, installed)):
            if content is not None:
                voice = folder / "voice.live"
                voice.write_bytes(content)
                program(folder / "violute", WRITES.format(voice=voice))
        program(programs / "python3", INSTALLS.format(violute=later / "violute"))
        system = os.pathsep.join(("/usr/bin", "/bin", str(Path(shutil.which("cmake")).parent)))
        done = subprocess.run(
            ["cmake", f"-DREPOSITORY={ROOT}", f"-DOUT={out}", "-P", ROOT / "live/plugin/export_voice.cmake"],
            env={"PATH": os.pathsep.join((str(programs), system))},
            capture_output=True,
            text=True,
            check=False,
        )
        return done, out.read_bytes() if out.exists() else None

    return exported


NOW = LIVE_MAGIC + struct.pack("<II", FORMAT_VERSION, 0)
BEFORE = LIVE_MAGIC + struct.pack("<II", FORMAT_VERSION - 1, 0)


def test_the_installed_violute_writes_the_voice(export):
    done, voice = export(NOW + b"on the path", NOW + b"installed")
    assert (done.returncode, voice) == (0, NOW + b"on the path")
    again, voice = export(NOW + b"and anew", None)
    assert (again.returncode, voice) == (0, NOW + b"and anew")


@pytest.mark.parametrize("on_path", [None, BEFORE])
def test_without_one_of_this_version_one_is_installed(export, on_path):
    done, voice = export(on_path, NOW + b"installed")
    assert (done.returncode, voice) == (0, NOW + b"installed")
    assert ("is of another version" in done.stdout) is (on_path is not None)


def test_no_voice_is_left_that_the_core_would_not_read(export):
    done, voice = export(None, BEFORE)
    assert done.returncode != 0
    assert voice is None
    assert "wrote no voice that this core reads" in done.stderr


def test_a_voice_that_the_core_would_not_read_is_refused_before_anything_is_built(tmp_path):
    if shutil.which("cmake") is None or not DPF.exists():
        pytest.skip("cmake and dpf-source build the plug-in")
    files = {"voice.onnx": b"\x08\x08", "older.live": BEFORE, "empty.live": b"", "here.live": NOW}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    for name, reason in (
        ("nowhere.live", "is not there: give a file that `violute export"),
        (".", f"is no voice of format {FORMAT_VERSION}"),
        ("voice.onnx", f"is no voice of format {FORMAT_VERSION}"),
        ("older.live", f"is no voice of format {FORMAT_VERSION}"),
        ("empty.live", f"is no voice of format {FORMAT_VERSION}"),
        ("here.live", None),
    ):
        done = subprocess.run(
            ["cmake", "-S", ROOT / "live", "-B", "build", "-DVIOLUTE_PLUGIN=ON", f"-DVIOLUTE_VOICE={name}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is (reason is None), done.stderr
        assert (reason or "") in " ".join(done.stderr.split())
