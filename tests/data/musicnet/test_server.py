"""MusicNet from a server that cuts, lies and forgets."""

import shutil

import pytest
from archive_server import ARCHIVE, METADATA, PACKED, TABLE, release_of
from command_line import files_below

from violute.errors import DataError


def test_a_cut_connection_goes_on_where_it_broke(fetch, server):
    server.cuts = [100_000, 200_000, 1]
    fetch()
    assert fetch.is_whole()
    assert server.asked == [None, "bytes=100000-", "bytes=300000-", "bytes=300001-"]
    assert fetch.pauses == [1.0, 1.0, 1.0]  # bytes came in between, so the pause does not grow
    assert all("the connection ended early" in notice for notice in fetch.notices)


def test_without_ranges_what_came_is_passed_over(fetch, server):
    server.cuts, server.has_ranges = [100_000, 250_000], False
    fetched = fetch(ensembles=None)
    assert fetch.is_whole()
    assert any("knows no ranges" in notice for notice in fetch.notices)
    assert fetched.manifest.checks["archive"].startswith("md5 ")


def test_pauses_double_and_end(fetch, server):
    server.cuts = [100_000, *[0] * 20]
    with pytest.raises(DataError, match=r"further than byte 100,000 \(.*tried 9 times\): check"):
        fetch()
    assert fetch.pauses == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert "metadata.csv" in files_below(fetch.out)
    assert not any("partial" in name for name in files_below(fetch.out))


def test_a_busy_server_is_asked_again_and_one_that_refuses_is_not(fetch, server):
    server.codes = [503, 429]
    fetch()
    assert fetch.is_whole()
    shutil.rmtree(fetch.out)
    server.codes = [403]
    server.asked.clear()
    with pytest.raises(DataError, match="refused by the server .403"):
        fetch()
    assert server.asked == [None]


def test_a_server_that_is_not_there(fetch, tmp_path):
    release = release_of("http://127.0.0.1:9", PACKED, TABLE)
    with pytest.raises(DataError, match=r"cannot be read \(.*tried 4 times"):
        fetch(release=release)
    assert not fetch.out.exists()
    for url in ("ftp://host/{name}", "musicnet", "http://a host/{name}"):
        with pytest.raises(DataError, match="is no address of a server"):
            fetch(release=release_of(url.removesuffix("/{name}"), PACKED, TABLE))


def test_a_length_that_nobody_told(fetch, server):
    server.has_length = False
    fetch(sized=False)
    assert fetch.is_whole()


def test_a_wrong_size_is_told_before_anything_is_read(fetch, server):
    release = release_of(server.url, PACKED, TABLE)
    server.files[ARCHIVE] = PACKED + b"more"
    with pytest.raises(DataError, match="it is not the file that it should be"):
        fetch(release=release)
    server.files[METADATA] = TABLE + b"more"
    shutil.rmtree(fetch.out)
    with pytest.raises(DataError, match="it is not the file that it should be"):
        fetch(release=release)
    assert not fetch.out.exists()


def test_a_file_that_changes_between_two_tries(fetch, server):
    release = release_of(server.url, PACKED, TABLE)
    server.cuts = [100_000]
    other = bytearray(PACKED)
    other[200_000] ^= 1

    fetch.meanwhile = lambda: server.files.update({ARCHIVE: bytes(other)})
    with pytest.raises(DataError, match="changed while it was read"):
        fetch(release=release)


def test_a_wrong_md5_leaves_nothing_of_the_archive(fetch, server):
    release = release_of(server.url, b"\0" * len(PACKED), TABLE)
    with pytest.raises(DataError, match="has the md5 .* what came from it was removed"):
        fetch(release=release, ensembles=None)
    assert [path.name for path in fetch.out.iterdir()] == ["metadata.csv"]  # and no empty folders


def test_a_wrong_checksum_of_gzip_leaves_nothing_of_the_archive(fetch, server):
    content = bytearray(PACKED)
    content[-8] ^= 1  # the first byte of the CRC
    release = release_of(server.url, PACKED, TABLE)
    server.files[ARCHIVE] = bytes(content)
    with pytest.raises(DataError, match="has the md5 .* what came from it was removed"):
        fetch(release=release, ensembles=None)
    assert files_below(fetch.out) == ["metadata.csv"]


def test_wrong_metadata(fetch, server):
    release = release_of(server.url, PACKED, b"\0" * len(TABLE))
    with pytest.raises(DataError, match=r"musicnet_metadata.csv has the md5"):
        fetch(release=release)
    assert not fetch.out.exists()


@pytest.mark.parametrize(
    "content", [b"Not found, sorry", b"", PACKED[:300_000], b"\x1f\x8b\x08" + b"\xff" * 5000]
)
def test_what_is_no_archive(fetch, server, content):
    server.files[ARCHIVE] = content
    with pytest.raises(DataError, match=r"musicnet.tar.gz is damaged|the archive is damaged at"):
        fetch(sized=False)
    assert not any("partial" in name or "manifest" in name for name in files_below(fetch.out))
