"""Files are whole or not there."""

import errno
import os
from pathlib import Path

import pytest

from violute.whole_file import (
    flush_to_disk,
    partial_path,
    remove_partial_files,
    replace_bytes,
    replace_text,
    whole_file,
)


def test_what_fails_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")

    def write_half():
        with whole_file(path) as partial:
            partial.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "before"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_what_failed_first_is_what_is_said_where_the_rest_cannot_be_removed(tmp_path, monkeypatch):
    """A disk that has become read-only refuses to remove even what isn't there."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(RuntimeError, match="first"), whole_file(tmp_path / "a"):
        raise RuntimeError("first")


def test_text_and_bytes_replace_what_was_there(tmp_path):
    replace_text(tmp_path / "a", "ä")
    assert (tmp_path / "a").read_bytes() == "ä".encode()
    replace_bytes(tmp_path / "a", b"\xff")
    assert (tmp_path / "a").read_bytes() == b"\xff"


@pytest.mark.parametrize("has_links", [True, False])
def test_the_second_of_two_writers_loses(tmp_path, monkeypatch, has_links):
    def refuse(*_):
        raise OSError("no hard links")

    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "a.txt"

    def write_one_within_the_other():
        with whole_file(path, overwrite=False) as late:
            late.write_text("late")
            with whole_file(path, overwrite=False) as early:
                early.write_text("early")

    with pytest.raises(FileExistsError):
        write_one_within_the_other()
    assert path.read_text() == "early"
    assert [found.name for found in tmp_path.iterdir()] == ["a.txt"]


def test_a_disk_that_refuses_after_the_name_was_taken_leaves_no_empty_file(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError("refused")

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(Path, "replace", refuse)

    def write():
        with whole_file(tmp_path / "a.txt", overwrite=False) as partial:
            partial.write_text("new")

    with pytest.raises(OSError, match="refused"):
        write()
    assert not list(tmp_path.iterdir())


def test_a_name_as_long_as_the_file_system_allows(tmp_path):
    path = tmp_path / ("n" * 251 + ".wav")
    replace_bytes(path, b"1")
    assert path.read_bytes() == b"1"


def test_the_kind_stays_so_that_a_writer_can_tell_it(tmp_path):
    with whole_file(tmp_path / "a.npz") as partial:
        assert partial.suffix == ".npz"
        partial.write_bytes(b"")


def test_a_folder_that_cannot_be_opened_is_no_error(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("as on Windows")

    monkeypatch.setattr(os, "open", refuse)
    flush_to_disk(Path(tmp_path))


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    for name in ("a.wav", "a.part.wav", ".violute-notes.txt"):
        (tmp_path / name).write_bytes(b"mine")
        partial_path(tmp_path / name).write_bytes(b"half")
    remove_partial_files(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".violute-notes.txt", "a.part.wav", "a.wav"]
