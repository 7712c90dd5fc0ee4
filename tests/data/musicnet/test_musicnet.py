"""MusicNet into a folder, from a miniature archive of the same layout."""

import hashlib
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from archive_server import (
    ARCHIVE,
    CHORD_LABELS,
    FILES,
    LABELS,
    METADATA,
    PACKED,
    ROWS,
    TABLE,
    WHOLE,
    as_wav,
    metadata,
    pack,
    release_of,
    wav,
)
from command_line import files_below

from violute.data.manifest import read_manifest
from violute.data.musicnet.catalogue import OFFICIAL, choose, read_metadata, with_checksums
from violute.data.musicnet.fetch import fetch_musicnet
from violute.data.musicnet.files import member_key
from violute.data.musicnet.labels import polyphonic_share, read_labels
from violute.data.recordings import list_recordings, read_patterns
from violute.errors import DataError
from violute.whole_file import partial_path

DATA = Path(__file__).parents[4] / "shared" / "data"


def test_solo_recordings_come_as_they_are_in_the_archive(fetch):
    fetched = fetch()
    assert files_below(fetch.out) == WHOLE
    assert fetch.is_whole()
    assert (fetched.n_new, fetched.failed) == (5, ())
    assert (fetch.out / "metadata.csv").read_bytes() == TABLE


def test_the_manifest_says_whose_it_is_and_what_to_mind(fetch):
    fetched = fetch()
    manifest = read_manifest(fetch.out / "manifest.json")
    assert manifest == fetched.manifest
    assert manifest.licence == "CC BY 4.0"
    assert "10.5281/zenodo.5120004" in manifest.citation
    by_path = {entry.path: entry for entry in manifest.recordings}
    adagio = by_path["violin/2241.wav"]
    assert (adagio.instrument, adagio.ensemble, adagio.composer) == ("violin", "Solo Violin", "Bach")
    assert adagio.title == "Violin Sonata No 1 in G minor, 1. Adagio"
    assert adagio.labels == "labels/2241.csv"
    assert any("viola (42) or cello (43)" in trap for trap in adagio.traps)
    assert "50 % of the sounding time is polyphonic by the labels" in adagio.traps
    assert "1 s of chords and what lies between them are left out of training" in adagio.traps
    assert (adagio.left_out_seconds, by_path["violin/2186.wav"].left_out_seconds) == (1.0, 0.0)
    assert {path for path, entry in by_path.items() if entry.split == "held_out"} == {
        "violin/2191.wav",  # the official test set
        "flute/2204.wav",  # which has no flute
    }
    assert by_path["flute/2202.wav"].sound.seconds == 1.0
    assert (
        by_path["flute/2202.wav"].sound.sha256
        == hashlib.sha256(FILES["musicnet/train_data/2202.wav"]).hexdigest()
    )


def test_held_out_recordings_can_be_left_out_by_the_list_beside_them(fetch):
    fetch()
    patterns = read_patterns(fetch.out / "held_out.txt")
    assert patterns == ["2191", "2204"]
    for instrument, names in (("flute", ["2202"]), ("violin", ["2186"])):  # 2241 has no line of a second
        listed = list_recordings(fetch.out / instrument, hold_out=patterns)
        assert [recording.name for recording in listed] == names


def test_reading_stops_when_everything_has_come(fetch, server):
    names = [name for name in FILES if "1727" not in name]
    server.files[ARCHIVE] = pack(
        {name: FILES[name] for name in names} | {"musicnet/big.bin": os.urandom(3 << 20)}
    )
    fetched = fetch()
    assert fetch.is_whole()
    assert "its md5 could not be compared; its size was" in fetched.manifest.checks["archive"]


def test_everything_is_read_to_the_end_and_its_md5_compared(fetch):
    fetched = fetch(ensembles=None)
    assert fetched.manifest.checks["archive"] == f"md5 {hashlib.md5(PACKED).hexdigest()}"
    assert (fetch.out / "piano-quintet" / "1727.wav").read_bytes() == FILES["musicnet/train_data/1727.wav"]


def test_other_ensembles(fetch):
    fetch(ensembles=["piano quintet"])
    assert files_below(fetch.out) == [
        "held_out.txt",
        "labels/1727.csv",
        "manifest.json",
        "metadata.csv",
        "piano-quintet/1727.wav",
    ]


def test_an_unknown_ensemble_is_told_with_those_there_are(fetch):
    with pytest.raises(
        DataError, match="no ensemble 'Solo Kazoo': choose from Piano Quintet, Solo Flute, Solo V"
    ):
        fetch(ensembles=["Solo Kazoo"])


def silent():
    return as_wav(np.zeros(1000))


