"""Bad input: one line that names the file, exit code 2, no traceback, and nothing left behind."""

import numpy as np
import pytest
import soundfile
from command_line import put_voice, refused


def tone(n_samples=8_000):
    return 0.3 * np.sin(2 * np.pi * 440 * np.arange(n_samples) / 8_000)


@pytest.fixture
def place(tmp_path):
    """A folder with a good recording and a voice."""
    put_voice(tmp_path)
    soundfile.write(tmp_path / "solo.wav", tone(), 8_000)
    return tmp_path


def test_a_missing_file(place):
    assert "gone.wav does not exist" in refused(place, "gone.wav", "out.wav")


def test_a_folder_without_audio(place):
    (place / "texts").mkdir()
    (place / "texts" / "read.txt").write_text("no music")
    assert "texts: the folder holds no recordings" in refused(place, "texts", "out")
    assert not (place / "out").exists()


def test_a_file_that_is_no_audio(place):
    (place / "poem.wav").write_text("Shall I compare thee to a summer's day?" * 50)
    assert "poem.wav is not audio" in refused(place, "poem.wav", "out.wav")


@pytest.mark.parametrize("extension", ["wav", "flac", "mp3", "ogg"])
def test_a_truncated_file(place, extension):
    whole, cut = place / f"whole.{extension}", place / f"cut.{extension}"
    soundfile.write(whole, tone(40_000), 8_000)
    content = whole.read_bytes()
    whole.unlink()
    cut.write_bytes(content[: len(content) * 2 // 3])
    assert f"cut.{extension} is damaged or truncated" in refused(place, cut.name, "out.wav")


def test_a_file_of_zero_bytes(place):
    (place / "nothing.flac").write_bytes(b"")
    assert "nothing.flac is empty" in refused(place, "nothing.flac", "out.wav")


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        (np.zeros(0), "holds no samples"),
        (np.ones(1), "holds a single sample"),
        (np.zeros(8_000), "is silent"),
        (np.full(8_000, 0.25), "is silent"),
        (np.append(tone(), np.nan), "holds NaN or infinity"),
        (np.append(np.inf, tone()), "holds NaN or infinity"),
    ],
)
def test_a_recording_without_usable_samples(place, samples, reason):
    soundfile.write(place / "odd.wav", samples, 8_000, subtype="FLOAT")
    line = refused(place, "odd.wav", "out.wav")
    assert "odd.wav" in line
    assert reason in line


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("gone/out.wav", "there is no folder gone"),
        ("out.xyz", "extension .xyz"),
        ("solo.wav", "the same file"),
        ("./solo.wav", "the same file"),
        ("out.mp3", None),
        ("solo.wav/", "the folder cannot be made"),
    ],
)
def test_a_destination_that_cannot_be_written(place, output, reason):
    source = "solo.wav"
    if reason is None:  # MP3 does not know 96,000 Hz
        soundfile.write(place / "rate.wav", tone(), 96_000)
        source, reason = "rate.wav", "96000 Hz"
    assert reason in refused(place, source, output)


def test_an_input_behind_a_link_is_not_overwritten(place):
    (place / "link.wav").symlink_to("solo.wav")
    assert "the same file" in refused(place, "solo.wav", "link.wav")
    assert "the same file" in refused(place, "solo.wav", "link.wav", "--force")


def test_a_full_destination(place):
    try:
        import resource
    except ImportError:
        pytest.skip("file sizes cannot be limited on this system")

    def no_more_than_30_kilobytes():
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))

    soundfile.write(place / "long.flac", tone(40_000), 8_000)
    line = refused(place, "long.flac", "out.wav", preexec_fn=no_more_than_30_kilobytes)
    assert "out.wav can't be written completely" in line
