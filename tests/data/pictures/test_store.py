"""Prepared stores: what is in them, how a stopped run goes on, what is refused."""

import errno
import json
import os

import numpy as np
import pytest
import soundfile
from command_line import files_below
from hypothesis import given
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone

from violute.data.pictures import prepare as preparing
from violute.data.pictures.prepare import prepare
from violute.data.pictures.snippets import SnippetSettings
from violute.data.pictures.store import (
    FULL_SCALE,
    drop_arrays,
    from_16_bits,
    open_store,
    to_16_bits,
    write_rows,
)
from violute.errors import AudioError, DataError, InputError, VioluteError
from violute.transforms.spectrogram import ASSIGNMENT, DETAIL, PEAK, denormalise, normalise, stft
from violute.worklist.engine import Engine


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """A flute of two files and a violin of three notes in one file with a segment map."""
    place = tmp_path_factory.mktemp("recordings")
    for instrument in ("flute", "violin"):
        (place / instrument).mkdir()
    soundfile.write(place / "flute" / "long.wav", tone(880.0, 2.0), SAMPLE_RATE)
    soundfile.write(place / "flute" / "2204.wav", tone(660.0, 0.5), SAMPLE_RATE)
    notes = [tone(f0_hz, 0.4, level_db=level_db) for f0_hz, level_db in ((440, -12), (550, -18), (660, -24))]
    soundfile.write(place / "violin" / "notes.wav", np.concatenate(notes), SAMPLE_RATE)
    items = [{"src": f"note{i}.mp3", "start": 0.4 * i, "end": 0.4 * i + 0.4} for i in range(3)]
    (place / "violin" / "notes.wav.json").write_text(json.dumps({"items": items}))
    return {name: place / name for name in ("flute", "violin")}


@pytest.fixture(scope="module")
def store(recordings, tmp_path_factory):
    out = tmp_path_factory.mktemp("store") / "detail"
    return prepare(recordings, out, DETAIL, hold_out=["2204", "note1"], with_phase=True)


def test_pictures_are_those_of_the_recording(recordings, store):
    audio, _ = soundfile.read(recordings["flute"] / "long.wav")
    audio = (audio - audio.mean()).astype(np.float32)
    expected = normalise(np.abs(stft(audio * (PEAK / np.abs(audio).max()), DETAIL, n_frames=100)), DETAIL)
    np.testing.assert_allclose(store.train.read(0)[:, :100], expected, atol=0.6 / FULL_SCALE)
    assert store.train.pictures.shape == (4, 1024, 128)
    assert isinstance(store.train.pictures, np.memmap)


def test_splits_go_by_recording_and_by_note(store):
    names = {name: [entry.recording for entry in split.entries] for name, split in store.splits.items()}
    assert names == {"train": ["long", "long", "note0", "note2"], "held_out": ["2204", "note1"]}
    assert [entry.instrument for entry in store.train.entries] == ["flute", "flute", "violin", "violin"]
    assert store.instruments == ("flute", "violin")
    seconds = [entry.seconds for entry in store.train.entries]
    assert seconds == pytest.approx([1.25, 0.75, 0.4, 0.4], abs=1e-4)
    assert [entry.start_seconds for entry in store.train.entries] == pytest.approx([0, 1.25, 0, 0])
    assert store.train.entries[3].file_seconds == pytest.approx((0.8, 1.2))


def test_levels_are_kept_within_a_file_and_evened_between_files(store):
    loud, soft = (np.abs(denormalise(store.train.read(i), DETAIL))[:, 10:30].max() for i in (2, 3))
    assert 20 * np.log10(loud / soft) == pytest.approx(12.0, abs=1.5)
    gains = {entry.source: entry.gain for entry in (*store.train.entries, *store.held_out.entries)}
    assert len(gains) == 3
    assert store.train.entries[2].gain == store.held_out.entries[1].gain


def test_several_pictures_are_read_at_once(store):
    both = store.train.read([2, 0])
    np.testing.assert_array_equal(both[0], store.train.read(2))
    assert both.dtype == np.float32
    assert store.train.read(slice(1, 3)).shape == (2, 1024, 128)


@given(st.floats(0, 1, width=32))
def test_sixteen_bits_lose_half_a_step(value):
    picture = np.array([value], np.float32)
    assert abs(from_16_bits(to_16_bits(picture)) - picture)[0] <= 0.501 / FULL_SCALE