def not_finite():
    return as_wav(np.append(np.sin(np.arange(9999.0)), np.nan))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("musicnet/train_data/2186.wav", b"", "is empty"),
        ("musicnet/train_data/2186.wav", b"RIFF but no more", "is damaged or truncated"),
        ("musicnet/train_data/2186.wav", wav()[:90_000], "is damaged or truncated"),
        ("musicnet/train_data/2186.wav", silent(), "is silent"),
        ("musicnet/train_data/2186.wav", not_finite(), "holds NaN or infinity"),
        ("musicnet/train_labels/2186.csv", b"start,stop\n1,2\n", "has the columns start, stop"),
        ("musicnet/train_labels/2186.csv", LABELS.replace("69", "A4").encode(), "is no CSV"),
        (
            "musicnet/train_labels/2186.csv",
            LABELS.replace("0,22050", "9,9", 1).encode(),
            "has notes that end",
        ),
    ],
)
def test_a_damaged_member_is_left_out_and_the_others_kept(fetch, server, name, content, reason):
    server.files[ARCHIVE] = pack(FILES | {name: content})
    fetched = fetch()
    (line,) = fetched.failed
    assert line.startswith(f"{name} in the archive {reason}")
    place = f"labels/{name[-8:]}" if name.endswith("csv") else f"violin/{name[-8:]}"
    assert files_below(fetch.out) == [path for path in WHOLE if path != place]
    is_recording = place.endswith("wav")
    assert len(fetched.manifest.recordings) == (4 if is_recording else 5)
    server.files[ARCHIVE] = PACKED
    assert fetch().n_new == (1 if is_recording else 0)
    assert fetch.is_whole()


def test_a_member_that_is_not_there(fetch, server):
    server.files[ARCHIVE] = pack({name: FILES[name] for name in FILES if not name.endswith("2204.wav")})
    assert fetch().failed == (
        "2204.wav is not in musicnet.tar.gz, which holds the rest: is it MusicNet's archive?",
    )


def test_members_cannot_leave_the_folder():
    assert member_key("musicnet/train_data/2186.wav") == "data/2186.wav"
    assert member_key("./musicnet/test_labels/2191.csv") == "labels/2191.csv"
    for name in (
        "../musicnet/train_data/2186.wav",
        "/musicnet/train_data/2186.wav",
        "musicnet/train_data/../2186.wav",
        "musicnet/train_data/2186.csv",
        "musicnet/train_labels/2186.wav",
        "musicnet/train_data/._2186.wav",
        "musicnet/train_data",
    ):
        assert member_key(name) is None


def test_a_second_run_fetches_what_is_missing_and_nothing_else(fetch, server):
    fetch()
    before = {path: (fetch.out / path).stat().st_mtime_ns for path in WHOLE if path.endswith("wav")}
    server.asked.clear()
    assert fetch().n_new == 0
    assert server.asked == []
    (fetch.out / "violin" / "2186.wav").unlink()
    (fetch.out / "flute" / "2204.wav").write_bytes(wav()[:5000])  # cut by something else
    partial_path(fetch.out / "violin" / "2186.wav").write_bytes(b"half")  # as a killed run leaves it
    assert fetch().n_new == 2
    assert fetch.is_whole()
    assert files_below(fetch.out) == WHOLE
    assert "3 of 5 recordings are there and kept; the archive is read from its start" in fetch.notices[0]
    untouched = [path for path in before if "2186" not in path and "2204" not in path]
    assert all((fetch.out / path).stat().st_mtime_ns == before[path] for path in untouched)


def test_a_copy_at_hand_is_checked_first(fetch, server, tmp_path):
    copy = tmp_path / "copy.tar.gz"
    copy.write_bytes(PACKED)
    (tmp_path / METADATA).write_bytes(TABLE)
    release = release_of("http://127.0.0.1:9", PACKED, TABLE)
    fetched = fetch(archive=copy, release=release)
    assert fetch.is_whole()
    assert fetched.manifest.checks["archive"] == f"md5 {hashlib.md5(PACKED).hexdigest()}"
    shutil.rmtree(fetch.out)
    damaged = bytearray(PACKED)
    damaged[1000] ^= 1
    for content, reason in ((bytes(damaged), "has the md5"), (PACKED[:-1], "bytes, musicnet.tar.gz has")):
        copy.write_bytes(content)
        with pytest.raises(DataError, match=reason):
            fetch(archive=copy, release=release)
        assert files_below(fetch.out) == ["metadata.csv"]
    with pytest.raises(DataError, match="gone.tar.gz does not exist"):
        fetch(archive=tmp_path / "gone.tar.gz", release=release)


