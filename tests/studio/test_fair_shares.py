"""Who sends slowly or much costs nobody else their place."""

import asyncio
from contextlib import ExitStack

import pytest

from violute.studio.limits import Limits
from violute.studio.refusal import RefusalError
from violute.studio.takes.library import RESERVED_SECONDS, TakeLibrary
from violute.studio.takes.storage import Storage
from violute.studio.takes.take_record import TakeRecord, TakeState
from violute.studio.web import upload
from violute.studio.work.pool import WorkerPool
from violute.voices.load import DEFAULT_VOICE

BEGUN = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
FORM = {"content-type": "multipart/form-data; boundary=x"}


@pytest.fixture
def library(tmp_path):
    limits = Limits(max_takes=4, max_arriving=6, max_arriving_each=3, max_store_bytes=1_000)
    storage = Storage(limits.max_store_bytes, tmp_path)
    yield TakeLibrary(limits, storage, WorkerPool(limits, DEFAULT_VOICE, tmp_path))
    storage.close()


def put(library, owner, *, n_bytes=100, rested_seconds=0.0, status="ready"):
    """Put a recording into the library as if it had been analysed."""
    folder = library._storage.new_folder()
    library._storage.claim(folder, n_bytes)
    state = TakeState(id=folder.name, name="a.wav", voice="sines", ends=["low", "high"], status=status)
    record = TakeRecord(state, folder, owner)
    record.used_at -= rested_seconds
    library._records[folder.name] = record
    return folder.name


def test_uploads_that_never_end_take_no_recordings_place(library):
    kept = put(library, "10.0.0.2")
    with ExitStack() as slow:
        for _ in range(3):
            slow.enter_context(library.new_take("10.0.0.9"))
        with (
            pytest.raises(RefusalError, match="come in from there already") as refusal,
            library.new_take("10.0.0.9"),
        ):
            pass
        assert refusal.value.status == 429
        with library.new_take("10.0.0.2"):  # others get in still
            pass
        for _ in range(3):
            slow.enter_context(library.new_take("10.0.0.8"))
        with pytest.raises(RefusalError) as refusal, library.new_take("10.0.0.2"):
            pass
        assert refusal.value.status == 503
    assert library.find(kept)
    with library.new_take("10.0.0.9"):  # what has ended counts no more
        pass


def test_room_is_made_by_what_is_ones_own_first(library):
    others, rested = (
        put(library, "10.0.0.2", n_bytes=300),
        put(library, "10.0.0.3", rested_seconds=9 * RESERVED_SECONDS),
    )
    mine = put(library, "10.0.0.9", n_bytes=300)
    failed = put(library, "10.0.0.2", n_bytes=200, status="failed")
    going = []
    folder = library._storage.new_folder()
    for n_bytes in (200, 600, 700):
        library.claim(folder, n_bytes, "10.0.0.9")
        going.append({name for name in (others, rested, mine, failed) if name in library._records})
    assert going == [{others, rested, mine}, {others, rested}, {others}]
    with pytest.raises(RefusalError, match="holds its"):
        library.claim(folder, 701, "10.0.0.9")
    assert library.find(others)


@pytest.mark.parametrize(("rate", "is_taken"), [(1, False), (60_000, True)])
def test_an_upload_keeps_a_pace(tmp_path, monkeypatch, rate, is_taken):
    """Time runs a hundred times as fast as the limits say."""
    monkeypatch.setattr(upload, "PACE_SECONDS", upload.PACE_SECONDS / 100)
    monkeypatch.setattr(upload, "DRAIN_SECONDS", 0.05)

    async def sent():
        yield BEGUN
        for _ in range(8):
            await asyncio.sleep(0.05)
            yield b"\0" * rate
        yield b"\r\n--x--\r\n"

    taken = upload.receive_file(FORM, sent(), tmp_path / "a", limits=Limits(), claim=lambda _: None)
    if is_taken:
        assert asyncio.run(taken) == "a.wav"
        assert (tmp_path / "a").stat().st_size == 8 * rate
        return
    with pytest.raises(RefusalError, match="too slowly") as refusal:
        asyncio.run(taken)
    assert refusal.value.status == 408


def test_an_upload_ends_some_time(tmp_path, monkeypatch):
    monkeypatch.setattr(upload, "MOST_SECONDS", 0.2)
    monkeypatch.setattr(upload, "PACE_SECONDS", 0.05)
    monkeypatch.setattr(upload, "DRAIN_SECONDS", 0.05)

    async def sent():
        yield BEGUN
        while True:
            await asyncio.sleep(0.005)
            yield b"\0" * 60_000

    with pytest.raises(RefusalError, match="too slowly"):
        asyncio.run(upload.receive_file(FORM, sent(), tmp_path / "a", limits=Limits(), claim=lambda _: None))
