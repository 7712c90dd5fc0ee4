"""Writing: what was written reads back, and after a failure nothing is there."""

import os
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from full_disk import full_disk

from violute.audio.formats import FORMATS, check_format, subtype_for
from violute.audio.read import read
from violute.audio.write import AudioWriter, write
from violute.errors import AudioError, ShapeError


def _noise(n_channels: int, n_samples: int) -> np.ndarray:
    rng = np.random.default_rng(n_samples)
    return (0.2 * rng.standard_normal((n_channels, n_samples))).astype(np.float32)


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("extension", list(FORMATS))
@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_format_keeps_rate_channels_and_exact_length(tmp_path, extension, n_channels):
    path = tmp_path / f"Ein Stück 曲{extension}"
    write(path, _noise(n_channels, 33_333), 48_000)
    got, sample_rate = read(path)
    assert (sample_rate, got.shape) == (48_000, (n_channels, 33_333))
    assert _names(tmp_path) == [path.name]


@pytest.mark.parametrize("extension", [".wav", ".flac", ".aiff"])
def test_lossless_formats_default_to_24_bits(tmp_path, extension):
    audio = _noise(2, 5000)
    write(tmp_path / f"x{extension}", audio, 44_100)
    np.testing.assert_allclose(read(tmp_path / f"x{extension}")[0], audio, rtol=0, atol=2**-23)


@pytest.mark.parametrize(
    ("subtype", "atol"), [("PCM_16", 2**-15), ("PCM_32", 2**-24), ("FLOAT", 0), ("DOUBLE", 0)]
)
def test_subtypes_are_obeyed(tmp_path, subtype, atol):
    audio = _noise(8, 500)
    write(tmp_path / "x.wav", audio, 192_000, subtype=subtype)
    assert soundfile.info(tmp_path / "x.wav").subtype == subtype
    np.testing.assert_allclose(read(tmp_path / "x.wav")[0], audio, rtol=0, atol=atol)


@pytest.mark.parametrize("n_bits", [16, 24])
def test_every_lossless_format_rounds_to_the_same_samples(tmp_path, n_bits):
    """What libsndfile stores of floats is a step lower in WAV and AIFF than in FLAC, half the time."""
    samples = np.random.default_rng(0).uniform(-1.1, 1.1, (1, 50_000)).astype(np.float32)
    full_scale = 2.0 ** (n_bits - 1)
    expected = np.rint(samples[0] * np.float64(full_scale)).clip(-full_scale, full_scale - 1)
    for extension in (".wav", ".flac", ".aiff"):
        write(tmp_path / f"a{extension}", samples, 44_100, subtype=f"PCM_{n_bits}")
        stored, _ = soundfile.read(tmp_path / f"a{extension}", dtype="float64")
        np.testing.assert_array_equal(stored * full_scale, expected)


def test_integer_formats_clip_instead_of_wrapping_round(tmp_path):
    write(tmp_path / "x.wav", np.array([1.5, -1.5, 1.0]), 44_100, subtype="PCM_16")
    np.testing.assert_allclose(read(tmp_path / "x.wav")[0], [[1, -1, 1]], atol=2**-15)


def test_blocks_of_any_length_join(tmp_path):
    audio = _noise(2, 40_000)
    with AudioWriter(tmp_path / "x.wav", 44_100, 2, subtype="FLOAT") as writer:
        for start, stop in [(0, 0), (0, 1), (1, 30_000), (30_000, 40_000)]:
            writer.write(audio[:, start:stop])
    np.testing.assert_array_equal(read(tmp_path / "x.wav")[0], audio)


@pytest.mark.parametrize(
    ("source_subtype", "name", "expected"),
    [
        ("PCM_16", "x.wav", "PCM_16"),
        ("FLOAT", "x.wav", "FLOAT"),
        ("FLOAT", "x.flac", "PCM_24"),
        ("PCM_16", "x.FLAC", "PCM_16"),
        ("VORBIS", "x.wav", "PCM_24"),
        ("PCM_24", "x.mp3", "MPEG_LAYER_III"),
        ("VORBIS", "x.opus", "OPUS"),
        (None, "x.wav", "PCM_24"),
    ],
)
def test_depth_follows_the_source_where_the_format_can(source_subtype, name, expected):
    assert subtype_for(name, source_subtype) == expected


