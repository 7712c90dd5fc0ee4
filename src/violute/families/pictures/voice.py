"""The families that play pictures: a network redraws the spectrogram of a performance, window by window.

The recording becomes pictures by the transform that the network was trained with, the network moves them
between its ends, and what it answers is turned back into sound. Windows overlap and are faded into each
other on the logarithmic scale of the pictures, so that a moving dial moves without steps. Two things
are the source's whatever the network draws: each frame's A-weighted loudness, which keeps dynamics
and rests, and the phases, or what Griffin-Lim finds from there if the card's settings name it as `phase`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Complex64, Float32

from violute.analysis.loudness import frame_loudness_db
from violute.analysis.polyphony.chords import Lines
from violute.audio.channels import Measurement
from violute.audio.source import Source
from violute.errors import InputError
from violute.families.pictures.phase import PHASES, Phase, rephased
from violute.families.pictures.windows import WindowJoiner, Windows
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
from violute.voices.mix import Dials
from violute.voices.network import UNUSABLE, open_network
from violute.voices.recording import spooled, without_first
from violute.voices.spool import Spool

OVERLAP_SHARE = 0.25
"""Share of a window that it has in common with the next."""

BATCH_WINDOWS = 2
"""Windows that the network hears at a time: more are no faster, and the widest networks' fill the memory."""

MOST_GAIN_DB = 24.0
"""How far a frame that the network drew too softly is raised; what is too loud is lowered all the way."""

INPUTS = {"spectrogram", "mix"}


class SpectrogramVoice(FamilyVoice):
    """A voice of a family whose network redraws spectrograms.

    Args:
        onnx_bytes: The network: pictures (window, bin, frame) and a mix for each in, pictures out.
        card: Of the voice; its settings hold `spectrogram`, the transform, and `phase`.

    Raises:
        VoiceError: The network cannot be loaded or the card lacks its settings.
    """

    def __init__(self, onnx_bytes: bytes, card: Card) -> None:
        super().__init__(card)
        try:
            self.session = open_network(onnx_bytes, inputs=INPUTS)
            self.settings = SpectrogramSettings.from_dict(card.settings["spectrogram"], source=card.name)
            self.phase: Phase = card.settings.get("phase", "source")
            if self.phase not in PHASES:
                raise ValueError(f"its phase is {self.phase!r}")
        except (KeyError, TypeError, InputError, *UNUSABLE) as error:
            raise self.unusable(error) from None

    def perform(
        self,
        source: Source,
        measurement: Measurement,
        on_progress: OnProgress,
        lines: Lines = "auto",  # noqa: ARG002 - it tells no lines apart
    ) -> SpectrogramPerformance:
        """Keep the recording in mono at the voice's rate; each rendering looks at it anew."""
        return SpectrogramPerformance(
            self, *spooled(source, measurement, self.settings.sample_rate, on_progress)
        )


class SpectrogramPerformance(Performance):
    """One performance, ready to be rendered at any mix.

    Args:
        voice: Whose network, transform and phases they are.
        recording: In mono, at the rate of the transform.
        gain: That brings it to the level that the network is used to.
    """

    has_one_dial = True

    def __init__(self, voice: SpectrogramVoice, recording: Spool, gain: np.float32) -> None:
        settings = voice.settings
        # All frames from the first sample on that hear the recording.
        n_frames = settings.count_frames(recording.n_samples + settings.n_fft // 2)
        super().__init__(settings.sample_rate, n_frames, settings.sample_rate / settings.hop_length)
        self._voice = voice
        self._settings = settings
        self._recording = recording
        self._gain = gain
        self._windows = Windows(settings.n_frames, round(OVERLAP_SHARE * settings.n_frames))

    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Synthesise with `dials.tone` as the mix, some windows at a time."""
        # The first window begins before the piece, so that no frame that reaches into it is missing.
        n_before = self._windows.n_overlap * self._settings.hop_length
        n_samples = n_before + self._recording.n_samples
        spectra = self._played(dials.tone)
        if self._voice.phase == "griffin-lim":
            spectra = rephased(spectra, self._settings)
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
            heard = self._spectrum(batch[0], windows.n_covered(len(batch)))
            pictures = windows.cut(normalise(np.abs(heard), self._settings))
            joined = joiner.push(self._drawn(pictures, windows.spread(mix, batch)))
            yield self._with_source(joined, heard[:, : joined.shape[1]])

    def _spectrum(self, first_frame: int, n_frames: int) -> Complex64[np.ndarray, "bin frame"]:
        """Transform some frames of the recording, at the level that the network is used to."""
        settings = self._settings
        start = first_frame * settings.hop_length - settings.n_fft // 2
        stop = start + (n_frames - 1) * settings.hop_length + settings.n_fft
        audio = self._gain * self._recording.read(start, stop)
        return stft(audio, settings, start=settings.n_fft // 2, n_frames=n_frames)

    def _drawn(
        self, pictures: Float32[np.ndarray, "window bin n_window"], mix: Float32[np.ndarray, " window"]
    ) -> Float32[np.ndarray, "window bin n_window"]:
        """Let the network draw.

        Raises:
            VoiceError: It fails, or its pictures have another shape than those it was given.
        """
        try:
            drawn: np.ndarray = self._voice.session.run(None, {"spectrogram": pictures, "mix": mix})[0]
            if drawn.shape != pictures.shape:
                raise ValueError(f"{pictures.shape} went in and {drawn.shape} came out")
        except UNUSABLE as error:
            raise self._voice.unusable(error, "cannot play") from None
        return drawn

    def _with_source(
        self, picture: Float32[np.ndarray, "n_bins frame"], heard: Complex64[np.ndarray, "bin frame"]
    ) -> Complex64[np.ndarray, "bin frame"]:
        """Give what was drawn the source's phases and loudness; bins that pictures lack are the source's."""
        settings = self._settings
        source = np.abs(heard)
        magnitude = denormalise(picture, settings)
        magnitude[settings.n_bins :] = source[settings.n_bins :]
        wanted_db, drawn_db = (frame_loudness_db(m.T, settings.sample_rate) for m in (source, magnitude))
        gain_db = np.minimum(wanted_db - drawn_db, MOST_GAIN_DB)
        return with_phase(magnitude * np.float32(10.0) ** (gain_db / np.float32(20.0)), heard)
