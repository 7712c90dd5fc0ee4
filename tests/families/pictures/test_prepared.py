"""Training from a prepared store: its pictures are read where they lie, its held-out ones only measured."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from code_figures import measure_run
from command_line import complaint_of, files_below, violute_here
from hypothesis import given
from hypothesis import strategies as st
from picture_codes.reconstruction import even_windows
from tones import SAMPLE_RATE, tone
from toy_family import ToyTask

from violute.data.pictures.prepare import prepare
from violute.data.pictures.snippets import SnippetSettings
from violute.data.pictures.store import Entry, Split, open_store
from violute.data.recordings import list_recordings
from violute.errors import InputError, TrainingError
from violute.families.ends import TwoEnds
from violute.families.export import export_run
from violute.families.pictures.corpus import draw, picture_lines, window_at
from violute.families.pictures.prepared import (
    PreparedPitch,
    prepared_example,
    prepared_lines,
    prepared_recordings,
)
from violute.families.pictures.task import build_corpus
from violute.families.train import train_family
from violute.families.vae.recipes import vae_tiny_plain
from violute.training.request import TrainingRequest
from violute.transforms.spectrogram import ASSIGNMENT, DETAIL
from violute.voices.file import open_voice_file
from violute.worklist.engine import Engine

ENDS = ("flute", "violin")
SECONDS = 2.0
"""Of each recording: a whole picture and a part of one."""


def recordings_in(place):
    """Three short recordings of each instrument, one of them to be held out."""
    for i, name in enumerate(ENDS):
        (place / name).mkdir(parents=True)
        for j, kind in enumerate(("high", "low", "unheard")):
            audio = tone(880.0 / (1 + i) / (1 + j / 5), SECONDS, db_per_octave=-20.0 + 15.0 * i, seed=j)
            soundfile.write(place / name / f"{kind}-{name}.wav", audio, SAMPLE_RATE)
    return {name: place / name for name in ENDS}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("prepared")
    folders = recordings_in(place / "data")
    overlapping = SnippetSettings(overlap=0.75)
    prepare(folders, place / "store", DETAIL, hold_out=["unheard*"], engine=Engine(1), snippets=overlapping)
    prepare(
        folders,
        place / "other",
        DETAIL,
        hold_out=["unheard*"],
        engine=Engine(1),
        snippets=SnippetSettings(2.5),
    )
    prepare(folders, place / "coarse", ASSIGNMENT, hold_out=["unheard*"], engine=Engine(1))
    prepare(folders, place / "one-sided", DETAIL, hold_out=["*flute"], engine=Engine(1))
    return place


@pytest.fixture(scope="module")
def store(place):
    return open_store(place / "store")


@pytest.fixture(scope="module")
def trained(place):
    """A voice of the store, whose recordings were taken away first."""
    shutil.copytree(place / "store", place / "alone" / "store")
    moved = place / "data-elsewhere"
    (place / "data").rename(moved)
    result = train(place / "alone" / "store", place / "voice.onnx")
    moved.rename(place / "data")
    return result


class Toy(ToyTask):
    """Exports nothing but its name."""

    def export(self, path: Path) -> None:
        path.write_text(path.stem)


def train(source, out, **options):
    request = TrainingRequest(source=source, out=out, device="cpu", **options)
    return train_family("vae", request, recipe="tiny-plain")


def corpus_of(store, names=ENDS):
    recordings = prepared_recordings(store, names)
    ends = TwoEnds(
        names=names,
        recordings=recordings,
        cache=store.folder / "unused",
        device=torch.device("cpu"),
        store=store,
    )
    return build_corpus(ends, vae_tiny_plain())


def test_a_line_is_a_view_into_the_file_and_a_window_of_it_the_picture(store):
    lines = prepared_lines(store.train, ENDS)
    assert len(lines) == len(store.train) > 4
    assert isinstance(store.train.pictures, np.memmap)
    for i, line in enumerate(lines):
        assert np.shares_memory(line.picture, store.train.pictures)
        np.testing.assert_array_equal(window_at(line, 0, DETAIL.n_frames), store.train.read(i))
        assert line.end == ENDS.index(store.train.entries[i].instrument)


def test_a_prepared_picture_is_what_training_makes_of_the_recording_itself(place, store, tmp_path):
    recordings = list_recordings(place / "data" / "violin", select=["high*"])
    (whole,) = picture_lines(recordings, 1, DETAIL, tmp_path)
    line = next(line for line in prepared_lines(store.train, ENDS) if line.name == "high-violin")
    np.testing.assert_allclose(
        # The last frames are of the next piece, if the picture is wider than its part.
        window_at(line, 0, DETAIL.n_frames)[:, :-4],
        window_at(whole, 0, DETAIL.n_frames)[:, :-4],
        atol=1e-3,
    )
    assert line.highest_hz == whole.highest_hz


def test_drawn_windows_are_those_of_the_store(store):
    lines = prepared_lines(store.train, ENDS)
    windows = draw(lines, DETAIL, 8, np.random.default_rng(0), augment=False)
    pictures = store.train.read()
    assert windows.end.tolist() == [0, 1] * 4
    for drawn, end in zip(windows.spectrogram.numpy(), windows.end.tolist(), strict=True):
        (found,) = [i for i, picture in enumerate(pictures) if np.array_equal(picture, drawn)]
        assert store.train.entries[found].instrument == ENDS[end]


def test_whole_windows_of_a_store_are_its_pictures(store):
    windows = even_windows(prepared_lines(store.train, ENDS), DETAIL, 100)
    np.testing.assert_array_equal(windows.pictures, store.train.read())


def test_the_held_out_split_is_what_validation_reads(store):
    corpus = corpus_of(store)
    assert {line.name for line in corpus.validation} == {"unheard-flute", "unheard-violin"}
    assert {line.name for line in corpus.training} == {f"{k}-{e}" for k in ("high", "low") for e in ENDS}


def test_a_held_out_split_of_one_instrument_is_not_measured(place, tmp_path):
    folders = {name: place / "data" / name for name in ENDS}
    half = prepare(folders, tmp_path / "half", DETAIL, hold_out=["unheard-flute"], engine=Engine(1))
    assert {entry.recording for entry in half.held_out.entries} == {"unheard-flute"}
    assert corpus_of(half).validation == []


def test_the_ends_are_the_instruments_that_are_named(store):
    lines = prepared_lines(store.train, ("violin", "flute"))
    assert {(line.name.split("-")[1], line.end) for line in lines} == {("violin", 0), ("flute", 1)}
    assert {line.name for line in prepared_lines(store.train, ("viola", "flute"))} == {
        "high-flute",
        "low-flute",
    }


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20), st.booleans()), max_size=12),
)
def test_sound_in_several_pictures_was_heard_once(pieces):
    pieces = sorted(pieces)
    entries = tuple(
        Entry(
            "flute", f"{which}", "f.wav", "f.wav", (30.0 * which, None), float(start), float(length), 1.0, 9e3
        )
        for start, length, which in pieces
    )
    lines = prepared_lines(Split(entries, np.zeros((len(entries), 4, 2), np.uint16)), ENDS)
    heard = {(which, second) for start, length, which in pieces for second in range(start, start + length)}
    assert sum(line.seconds for line in lines) == len(heard)


def test_an_example_is_of_the_recording_or_where_it_moved_of_a_picture(place, store, trained):
    alone = open_store(place / "alone" / "store")
    recorded = prepared_example(alone, "violin", 1.0)
    (place / "data").rename(place / "data-gone")
    found = prepared_example(alone, "violin", 1.0)
    (place / "data-gone").rename(place / "data")
    assert len(found) == len(recorded) == DETAIL.sample_rate
    # Other phases, the same spectrum: a recording is brought to the peak that the store's files have.
    spectra = [np.abs(np.fft.rfft(audio[2048:-2048])) for audio in (recorded, found)]
    bins = [np.add.reduceat(spectrum**2, np.arange(0, len(spectrum) - 50, 50)) for spectrum in spectra]
    assert np.corrcoef(*bins)[0, 1] > 0.98
    assert 0.5 < np.sqrt(bins[1].sum() / bins[0].sum()) < 2.0


def test_a_voice_is_trained_without_the_recordings(place, trained):
    assert trained.step == 4
    _, card = open_voice_file(place / "voice.onnx")
    assert (card.family, card.ends) == ("vae", ENDS)
    assert card.training_data == tuple(
        f"{name}: high-{name}.wav (2 s), low-{name}.wav (2 s)" for name in ENDS
    )
    config = json.loads((place / "voice-run" / "config.json").read_text())
    assert config["recordings"] == [["high-flute", "low-flute"], ["high-violin", "low-violin"]]
    assert config["store"] == json.loads((place / "store" / "store.json").read_text())["key"]
    assert not (place / "voice-run" / "features").exists()


def test_a_network_that_is_told_the_pitch_has_it_from_the_recordings(place, store, tmp_path):
    """Where the recordings went, that is said."""
    pitch = PreparedPitch(store, ENDS, tmp_path)
    lines = prepared_lines(store.train, ENDS, pitch)
    found = {line.name: np.median(line.f0_hz[line.f0_hz > 0.0]) for line in lines}
    assert all(len(line.f0_hz) == len(line.picture) for line in lines)
    assert found["high-flute"] == pytest.approx(880.0, rel=0.01)
    assert found["low-violin"] == pytest.approx(440.0 / 1.2, rel=0.01)
    (place / "data").rename(place / "data-gone")
    try:
        request = TrainingRequest(
            source=place / "store", out=tmp_path / "told.onnx", device="cpu", names=ENDS
        )
        with pytest.raises(TrainingError, match="is gone, and the network is given the pitch"):
            train_family("vae", request, recipe="tiny")
    finally:
        (place / "data-gone").rename(place / "data")


def test_a_run_resumes_from_its_store_and_from_no_other_source(place, tmp_path, monkeypatch):
    out = tmp_path / "voice.onnx"
    folders = (place / "data" / "flute", place / "data" / "violin")
    monkeypatch.setattr("violute.families.vae.task.VaeTask.of", lambda ends, recipe: Toy())

    def run(source, steps=4, **options):
        return train(source, out, names=ENDS, steps=steps, **options)

    assert run(place / "store").step == 4
    with pytest.raises(TrainingError, match="store is "):
        run(place / "other", resume=True)
    with pytest.raises(TrainingError, match="store is None, the run in it has "):
        run(folders, hold_out=["unheard*"], resume=True)
    shutil.copytree(place / "store", tmp_path / "elsewhere")
    assert run(tmp_path / "elsewhere", 6, resume=True).step == 6


def test_a_run_is_exported_with_its_store_alone(place, trained):
    export_run(place / "voice-run", place / "again.onnx")
    _, before = open_voice_file(place / "voice.onnx")
    _, card = open_voice_file(place / "again.onnx")
    assert (card.training_data, card.ends) == (before.training_data, before.ends)
    config_path = place / "voice-run" / "config.json"
    text = config_path.read_text()
    config_path.write_text(json.dumps(json.loads(text) | {"folders": [str(place / "other")]}))
    with pytest.raises(TrainingError, match="is not the store of the run"):
        export_run(place / "voice-run", place / "third.onnx")
    config_path.write_text(text)


def test_a_run_is_measured_by_the_pictures_of_its_store(place, trained, store, tmp_path, monkeypatch):
    def make(selected):
        (tmp_path / "select.txt").write_text(selected)
        run, select, out = place / "voice-run", tmp_path / "select.txt", tmp_path / "code"
        return measure_run(place / "voice.onnx", run, place / "data", select, out)

    def measured(coder, training, held_out, settings):
        np.testing.assert_array_equal(training.pictures, store.train.read())
        assert held_out.names == ("unheard-flute", "unheard-violin")
        raise StopIteration

    monkeypatch.setattr("code_figures.measure_code", measured)
    with pytest.raises(StopIteration):
        make("unheard*\n")
    with pytest.raises(InputError, match="the run learned from high-flute"):
        make("high-flute*\nunheard-violin*\n")


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        (
            "coarse",
            {},
            "coarse: has pictures of the preset assignment, the recipe learns from detail: prepare",
        ),
        ("store", {"names": ("flute", "viola")}, r"holds no viola: name two of its instruments \(flute, vio"),
        ("one-sided", {}, "every picture of flute is held out"),
        ("store", {"hold_out": ["high*"]}, "has its held-out recordings already"),
    ],
)
def test_a_store_that_does_not_fit_is_one_line_and_nothing_is_written(
    place, tmp_path, name, options, message
):
    with pytest.raises(TrainingError, match=message) as caught:
        train(place / name, tmp_path / "voice.onnx", **options)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_sound_is_what_the_ddsp_family_learns_from(place, tmp_path):
    request = TrainingRequest(source=place / "store", out=tmp_path / "voice.onnx")
    with pytest.raises(TrainingError, match="ddsp learns from sound, not from pictures"):
        train_family("ddsp", request, recipe="tiny")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--prepared", "store", "--a", "data/flute"], "--prepared takes the place of --a and --b"),
        (["--prepared", "store", "--hold-out", "x"], "--hold-out is for recordings"),
        (["--a", "data/flute"], "give --a and --b, a folder"),
        (["--prepared", "data"], "data: no prepared store: make one with violute prepare"),
    ],
)
def test_the_command_says_in_a_line_what_to_learn_from(place, words, complaint):
    before = files_below(place)
    assert complaint in complaint_of(violute_here("train", "vae", *words, "--out", "new.onnx", cwd=place))
    assert files_below(place) == before
