"""TorchScript files in the form of nn~, such as exports of RAVE made elsewhere, as voices with a dial.

Such a file is a program: loading it runs its code, so open only those whose maker you trust. It needs torch,
which is why it stands here, beside what else needs torch, and not among the voices that start without it.

A file made elsewhere plays one sound, not two ends, so the dial leads from the recording (0) to what the
model makes of it (1): magnitudes by their logarithms, phases by the straight line between them. What the
model delays is found from both courses of loudness. A file of our own has a dial inside, the attribute `mix`,
which is turned while it plays.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Complex64, Float32

from violute.analysis.polyphony.chords import Lines
from violute.audio.channels import Measurement
from violute.audio.source import Source
from violute.errors import VoiceError
from violute.transforms.spectrogram import SpectrogramSettings, istft_blocks, stft, with_phase
from violute.voices.card import Card
from violute.voices.contract import OnProgress, Performance
from violute.voices.family import FamilyVoice
from violute.voices.mix import Dials
from violute.voices.recording import spooled, without_first
from violute.voices.spool import SPOOL_BYTES, Spool

TRUST = "is TorchScript, a program that runs as it is opened: use only files whose maker you trust"
DEFAULT_RATE = 44_100
RATE_NAMES = ("sampling_rate", "sample_rate", "sr")
"""What exporters call the rate that the model expects."""

BLOCK_SAMPLES = 16_384
DIAL_SAMPLES = 2048
LONGEST_DELAY_SECONDS = 1.0
ENVELOPE_HZ = 200
HEARD_SECONDS = 60.0
"""Of the recording and its rendering, from which the delay is found."""

N_FFT, HOP_LENGTH = 2048, 512
FRAMES_PER_BLOCK = 256
SILENCE = 1e-6

SPOOLING_SHARE = 0.3
"""Share of the analysis that reading takes, for progress only."""


class TorchScriptVoice(FamilyVoice):
    """A voice whose network is a TorchScript file with the method `forward` of nn~.

    Raises:
        VoiceError: The file is no TorchScript, or not in the form of nn~.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._content = content
        try:
            model = self.model()
            channels_in, ratio_in, _, ratio_out = (int(v) for v in model.forward_params.tolist())
        except (RuntimeError, AttributeError, ValueError) as error:
            reason = str(error).strip().splitlines()[0]
            raise VoiceError(
                f"{name}: is no model in the form of nn~ ({reason}): give one with forward_params"
            ) from None
        if channels_in < 1 or ratio_in != 1 or ratio_out != 1:
            raise VoiceError(
                f"{name}: forward takes {channels_in} channels of {ratio_in} samples: give a model of audio"
            )
        self.n_channels = channels_in
        rates = [int(getattr(model, rate)) for rate in RATE_NAMES if hasattr(model, rate)]
        attributes = model.get_attributes() if hasattr(model, "get_attributes") else []
        self.has_dial = "mix" in attributes
        self.delay_samples = int(model.delay_samples) if hasattr(model, "delay_samples") else None
        ends = ("first end", "second end") if self.has_dial else ("recording", name)
        super().__init__(Card(name, "torchscript", ends, rates[0] if rates else DEFAULT_RATE))

    def model(self) -> Any:
        """Load the file afresh, with nothing heard yet."""
        with warnings.catch_warnings():
            # torch calls the format old, but it is the one that people's files have.
            warnings.simplefilter("ignore", DeprecationWarning)
            return torch.jit.load(io.BytesIO(self._content), map_location="cpu").eval()

    def perform(
        self,
        source: Source,
        measurement: Measurement,
        on_progress: OnProgress,
        lines: Lines = "auto",  # noqa: ARG002 - it tells no lines apart
    ) -> TorchScriptPerformance:
        """Keep the recording, and what the model makes of it unless it has a dial to turn."""
        recording, gain = spooled(
            source, measurement, self.card.sample_rate, lambda share: on_progress(SPOOLING_SHARE * share)
        )
        performance = TorchScriptPerformance(self, recording, gain)
        if not self.has_dial:
            performance.listen(lambda share: on_progress(SPOOLING_SHARE + (1.0 - SPOOLING_SHARE) * share))
        return performance


