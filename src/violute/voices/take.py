"""`Take`: one performance, analysed by one voice, rendered at any mix; the same for every family.

A family synthesises in mono, at its own rate and level. Everything that ties the result to the
recording happens here: rate, exact length, channels, loudness (ITU-R BS.1770) and true peak.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.controls import Controls
from violute.analysis.note_files import write_controls, write_midi
from violute.analysis.notes import Note, notes_of
from violute.audio.channels import Measurement, spread_loudness_lu, spread_over_channels
from violute.audio.level import gain_to_loudness_db
from violute.audio.limiter import CEILING_DB, Limiter
from violute.audio.loudness import LoudnessMeter
from violute.audio.rendering import Rendering
from violute.audio.resample import StreamResampler
from violute.audio.source import Source, added
from violute.audio.span import WHOLE, Span, within
from violute.audio.write import AudioWriter
from violute.drawing.performance import draw_performance
from violute.drawing.png import png_bytes
from violute.errors import VoiceError
from violute.voices.contract import OnProgress, Performance
from violute.voices.mix import AS_PLAYED, Dials, MixLike, Output, dials
from violute.voices.prefetch import prefetched
from violute.voices.spool import SPOOL_BYTES, Spool

Lines = Float32[np.ndarray, "_line _sample"]
"""What is synthesised: one sound for all channels, or one for each of two."""

SAFE_MARGIN_DB = 0.2
"""So far below the ceiling the limiter passes everything on as it is, and need not be asked."""

SYNTHESIS_SHARE = 0.8
"""Share of a rendering's work that is synthesis, for progress only."""


@dataclass(frozen=True)
class Frame:
    """What a rendering takes over from the recording.

    Attributes:
        sample_rate: In Hz.
        n_samples: Per channel.
        loudness_lufs: Integrated loudness of the recording.
        channel_gains: Linear gain of each channel over the mono sound.
        is_flat: Whether the recording came as `(sample,)` rather than `(channel, sample)`.
    """

    sample_rate: int
    n_samples: int
    loudness_lufs: float
    channel_gains: Float32[np.ndarray, " channel"]
    is_flat: bool = False

    @classmethod
    def of(cls, source: Source, measurement: Measurement, *, is_flat: bool = False) -> Frame:
        """Take over what matters from a recording and its measurement."""
        return cls(
            source.sample_rate,
            source.n_samples,
            measurement.loudness_lufs,
            measurement.channel_gains,
            is_flat,
        )

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.channel_gains)

    @property
    def seconds(self) -> float:
        """Length."""
        return self.n_samples / self.sample_rate

    @property
    def loudest_gain(self) -> float:
        """Linear gain of the loudest channel, above 0."""
        return float(self.channel_gains.max())


