"""The families that play pictures: a network redraws the spectrogram of a performance, window by window.

The recording becomes pictures by the transform that the network was trained with, the network moves them
between its ends, and what it answers is turned back into sound. Windows overlap and are faded into each
other on the logarithmic scale of the pictures, so that a moving dial moves without steps. Whatever the
network draws, each frame's A-weighted loudness is the source's, which keeps dynamics and rests. The phases
are the source's too; but a voice whose card says that it is given the pitch is given a picture of its
harmonics beside that of the source, and its drawings get the phases of an excitation at that pitch
(`conditioning_pitch`).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Complex64, Float32

from violute.analysis.analyser import analyse_blocks
from violute.analysis.loudness import frame_loudness_db
from violute.analysis.polyphony.chords import Lines
from violute.audio.channels import Measurement
from violute.audio.source import Source
from violute.errors import InputError
from violute.families.pictures.conditioning_pitch import ConditioningPitch, phases_of
from violute.families.pictures.windows import WindowJoiner, Windows
from violute.rates import SAMPLE_RATE
from violute.transforms.spectrogram import (
    SpectrogramSettings,
    denormalise,
    istft_blocks,
    normalise,
    stft,
    with_phase,
)
from violute.voices.card import Card
from violute.voices.contract import OnProgress, Performance
from violute.voices.family import FamilyVoice
from violute.voices.mix import Dials, DialScale
from violute.voices.network import UNUSABLE, open_network
from violute.voices.recording import kept_blocks, resampled, resampled_blocks, spooled, without_first
from violute.voices.spool import SPOOL_BYTES, Spool

OVERLAP_SHARE = 0.25
"""Share of a window that it has in common with the next."""

BATCH_WINDOWS = 2
"""Windows that the network hears at a time: more are no faster, and the widest networks' fill the memory."""

MOST_GAIN_DB = 24.0
"""How far a frame that the network drew too softly is raised; what is too loud is lowered all the way."""

HIGHEST_DRAWN_HZ = 16_000.0
"""Lossy recordings end there: what a network draws above, nothing has taught it."""

INPUTS = {"spectrogram", "mix"}
CONDITIONS = "told"
"""Entry of the card's settings: what of the performance the network is given, besides what it hears."""

READING_SHARE = 0.4
"""Share of the analysis that reading takes where the pitch is measured too, for progress only."""

LITTLE_PITCH_SHARE = 0.02
NO_PITCH = "hardly any pitch was found: give a recording of one instrument, one note at a time"


class SpectrogramVoice(FamilyVoice):
    """A voice of a family whose network redraws spectrograms.

    Args:
        onnx_bytes: The network: pictures (window, bin, frame) and a mix for each in, pictures out; and where
            it is given the pitch, pictures of its harmonics as `partials`.
        card: Of the voice; its settings hold `spectrogram`, the transform, and `told`.

    Raises:
        VoiceError: The network cannot be loaded or the card lacks its settings.
    """

    def __init__(self, onnx_bytes: bytes, card: Card) -> None:
        super().__init__(card)
        try:
            self.is_conditioned = "pitch" in card.settings.get(CONDITIONS, ())
            self.session = open_network(
                onnx_bytes, inputs=INPUTS | ({"partials"} if self.is_conditioned else set())
            )
            self.settings = SpectrogramSettings.from_dict(card.settings["spectrogram"], source=card.name)
            self.dial = DialScale(card)
        except (KeyError, TypeError, InputError, *UNUSABLE) as error:
            raise self.unusable(error) from None
        self.tells_lines_apart = self.is_conditioned

    def perform(
        self,
        source: Source,
        measurement: Measurement,
        on_progress: OnProgress,
        lines: Lines = "auto",
    ) -> SpectrogramPerformance:
        """Keep the recording in mono at the voice's rate; each rendering looks at it anew."""
        rate = self.settings.sample_rate
        if not self.is_conditioned:
            return SpectrogramPerformance(self, *spooled(source, measurement, rate, on_progress))
        recording, gain = spooled(source, measurement, rate, lambda share: on_progress(READING_SHARE * share))

        def analysed(share: float) -> None:
            on_progress(READING_SHARE + (1.0 - READING_SHARE) * share)

        blocks = (
            kept_blocks(recording, analysed)
            if rate == SAMPLE_RATE
            else resampled_blocks(source, measurement, SAMPLE_RATE, analysed)
        )
        controls = analyse_blocks(blocks, lines=lines)
        performance = SpectrogramPerformance(self, recording, gain, ConditioningPitch(controls))
        performance.controls = controls
        return performance


