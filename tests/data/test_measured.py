"""The cache of what was measured: by content and version, damage measured again, nothing half written."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from violute.data import measured as module
from violute.data.measured import content_digest, measured, open_arrays, require_arrays
from violute.data.recordings import Recording
from violute.errors import AudioError, DataError, SilentError
from violute.worklist import engine

RNG = np.random.default_rng(0)


def sizes(log: Path, recording: Recording) -> dict[str, np.ndarray]:
    """Measure the bytes of a file, and note that it was done."""
    with log.open("a") as file:
        file.write(f"{recording.name}\n")
    content = np.fromfile(recording.path, np.uint8)
    return {"bytes": content, "half": (content[:6] / 2).reshape(2, 3).astype(np.float16), "n": np.array(3.5)}


def measure(folder: Path, recordings: list[Recording], version: str = "1") -> list[dict[str, np.ndarray]]:
    found = measured(recordings, folder / "cache", partial(sizes, folder / "log"), version=version)
    assert [recording for recording, _ in found] == recordings
    return [arrays for _, arrays in found]


def done(folder: Path) -> list[str]:
    """What was measured since the last call."""
    log = folder / "log"
    names = log.read_text().split() if log.exists() else []
    log.unlink(missing_ok=True)
    return names


@pytest.fixture
def recordings(tmp_path: Path) -> list[Recording]:
    """One that is kept in memory, one that is large enough to stay on disk."""
    found = []
    for name, n_bytes in (("small", 1000), ("large", 3_000_001)):
        path = tmp_path / f"{name}.wav"
        path.write_bytes(RNG.bytes(n_bytes))
        found.append(Recording(name, path))
    return found


def test_what_was_measured_is_opened_again(tmp_path: Path, recordings: list[Recording]) -> None:
    first, again = measure(tmp_path, recordings), measure(tmp_path, recordings)
    assert done(tmp_path) == ["small", "large"]
    for recording, one, other in zip(recordings, first, again, strict=True):
        for arrays in (one, other):
            assert arrays["bytes"].tobytes() == recording.path.read_bytes()
            np.testing.assert_array_equal(arrays["half"], np.array(arrays["bytes"][:6] / 2).reshape(2, 3))
            assert (arrays["half"].dtype, float(arrays["n"])) == (np.float16, 3.5)


def test_the_same_content_elsewhere_or_by_another_path_is_not_measured_again(
    tmp_path: Path, recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(tmp_path, recordings)
    done(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "copy").mkdir()
    for recording in recordings:
        shutil.copyfile(recording.path, tmp_path / "copy" / recording.path.name)
    measure(tmp_path, [Recording(r.name, Path(r.path.name)) for r in recordings])
    measure(tmp_path, [Recording("other", Path("copy") / r.path.name) for r in recordings])
    assert done(tmp_path) == []


def test_other_content_another_part_or_version_is_measured(
    tmp_path: Path, recordings: list[Recording]
) -> None:
    large = recordings[1]
    measure(tmp_path, [large])
    measure(tmp_path, [Recording("part", large.path, 1.0, 2.0)])
    measure(tmp_path, [large], version="2")
    stat = large.path.stat()
    content = bytearray(large.path.read_bytes())
    content[1_500_000:1_600_000] = bytes(100_000)
    large.path.write_bytes(content)
    os.utime(large.path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    measure(tmp_path, [large])
    assert done(tmp_path) == ["large", "part", "large", "large"]


def test_one_second_changed_in_the_middle_is_another_content(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    content = bytearray(RNG.bytes(20_000_000))
    path.write_bytes(content)
    before = content_digest(path)
    assert content_digest(path) == before
    content[10_100_000:10_188_200] = bytes(88_200)
    path.write_bytes(content)
    assert content_digest(path) != before


def test_what_cannot_be_opened_is_not_taken_for_silence(
    tmp_path: Path, recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(tmp_path, recordings)
    paths = {path.name for path in (tmp_path / "cache").glob("*.npz")}
    opened: list[Path] = []

    def refuse_the_second_time(path: Path) -> dict[str, np.ndarray] | None:
        opened.append(path)
        return open_arrays(path) if len(opened) <= len(paths) else None

    monkeypatch.setattr(module, "open_arrays", refuse_the_second_time)
    with pytest.raises(DataError, match=r"\.npz: cannot be opened or is damaged: allow more open files"):
        measure(tmp_path, recordings)


def test_arrays_that_are_missing_are_named_as_damage(tmp_path: Path, recordings: list[Recording]) -> None:
    measure(tmp_path, recordings[:1])
    (path,) = (tmp_path / "cache").glob("*.npz")
    assert require_arrays(path, "half", "n").keys() == {"bytes", "half", "n"}
    with pytest.raises(DataError, match="cannot be opened or is damaged"):
        require_arrays(path, "gain")


def test_no_wrong_byte_of_an_archive_is_a_traceback(tmp_path: Path, recordings: list[Recording]) -> None:
    measure(tmp_path, recordings[:1])
    (path,) = (tmp_path / "cache").glob("*.npz")
    content = path.read_bytes()
    for place in range(0, len(content), 5):
        for value in (content[place] ^ 1, content[place] ^ 255, 12, 14):
            path.write_bytes(content[:place] + bytes([value]) + content[place + 1 :])
            open_arrays(path)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "other"])
def test_a_damaged_file_is_measured_again(tmp_path: Path, recordings: list[Recording], damage: str) -> None:
    small = recordings[:1]
    (before,) = measure(tmp_path, small)
    (path,) = (tmp_path / "cache").glob("*.npz")
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[500] ^= 255
    path.write_bytes({"cut": content[:-50], "empty": b"", "flipped": content, "other": b"PK\3\4"}[damage])
    (after,) = measure(tmp_path, small)
    assert done(tmp_path) == ["small", "small"]
    np.testing.assert_array_equal(after["bytes"], before["bytes"])


def test_a_large_file_that_was_cut_is_measured_again(tmp_path: Path, recordings: list[Recording]) -> None:
    large = recordings[1:]
    measure(tmp_path, large)
    (path,) = (tmp_path / "cache").glob("*.npz")
    os.truncate(path, path.stat().st_size - 1000)
    assert open_arrays(path) is None
    (after,) = measure(tmp_path, large)
    assert after["bytes"].tobytes() == large[0].path.read_bytes()


def test_equal_recordings_are_measured_once_and_by_processes_as_alone(
    tmp_path: Path, recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SMALL_BYTES", 0)
    shares: list[float] = []
    both = measured(
        [*recordings, recordings[0]],
        tmp_path / "cache",
        partial(sizes, tmp_path / "log"),
        version="1",
        on_progress=shares.append,
    )
    assert sorted(done(tmp_path)) == ["large", "small"]
    assert shares == pytest.approx([2 / 3, 1.0])
    np.testing.assert_array_equal(both[0][1]["bytes"], both[2][1]["bytes"])


def silent(_: Recording) -> dict[str, np.ndarray]:
    raise SilentError("no sound")


def test_silent_recordings_are_left_out_and_read_once(tmp_path: Path, recordings: list[Recording]) -> None:
    for _ in range(2):
        assert measured(recordings, tmp_path / "cache", silent, version="1") == []
    assert len(list((tmp_path / "cache").glob("*.npz"))) == 2


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such limit")
def test_more_large_recordings_than_files_may_be_open_are_opened(tmp_path: Path) -> None:
    script = f"""