class Take:
    """One performance of a recording, analysed by one voice; renderings take the frame over from it."""

    def __init__(
        self, performance: Performance, frame: Frame, recording: Source, warnings: tuple[str, ...] = ()
    ) -> None:
        self.performance = performance
        self.frame = frame
        self._recording = recording
        self._warnings = warnings
        self._transposed: tuple[float, Performance] | None = None

    def __repr__(self) -> str:
        frame = self.frame
        channels = "1 channel" if frame.n_channels == 1 else f"{frame.n_channels} channels"
        lines = f", up to {self.n_lines} notes at once" if self.n_lines > 1 else ""
        return f"<Take: {frame.seconds:.1f} s, {channels} at {frame.sample_rate} Hz{lines}>"

    def _repr_png_(self) -> bytes | None:
        """Return a picture of pitch and loudness for notebooks, where the family measures them."""
        if self.performance.controls is None:
            return None
        pitch, loudness = (np.atleast_2d(track) for track in (self.f0_hz, self.loudness_db))
        return png_bytes(draw_performance(pitch, loudness, self.frame.seconds))

    @property
    def controls(self) -> Controls:
        """Pitch, periodicity, loudness and onsets as the voice heard them, 100 frames a second.

        Raises:
            VoiceError: The family measures none.
        """
        if self.performance.controls is None:
            raise VoiceError("this voice measures no pitch: analyse with another, such as the built-in one")
        return self.performance.controls

    @property
    def times(self) -> Float[np.ndarray, " frame"]:
        """Seconds of each frame of `f0_hz` and `loudness_db`."""
        return np.arange(self.controls.n_frames) / self.controls.frame_rate_hz

    @property
    def f0_hz(self) -> Float[np.ndarray, "*line frame"]:
        """Fundamental in Hz, 0 where there is no pitch: `(frame,)`, or `(line, frame)` of several lines."""
        heard = self.controls
        return _one_or_all(np.where(heard.periodicity > 0.0, heard.f0_hz, 0.0))

    @property
    def loudness_db(self) -> Float[np.ndarray, "*line frame"]:
        """A-weighted loudness, relative to a full-scale 1 kHz sine, in the shape of `f0_hz`."""
        return _one_or_all(self.controls.loudness_db)

    def notes(self) -> list[Note]:
        """Return the notes, by onset; those of a chord overlap.

        Raises:
            VoiceError: The family measures none.
        """
        return notes_of(self.controls)

    def save_midi(self, path: str | Path) -> None:
        """Write the notes as a MIDI file: the nearest key of each, a channel for each line.

        Raises:
            InputError: The file cannot be written.
            VoiceError: The family measures no notes.
        """
        write_midi(self.notes(), path)

    def save_controls(self, path: str | Path) -> None:
        """Write what was measured each 10 ms as CSV, a row for each line and frame.

        Raises:
            InputError: The file cannot be written.
            VoiceError: The family measures nothing.
        """
        write_controls(self.controls, path)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know whatever the mix, such as "no steady pitch was found"."""
        return (*self._warnings, *self.performance.warnings)

    def warnings_for(self, mix: MixLike) -> tuple[str, ...]:
        """What the user should know about a rendering at `mix`, such as dials that the voice lacks.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
        return (*self._warnings, *self.performance.warnings_for(self._dials(mix)))

    @property
    def n_lines(self) -> int:
        """Notes that sound at once, at most, as the voice heard them; 1 where it tells none apart."""
        return self.performance.n_lines

    def performance_at(self, semitones: float) -> Performance:
        """Return the performance that many semitones higher; the last one stays for the next rendering."""
        if semitones == 0.0:
            return self.performance
        if self._transposed is None or self._transposed[0] != semitones:
            self._transposed = (semitones, self.performance.transposed(semitones))
        return self._transposed[1]

    def render(
        self, mix: MixLike = 0.5, *, output: Output = AS_PLAYED, on_progress: OnProgress | None = None
    ) -> Rendering:
        """Play the performance at `mix`: an array in the recording's shape, rate and loudness.

        The mix goes from the voice's first end (0) to its second (1), or is break-points or a `Mix`; the
        output may be transposed, louder, or beside the recording.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
        audio = np.empty((self.frame.n_channels, self.frame.n_samples), np.float32)
        at = 0
        for block in self.blocks(mix, output=output, on_progress=on_progress):
            audio[:, at : at + block.shape[1]] = block
            at += block.shape[1]
        return Rendering.of(audio[0] if self.frame.is_flat else audio, self.frame.sample_rate)

    def render_to(
        self,
        path: str | Path,
        mix: MixLike = 0.5,
        *,
        output: Output = AS_PLAYED,
        subtype: str | None = None,
        span: Span = WHOLE,
        on_progress: OnProgress | None = None,
    ) -> None:
        """Render into a file, or a part of it, in constant memory; the file appears only when it is whole.

        Raises:
            AudioError: The file cannot be written, or nothing lies in the span.
            MixError: A dial is out of range or an automation is malformed.
        """
        samples = span.samples(self._recording)
        blocks = within(self.blocks(mix, output=output, on_progress=on_progress), samples)
        with AudioWriter(path, self.frame.sample_rate, self.frame.n_channels, subtype=subtype) as writer:
            for block in blocks:
                writer.write(block)

    def blocks(
        self, mix: MixLike = 0.5, *, output: Output = AS_PLAYED, on_progress: OnProgress | None = None
    ) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        """Render block by block, in constant memory.

        The first block comes when the whole has been synthesised once, for its loudness has to be
        known first.

        Raises:
            AudioError: A long rendering did not fit on the disk of temporary files.
            MixError: A dial is out of range or an automation is malformed.
            VoiceError: What the voice plays is not finite.
        """
        hybrid = self._finished_blocks(self._dials(mix), output, on_progress or (lambda _share: None))
        return hybrid if output.wet == 1.0 else _beside(hybrid, self._recording, output)

    def _finished_blocks(
        self, settings: Dials, output: Output, on_progress: OnProgress
    ) -> Iterator[Float32[np.ndarray, "channel sample"]]:
        frame, performance = self.frame, self.performance_at(output.transpose)
        is_wide = frame.n_channels == 2 and performance.is_wide and bool(settings.room.any())
        # One sound for all channels, each at its gain; or one for each of two, at its gain already.
        n_lines, loudest, spread_lu = 1, frame.loudest_gain, spread_loudness_lu(frame.channel_gains)
        if is_wide:
            n_lines, loudest, spread_lu = 2, 1.0, 0.0
        with Spool(SPOOL_BYTES, n_channels=n_lines, n_expected=n_lines * frame.n_samples) as spool:
            meter = LoudnessMeter(frame.sample_rate, n_lines)
            n_done = 0
            for lines in prefetched(self._lines(performance, settings, n_lines)):
                if not np.isfinite(lines).all():
                    raise VoiceError("the voice plays no finite sound, its file is damaged: export it again")
                meter.push(lines)
                spool.append(lines)
                n_done += lines.shape[1]
                on_progress(SYNTHESIS_SHARE * n_done / frame.n_samples)

            def limited(gain_db: float) -> Iterator[Lines]:
                return prefetched(_limited(spool, _to_gain(gain_db), frame.sample_rate))

            # The limiter sees the loudest channel; the others hold the same sound, only softer.
            wanted_lufs = frame.loudness_lufs - spread_lu + output.level_db
            gain = _to_gain(gain_to_loudness_db(meter, wanted_lufs, limited, loudest_db=_to_db(loudest)))
            balance = frame.channel_gains / np.float32(frame.loudest_gain)
            n_done = 0
            loudest_gain = gain * loudest
            if meter.true_peak_db() + _to_db(loudest_gain) <= CEILING_DB - SAFE_MARGIN_DB:
                finished = _scaled(spool, loudest_gain)
            else:
                finished = prefetched(_limited(spool, loudest_gain, frame.sample_rate))
            for lines in finished:
                n_done += lines.shape[1]
                yield lines if is_wide else spread_over_channels(lines[0], balance)
                on_progress(SYNTHESIS_SHARE + (1.0 - SYNTHESIS_SHARE) * n_done / frame.n_samples)

    def _lines(self, performance: Performance, settings: Dials, n_lines: int) -> Iterator[Lines]:
        """Synthesise at the recording's rate and exact length, in mono or for two channels."""
        frame = self.frame
        resampler = StreamResampler(performance.sample_rate, frame.sample_rate, n_lines, frame.n_samples)
        if n_lines == 1:
            return _passed(resampler, (block[None] for block in performance.blocks(settings)))
        gains = frame.channel_gains[:, None]
        return _passed(resampler, (gains * block for block in performance.wide_blocks(settings)))

    def _dials(self, mix: MixLike) -> Dials:
        return dials(mix, self.performance.n_frames, self.performance.frame_rate_hz)