class SpectrogramPerformance(Performance):
    """One performance, ready to be rendered at any mix.

    Args:
        voice: Whose network, transform and phases they are.
        recording: In mono, at the rate of the transform.
        gain: That brings it to the level that the network is used to.
        pitch: Of the performance, for a network that is given it.
    """

    has_one_dial = True

    def __init__(
        self,
        voice: SpectrogramVoice,
        recording: Spool,
        gain: np.float32,
        pitch: ConditioningPitch | None = None,
    ) -> None:
        settings = voice.settings
        # All frames from the first sample on that hear the recording.
        n_frames = settings.count_frames(recording.n_samples + settings.n_fft // 2)
        has_little = pitch is not None and pitch.voiced_share < LITTLE_PITCH_SHARE
        super().__init__(
            settings.sample_rate,
            n_frames,
            settings.sample_rate / settings.hop_length,
            warnings=(NO_PITCH,) if has_little else (),
        )
        self._voice = voice
        self._settings = settings
        self._recording = recording
        self._gain = gain
        self._pitch = pitch
        self._excitation: Spool | None = None
        if pitch is not None:
            self._excitation = Spool(SPOOL_BYTES, "the excitation")
            for block in resampled(pitch.excitation(), SAMPLE_RATE, settings.sample_rate):
                self._excitation.append(block)
        self._windows = Windows(settings.n_frames, round(OVERLAP_SHARE * settings.n_frames))

    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Synthesise with `dials.tone` as the mix, some windows at a time."""
        # The first window begins before the piece, so that no frame that reaches into it is missing.
        n_before = self._windows.n_overlap * self._settings.hop_length
        n_samples = n_before + self._recording.n_samples
        spectra = self._played(self._voice.dial.place(dials.tone))
        played = istft_blocks(spectra, self._settings, n_samples=n_samples)
        for block in without_first(played, n_before):
            yield block / self._gain

    def _played(self, mix: Float32[np.ndarray, " frame"]) -> Iterator[Complex64[np.ndarray, "bin ready"]]:
        """Draw the frames of all windows."""
        windows = self._windows
        joiner = WindowJoiner(windows, self._settings.n_bins)
        starts = windows.starts(self.n_frames)
        for at in range(0, len(starts), BATCH_WINDOWS):
            batch = starts[at : at + BATCH_WINDOWS]
            n_covered = windows.n_covered(len(batch))
            heard = self._spectrum(self._recording, self._gain, batch[0], n_covered)
            given = {"spectrogram": windows.cut(normalise(np.abs(heard), self._settings))}
            if self._pitch is not None:
                given["partials"] = windows.cut(self._pitch.partials(batch[0], n_covered, self._settings))
            joined = joiner.push(self._drawn(given, windows.spread(mix, batch)))
            yield self._with_source(joined, heard[:, : joined.shape[1]], batch[0])

    def _spectrum(
        self, sound: Spool, gain: np.float32, first_frame: int, n_frames: int
    ) -> Complex64[np.ndarray, "bin frame"]:
        """Transform some frames of a sound, at another level."""
        settings = self._settings
        start = first_frame * settings.hop_length - settings.n_fft // 2
        stop = start + (n_frames - 1) * settings.hop_length + settings.n_fft
        audio = gain * sound.read(start, stop)
        return stft(audio, settings, start=settings.n_fft // 2, n_frames=n_frames)

    def _drawn(
        self, given: dict[str, np.ndarray], mix: Float32[np.ndarray, " window"]
    ) -> Float32[np.ndarray, "window bin n_window"]:
        """Let the network draw."""
        try:
            drawn: np.ndarray = self._voice.session.run(None, {**given, "mix": mix})[0]
            if drawn.shape != given["spectrogram"].shape:
                raise ValueError(f"{given['spectrogram'].shape} went in and {drawn.shape} came out")
        except UNUSABLE as error:
            raise self._voice.unusable(error, "cannot play") from None
        return drawn

    def _with_source(
        self,
        picture: Float32[np.ndarray, "n_bins frame"],
        heard: Complex64[np.ndarray, "bin frame"],
        first_frame: int,
    ) -> Complex64[np.ndarray, "bin frame"]:
        """Give what was drawn its phases and the source's loudness.

        Bins that pictures lack are the source's. Where the phases are not the source's, these are silent, and
        what is drawn above `HIGHEST_DRAWN_HZ`.
        """
        settings = self._settings
        source = np.abs(heard)
        magnitude = denormalise(picture, settings)
        top = settings.n_bins
        if self._excitation is None:
            magnitude[top:] = source[top:]
        else:
            top = min(top, round(HIGHEST_DRAWN_HZ / settings.sample_rate * settings.n_fft))
            magnitude[top:] = 0.0
        wanted_db, drawn_db = (frame_loudness_db(m.T, settings.sample_rate) for m in (source, magnitude))
        gain_db = np.minimum(wanted_db - drawn_db, MOST_GAIN_DB)
        levelled = magnitude * np.float32(10.0) ** (gain_db / np.float32(20.0))
        if self._pitch is None or self._excitation is None:
            return with_phase(levelled, heard)
        n_frames = heard.shape[1]
        excitation = self._spectrum(self._excitation, np.float32(1.0), first_frame, n_frames)
        strength = self._pitch.at(first_frame, n_frames, settings)[1].max(axis=0)
        return with_phase(levelled, phases_of(excitation, heard, strength))