def test_a_kept_archive_goes_on_after_the_process_ended(fetch, server):
    server.cuts = [100_000, *[0] * 20]
    with pytest.raises(DataError, match="further than byte 100,000"):
        fetch(keep_archive=True)
    assert (fetch.out / f"{ARCHIVE}.partial").stat().st_size == 100_000
    server.cuts.clear()
    server.asked.clear()
    fetched = fetch(keep_archive=True)
    assert server.asked == ["bytes=100000-"]
    assert fetch.is_whole()
    assert (fetch.out / ARCHIVE).read_bytes() == PACKED
    assert fetched.manifest.checks["archive"].startswith("md5 ")
    server.asked.clear()
    assert fetch(keep_archive=True, ensembles=None).n_new == 1
    assert server.asked == []


@pytest.mark.parametrize("sized", [True, False])
def test_a_kept_archive_that_had_only_to_be_checked(fetch, server, sized):
    fetch.out.mkdir()
    (fetch.out / f"{ARCHIVE}.partial").write_bytes(PACKED)
    fetch(keep_archive=True, sized=sized)
    assert fetch.is_whole()
    assert server.asked == ([] if sized else [f"bytes={len(PACKED)}-"])


def test_a_kept_archive_that_is_wrong_is_not_kept(fetch, server):
    release = release_of(server.url, b"\0" * len(PACKED), TABLE)
    with pytest.raises(DataError, match="has the md5"):
        fetch(release=release, keep_archive=True)
    assert files_below(fetch.out) == ["metadata.csv"]


def test_room_on_the_disk_is_asked_for_first(fetch, server, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**6))
    with pytest.raises(
        DataError, match="2 MB are needed and 1 MB are free: free some space or name another --out"
    ):
        fetch()
    assert server.asked == []


def test_progress_grows_and_ends(fetch):
    seen = []
    fetch(ensembles=None, on_progress=lambda *progress: seen.append(progress))
    assert {stage.split(",")[0] for stage, _ in seen} == {"fetching", "measuring"}
    for verb in ("fetching", "measuring"):
        shares = [share for stage, share in seen if stage.startswith(verb)]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1.0)
    assert [seen[0][0], seen[-1][0]] == ["fetching, 0 of 6 recordings", "measuring, 6 of 6 recordings"]


def test_a_length_other_than_the_metadata_says_is_told(fetch, server):
    server.files[METADATA] = metadata([(*row[:-1], 9) for row in ROWS])
    manifest = fetch().manifest
    assert all("lasts 1 s, the metadata says 9" in entry.traps for entry in manifest.recordings)


def test_polyphony_of_labels_by_hand(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text(CHORD_LABELS)
    assert polyphonic_share(read_labels(path)) == pytest.approx(0.5)
    path.write_text(LABELS)
    assert polyphonic_share(read_labels(path)) == 0.0
    assert np.isnan(polyphonic_share([]))


def test_checksums_of_a_mirror(tmp_path):
    path = tmp_path / "md5.txt"
    path.write_text(f"{'a' * 32}  {ARCHIVE}\n{'B' * 32} *some/where/{METADATA}\nno line of md5sum\n")
    release = with_checksums(OFFICIAL, path)
    assert (release.archive.md5, release.archive.n_bytes) == ("a" * 32, None)
    assert release.metadata.md5 == "b" * 32
    path.write_text(f"{'a' * 32}  {ARCHIVE}\n")
    with pytest.raises(DataError, match="names no md5 of musicnet_metadata.csv"):
        with_checksums(OFFICIAL, path)


def test_the_official_metadata_chooses_the_twelve_solos():
    path = DATA / METADATA
    if not path.is_file():
        pytest.skip("MusicNet's metadata is not beside this checkout")
    assert hashlib.md5(path.read_bytes()).hexdigest() == OFFICIAL.metadata.md5
    solos = choose(read_metadata(path.read_bytes()), ("Solo Violin", "Solo Flute"))
    assert [piece.id for piece in solos if piece.folder == "flute"] == [2202, 2203, 2204]
    assert sum(piece.seconds for piece in solos if piece.folder == "violin") == 1779
    assert len(choose(read_metadata(path.read_bytes()), None)) == 330


@pytest.mark.parametrize("name", ["solo.wav", "nowhere.tar.gz"])
def test_a_wrong_copy_is_told_before_anything_is_fetched_or_made(tmp_path, name):
    (tmp_path / "solo.wav").write_bytes(b"RIFF")
    with pytest.raises(DataError, match=name):
        fetch_musicnet(tmp_path / "out", archive=tmp_path / name)
    assert not (tmp_path / "out").exists()


def test_long_recordings_are_described_alike_by_several_processes(fetch, server, monkeypatch):
    first = fetch().manifest
    monkeypatch.setattr("violute.data.musicnet.describe.FEW_SECONDS", 0.0)
    monkeypatch.setattr("violute.worklist.engine.available_cores", lambda: 2)
    assert fetch().manifest.recordings == first.recordings