def _one_or_all(tracks: Float[np.ndarray, "line frame"]) -> Float[np.ndarray, "*line frame"]:
    """Return the only line flat, or several as they are."""
    return tracks[0] if len(tracks) == 1 else tracks


def _to_db(gain: float) -> float:
    return 20.0 * math.log10(gain)


def _to_gain(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def _scaled(spool: Spool, gain: float) -> Iterator[Lines]:
    """Apply a gain."""
    for lines in spool.blocks():
        yield np.float32(gain) * lines


def _limited(spool: Spool, gain: float, sample_rate: int) -> Iterator[Lines]:
    """Apply a gain and hold the true peak below the ceiling."""
    return _passed(Limiter(sample_rate, spool.n_channels), _scaled(spool, gain))


def _beside(hybrid: Iterator[Lines], recording: Source, output: Output) -> Iterator[Lines]:
    """Add the recording to the hybrid at equal power, and hold the peaks below the ceiling."""
    wet = np.float32(math.sqrt(output.wet))
    dry = math.sqrt(1.0 - output.wet) * _to_gain(output.level_db)
    both = added((wet * block for block in hybrid), recording, dry)
    return _passed(Limiter(recording.sample_rate, recording.n_channels), both)


def _passed(stage: Limiter | StreamResampler, blocks: Iterator[Lines]) -> Iterator[Lines]:
    """Pass blocks through a stage that holds some back, whose rest comes last; empty ones stay out."""
    for block in blocks:
        ready = stage.push(block)
        if ready.shape[1]:
            yield ready
    rest = stage.flush()
    if rest.shape[1]:
        yield rest
