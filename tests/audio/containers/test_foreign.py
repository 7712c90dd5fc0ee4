"""What libsndfile does not read: by ffmpeg, or one line that names the way out."""

import shutil
import subprocess

import numpy as np
import pytest
import soundfile

from violute.audio.file_source import FileSource
from violute.audio.formats import audio_files
from violute.audio.read import read
from violute.errors import AudioError

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")

HEADS = {
    "x.m4a": (b"\0\0\0\x1cftypM4A \0\0\0\0" + bytes(500), "MP4"),
    "x.mp4": (b"\0\0\0\x20ftypisom\0\0\2\0" + bytes(500), "MP4"),
    "x.aac": (b"\xff\xf1\x50\x80\x02\x1f\xfc" + bytes(500), "AAC"),
    "x.webm": (b"\x1aE\xdf\xa3\x9fB\x86\x81\1" + bytes(500), "WebM"),
    "x.avi": (b"RIFF\xf4\1\0\0AVI LIST" + bytes(500), "AVI"),
    "x.wma": (b"0&\xb2u\x8ef\xcf\x11\xa6\xd9" + bytes(500), "Windows Media"),
}


@pytest.mark.parametrize("name", HEADS)
def test_without_ffmpeg_one_line_names_kind_and_way_out(tmp_path, monkeypatch, name):
    content, kind = HEADS[name]
    (tmp_path / name).write_bytes(content)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(AudioError, match=f"{name} is {kind}.* needs ffmpeg: install") as caught:
        FileSource(tmp_path / name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".mpga", ".ac3", ".mkv", ".MOV", ".avi"])
def test_what_converts_by_name_counts_in_a_folder_too(tmp_path, ending):
    (tmp_path / f"x{ending}").touch()
    assert audio_files(tmp_path) == [tmp_path / f"x{ending}"]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    (tmp_path / "x.wav").symlink_to("gone.wav")
    (found,) = audio_files(tmp_path)
    with pytest.raises(AudioError, match="x.wav does not exist: check the name"):
        FileSource(found)


@needs_ffmpeg
@pytest.mark.parametrize("name", HEADS)
def test_what_ffmpeg_cannot_decode_either_is_one_line(tmp_path, name):
    (tmp_path / name).write_bytes(HEADS[name][0])
    with pytest.raises(AudioError, match=f"{name} is damaged, or holds no sound that ffmpeg can") as caught:
        FileSource(tmp_path / name)
    assert "\n" not in str(caught.value)


@needs_ffmpeg
@pytest.mark.parametrize(
    "options", ["-c:a aac x.m4a", "-c:a aac x.aac", "-c:a wmav2 x.wma", "-c:a alac x.caf", "-c:a mp3 x.avi"]
)
def test_with_ffmpeg_it_is_played(tmp_path, options):
    tone = 0.3 * np.sin(2 * np.pi * 440 * np.arange(88_200) / 44_100)
    soundfile.write(tmp_path / "tone.wav", np.stack([tone, 0.5 * tone], axis=1), 44_100)
    subprocess.run(["ffmpeg", "-v", "error", "-i", "tone.wav", *options.split()], cwd=tmp_path, check=True)
    path = tmp_path / options.split()[-1]
    audio, rate = read(path)
    assert audio.shape[0] == 2
    assert audio.shape[1] / rate == pytest.approx(2.0, abs=0.1)
    assert np.argmax(np.abs(np.fft.rfft(audio[0]))) * rate / audio.shape[1] == pytest.approx(440, abs=1)
    assert FileSource(path).subtype is None


@needs_ffmpeg
def test_a_playlist_in_disguise_opens_no_other_file(tmp_path):
    soundfile.write(tmp_path / "secret.wav", 0.1 * np.ones(1_000), 8_000)
    (tmp_path / "x.m4a").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'secret.wav'}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match="is not audio"):
        FileSource(tmp_path / "x.m4a")


@needs_ffmpeg
def test_only_what_is_asked_for_is_decoded_and_only_what_fits(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "tone.wav", 0.1 * np.sin(np.arange(20 * 44_100) / 10), 44_100)
    command = ["ffmpeg", "-v", "error", "-i", "tone.wav", "-c:a", "aac", "x.m4a"]
    subprocess.run(command, cwd=tmp_path, check=True)
    part = FileSource(tmp_path / "x.m4a", 1.0, 2.0)
    assert part.n_samples == 44_100
    assert sum(path.stat().st_size for path in part._content.parent.iterdir()) < 500_000
    usage = shutil.disk_usage(tmp_path)._replace(free=2_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(AudioError, match=r"x\.m4a doesn't fit into .* when decoded"):
        FileSource(tmp_path / "x.m4a")
