"""Sources: what is read is what was stored, and what can't be read is refused in one line."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from violute.audio.file_source import FileSource
from violute.audio.read import read
from violute.audio.source import ArraySource
from violute.errors import AudioError


def _noise(n_channels: int, n_samples: int, level: float = 0.1) -> np.ndarray:
    rng = np.random.default_rng(n_channels * n_samples)
    return (level * rng.uniform(-1, 1, (n_channels, n_samples))).astype(np.float32)


def _store(path: Path, audio: np.ndarray, sample_rate: int = 44100, **how: str) -> Path:
    with soundfile.SoundFile(path, "w", sample_rate, audio.shape[0], **how) as file:
        for start in range(0, audio.shape[1], 4096):
            file.write(np.ascontiguousarray(audio[:, start : start + 4096].T))
    return path


def _joined(source: ArraySource | FileSource, n_samples: int) -> np.ndarray:
    return np.concatenate(list(source.blocks(n_samples)), axis=1)


@pytest.mark.parametrize(
    ("subtype", "step"),
    [
        ("PCM_U8", 2**-7),
        ("PCM_16", 2**-15),
        ("PCM_24", 2**-23),
        ("PCM_32", 2**-23),
        ("FLOAT", 0),
        ("DOUBLE", 0),
    ],
)
@pytest.mark.parametrize("n_channels", [1, 2, 8])
def test_wav_of_every_depth_reads_as_stored(tmp_path, subtype, step, n_channels):
    audio = _noise(n_channels, 5000)
    got, sample_rate = read(_store(tmp_path / "x.wav", audio, 44100, subtype=subtype))
    assert sample_rate == 44100
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, audio, rtol=0, atol=step)


@pytest.mark.parametrize("sample_rate", [8000, 22050, 44100, 96000, 192000])
@pytest.mark.parametrize("extension", ["flac", "aiff", "wav"])
def test_lossless_formats_at_every_rate(tmp_path, extension, sample_rate):
    audio = _noise(2, 3000)
    got, rate = read(_store(tmp_path / f"x.{extension}", audio, sample_rate, subtype="PCM_24"))
    assert rate == sample_rate
    np.testing.assert_allclose(got, audio, rtol=0, atol=2**-23)


@pytest.mark.parametrize(
    "how", [("x.ogg", {}), ("x.mp3", {}), ("x.opus", {"format": "OGG", "subtype": "OPUS"})]
)
def test_lossy_formats_keep_length_and_place(tmp_path, how):
    name, keywords = how
    seconds = np.arange(48_000) / 48_000
    tone = (0.3 * np.sin(2 * np.pi * 660 * seconds) * np.minimum(1, seconds * 20))[None].astype(np.float32)
    got, _ = read(_store(tmp_path / name, tone, 48_000, **keywords))
    assert got.shape == tone.shape
    # A codec's delay left in would turn the phase: 100 samples are more than a period.
    assert np.corrcoef(got[0], tone[0])[0, 1] > 0.995


def test_names_with_spaces_and_other_letters(tmp_path):
    audio = _noise(1, 100)
    path = _store(tmp_path / "Für Elise, 月光 скрипка.wav", audio, subtype="FLOAT")
    np.testing.assert_array_equal(read(path)[0], audio)


@given(n_samples=st.integers(2, 400), block=st.integers(1, 500), n_channels=st.integers(1, 3))
def test_blocks_join_to_the_whole_again_and_again(n_samples, block, n_channels):
    audio = _noise(n_channels, n_samples)
    source = ArraySource(audio, 44100)
    for _ in range(2):
        blocks = list(source.blocks(block))
        assert all(piece.shape[1] == block for piece in blocks[:-1])
        np.testing.assert_array_equal(np.concatenate(blocks, axis=1), audio)


def test_file_blocks_join_to_the_whole_again_and_again(tmp_path):
    audio = _noise(2, 10_001)
    source = FileSource(_store(tmp_path / "x.wav", audio, subtype="FLOAT"))
    assert (source.n_channels, source.n_samples, source.subtype) == (2, 10_001, "FLOAT")
    for block in (7, 4096, 10_001, 99_999):
        np.testing.assert_array_equal(_joined(source, block), audio)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_signed_pcm_arrays_scale_by_full_scale(dtype):
    low = np.iinfo(dtype).min
    source = ArraySource(np.array([low, 0, -(low // 2)], dtype=dtype), 44100)
    np.testing.assert_array_equal(_joined(source, 10), [[-1.0, 0.0, 0.5]])


def test_unsigned_pcm_is_centred_and_doubles_are_kept():
    source = ArraySource(np.array([0, 128, 192], dtype=np.uint8), 44100)
    np.testing.assert_array_equal(_joined(source, 10), [[-1.0, 0.0, 0.5]])
    clipped = ArraySource(np.array([[-3.0, 2.0]]), 44100)
    np.testing.assert_array_equal(_joined(clipped, 10), [[-3.0, 2.0]])


@pytest.mark.parametrize(
    ("audio", "sample_rate", "reason"),
    [
        (np.zeros(0, np.float32), 44100, "no samples"),
        (np.zeros((0, 9), np.float32), 44100, "no samples"),
        (np.ones(1, np.float32), 44100, "single sample"),
        (np.array([0.0, np.nan]), 44100, "NaN"),
        (np.array([0.0, np.inf]), 44100, "NaN or infinity"),
        (np.array([0.0, 1e300]), 44100, "NaN or infinity"),
        (np.zeros((2, 2, 2)), 44100, "3 dimensions"),
        (np.zeros((44100, 2)), 44100, "transposed"),
        (np.zeros(9, np.int64), 44100, "int64"),
        (np.zeros(9, np.complex64), 44100, "complex64"),
        (np.zeros(9), 999, "sample rate of 999 Hz"),
        (np.zeros(9), 768_001, "768000 Hz"),
    ],
)
def test_arrays_that_are_no_recording(audio, sample_rate, reason):
    with pytest.raises(AudioError, match=f"^my take .*{reason}") as caught:
        ArraySource(audio, sample_rate, name="my take")
    assert "\n" not in str(caught.value)


def _refused(path: Path, reason: str) -> None:
    """Refused when opened, or at the latest while reading; one line that begins with the name."""
    with pytest.raises(AudioError, match=reason) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_missing_folder_empty_and_foreign_files(tmp_path):
    _refused(tmp_path / "nothing here.wav", "does not exist")
    _refused(tmp_path, "is a folder")
    (tmp_path / "zero.wav").write_bytes(b"")
    _refused(tmp_path / "zero.wav", "is empty")
    (tmp_path / "letter.wav").write_text("Dear Sir or Madam, " * 50)
    _refused(tmp_path / "letter.wav", "is not audio")
    (tmp_path / "samples.raw").write_bytes(bytes(4000))
    _refused(tmp_path / "samples.raw", "no header")


def test_no_samples_and_one_sample(tmp_path):
    _refused(_store(tmp_path / "none.wav", _noise(1, 0)), "no samples")
    _refused(_store(tmp_path / "one.wav", _noise(1, 1)), "single sample")


@pytest.mark.parametrize("name", ["x.wav", "x.flac", "x.aiff", "x.ogg", "x.mp3", "x.opus"])
@pytest.mark.parametrize("kept", [12, 40, 200, 0.3, 0.9, -7])
def test_truncated_files_are_refused_when_opened(tmp_path, name, kept):
    if kept == -7 and name in ("x.wav", "x.aiff"):
        kept = -5_000  # a few bytes are no music: they are played with a warning
    how = {"format": "OGG", "subtype": "OPUS"} if name == "x.opus" else {}
    whole = _store(tmp_path / f"whole{name}", _noise(2, 48_000), 48_000, **how).read_bytes()
    path = tmp_path / name
    path.write_bytes(whole[: int(kept * len(whole)) if isinstance(kept, float) else kept])
    with pytest.raises(AudioError, match="truncated") as caught:
        FileSource(path)
    assert str(caught.value).startswith(str(path))


def test_wav_from_a_pipe_has_no_length_and_is_read_to_its_end(tmp_path):
    audio = _noise(1, 1000)
    path = _store(tmp_path / "x.wav", audio, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    content[4:8] = content[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(content)
    np.testing.assert_allclose(read(path)[0], audio, rtol=0, atol=2**-15)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_files_that_are_not_finite(tmp_path, value):
    audio = _noise(2, 5000)
    audio[1, 4321] = value
    _refused(_store(tmp_path / "x.wav", audio, subtype="FLOAT"), "NaN or infinity")


@pytest.mark.parametrize("value", [1e30, -3e8])
def test_files_and_arrays_of_absurd_loudness_are_damaged(tmp_path, value):
    audio = _noise(2, 5000)
    audio[1, 4321] = value
    _refused(
        _store(tmp_path / "x.wav", audio, subtype="FLOAT"), "is damaged, it holds samples of .* full scale"
    )
    with pytest.raises(AudioError, match="is damaged"):
        ArraySource(audio, 44100)


def test_damage_inside_a_file_is_found_while_reading(tmp_path):
    path = _store(tmp_path / "x.flac", _noise(1, 200_000))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    path.write_bytes(content)
    _refused(path, "damaged")
