"""The researcher's tutorial, line by line: an archive on this machine, toy sizes, a hybrid at the end."""

import hashlib
import json
import re

import numpy as np
import pytest
import soundfile
from archive_server import ARCHIVE, METADATA, members, metadata, pack, serving, wav
from command_line import violute
from readme_chain import block_lines
from tones import SAMPLE_RATE, tone

from violute.voices.file import open_voice_file

SECONDS = 5.5
"""Of each recording: one snippet."""


def research_lines():
    """The words of each line of the block that begins with MusicNet, without `violute`."""
    return block_lines("violute data musicnet ")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with something to play, and a mirror of a miniature MusicNet."""
    place = tmp_path_factory.mktemp("research")
    soundfile.write(place / "solo.wav", tone(523.3, 3.0), SAMPLE_RATE)
    files = members()
    for name in files:
        number = int(re.search(r"\d+", name)[0])
        if name.endswith(".wav"):
            files[name] = wav(220.0 + number % 100 * 8, seconds=SECONDS, seed=number)
    served = {ARCHIVE: pack(files), METADATA: metadata()}
    sums = [f"{hashlib.md5(content).hexdigest()}  {name}\n" for name, content in served.items()]
    (place / "md5sums.txt").write_text("".join(sums))
    with serving(served) as server:
        yield place, server.url


@pytest.fixture(scope="module")
def done(place):
    """What each line said, by its verb; only where things come from and how large they are is changed."""
    folder, url = place
    toy = {
        "data": ["--url", url, "--checksums", "md5sums.txt", "--json"],
        "prepare": ["--jobs", "1", "--json"],
        "train": ["--recipe", "tiny", "--device", "cpu", "--json"],
        "convert": ["--json"],
    }
    said = {}
    for words in research_lines():
        ended = violute(*words, *toy[words[0]], cwd=folder)
        assert ended.returncode == 0, ended.stderr[-3000:]
        said[words[0]] = json.loads(ended.stdout)
    return said


def test_the_chain_has_four_steps():
    assert [words[0] for words in research_lines()] == ["data", "prepare", "train", "convert"]


def test_solo_recordings_were_fetched_and_nothing_else(place, done):
    folder, _ = place
    fetched = sorted(path.relative_to(folder).as_posix() for path in folder.glob("musicnet/*/*.wav"))
    assert fetched == [
        *(f"musicnet/flute/{number}.wav" for number in (2202, 2204)),
        *(f"musicnet/violin/{number}.wav" for number in (2186, 2191, 2241)),
    ]


def test_training_reads_what_was_prepared_and_nothing_else():
    said = {words[0]: words for words in research_lines()}
    assert said["train"][said["train"].index("--prepared") + 1] == said["prepare"][-1]
    assert not {"--a", "--b"} & set(said["train"])


def test_snippets_were_prepared_split_by_recording(place, done):
    folder, _ = place
    pictures = {split: np.load(folder / "snippets" / f"{split}.npy") for split in ("train", "held_out")}
    assert {split: array.shape[1:] for split, array in pictures.items()} == {
        "train": (1024, 128),
        "held_out": (1024, 128),
    }
    assert len(list((folder / "snippets").rglob("*.png"))) > sum(len(array) for array in pictures.values())


def test_the_voice_learned_from_what_was_not_held_out(place, done):
    _, card = open_voice_file(place[0] / "voice-vae.onnx")
    assert (card.family, card.ends) == ("vae", ("flute", "violin"))
    learned = " ".join(card.training_data)
    assert all(number in learned for number in ("2186", "2202", "2241"))
    assert not any(number in learned for number in ("2191", "2204"))


def test_the_hybrid_lasts_as_long_and_is_as_loud_as_the_solo(place, done):
    solo, _ = soundfile.read(place[0] / "solo.wav")
    hybrid, sample_rate = soundfile.read(place[0] / "hybrid-vae.wav")
    assert (hybrid.shape, sample_rate) == (solo.shape, SAMPLE_RATE)
    assert np.isfinite(hybrid).all()
    assert 0.3 < np.sqrt(np.mean(np.square(hybrid)) / np.mean(np.square(solo))) < 3.0


def test_the_bench_makes_the_table(place, done):
    """The tutorial's first bench line, with the one voice that is here and without what takes minutes."""
    words = next(words for words in block_lines("violute bench "))
    words = [word for word in words if word != "voice-cyclegan.onnx"]
    toy = ["--no-baselines", "--no-cost", "--limit", "1", "--seconds", "1", "--shortest", "1", "--jobs", "1"]
    ended = violute(*words, *toy, "--json", cwd=place[0])
    assert ended.returncode == 0, ended.stderr[-3000:]
    report = json.loads((place[0] / "report.json").read_text())
    assert [entry["name"] for entry in report["contenders"]] == ["voice-vae"]
    assert {clip["instrument"] for clip in report["clips"]} == {"flute", "violin"}
    assert "voice-vae" in (place[0] / "report.md").read_text()