@given(st.integers(0, FULL_SCALE))
def test_sixteen_bits_come_back_exactly(number):
    stored = np.array([number], np.uint16)
    assert to_16_bits(from_16_bits(stored))[0] == number


def test_without_held_out_recordings_that_split_is_empty(recordings, tmp_path):
    store = prepare({"violin": recordings["violin"]}, tmp_path / "s", ASSIGNMENT, hold_out=())
    assert (len(store.train), len(store.held_out)) == (3, 0)
    assert store.held_out.read().shape == (0, 1024, 128)
    assert store.train.phase is None


def test_a_finished_store_is_left_alone(recordings, store, monkeypatch):
    monkeypatch.setattr(preparing, "read_recording", lambda *_: pytest.fail("read again"))
    again = prepare(recordings, store.folder, DETAIL, hold_out=["2204", "note1"], with_phase=True)
    np.testing.assert_array_equal(again.train.read(), store.train.read())


def test_a_stopped_run_goes_on_with_the_next_file(recordings, store, tmp_path, monkeypatch):
    out, read = tmp_path / "s", preparing.read_recording
    seen = []

    def stop_at_the_violin(recording, *rest):
        if recording.source == "notes.wav":
            raise KeyboardInterrupt
        return read(recording, *rest)

    def note(recording, *rest):
        seen.append(recording.source)
        return read(recording, *rest)

    settings = {"hold_out": ["2204", "note1"], "with_phase": True, "engine": Engine(1)}
    monkeypatch.setattr(preparing, "read_recording", stop_at_the_violin)
    with pytest.raises(KeyboardInterrupt):
        prepare(recordings, out, DETAIL, **settings)
    with pytest.raises(DataError, match="no prepared store"):
        open_store(out)
    # A part that was cut short has no name of its own.
    (out / ".parts" / ".violute-0a.part.npz").write_bytes(b"PK")
    monkeypatch.setattr(preparing, "read_recording", note)
    resumed = prepare(recordings, out, DETAIL, **settings)
    assert set(seen) == {"notes.wav"}
    for split in ("train", "held_out"):
        np.testing.assert_array_equal(resumed.splits[split].pictures, store.splits[split].pictures)
        np.testing.assert_array_equal(resumed.splits[split].phase, store.splits[split].phase)
        assert resumed.splits[split].entries == store.splits[split].entries
    assert not (out / ".parts").exists()


