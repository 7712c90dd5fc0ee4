"""What a later run makes of files that came in an earlier one: kept, or noticed and fetched anew."""

import pytest
from archive_server import ARCHIVE, FILES, HEADER, pack
from command_line import files_below

from violute.data.manifest import read_manifest
from violute.errors import DataError


def digests(fetch):
    return {e.path: e.sound.sha256 for e in read_manifest(fetch.out / "manifest.json").recordings}


def overwrite_samples(path):
    """Write over some samples inside a WAV, which stays a good one of the same length."""
    content = bytearray(path.read_bytes())
    content[40_000:80_000] = bytes(40_000)
    path.write_bytes(content)


@pytest.mark.parametrize("place", ["violin/2186.wav", "labels/2186.csv"])
def test_a_file_that_was_written_over_is_noticed_and_comes_anew(fetch, place):
    fetch()
    recorded = digests(fetch)
    if place.endswith("wav"):
        overwrite_samples(fetch.out / place)
    else:
        (fetch.out / place).write_text(HEADER + "0,44100,41,70,0.0,2.0,Half\n")
    fetch()
    assert f"{place} was changed since it came (its sha256 differs): fetching it anew" in fetch.notices[0]
    assert fetch.is_whole()
    assert digests(fetch) == recorded


def test_without_the_archive_the_recorded_digest_stays(fetch, server):
    fetch()
    recorded = digests(fetch)
    overwrite_samples(fetch.out / "violin" / "2186.wav")
    for _ in range(2):  # and the next run notices it again
        server.codes = [403]
        with pytest.raises(DataError, match="refused by the server"):
            fetch()
        assert "2186.wav was changed" in fetch.notices[0]
        assert digests(fetch) == recorded
    fetch()
    assert fetch.is_whole()


def test_a_written_over_file_that_the_archive_has_not_is_left_out(fetch, server):
    fetch()
    overwrite_samples(fetch.out / "violin" / "2186.wav")
    server.files[ARCHIVE] = pack({name: FILES[name] for name in FILES if not name.endswith("2186.wav")})
    (line,) = fetch().failed
    assert line.startswith("2186.wav is not in musicnet.tar.gz")
    assert not (fetch.out / "violin" / "2186.wav").exists()
    assert "violin/2186.wav" not in digests(fetch)


def test_another_recording_by_the_archive_is_not_taken_in_silence(fetch, server):
    fetch()
    overwrite_samples(fetch.out / "violin" / "2186.wav")
    other = FILES["musicnet/train_data/2202.wav"]
    server.files[ARCHIVE] = pack(FILES | {"musicnet/train_data/2186.wav": other})
    fetch()
    assert "2186.wav is another recording than the one before" in fetch.notices[-1]


def test_recordings_of_an_earlier_run_stay_in_the_manifest_and_are_looked_after(fetch):
    fetch()
    recorded = digests(fetch)
    overwrite_samples(fetch.out / "flute" / "2202.wav")
    fetch(ensembles=["Piano Quintet"])
    assert "2202.wav was changed" in fetch.notices[0]
    assert fetch.is_whole()
    assert digests(fetch).items() > recorded.items()
    assert (fetch.out / "held_out.txt").read_text().count("\n2") == 2


def test_a_damaged_manifest_is_named_and_replaced(fetch, server):
    fetch()
    recorded = digests(fetch)
    (fetch.out / "manifest.json").write_text("{")
    server.asked.clear()
    fetch()
    assert "manifest.json is no manifest" in fetch.notices[0]
    assert digests(fetch) == recorded
    assert server.asked == []


def test_an_only_file_that_is_damaged_leaves_no_empty_folder(fetch, server):
    server.files[ARCHIVE] = pack(FILES | {"musicnet/train_data/1727.wav": b"RIFF"})
    assert len(fetch(ensembles=["Piano Quintet"]).failed) == 1
    assert not (fetch.out / "piano-quintet").exists()
    assert "labels/1727.csv" in files_below(fetch.out)
