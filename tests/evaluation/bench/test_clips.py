"""What the bench plays, and what its baselines learn from."""

import numpy as np
import pytest
import soundfile
from tones import tone

from violute.errors import InputError
from violute.evaluation.bench.clips import find_clips, find_references
from violute.evaluation.bench.contenders import pick_references

RATE = 44_100
ENDS = ("low", "high")


@pytest.fixture
def data(tmp_path):
    """A folder of two instruments; the sines of the voice play 440 Hz at mix 0 and 880 Hz at mix 1."""
    for instrument, f0_hz in (("low", 440.0), ("high", 880.0)):
        (tmp_path / instrument).mkdir()
        soundfile.write(tmp_path / instrument / f"{instrument} tone.wav", tone(f0_hz, 0.7), RATE)
    return tmp_path


def clips_of(data, **settings):
    return find_clips(data, ENDS, **{"shortest_seconds": 0.5, **settings})


def test_clips_are_chosen_and_cut(data):
    for seconds in (0.2, 1.7, 2.0, 0.9):
        soundfile.write(data / "low" / f"{seconds}.wav", tone(440.0, seconds), RATE)
    named = lambda **settings: [clip.name for clip in clips_of(data, **settings)]
    assert named() == ["low/0.9", "low/1.7", "low/2.0", "low/low tone", "high/high tone"]
    assert named(limit=2) == ["low/0.9", "low/low tone", "high/high tone"]
    assert named(select=["2.0*"], clip_seconds=0.8, clips_per_recording=9) == ["low/2.0", "low/2.0@0.8"]
    first, second = clips_of(data, select=["2.0*"], clip_seconds=0.8, clips_per_recording=2)
    assert (
        (first.recording.name, len(first.read(RATE)))
        == (second.recording.name, len(second.read(RATE)))
        == ("2.0", 35280)
    )
    with pytest.raises(InputError, match="lasts 5 s"):
        named(shortest_seconds=5.0)
    with pytest.raises(InputError, match="no folder flute or violin"):
        find_clips(data, ("flute", "violin"))


def test_nobody_learns_from_what_is_played_or_held_out(data):
    soundfile.write(data / "low" / "other.wav", np.ones(RATE), RATE)
    names = lambda found: {end: [r.name for r in recordings] for end, recordings in found.items()}
    clips = clips_of(data, select=["*tone*"])
    assert names(find_references(data, ENDS, clips, select=["*tone*"])) == {"low": ["other"], "high": []}
    assert names(find_references(data, ENDS, clips[:1], select=["*tone*"])) == {"low": ["other"], "high": []}
    assert names(find_references(data, ENDS, clips, select=None)) == {"low": ["other"], "high": []}


def test_musicnet_tells_its_instruments_by_the_ensemble(tmp_path):
    for folder, number in (
        ("train_data", 2203),
        ("train_data", 2204),
        ("test_data", 2191),
        ("test_data", 1819),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        soundfile.write(tmp_path / folder / f"{number}.wav", np.full(4 * RATE, 0.1), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match="musicnet_metadata.csv is missing"):
        find_clips(tmp_path, ("flute", "violin"))
    pieces = {2203: "Solo Flute", 2204: "Solo Flute", 2191: "Solo Violin", 1819: "Piano Quintet"}
    rows = [f"{number},Bach,Suite,Air,{ensemble},somebody,4" for number, ensemble in pieces.items()]
    text = "\n".join(["id,composer,composition,movement,ensemble,source,seconds", *rows])
    (tmp_path / "musicnet_metadata.csv").write_text(text, encoding="utf-8")
    clips = find_clips(tmp_path, ("flute", "violin"))
    assert [clip.name for clip in clips] == ["flute/2204", "violin/2191"]
    references = find_references(tmp_path, ("flute", "violin"), clips, select=None)
    assert [r.name for r in references["flute"]] == ["2203"]
    assert references["violin"] == []


def test_references_are_picked_evenly_up_to_a_length(data):
    recordings = find_references(data, ENDS, [], select=None)["low"] * 100
    picked = pick_references(recordings, [10.0] * 100)
    assert len(picked) == 12
    assert pick_references([], []) == ()