def test_progress_rises_to_the_end(recordings, tmp_path):
    told = []
    prepare(recordings, tmp_path / "s", ASSIGNMENT, on_progress=told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0


@pytest.mark.parametrize(
    "changed", [{"settings": ASSIGNMENT}, {"hold_out": []}, {"snippets": SnippetSettings(1.0)}]
)
def test_another_store_is_not_written_over(recordings, store, changed):
    request = {"settings": DETAIL, "hold_out": ["2204", "note1"], "with_phase": True} | changed
    with pytest.raises(DataError, match="other recordings or settings"):
        prepare(recordings, store.folder, **request)


def test_a_folder_with_other_files_is_left_alone(recordings, tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(DataError, match="other files"):
        prepare(recordings, tmp_path, ASSIGNMENT)
    assert files_below(tmp_path) == ["letter.txt"]


def test_recordings_that_say_nothing_are_refused(tmp_path):
    (tmp_path / "flute").mkdir()
    soundfile.write(tmp_path / "flute" / "a.wav", np.zeros(9000), SAMPLE_RATE)
    with pytest.raises(DataError, match="nothing to learn from"):
        prepare({"flute": tmp_path / "flute"}, tmp_path / "s", ASSIGNMENT)
    assert not (tmp_path / "s" / "store.json").exists()


def test_a_silent_recording_among_others_is_named(tmp_path):
    (tmp_path / "flute").mkdir()
    soundfile.write(tmp_path / "flute" / "rest.wav", np.zeros(9000), SAMPLE_RATE)
    soundfile.write(tmp_path / "flute" / "note.wav", tone(880.0, 0.5), SAMPLE_RATE)
    said = []
    store = prepare({"flute": tmp_path / "flute"}, tmp_path / "s", ASSIGNMENT, on_warning=said.append)
    assert len(store.train) == 1
    assert said == [f"{tmp_path / 'flute' / 'rest.wav'}: rest gives no picture: it is silent"]


def test_a_recording_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "flute").mkdir()
    (tmp_path / "flute" / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(AudioError, match="a.wav"):
        prepare({"flute": tmp_path / "flute"}, tmp_path / "s", ASSIGNMENT)


def test_a_full_disk_is_told_in_one_line(recordings, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(DataError, match="disk is full") as told:
        prepare(recordings, tmp_path / "s", ASSIGNMENT)
    assert "\n" not in str(told.value)
    assert not (tmp_path / "s").exists()


def test_an_array_has_its_name_only_when_it_is_whole(tmp_path):
    path = tmp_path / "a.npy"

    def interrupted():
        yield np.arange(3)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_rows(path, interrupted(), (2, 3), np.uint16)
    assert files_below(tmp_path) == []
    write_rows(path, [np.arange(3), np.arange(3, 6)], (2, 3), np.uint16)
    np.testing.assert_array_equal(np.load(path, mmap_mode="r"), np.arange(6).reshape(2, 3))
    assert np.load(path).dtype == np.uint16


def test_the_arrays_can_be_read_with_numpy_and_what_store_json_says_alone(recordings, store):
    said = json.loads((store.folder / "store.json").read_text())
    arrays = {name: np.load(store.folder / name) for name in said["arrays"]}
    assert {name: list(array.shape) for name, array in arrays.items()} == {
        name: entry["shape"] for name, entry in said["arrays"].items()
    }
    assert all(array.dtype == said["arrays"][name]["dtype"] for name, array in arrays.items())
    entry = said["arrays"]["train.npy"]
    assert entry["axes"] == ["picture", "bin", "frame"]
    scale = entry["values"]
    stored = arrays["train.npy"][0].astype(float)
    names = {
        "stored": stored,
        "expm1": np.expm1,
        **{k: scale[k] for k in ("full_scale", "floor", "log_range")},
    }
    magnitude = eval(scale["magnitude"].split(",")[0], {}, names)
    audio, _ = soundfile.read(recordings["flute"] / "long.wav")
    audio = (audio - audio.mean()).astype(np.float32)
    expected = np.abs(stft(audio * (PEAK / np.abs(audio).max()), DETAIL, n_frames=100))[:1024]
    np.testing.assert_allclose(magnitude[:, :100], expected, rtol=2e-4, atol=1e-7)


def test_dropped_arrays_leave_the_index(recordings, tmp_path):
    store = prepare(recordings, tmp_path / "s", ASSIGNMENT)
    drop_arrays(store)
    assert files_below(tmp_path / "s") == ["store.json"]
    with pytest.raises(DataError, match="without arrays"):
        open_store(tmp_path / "s")
    assert len(prepare(recordings, tmp_path / "s", ASSIGNMENT).train) == len(store.train)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda folder: (folder / "store.json").write_text("{"), "damaged"),
        (lambda folder: (folder / "store.json").write_text("[]"), "damaged"),
        (lambda folder: (folder / "store.json").unlink(), "no prepared store"),
        (lambda folder: change(folder, "version", 99), "upgrade"),
        (lambda folder: change(folder, "version", float("inf")), "damaged"),
        (lambda folder: change(folder, "settings", {"n_fft": 3}), "settings"),
        (lambda folder: change(folder, "index", {}), "damaged"),
        (lambda folder: (folder / "train.npy").unlink(), "train.npy: missing"),
        (lambda folder: (folder / "train.npy").write_bytes(b"\x93NUMPY"), "train.npy: missing or damaged"),
        (lambda folder: np.save(folder / "train.npy", np.zeros((1, 2, 3))), "not what store.json says"),
        (lambda folder: os.truncate(folder / "train.npy", 5000), "train.npy: missing or damaged"),
    ],
)
def test_damaged_stores_are_refused_in_one_line(recordings, tmp_path, damage, reason):
    out = tmp_path / "s"
    prepare({"violin": recordings["violin"]}, out, ASSIGNMENT, hold_out=["note1"])
    damage(out)
    with pytest.raises(InputError, match=reason) as told:
        open_store(out)
    assert isinstance(told.value, VioluteError)
    assert "\n" not in str(told.value)


def change(folder, entry, value):
    path = folder / "store.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {entry: value}))