@pytest.mark.parametrize("extension", list(FORMATS))
@pytest.mark.parametrize("n_channels", [1, 2, 3, 8, 9])
@pytest.mark.parametrize("sample_rate", [8_000, 11_025, 24_000, 44_100, 96_000, 192_000])
def test_check_format_agrees_with_libsndfile(tmp_path, extension, sample_rate, n_channels):
    path = tmp_path / f"x{extension}"
    try:
        form = FORMATS[extension]
        with soundfile.SoundFile(
            path, "w", sample_rate, n_channels, form.subtypes[0], format=form.libsndfile_name
        ):
            possible = True
    except soundfile.LibsndfileError:
        possible = False
    if possible:
        check_format(path, sample_rate, n_channels)
    else:
        with pytest.raises(AudioError, match=f"^{re.escape(str(path))} can't hold .*: choose "):
            check_format(path, sample_rate, n_channels)


def _fails(tmp_path, reason, name, audio, sample_rate, **keywords):
    before = _names(tmp_path)
    with pytest.raises(AudioError, match=reason) as caught:
        write(tmp_path / name, audio, sample_rate, **keywords)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert _names(tmp_path) == before


def test_destinations_that_cannot_be(tmp_path):
    audio = _noise(1, 100)
    _fails(tmp_path, r"extension \.xyz.*\.wav, \.flac", "x.xyz", audio, 44_100)
    _fails(tmp_path, "no extension", "x", audio, 44_100)
    _fails(tmp_path, "no folder", "nowhere/x.wav", audio, 44_100)
    _fails(tmp_path, r"choose one of PCM_24, PCM_16", "x.flac", audio, 44_100, subtype="FLOAT")
    _fails(tmp_path, "OPUS knows only 8000", "x.ogg", audio, 44_100, subtype="OPUS")
    (tmp_path / "folder.wav").mkdir()
    _fails(tmp_path, "is a folder", "folder.wav", audio, 44_100)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_folder_that_may_not_be_written_to(tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    _fails(folder, "Permission denied", "x.wav", _noise(1, 100), 44_100)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="needs a folder in which nobody can make files")
def test_folder_in_which_nobody_can_make_files():
    with pytest.raises(AudioError, match=r"^/proc/x.wav can't be written .*choose a folder") as caught:
        write("/proc/x.wav", _noise(1, 100), 44_100)
    assert "\n" not in str(caught.value)


def test_file_name_that_the_system_refuses(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    _fails(tmp_path, "no folder", "file/x.wav", _noise(1, 100), 44_100)


@pytest.mark.parametrize("extension", list(FORMATS))
@pytest.mark.parametrize("n_blocks", [1, 40])
def test_disk_that_fills_up_leaves_nothing(tmp_path, extension, n_blocks):
    audio = _noise(2, 48_000)

    def fill_up() -> None:
        with AudioWriter(tmp_path / f"x{extension}", 48_000, 2) as writer:
            for block in np.array_split(audio, n_blocks, axis=1):
                writer.write(block)

    with full_disk(6_000), pytest.raises(AudioError, match="disk is full") as caught:
        fill_up()
    assert str(tmp_path / f"x{extension}") in str(caught.value)
    assert _names(tmp_path) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt, AudioError, ZeroDivisionError])
def test_interruption_leaves_what_was_there_before(tmp_path, error):
    write(tmp_path / "x.wav", _noise(1, 77), 44_100)
    before = (tmp_path / "x.wav").read_bytes()

    def interrupted() -> None:
        with AudioWriter(tmp_path / "x.wav", 44_100, 1) as writer:
            writer.write(_noise(1, 1000))
            raise error

    with pytest.raises(error):
        interrupted()
    assert _names(tmp_path) == ["x.wav"]
    assert (tmp_path / "x.wav").read_bytes() == before


def test_success_replaces_what_was_there_with_ordinary_permissions(tmp_path):
    (tmp_path / "x.wav").write_bytes(b"old")
    (tmp_path / "ordinary").write_bytes(b"")
    write(tmp_path / "x.wav", _noise(1, 500), 44_100)
    assert read(tmp_path / "x.wav")[0].shape == (1, 500)
    assert (tmp_path / "x.wav").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(AudioError, match="no samples"), AudioWriter(tmp_path / "x.wav", 44_100, 1):
        pass
    assert _names(tmp_path) == []


def test_blocks_must_fit(tmp_path):
    with (
        pytest.raises(ShapeError, match=r"\(2, sample\)"),
        AudioWriter(tmp_path / "x.wav", 44_100, 2) as writer,
    ):
        writer.write(_noise(1, 10))
    with pytest.raises(AudioError, match="NaN"), AudioWriter(tmp_path / "x.wav", 44_100, 1) as writer:
        writer.write(np.array([[0.0, np.nan]], dtype=np.float32))
    assert _names(tmp_path) == []
