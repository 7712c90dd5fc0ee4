"""Runs the command line in a process of its own, with the voice of sines among the families."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

from fake_voice import CARD

from violute.cli.main import main
from violute.families.table import FAMILIES, Family
from violute.voices.file import seal

MODEL = b"\x08\x08"  # the shortest ONNX message: ir_version 8

START = """
import sys
sys.path.insert(0, {tests!r})
from violute.families.table import FAMILIES, Family
FAMILIES["sines"] = Family("fake_voice:SineVoice")
from violute.cli.main import main
main()
"""


def violute(*arguments, cwd, **options):
    """Run `violute ARGUMENTS` in `cwd`; `voices/sines.onnx` is there unless the test took it away."""
    code = START.format(tests=str(Path(__file__).parent))
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONUTF8": "1", "OMP_NUM_THREADS": "1"},
        timeout=600,  # a busy machine; less than pytest's own limit
        **options,
    )


def violute_here(*arguments, cwd):
    """Run `violute ARGUMENTS` in this process, which has imported already what a new one would wait for.

    For what is refused before any work. Standard output and error are those of Python alone.
    """
    out, complaints = io.StringIO(), io.StringIO()
    signals = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        with (
            contextlib.chdir(cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(complaints),
            mock.patch.dict(FAMILIES, sines=Family("fake_voice:SineVoice")),
        ):
            main([str(argument) for argument in arguments])
    except SystemExit as end:
        return subprocess.CompletedProcess(arguments, end.code, out.getvalue(), complaints.getvalue())
    finally:
        for number, handler in signals.items():
            signal.signal(number, handler)
    raise AssertionError("main returned")


def put_voice(folder):
    """Put the voice of sines where `--voice sines` finds it."""
    (folder / "voices").mkdir()
    (folder / "voices" / "sines.onnx").write_bytes(seal(MODEL, CARD))


def files_below(folder):
    """Every file below a folder, hidden ones too, by its path as text."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def complaint_of(done):
    """Check that a run ended as bad input does and return its one line."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("violute: ")
    return lines[0].removeprefix("violute: ")


def refused(place, *arguments, run=violute, **options):
    """Run a conversion that must be refused and leave every file as it was; return the complaint."""
    before = {name: (place / name).read_bytes() for name in files_below(place)}
    line = complaint_of(run("convert", *arguments, "--voice", "sines", cwd=place, **options))
    assert {name: (place / name).read_bytes() for name in files_below(place)} == before
    return line