import resource, numpy as np
from pathlib import Path
from violute.data.measured import measured
from violute.data.recordings import Recording

def measure(recording):
    return {{"zeros": np.zeros(1_100_000, np.uint8)}}

resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
file = Path({str(tmp_path)!r}) / "x.wav"
file.write_bytes(b"x")
parts = [Recording(str(i), file, float(i)) for i in range(50)]
print(len(measured(parts, file.parent / "cache", measure, version="1")))
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.returncode) == ("50\n", 0), ended.stderr[-1000:]


def test_a_full_disk_is_one_line_and_leaves_nothing(
    tmp_path: Path, recordings: list[Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match="the disk is full"):
        measure(tmp_path, recordings)
    assert list((tmp_path / "cache").glob("*.npz")) == []


def test_a_file_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=r"gone\.wav: cannot be read"):
        content_digest(tmp_path / "gone.wav")


SHARING = """
import sys, time
from functools import partial
from pathlib import Path
import numpy as np
from violute.data.measured import measured
from violute.data.recordings import Recording

def slowly(log, recording):
    with log.open("a") as file:
        file.write(f"{recording.name}\\n")
    time.sleep(0.3)
    return {"n": np.array(len(recording.path.read_bytes()))}

folder = Path(sys.argv[1])
recordings = [Recording(path.stem, path) for path in sorted(folder.glob("*.wav"))]
(folder / f"ready-{sys.argv[2]}").touch()
while len(list(folder.glob("ready-*"))) < 3:
    time.sleep(0.01)
found = measured(recordings, folder / "cache", partial(slowly, folder / "log"), version="1")
print([int(arrays["n"]) for _, arrays in found])
"""


@pytest.mark.skipif(module.fcntl is None, reason="this system has no such locks")
def test_processes_that_share_a_cache_share_the_work(tmp_path: Path) -> None:
    for i in range(9):
        (tmp_path / f"{i}.wav").write_bytes(b"x" * (i + 1))
    command = [sys.executable, "-c", SHARING, str(tmp_path)]
    processes = [subprocess.Popen([*command, str(i)], stdout=subprocess.PIPE, text=True) for i in range(3)]
    for process in processes:
        assert process.communicate(timeout=120)[0] == f"{list(range(1, 10))}\n"
        assert process.returncode == 0
    assert sorted(done(tmp_path)) == [str(i) for i in range(9)]
