"""Recordings that conversion copes with or refuses: training and preparing do the same, for every family."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import tiny_rave
import torch
from tones import SAMPLE_RATE, tone

from violute.data.pictures.prepare import prepare
from violute.data.recordings import list_recordings
from violute.errors import AudioError, TrainingError
from violute.families.ddsp.build import build_ddsp_task
from violute.families.ends import TwoEnds
from violute.families.nsynth.task import build_nsynth_task
from violute.families.pictures.task import build_corpus
from violute.families.rave.task import build_rave_task
from violute.families.recipes import family_recipe
from violute.transforms.spectrogram import ASSIGNMENT
from violute.worklist.engine import Engine

NAMES = ("flute", "violin")


def written(folder: Path, **changes: Callable[[np.ndarray], np.ndarray]) -> Path:
    """A note of a second for each end; the sound of those that are named is changed."""
    for name, f0_hz in zip(NAMES, (880.0, 440.0), strict=True):
        (folder / name).mkdir(parents=True)
        audio = 0.5 * tone(f0_hz, 1.0, noise_db=-50.0)
        changed = changes.get(name, lambda sound: sound)(audio)
        soundfile.write(folder / name / "note.wav", changed, SAMPLE_RATE, subtype="FLOAT")
    return folder


def ends_of(folder: Path, **options: Any) -> TwoEnds:
    first, second = (list_recordings(folder / name) for name in NAMES)
    cache, device = folder / "cache", torch.device("cpu")
    return TwoEnds(names=NAMES, recordings=(first, second), cache=cache, device=device, **options)


def ddsp(ends: TwoEnds) -> np.ndarray:
    task = build_ddsp_task(ends, family_recipe("ddsp", "tiny"))
    return np.stack([line.harmonic_db[20:80][:, :10].mean(axis=0) for line in task.lines])


def pictures(ends: TwoEnds) -> np.ndarray:
    corpus = build_corpus(ends, family_recipe("vae", "tiny"))
    return np.stack([line.picture[20:80].mean(axis=0) for line in corpus.training])


def rave(ends: TwoEnds) -> np.ndarray:
    task = build_rave_task(ends, tiny_rave.RECIPE)
    return np.stack([np.abs(line.audio[:40_000]) for line in task.corpus.training])


def nsynth(ends: TwoEnds) -> np.ndarray:
    task = build_nsynth_task(ends, family_recipe("nsynth", "tiny"))
    return np.stack([np.abs(wave.audio[:15_000]) for wave in task.corpus.training])


LEARNED = {"ddsp": ddsp, "pictures": pictures, "rave": rave, "nsynth": nsynth}
"""What a family learns from, up to its sign."""


def prepared(folder: Path) -> np.ndarray:
    folders = {name: folder / name for name in NAMES}
    return prepare(folders, folder / "store", ASSIGNMENT, hold_out=(), engine=Engine(1)).train.read()


@pytest.mark.parametrize("family", sorted(LEARNED))
def test_anti_phase_stereo_is_learned_from_as_one_of_its_channels(tmp_path: Path, family: str) -> None:
    mono = LEARNED[family](ends_of(written(tmp_path / "mono")))
    changed = written(tmp_path / "stereo", violin=lambda sound: np.stack([sound, -sound], axis=1))
    stereo = LEARNED[family](ends_of(changed))
    np.testing.assert_allclose(stereo, mono, rtol=2e-3, atol=2e-3 * np.abs(mono).max())


def test_anti_phase_stereo_is_prepared_as_one_of_its_channels(tmp_path: Path) -> None:
    mono = prepared(written(tmp_path / "mono"))
    stereo = prepared(written(tmp_path / "stereo", violin=lambda sound: np.stack([sound, -sound], axis=1)))
    np.testing.assert_allclose(stereo, mono, atol=2e-3)


@pytest.mark.parametrize("family", [*sorted(LEARNED), "prepare"])
def test_not_a_number_is_one_line_that_names_the_file(tmp_path: Path, family: str) -> None:
    folder = written(tmp_path / "data", violin=lambda sound: np.append(sound, np.nan))
    with pytest.raises(AudioError, match=r"violin.note\.wav holds NaN or infinity"):
        prepared(folder) if family == "prepare" else LEARNED[family](ends_of(folder))


@pytest.mark.parametrize("family", sorted(LEARNED))
def test_silent_files_are_named_and_little_sound_is_said(tmp_path: Path, family: str) -> None:
    folder = written(tmp_path / "data")
    soundfile.write(folder / "flute" / "rest.wav", np.zeros(9000), SAMPLE_RATE)
    said: list[str] = []
    learned = LEARNED[family](ends_of(folder, on_warning=said.append))
    assert len(learned) == 2
    assert [line.replace(str(folder), "") for line in said if "rest" in line] == [
        "/flute/rest.wav: rest is silent and is left out"
    ]
    for name in NAMES:
        assert any(line.startswith(f"{name}: 1 s of sound are little") for line in said)


@pytest.mark.parametrize("family", sorted(LEARNED))
def test_nothing_but_silence_is_refused(tmp_path: Path, family: str) -> None:
    folder = written(tmp_path / "data", violin=np.zeros_like)
    with pytest.raises(TrainingError, match="the recordings of violin are silent"):
        LEARNED[family](ends_of(folder))


def test_a_hidden_file_beside_a_recording_is_left_alone(tmp_path: Path) -> None:
    folder = written(tmp_path / "data")
    (folder / "flute" / "._note.wav").write_bytes(bytes(200))
    assert len(prepared(folder)) == 2


def test_a_copy_of_the_folder_is_not_measured_again(tmp_path: Path) -> None:
    folder = written(tmp_path / "data")
    first = rave(ends_of(folder))
    shutil.copytree(folder, tmp_path / "copy", ignore=shutil.ignore_patterns("cache"))
    ends = replace(ends_of(tmp_path / "copy"), cache=folder / "cache")
    before = sorted(folder.joinpath("cache").iterdir())
    np.testing.assert_array_equal(rave(ends), first)
    assert sorted(folder.joinpath("cache").iterdir()) == before
