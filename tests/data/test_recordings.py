"""Recordings: what a folder holds, how segment maps cut it, what is held out, how it is read."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from violute.data.recordings import Recording, list_recordings, read_patterns, read_recording
from violute.errors import AudioError, DataError, TrainingError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    time = np.arange(8000) / 8000
    soundfile.write(tmp_path / "b.wav", np.sin(2 * np.pi * 440 * time), 8000)
    soundfile.write(tmp_path / "deep" / "a.FLAC", np.sin(2 * np.pi * 440 * time[:800]), 8000, format="FLAC")
    levels = np.repeat([0.1, 0.2, 0.3], 8000)
    joined = levels * np.tile(np.sin(2 * np.pi * 440 * time), 3)
    soundfile.write(tmp_path / "joined.wav", joined, 8000, subtype="FLOAT")
    items = [{"src": f"n{i}.mp3", "start": float(i), "end": i + 1.0} for i in range(3)]
    (tmp_path / "joined.wav.json").write_text(json.dumps({"gain": 2.0, "items": items}))
    (tmp_path / "notes.txt").write_text("not audio")
    return tmp_path


def test_files_and_segments_are_recordings(folder: Path) -> None:
    found = list_recordings(folder)
    assert [r.name for r in found] == ["b", "a", "n0", "n1", "n2"]
    assert [r.source for r in found] == ["b.wav", "a.FLAC", "joined.wav", "joined.wav", "joined.wav"]
    assert found[3] == Recording("n1", folder / "joined.wav", 1.0, 2.0, "joined.wav")
    assert found[0].end_seconds is None


def test_segments_hold_their_own_part(folder: Path) -> None:
    segments = [r for r in list_recordings(folder) if r.source == "joined.wav"]
    for segment, level in zip(segments, (0.1, 0.2, 0.3), strict=True):
        audio = read_recording(segment, 8000)
        assert len(audio) == 8000
        np.testing.assert_allclose(audio, level * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000), atol=1e-6)


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("n?", ["b", "a"]),
        ("joined*", ["b", "a"]),
        ("deep/*", ["b", "n0", "n1", "n2"]),
        ("n1", ["b", "a", "n0", "n2"]),
        ("N1", ["b", "a", "n0", "n1", "n2"]),
    ],
)
def test_hold_out_and_select_part_the_folder(folder: Path, pattern: str, left: list[str]) -> None:
    kept = list_recordings(folder, hold_out=[pattern])
    taken = list_recordings(folder, select=[pattern])
    assert [r.name for r in kept] == left
    assert sorted(r.name for r in kept + taken) == sorted(r.name for r in list_recordings(folder))


def test_channels_are_averaged_and_levels_left_alone(tmp_path: Path) -> None:
    left = np.linspace(-0.5, 0.5, 4000)
    soundfile.write(tmp_path / "x.wav", np.stack([left, 0 * left], axis=1), 8000, subtype="FLOAT")
    (recording,) = list_recordings(tmp_path)
    np.testing.assert_allclose(read_recording(recording, 8000), 0.5 * left, atol=1e-6)
    assert np.max(np.abs(read_recording(recording, 8000, peak=0.9))) == pytest.approx(0.9)


@given(rate=st.sampled_from([8000, 22_050, 44_100, 48_000]), target=st.sampled_from([16_000, 22_050, 44_100]))
def test_resampling_keeps_pitch_and_length(
    tmp_path_factory: pytest.TempPathFactory, rate: int, target: int
) -> None:
    path = tmp_path_factory.mktemp("rates") / "tone.wav"
    soundfile.write(path, np.sin(2 * np.pi * 1000 * np.arange(rate) / rate), rate, subtype="FLOAT")
    audio = read_recording(Recording("tone", path), target)
    assert abs(len(audio) - target) <= 1
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    assert np.argmax(spectrum) * target / len(audio) == pytest.approx(1000, abs=2)


def test_a_list_of_patterns_includes_another_beside_it(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("@q.txt  # and\nviolin_*\n", encoding="utf-8")
    (tmp_path / "q.txt").write_text("flute_A4*\n", encoding="utf-8")
    (tmp_path / "r.txt").write_text("@p.txt\n", encoding="utf-8")
    (tmp_path / "s.txt").write_text("@s.txt\n", encoding="utf-8")
    assert read_patterns(tmp_path / "p.txt") == ["flute_A4*", "violin_*"]
    for nested in ("r.txt", "s.txt"):
        with pytest.raises(TrainingError, match="in turn"):
            read_patterns(tmp_path / nested)


def test_the_strangers_of_development_hold_out_everything_that_is_held_out() -> None:
    held_out = read_patterns(ROOT / "bench" / "held_out.txt")
    strangers = read_patterns(ROOT / "bench" / "strangers_dev.txt")
    assert set(held_out) < set(strangers)
    assert {"freesound_*", "minji-kim_*"} <= set(strangers)


def test_patterns_ignore_comments_and_blanks(tmp_path: Path) -> None:
    (tmp_path / "p.txt").write_text("# all of it\nviolin_*  # the notes\n\n  flute_A4*\n")
    assert read_patterns(tmp_path / "p.txt") == ["violin_*", "flute_A4*"]


def test_errors_say_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such folder"):
        list_recordings(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no audio"):
        list_recordings(tmp_path / "empty")
    with pytest.raises(TrainingError, match="cannot be read"):
        read_patterns(tmp_path / "nothing.txt")
    with pytest.raises(AudioError, match=r"notes\.txt is not audio that can be read"):
        read_recording(Recording("notes", folder / "notes.txt"), 8000)
    with pytest.raises(AudioError, match=r"late, a part of .*b\.wav holds no samples"):
        read_recording(Recording("late", folder / "b.wav", 5.0, 6.0), 8000)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"items": 3}',
        '{"items": [{"src": "a", "start": 0}]}',
        '{"items": [{"src": "a", "start": 1, "end": 1}]}',
        '{"items": [{"src": "a", "start": -1, "end": 1}]}',
        '{"items": [{"src": "a", "start": 0, "end": "x"}]}',
    ],
)
def test_malformed_segment_maps_are_named(folder: Path, text: str) -> None:
    (folder / "joined.wav.json").write_text(text)
    with pytest.raises(TrainingError, match=r"joined\.wav\.json: .*\S") as caught:
        list_recordings(folder)
    assert "\n" not in str(caught.value)


def test_held_out_list_takes_about_a_fifth_and_a_performance() -> None:
    data = ROOT.parent / "shared" / "data"
    if not data.is_dir():
        pytest.skip("the development recordings are not beside the repository")
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    for instrument in ("violin", "flute"):
        every, held = (list_recordings(data / instrument, select=s) for s in (None, patterns))
        assert 0.18 < len(held) / len(every) < 0.22
        for source in {r.source for r in every if r.source.startswith("philharmonia")}:
            share = sum(r.source == source for r in held) / sum(r.source == source for r in every)
            assert 0.17 < share < 0.23
    names = {r.name for r in list_recordings(data / "violin", select=patterns)}
    assert any("bwv1003_mov4" in name for name in names)
    kept = list_recordings(data / "violin", hold_out=patterns) + list_recordings(
        data / "flute", hold_out=patterns
    )
    assert names.isdisjoint(r.name for r in kept)


def test_hidden_files_are_no_recordings(folder: Path) -> None:
    (folder / "._b.wav").write_bytes(b"what a Mac leaves beside a file")
    (folder / ".cache").mkdir()
    (folder / ".cache" / "a.wav").write_bytes((folder / "b.wav").read_bytes())
    assert [r.name for r in list_recordings(folder)] == ["b", "a", "n0", "n1", "n2"]


def test_channels_that_cancel_are_heard(tmp_path: Path) -> None:
    """One of two microphones wired the wrong way round: the mean would be silence."""
    left = 0.3 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    soundfile.write(tmp_path / "x.wav", np.stack([left, -left], axis=1), 8000, subtype="FLOAT")
    (recording,) = list_recordings(tmp_path)
    assert np.abs(read_recording(recording, 8000)).max() == pytest.approx(0.3, abs=0.01)


def test_what_conversion_refuses_is_not_learned_from(tmp_path: Path) -> None:
    audio = 0.3 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 8000)
    soundfile.write(tmp_path / "whole.flac", audio, 8000)
    content = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "cut.flac").write_bytes(content[: len(content) // 2])
    soundfile.write(tmp_path / "nan.wav", np.append(audio, np.nan), 8000, subtype="FLOAT")
    soundfile.write(tmp_path / "zero.wav", np.zeros(8000), 8000)
    for name, reason in (("cut.flac", "truncated"), ("nan.wav", "NaN"), ("zero.wav", "is silent")):
        with pytest.raises(AudioError, match=rf"{name}.*{reason}"):
            read_recording(Recording(name, tmp_path / name), 8000)
