"""`FamilyVoice`: what the voices of all families share, from a recording to a `Take`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

import numpy as np
from jaxtyping import Num

from violute.analysis.polyphony.below_range import BELOW_SHARE
from violute.analysis.polyphony.chords import Lines, checked_lines
from violute.audio.channels import Measurement, measure
from violute.audio.file_source import FileSource
from violute.audio.source import ArraySource, Source
from violute.errors import InputError, VoiceError
from violute.voices.builtin_voices import too_low
from violute.voices.card import Card
from violute.voices.contract import OnProgress, Performance, StreamLike
from violute.voices.mix import MixLike
from violute.voices.take import Frame, Take
from violute.worklist.memory import return_freed_memory

ONE_SOUND = (
    "this voice plays the sound as a whole and tells no notes apart: the number of lines changes nothing"
)
"""What such a voice warns of where a number of lines was asked for."""

OVER_DB = 1.0
"""True peak of a recording, in dBTP, beyond which its loudness does not fit below full scale. Lossy files
reach 1 dB with single peaks."""

SOFTER = "the hybrid stays below full scale and may come out softer"

MEASURE_SHARE = 0.1
"""Share of the analysis that measuring level and channels takes, for progress only."""


class FamilyVoice(ABC):
    """A voice of one family; a family fills in `perform`."""

    is_live: ClassVar[bool] = False
    """Whether its performances have live parameters; see `violute.voices.live_parameters`."""

    tells_lines_apart: bool = False
    """Whether it plays notes that sound together as lines of their own."""

    def __init__(self, card: Card) -> None:
        self.card = card

    @abstractmethod
    def perform(
        self, source: Source, measurement: Measurement, on_progress: OnProgress, lines: Lines
    ) -> Performance:
        """Measure a performance, in constant memory but for what each frame needs.

        Args:
            source: The recording, audible.
            measurement: Of its level and channels; `mono_blocks(source, measurement)` reads it in
                mono, without its offset.
            on_progress: Called with the share done.
            lines: How many notes may sound at once; a family that tells none apart passes over it.
        """

    def __repr__(self) -> str:
        card = self.card
        ends = f"{card.ends[0]} (mix 0) to {card.ends[1]} (mix 1)"
        return f"<{type(self).__name__} {card.name}: {ends}, family {card.family}, {card.sample_rate} Hz>"

    def analyse(
        self,
        audio: Num[np.ndarray, "*channel sample"] | str | Path,
        sample_rate: int | None = None,
        *,
        lines: Lines = "auto",
        voices: Lines | None = None,
        on_progress: OnProgress | None = None,
    ) -> Take:
        """Measure a performance: the costly part, once.

        Args:
            audio: `(sample,)` or `(channel, sample)`, floating point with full scale 1, or PCM; or the path
                of a recording.
            sample_rate: Of an array, in Hz, any.
            lines: How many notes may sound at once, 1 to 4; `auto` finds out passage by passage.
            voices: Alias of `lines`.
            on_progress: Called with the share done.

        Raises:
            AudioError: The audio is empty, silent, or not finite.
            InputError: `lines` is neither `auto` nor 1 to 4, or an array came without its rate.
        """
        lines = lines if voices is None else voices
        if isinstance(audio, str | Path):
            return self._take(FileSource(audio), lines, on_progress, is_flat=False)
        if sample_rate is None:
            raise InputError("an array came without its sample rate: give analyse(audio, sample_rate)")
        return self._take(ArraySource(audio, sample_rate), lines, on_progress, is_flat=audio.ndim == 1)

    def analyse_source(
        self,
        source: Source,
        *,
        lines: Lines = "auto",
        voices: Lines | None = None,
        on_progress: OnProgress | None = None,
    ) -> Take:
        """Measure a performance that is read block by block, as a `FileSource` is; see `analyse`.

        Raises:
            AudioError: The recording is silent, damaged, or not finite.
            InputError: `lines` is neither `auto` nor 1 to 4.
        """
        return self._take(source, lines if voices is None else voices, on_progress, is_flat=False)

    def stream(self, mix: MixLike = 0.5) -> StreamLike:  # noqa: ARG002 - families that can stream read it
        """Play along with sound that arrives as it is played; dials move in seconds from the first sample.

        Raises:
            VoiceError: The family cannot.
            MixError: A dial is out of range or an automation is malformed.
        """
        raise VoiceError(
            f"voice {self.card.name} is of the family {self.card.family}, which needs the whole recording: "
            "convert a file, or stream with a voice of the family ddsp"
        )

    def unusable(self, error: Exception, what: str = "is damaged") -> VoiceError:
        """Return the error that says why the network cannot be opened or run."""
        reason = str(error).splitlines()[0]
        return VoiceError(f"voice {self.card.name} {what} ({reason}): export or download it again")

    def _take(self, source: Source, lines: Lines, on_progress: OnProgress | None, *, is_flat: bool) -> Take:
        checked_lines(lines)
        measurement = measure(source)

        def report(share: float) -> None:
            if on_progress is not None:
                on_progress(MEASURE_SHARE + (1.0 - MEASURE_SHARE) * share)

        report(0.0)
        frame = Frame.of(source, measurement, is_flat=is_flat)
        warnings = source.warnings
        if measurement.true_peak_db > OVER_DB:
            warnings += (f"it goes {measurement.true_peak_db:.1f} dB over full scale: {SOFTER}",)
        if not self.tells_lines_apart and lines != "auto":
            warnings += (ONE_SOUND,)
        performance = self.perform(source, measurement, report, lines)
        return_freed_memory()  # playing has threads of its own
        if performance.controls is not None and performance.controls.below_share > BELOW_SHARE:
            warnings += (too_low(performance.controls.below_share),)
        return Take(performance, frame, source, warnings)
