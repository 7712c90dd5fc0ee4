"""What each file format that Violute writes can hold: rates, channels, depths.

The limits are those of libsndfile 1.2 and of the formats themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from violute.errors import AudioError

_PCM = ("PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")
_OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class Format:
    """A file format, by what it can hold.

    Attributes:
        libsndfile_name: Major format in libsndfile's words.
        subtypes: Ways to store a sample; the first is the default.
        max_channels: Most channels in one file.
        max_sample_rate: Highest rate in Hz.
        sample_rates: The only rates possible in Hz; empty where any up to the highest will do.
        max_bytes: Largest file.
    """

    libsndfile_name: str
    subtypes: tuple[str, ...]
    max_channels: int
    max_sample_rate: int
    sample_rates: tuple[int, ...] = ()
    max_bytes: int = 1 << 62


FORMATS: dict[str, Format] = {
    ".wav": Format(
        "WAV", ("PCM_24", "PCM_16", "PCM_32", "FLOAT", "DOUBLE", "PCM_U8"), 1024, 768_000, (), 0xFFFFFF00
    ),
    ".flac": Format("FLAC", ("PCM_24", "PCM_16", "PCM_S8"), 8, 655_350),
    ".ogg": Format("OGG", ("VORBIS", "OPUS"), 255, 192_000),
    ".opus": Format("OGG", ("OPUS",), 255, 48_000, _OPUS_RATES),
    ".mp3": Format("MP3", ("MPEG_LAYER_III",), 2, 48_000, _MP3_RATES),
    ".aiff": Format("AIFF", ("PCM_24", "PCM_16", "PCM_32", "FLOAT", "DOUBLE"), 1024, 768_000, (), 0x7FFFFF00),
    ".aif": Format("AIFF", ("PCM_24", "PCM_16", "PCM_32", "FLOAT", "DOUBLE"), 1024, 768_000, (), 0x7FFFFF00),
}
"""Formats that can be written, by extension in lower case."""

FOREIGN_SUFFIXES = frozenset(
    {".m4a", ".m4b", ".mp4", ".mov", ".3gp", ".webm", ".mka", ".mkv", ".wma", ".aac", ".amr", ".wv", ".ape"}
    | {".tta", ".dsf", ".ac3", ".avi", ".flv", ".mpg", ".ogv", ".spx"}
)
"""Endings, in lower case, of what `FileSource` reads by way of ffmpeg."""

MPEG_SUFFIXES = frozenset({".mp3", ".mp2", ".mpga"})
"""Endings, in lower case, of files in which frames of MPEG audio may come late."""

AUDIO_SUFFIXES = (
    FOREIGN_SUFFIXES
    | MPEG_SUFFIXES
    | {*FORMATS, ".wave", ".bwf", ".oga", ".aifc", ".aiffc", ".caf", ".au", ".snd", ".w64", ".rf64"}
)
"""Endings, in lower case, of what counts as a recording in a folder, to convert and to learn from."""


def audio_files(folder: Path) -> list[Path]:
    """List the recordings of a folder and its sub-folders by path, without hidden files and folders."""
    return [path for path in visible_files(folder) if path.suffix.lower() in AUDIO_SUFFIXES]


def visible_files(folder: Path) -> list[Path]:
    """List the files of a folder and its sub-folders by path, without hidden files and folders.

    Links that lead nowhere are among them, so that whoever opens one can say so.
    """
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (path.is_file() or (path.is_symlink() and not path.exists()))
    ]


def format_for(path: str | Path) -> Format:
    """Return the format that a file name's extension asks for.

    Raises:
        AudioError: The extension is none that can be written.
    """
    extension = Path(path).suffix.lower()
    if extension not in FORMATS:
        raise AudioError(
            f"{path} has {f'the extension {extension}' if extension else 'no extension'}: name the output "
            f"with one of {', '.join(FORMATS)}"
        )
    return FORMATS[extension]


def subtype_for(path: str | Path, source_subtype: str | None = None, bits: int | None = None) -> str:
    """Choose how to store samples: as in the source (`FileSource.subtype`) if the format can, or its default.

    Args:
        path: Its extension names the format.
        source_subtype: Of the source.
        bits: Of a sample, where they were chosen.

    Raises:
        AudioError: The extension is none that can be written, or the format stores no such samples.
    """
    subtypes = format_for(path).subtypes
    if bits is not None:
        if f"PCM_{bits}" not in subtypes:
            raise AudioError(
                f"{path}: {Path(path).suffix.lower()} has no samples of {bits} bits: "
                "choose .wav, .flac or .aiff, or leave the bits out"
            )
        return f"PCM_{bits}"
    return source_subtype if source_subtype in subtypes and source_subtype in _PCM else subtypes[0]


def rate_for(path: str | Path, sample_rate: int) -> int:
    """Choose the rate of a file: the source's, but in .opus 48 kHz where it knows no such rate, in Hz."""
    form = format_for(path)
    is_unknown = form.subtypes == ("OPUS",) and sample_rate not in form.sample_rates
    return form.max_sample_rate if is_unknown else sample_rate


def check_format(path: str | Path, sample_rate: int, n_channels: int, subtype: str | None = None) -> None:
    """Make sure that a file of this name can hold this sound, before any work is done.

    Raises:
        AudioError: The format can't hold the rate, the channels or the subtype.
    """
    form = format_for(path)
    extension = Path(path).suffix.lower()
    if subtype is not None and subtype not in form.subtypes:
        raise AudioError(f"{path} can't be stored as {subtype}: choose one of {', '.join(form.subtypes)}")
    if n_channels > form.max_channels:
        other = ".wav or .flac" if n_channels <= 8 else ".wav"
        raise AudioError(
            f"{path} can't hold {n_channels} channels, {extension} has at most {form.max_channels}: "
            f"choose {other}"
        )
    rates = _OPUS_RATES if subtype == "OPUS" else form.sample_rates
    if rates and sample_rate not in rates:
        raise AudioError(
            f"{path} can't hold {sample_rate} Hz, {subtype if subtype == 'OPUS' else extension} knows only "
            f"{', '.join(map(str, rates))}: choose .wav or .flac, or resample the source"
        )
    if sample_rate > form.max_sample_rate:
        raise AudioError(
            f"{path} can't hold {sample_rate} Hz, {extension} goes to {form.max_sample_rate}: "
            "choose .wav, or resample the source"
        )
