"""Sound that libsndfile does not read, such as a phone's .m4a: decoded by ffmpeg where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from violute.errors import AudioError

CAF = ("CAF", "caf")
OGG = ("Ogg without Vorbis, Opus or FLAC", "ogg")
"""libsndfile reads others of these two."""

_KINDS = (
    (4, b"ftyp", "MP4 (AAC or ALAC)", "mov"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska", "matroska"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "Windows Media", "asf"),
    (0, b"\xff\xf1", "AAC", "aac"),
    (0, b"\xff\xf9", "AAC", "aac"),
    (0, b"#!AMR", "AMR", "amr"),
    (0, b"wvpk", "WavPack", "wv"),
    (0, b"MAC ", "Monkey's Audio", "ape"),
    (0, b"TTA1", "True Audio", "tta"),
    (0, b"DSD ", "DSD", "dsf"),
    (0, b"\x0bw", "AC-3", "ac3"),
    (8, b"AVI ", "AVI", "avi"),
    (0, b"FLV\x01", "Flash video", "flv"),
    (0, b"\0\0\1\xba", "MPEG video", "mpeg"),
)
"""Place and letters that tell a kind, its name, and the name of ffmpeg's reader for it."""


_CHUNK_BYTES = 1 << 20
"""More than ffmpeg writes at a time: so far below its limit it stops."""


def foreign_kind(head: bytes) -> tuple[str, str] | None:
    """Tell from the first 16 bytes what ffmpeg could read: the kind's name, and that of ffmpeg's reader."""
    if head.startswith(b"caff"):
        return CAF
    for at, letters, kind, reader in _KINDS:
        if head[at:].startswith(letters):
            return kind, reader
    return None


def decode_foreign(
    path: Path, wav: Path, kind: tuple[str, str], name: str, end_seconds: float | None
) -> None:
    """Decode a file of a `foreign_kind` into a WAV of floating point, up to `end_seconds` or its end.

    The reader is named, and may open no other file: a playlist in disguise would lead anywhere.

    Raises:
        AudioError: There is no ffmpeg, it cannot decode the file, or the disk has no room for it.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError(
            f"{name} is {kind[0]}, which needs ffmpeg: install ffmpeg, or convert the file to WAV or FLAC"
        )
    command = [program, "-v", "error", "-nostdin", "-protocol_whitelist", "file", "-f", kind[1]]
    command += ["-i", f"file:{path}", "-map", "0:a:0", "-c:a", "pcm_f32le", "-rf64", "auto", "-f", "wav"]
    # A film of days fits into few bytes; what it becomes must not fill the disk.
    room = shutil.disk_usage(wav.parent).free * 9 // 10
    command += ["-fs", str(room)] + (["-t", str(end_seconds)] if end_seconds is not None else [])
    done = subprocess.run([*command, "-y", f"file:{wav}"], capture_output=True, check=False)
    if wav.exists() and wav.stat().st_size > room - _CHUNK_BYTES:
        raise AudioError(f"{name} doesn't fit into {wav.parent} when decoded: make room there, or set TMPDIR")
    if done.returncode or not wav.exists():
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise AudioError(
            f"{name} is damaged, or holds no sound that ffmpeg can decode ({lines[-1]}): "
            "convert it to WAV or FLAC with the program that made it"
        )