class TorchScriptPerformance(Performance):
    """One performance, ready to be rendered at any mix."""

    has_one_dial = True

    def __init__(self, voice: TorchScriptVoice, recording: Spool, gain: np.float32) -> None:
        rate = voice.card.sample_rate
        self._settings = SpectrogramSettings(rate, N_FFT, HOP_LENGTH, N_FFT // 2 + 1, FRAMES_PER_BLOCK)
        n_frames = self._settings.count_frames(recording.n_samples + N_FFT // 2)
        super().__init__(rate, n_frames, rate / HOP_LENGTH)
        self._voice, self._recording, self._gain = voice, recording, gain
        self._made: Spool | None = None
        self._delay_samples = voice.delay_samples or 0

    def listen(self, on_progress: OnProgress) -> None:
        """Let the model play the whole recording, and find out by how much it is late."""
        n_tail = round(LONGEST_DELAY_SECONDS * self.sample_rate)
        self._made = Spool(SPOOL_BYTES)
        n_all = self._recording.n_samples + n_tail
        for block in self._played(self._voice.model(), n_all, BLOCK_SAMPLES, None):
            self._made.append(block)
            on_progress(min(self._made.n_samples / n_all, 1.0))
        n_heard = round(HEARD_SECONDS * self.sample_rate)
        if self._voice.delay_samples is None:
            pair = (self._recording.read(0, n_heard), self._made.read(0, n_heard))
            self._delay_samples = found_delay_samples(*pair, self.sample_rate)

    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Play with `dials.tone` as the mix."""
        if self._made is not None:
            spectra = self._blended(self._made, dials.tone)
            yield from istft_blocks(spectra, self._settings, n_samples=self._recording.n_samples)
            return
        n_late = self._delay_samples
        model = self._voice.model()
        played = self._played(model, self._recording.n_samples + n_late, DIAL_SAMPLES, dials.tone)
        yield from without_first(played, n_late)

    def _played(
        self, model: Any, n_samples: int, block_samples: int, mix: Float32[np.ndarray, " frame"] | None
    ) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Let a model play blocks one after the other."""
        for start in range(0, n_samples, block_samples):
            audio = torch.from_numpy(self._gain * self._recording.read(start, start + block_samples))
            try:
                with torch.no_grad():
                    if mix is not None:
                        frame = min(start // HOP_LENGTH, len(mix) - 1)
                        model.set_mix(float(mix[frame]))
                    made = model.forward(audio.expand(1, self._voice.n_channels, -1))
                if made.ndim != 3 or made.shape[2] != block_samples:
                    raise RuntimeError(f"{block_samples} samples went in and {tuple(made.shape)} came out")
            except RuntimeError as error:
                reason = str(error).strip().splitlines()[-1]
                raise VoiceError(
                    f"voice {self._voice.card.name} cannot play ({reason}): export it again"
                ) from None
            yield made[0].mean(dim=0).numpy().astype(np.float32) / self._gain

    def _blended(
        self, made: Spool, mix: Float32[np.ndarray, " frame"]
    ) -> Iterator[Complex64[np.ndarray, "bin frame"]]:
        for first in range(0, self.n_frames, FRAMES_PER_BLOCK):
            course = mix[first : first + FRAMES_PER_BLOCK]
            spectra = [self._spectrum(self._recording, first, len(course), 0)]
            spectra.append(self._spectrum(made, first, len(course), self._delay_samples))
            yield blended(spectra[0], spectra[1], course)

    def _spectrum(
        self, sound: Spool, first: int, n_frames: int, delay_samples: int
    ) -> Complex64[np.ndarray, "bin frame"]:
        start = first * HOP_LENGTH - N_FFT // 2 + delay_samples
        audio = sound.read(start, start + (n_frames - 1) * HOP_LENGTH + N_FFT)
        return stft(audio, self._settings, start=N_FFT // 2, n_frames=n_frames)


def open_torchscript_voice(path: str | Path) -> TorchScriptVoice:
    """Open a TorchScript file as a voice; this runs the file's code."""
    path = Path(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise VoiceError(
            f"{path}: cannot be read ({(error.strerror or '').lower()}): check the path"
        ) from None
    return TorchScriptVoice(content, path.stem)


def blended(
    first: Complex64[np.ndarray, "bin frame"],
    second: Complex64[np.ndarray, "bin frame"],
    mix: Float32[np.ndarray, " frame"],
) -> Complex64[np.ndarray, "bin frame"]:
    """Return the spectra between two: the first at mix 0, the second at 1."""
    levels = [np.log(np.maximum(np.abs(one), SILENCE)) for one in (first, second)]
    magnitude = np.exp((1.0 - mix) * levels[0] + mix * levels[1])
    units = [with_phase(np.ones(one.shape, np.float32), one) for one in (first, second)]
    return with_phase(magnitude, ((1.0 - mix) * units[0] + mix * units[1]).astype(np.complex64))


def found_delay_samples(
    source: Float32[np.ndarray, " sample"], made: Float32[np.ndarray, " sample"], sample_rate: int
) -> int:
    """Find by how much a rendering is late, from the courses of loudness, to a few milliseconds.

    Returns:
        Samples, from 0 to `LONGEST_DELAY_SECONDS`.
    """
    hop = max(sample_rate // ENVELOPE_HZ, 1)
    courses = []
    for sound in (source, made):
        whole = sound[: len(sound) // hop * hop].reshape(-1, hop)
        level = np.log(np.sqrt(np.square(whole).mean(axis=1)) + 1e-3)
        courses.append(level - level.mean() if len(level) else level)
    first, second = courses
    n_lags = min(round(LONGEST_DELAY_SECONDS * ENVELOPE_HZ), max(len(second) - 1, 0))
    likeness = [
        float(first[: len(second) - lag] @ second[lag : lag + len(first)]) for lag in range(n_lags + 1)
    ]
    return int(np.argmax(likeness)) * hop
