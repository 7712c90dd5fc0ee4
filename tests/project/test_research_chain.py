"""README's research section, line by line: an archive on this machine, toy sizes, a hybrid at the end."""

import hashlib
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from archive_server import ARCHIVE, METADATA, members, metadata, pack, serving, wav
from command_line import violute
from tones import SAMPLE_RATE, tone

from violute.voices.file import open_voice_file

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")
SECONDS = 5.5
"""Of each recording: one snippet."""


def research_lines():
    """The words of each line of README's block that begins with MusicNet, without `violute`."""
    (block,) = re.findall(r"^```sh\n(violute data musicnet .*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [shlex.split(line, comments=True)[1:] for line in block.splitlines()]


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
