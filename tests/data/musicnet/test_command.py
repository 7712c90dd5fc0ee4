"""`violute data musicnet` in a process of its own: what it says, a kill in the middle, and a full disk."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from archive_server import ARCHIVE, FILES, PACKED, WHOLE, pack
from command_line import complaint_of, files_below, violute

from violute.data.manifest import read_manifest


@pytest.fixture
def command(server, tmp_path):
    """The words of the command line for the miniature archive."""
    write_checksums(server, tmp_path)
    return ["data", "musicnet", "--out", "music", "--url", server.url, "--checksums", "md5.txt"]


def write_checksums(server, place):
    lines = [f"{hashlib.md5(content).hexdigest()}  {name}" for name, content in server.files.items()]
    (place / "md5.txt").write_text("\n".join(lines))


def test_it_says_what_came_and_whose_it_is(command, server, tmp_path):
    server.cuts = [100_000]
    done = violute(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    first, second, left_out, third = done.stdout.splitlines()
    assert first == "music: 5 recordings (5 new), flute 0 min, violin 0 min"
    assert second.startswith("archive: ")
    assert left_out == "left out of training: 1 s of chords in 2241 (see --polyphonic)"
    assert third.startswith("CC BY 4.0: Thickstun")
    (note,) = done.stderr.splitlines()
    assert note.startswith("violute: note: the connection ended early at byte 100,000: trying again in 1 s")
    again = violute(*command, "--json", "--all", cwd=tmp_path)
    assert (again.returncode, again.stderr) == (0, "")
    document = json.loads(again.stdout)
    assert (document["n_new"], document["licence"], len(document["recordings"])) == (1, "CC BY 4.0", 6)


def test_a_damaged_member_costs_the_exit_code(command, server, tmp_path):
    server.files[ARCHIVE] = pack(FILES | {"musicnet/train_data/2186.wav": b"RIFF"})
    write_checksums(server, tmp_path)
    done = violute(*command, "--quiet", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert "musicnet/train_data/2186.wav in the archive is damaged or truncated" in line
    assert len(read_manifest(tmp_path / "music" / "manifest.json").recordings) == 4


def test_a_killed_run_leaves_only_what_is_whole_and_is_completed_by_the_next(command, server, tmp_path):
    server.cuts = [len(PACKED) * 2 // 3, *[0] * 20]  # it waits for more until it is killed
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "violute", *command], cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL
    )
    try:
        until = time.monotonic() + 120
        while len(server.asked) < 2 and time.monotonic() < until:
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    music = tmp_path / "music"
    whole = [name for name in files_below(music) if name.endswith(".wav") and "/.violute-" not in name]
    assert 0 < len(whole) < 5
    of_archive = {Path(name).name: content for name, content in FILES.items()}
    assert all((music / name).read_bytes() == of_archive[Path(name).name] for name in whole)
    assert not (music / "manifest.json").exists()
    server.cuts.clear()
    done = violute(*command, cwd=tmp_path)
    assert done.returncode == 0
    assert f"{len(whole)} of 5 recordings are there and kept" in done.stderr
    assert len(read_manifest(music / "manifest.json").recordings) == 5
    assert files_below(music) == WHOLE


def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(command, tmp_path):
    try:
        import resource
    except ImportError:
        pytest.skip("file sizes cannot be limited on this system")

    def no_more_than_30_kilobytes():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    line = complaint_of(violute(*command, cwd=tmp_path, preexec_fn=no_more_than_30_kilobytes))
    assert "2186.wav cannot be written (file too large): free some space or name another --out" in line
    assert files_below(tmp_path / "music") == ["metadata.csv"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--all", "--ensembles", "Solo Cello"], "both --all and --ensembles came"),
        (["--ensembles", "Solo Kazoo"], "no ensemble 'Solo Kazoo'"),
        (["--archive", "gone.tar.gz"], "gone.tar.gz does not exist"),
        (["--out", "md5.txt"], "md5.txt: the folder cannot be made"),
        (["--checksums", "gone.txt"], "gone.txt cannot be read"),
    ],
)
def test_bad_options(command, tmp_path, options, reason):
    words = [word for word in command if word not in ("--out", "music")] if "--out" in options else command
    if "--checksums" in options:
        words = words[:-2]
    assert reason in complaint_of(violute(*words, *options, cwd=tmp_path))
    assert files_below(tmp_path) in (["md5.txt"], ["md5.txt", "music/metadata.csv"])
