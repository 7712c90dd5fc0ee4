"""What goes wrong on many machines is one clear line each, with what to do about it."""

from __future__ import annotations

import json
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from fake_voice import SineVoice
from full_disk import full_disk

from violute.cli import convert as verb
from violute.cli.terminal.extras import engine_of
from violute.errors import InputError, VioluteError
from violute.voices.conversion import work_list
from violute.voices.conversion.destinations import PlannedConversion
from violute.voices.conversion.work_list import ConversionWork
from violute.voices.mix import Mix, Output
from violute.worklist import places
from violute.worklist.manifest import MANIFEST_NAME


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two recordings, where a simple voice plays."""
    (tmp_path / "rec").mkdir()
    for name in ("a", "b"):
        sine = 0.2 * np.sin(2 * np.pi * 440.0 * np.arange(22_050) / 44_100)
        soundfile.write(tmp_path / "rec" / f"{name}.wav", sine, 44_100)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(work_list, "opened_voice", lambda _: SineVoice())
    return tmp_path


def work(*, voice: str | None = None, driver: str = "elsewhere") -> ConversionWork:
    return ConversionWork(voice, Mix.at(0.5), Output(), "auto", overwrite=False, driver=driver)


def is_one_line(error: BaseException) -> bool:
    return len(str(error).splitlines()) == 1 and len(str(error)) < 400


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "violute.worklist.cluster", raising=False)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"--cluster needs ray.*pip install 'violute\[cluster\]'"):
        engine_of(None, "auto")


@pytest.mark.parametrize("missing", ["the recording", "the voice"])
def test_a_node_without_voice_or_files_is_named(place: Path, missing: str) -> None:
    source = place / ("gone.wav" if missing == "the recording" else "rec/a.wav")
    voice = str(place / "gone.onnx") if missing == "the voice" else None
    with pytest.raises(InputError, match=f"node {socket.gethostname()} does not see {missing}") as caught:
        work(voice=voice)(PlannedConversion(source, place / "out.wav"))
    assert is_one_line(caught.value)
    assert "gone" in str(caught.value)


def test_a_node_of_another_version_is_named() -> None:
    cluster = pytest.importorskip("violute.worklist.cluster")
    error = cluster._do((str, "0.0.1", "."), 1)
    assert isinstance(error, InputError)
    assert "the driver 0.0.1: install one" in str(error)


def test_what_ray_raises_of_a_worker_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = pytest.importorskip("violute.worklist.cluster")
    from ray.exceptions import OutOfMemoryError, RayTaskError, WorkerCrashedError

    pages = "a traceback\n" * 40
    causes = {
        "ran out of memory: give a node more": OutOfMemoryError(pages),
        "its worker died 4 times": WorkerCrashedError(),
        r"cannot do this \(no such module\)": RayTaskError("_do", pages + "no such module", ValueError()),
    }
    for line, cause in causes.items():

        def fail(_: Any, cause: Exception = cause) -> None:
            raise cause

        monkeypatch.setattr(cluster.ray, "get", fail)
        error = cluster._result(None)
        assert isinstance(error, VioluteError)
        assert is_one_line(error)
        with pytest.raises(VioluteError, match=line):
            raise error


def test_a_worker_whose_disk_is_full_says_so_and_leaves_no_half_file(place: Path) -> None:
    with full_disk(4_000), pytest.raises(VioluteError, match="disk is full") as caught:
        work()(PlannedConversion(place / "rec" / "a.wav", place / "a.wav"))
    assert is_one_line(caught.value)
    assert not list(place.glob("*.wav")) + list(place.glob(".violute-*"))


def test_a_manifest_that_the_disk_has_no_room_for_is_one_line(place: Path) -> None:
    with full_disk(50), pytest.raises(VioluteError, match=f"{MANIFEST_NAME}: cannot be written") as caught:
        verb.convert("rec", "out", jobs=1, quiet=True)
    assert is_one_line(caught.value)


def test_hybrids_of_an_older_version_are_kept_and_named(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verb.convert("rec", "out", jobs=1, quiet=True) == 0
    manifest = place / "out" / MANIFEST_NAME
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    old = [row | {"made_by": "violute 0.0.9, violin-flute"} for row in rows]
    manifest.write_text("".join(json.dumps(row) + "\n" for row in old))
    before = {path.name: path.stat().st_mtime_ns for path in (place / "out").glob("*.wav")}
    assert verb.convert("rec", "out", jobs=1) == 0
    (line,) = capsys.readouterr().err.splitlines()
    assert "violute 0.0.9, violin-flute made what is there already: --force makes it anew" in line
    assert {path.name: path.stat().st_mtime_ns for path in (place / "out").glob("*.wav")} == before
    assert verb.convert("rec", "out", jobs=1, force=True, quiet=True) == 0
    assert "0.0.9" not in manifest.read_text()


def test_credentials_that_are_refused_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forbidding:
        def isfile(self, _: str) -> bool:
            return False

        def find(self, *_: Any, **__: Any) -> None:
            raise PermissionError("Access Denied")

    monkeypatch.setattr(places, "_store", lambda _: (Forbidding(), "archive/rec"))
    with pytest.raises(InputError, match=r"the store refuses your credentials \(Access Denied\)") as caught:
        verb.convert("s3://archive/rec", "out/")
    assert is_one_line(caught.value)
