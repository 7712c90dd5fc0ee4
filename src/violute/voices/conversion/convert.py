"""A recording in, the hybrid out: file to file, in constant memory."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from violute.analysis.polyphony.chords import Lines
from violute.audio.file_source import FileSource
from violute.audio.formats import rate_for, subtype_for
from violute.audio.resample import StreamResampler, resampled_length
from violute.audio.span import WHOLE, Span, within
from violute.audio.write import AudioWriter
from violute.errors import AudioError
from violute.voices.contract import OnProgress
from violute.voices.family import FamilyVoice
from violute.voices.load import load_voice
from violute.voices.mix import AS_PLAYED, Mix, MixLike, Output
from violute.worklist.places import Place

ANALYSIS_SHARE = 0.6
"""Share of the work that is analysis, for progress only."""


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Attributes:
        source: The recording.
        destination: The hybrid.
        seconds: Length of the recording.
        written_seconds: Length of the hybrid, shorter where a part was asked for.
        real_time_factor: Seconds of sound converted in one second, voice loading left out.
        warnings: What the user should know, such as "no steady pitch was found".
        n_lines: Notes at once, at most.
    """

    source: Place
    destination: Place
    seconds: float
    written_seconds: float
    real_time_factor: float
    warnings: tuple[str, ...] = ()
    n_lines: int = 1

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON knows them."""
        return asdict(self) | {
            "source": str(self.source),
            "destination": str(self.destination),
            "warnings": list(self.warnings),
        }


def convert_file(
    source: str | Path,
    destination: str | Path,
    *,
    mix: MixLike = 0.5,
    output: Output = AS_PLAYED,
    voice: str | Path | FamilyVoice | None = None,
    lines: Lines = "auto",
    voices: Lines | None = None,
    span: Span = WHOLE,
    bits: Literal[16, 24] | None = None,
    overwrite: bool = True,
    on_progress: OnProgress | None = None,
) -> Conversion:
    """Play a recording in a voice and write the result.

    The destination keeps rate, length, channels and loudness of the source and appears only when
    it is whole; its format follows its extension. An .opus file has 48 kHz where it cannot hold the rate.

    Args:
        source: WAV, FLAC, Ogg, Opus, MP3 or AIFF.
        destination: The file to write.
        mix: From the voice's first end (0) to its second (1), break-points, or a `Mix`.
        output: Share of the hybrid beside the recording, level, and transposition.
        voice: Name or path of a voice, or a loaded one; None is the built-in voice.
        lines: How many notes may sound at once, 1 to 4; `auto` finds out passage by passage.
        voices: Alias of `lines`.
        span: The part to write; the whole is played for it, so that it sounds as it does there.
        bits: Of a sample; None: as the recording.
        overwrite: Whether a destination that exists is replaced.
        on_progress: Called with the share done.

    Raises:
        AudioError: The source cannot be used, has nothing in the span, or the destination cannot be written.
        InputError: `lines` is neither `auto` nor 1 to 4.
        MixError: A dial is out of range or an automation is malformed.
        VoiceError: The voice is unknown or damaged.
    """
    source, destination = Path(source), Path(destination)
    settings = mix if isinstance(mix, Mix) else Mix.at(mix)
    if _is_same_file(source, destination):
        raise AudioError(f"{destination}: output and input are the same file: name another output")
    if destination.exists() and not overwrite:
        raise AudioError(f"{destination} exists already: name another output or allow overwriting")
    player = voice if isinstance(voice, FamilyVoice) else load_voice(voice)
    started = time.perf_counter()
    recording = FileSource(source)
    done = on_progress or (lambda _: None)
    # The writer opens first, so that a destination that cannot be written costs no analysis.
    subtype = subtype_for(destination, recording.subtype, bits)
    rate = rate_for(destination, recording.sample_rate)
    samples = span.samples(recording)
    length = resampled_length(len(samples), recording.sample_rate, rate)
    resampler = StreamResampler(recording.sample_rate, rate, recording.n_channels, length)
    with AudioWriter(destination, rate, recording.n_channels, subtype=subtype, overwrite=overwrite) as writer:
        take = player.analyse_source(
            recording,
            lines=lines if voices is None else voices,
            on_progress=lambda share: done(ANALYSIS_SHARE * share),
        )
        blocks = take.blocks(
            settings,
            output=output,
            on_progress=lambda share: done(ANALYSIS_SHARE + (1 - ANALYSIS_SHARE) * share),
        )
        for block in within(blocks, samples):
            writer.write(resampler.push(block))
        writer.write(resampler.flush())
    seconds = recording.n_samples / recording.sample_rate
    elapsed = max(time.perf_counter() - started, 1e-9)
    return Conversion(
        source,
        destination,
        seconds,
        len(samples) / recording.sample_rate,
        seconds / elapsed,
        take.warnings_for(settings),
        take.n_lines,
    )


def _is_same_file(source: Path, destination: Path) -> bool:
    """Whether both paths lead to one file, through links too."""
    if source.resolve() == destination.resolve():
        return True
    return source.exists() and destination.exists() and source.samefile(destination)
