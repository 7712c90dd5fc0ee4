"""Reading in mono, as training and conversion both hear a recording."""

import numpy as np
import pytest
import soundfile

from violute.audio.formats import AUDIO_SUFFIXES
from violute.audio.read import read, read_mono
from violute.errors import AudioError

RATE = 16_000


def tone(seconds=1.0, f0_hz=440.0):
    return 0.3 * np.sin(2 * np.pi * f0_hz * np.arange(round(seconds * RATE)) / RATE)


def stored(path, *channels):
    soundfile.write(path, np.stack(channels, axis=1), RATE, subtype="FLOAT")
    return path


def test_channels_that_cancel_are_heard(tmp_path):
    mono = read_mono(stored(tmp_path / "x.wav", tone(), -tone()), RATE)
    np.testing.assert_allclose(mono, tone(), atol=1e-6)


def test_an_offset_is_taken_out(tmp_path):
    mono = read_mono(stored(tmp_path / "x.wav", tone() + 0.2), RATE)
    np.testing.assert_allclose(mono, tone(), atol=1e-5)


def test_a_part_at_another_rate_is_where_it_was(tmp_path):
    path = stored(tmp_path / "x.wav", np.concatenate([tone(0.5), tone(0.5, 880.0), tone(0.5)]))
    mono = read_mono(path, 2 * RATE, start_seconds=0.5, end_seconds=1.0)
    assert mono.shape == (RATE,)
    assert np.argmax(np.abs(np.fft.rfft(mono))) * 2 == 880


@pytest.mark.parametrize("end", [1.0, 0.5, None])
def test_not_a_number_is_an_error_only_where_it_is_read(tmp_path, end):
    mono = tone()
    mono[-100] = np.nan
    path = stored(tmp_path / "x.wav", mono)
    if end == 0.5:
        assert len(read_mono(path, RATE, end_seconds=end)) == RATE // 2
        return
    with pytest.raises(AudioError, match=r"x\.wav holds NaN or infinity"):
        read_mono(path, RATE, end_seconds=end)


def test_an_empty_and_a_silent_part_are_no_recordings(tmp_path):
    path = stored(tmp_path / "x.wav", np.concatenate([tone(), np.zeros(RATE)]))
    with pytest.raises(AudioError, match=r"x\.wav holds no samples"):
        read_mono(path, RATE, start_seconds=5.0)
    with pytest.raises(AudioError, match=r"x\.wav is silent"):
        read_mono(path, RATE, start_seconds=1.0)


def test_convert_and_training_know_the_same_endings():
    from violute.data import recordings
    from violute.voices.conversion import destinations

    assert destinations.AUDIO_SUFFIXES is AUDIO_SUFFIXES is recordings.AUDIO_SUFFIXES
    assert {".au", ".rf64", ".caf", ".oga"} <= AUDIO_SUFFIXES


@pytest.mark.parametrize("way", ["./x.wav", ".//x.wav", "./y/../x.wav"])
def test_a_path_written_otherwise_is_that_file_and_not_standard_input(tmp_path, monkeypatch, way):
    stored(tmp_path / "x.wav", tone())
    (tmp_path / "y").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", None)
    audio, sample_rate = read(way)
    assert (audio.shape, sample_rate) == ((1, RATE), RATE)
