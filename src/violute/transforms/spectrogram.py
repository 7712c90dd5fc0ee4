"""Spectrograms that a network sees as pictures: the one transform of training and of conversion.

A frame is a Hann-windowed Fourier transform centred on a sample of the recording, whatever lies outside the
recording counting as silence, and scaled so that a sine reads its amplitude. Arrays are (bin, frame), lowest
frequency first. A picture has `n_bins` bins, the Nyquist bin left out, and values in [0, 1]: the magnitude m
on the scale log(1 + m / floor). It is logarithmic above the floor, linear below it, and forgets nothing:
silence is exactly 0, and a network that says 0 is silent, where plain decibels would leave hiss.

NumPy only, so that converting needs no librosa; the tests hold it against librosa's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Complex64, Float, Float32

from violute.errors import InputError, ShapeError
from violute.transforms.spectra import hann

Spectrum = Complex64[np.ndarray, "bin frame"]
Sound = Float32[np.ndarray, " sample"]

PEAK = 0.5
"""Recordings are brought to this peak: no frame of such sound can read above 1, so nothing is clipped."""

FRAMES_PER_GROUP = 512
SMALLEST_WEIGHT = 1e-6
"""Samples that the windows reach with less than this squared weight are silent."""


@dataclass(frozen=True)
class SpectrogramSettings:
    """How sound becomes pictures; kept in the cards of voices and in prepared stores.

    Attributes:
        sample_rate: Of the sound, in Hz.
        n_fft: Window and transform length in samples.
        hop_length: Samples between frames; at most half a window, or the end of a sound would be lost.
        n_bins: Bins of a picture, from 0 Hz upwards.
        n_frames: Frames of a picture.
        floor_db: Magnitude, relative to a full-scale sine, below which the scale turns linear.

    Raises:
        InputError: A setting is out of range.
    """

    sample_rate: int
    n_fft: int
    hop_length: int
    n_bins: int = 1024
    n_frames: int = 128
    floor_db: float = -80.0

    def __post_init__(self) -> None:
        if self.n_fft < 2 or self.n_fft % 2 or not 1 <= self.hop_length <= self.n_fft // 2:
            raise InputError(
                f"n_fft {self.n_fft} and hop_length {self.hop_length}: n_fft must be even and hop_length "
                "from 1 to half of it"
            )
        if not 1 <= self.n_bins <= self.n_fft // 2 + 1 or self.n_frames < 1 or self.sample_rate < 1:
            raise InputError(
                f"n_bins {self.n_bins}, n_frames {self.n_frames}, sample_rate {self.sample_rate}: n_bins "
                f"must be from 1 to {self.n_fft // 2 + 1}, the others at least 1"
            )
        if not -200.0 <= self.floor_db < 0.0:
            raise InputError(f"floor_db {self.floor_db:g}: give a level from -200 up to, not including, 0")

    @property
    def n_samples(self) -> int:
        """Samples from the first frame of a picture to the first of the next."""
        return self.n_frames * self.hop_length

    @property
    def log_range(self) -> float:
        """What a full-scale sine reads on the logarithmic scale, before it is brought to 1."""
        return float(np.log1p(10.0 ** (-self.floor_db / 20.0)))

    def count_frames(self, n_samples: int) -> int:
        """Return the number of frames of a sound: all that are centred on a sample or just past the last."""
        return 1 + n_samples // self.hop_length

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any], *, source: str) -> SpectrogramSettings:
        """Return the settings that `to_dict` wrote; `source` names the file in errors.

        Raises:
            InputError: An entry is missing, unknown, of the wrong kind or out of range.
        """
        try:
            known: dict[str, Callable[[Any], Any]] = {
                field.name: float if field.name == "floor_db" else int for field in fields(cls)
            }
            return cls(**{name: known[name](value) for name, value in entries.items()})
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
            raise InputError(
                f"{source}: the spectrogram settings are damaged: prepare or export it again"
            ) from None
        except InputError as error:
            raise InputError(f"{source}: {error}") from None


ASSIGNMENT = SpectrogramSettings(sample_rate=22_050, n_fft=2048, hop_length=862)
"""A whole snippet of 5 seconds is one picture of 1024 x 128."""

DETAIL = SpectrogramSettings(sample_rate=44_100, n_fft=2048, hop_length=431)
"""Full bandwidth and a frame every 10 ms: a snippet of 5 seconds is four pictures of 1024 x 128."""

PRESETS = {"assignment": ASSIGNMENT, "detail": DETAIL}


def stft(
    audio: Float[np.ndarray, " sample"],
    settings: SpectrogramSettings,
    *,
    start: int = 0,
    n_frames: int | None = None,
) -> Spectrum:
    """Transform mono sound into frames of `n_fft / 2 + 1` bins in which a sine reads its amplitude.

    The first frame is centred on sample `start`; samples outside of the sound count as 0. Any piece equals
    the same frames of the whole, so a long recording can be worked on piece by piece.
    """
    n_fft, hop_length = settings.n_fft, settings.hop_length
    if n_frames is None:
        n_frames = settings.count_frames(max(len(audio) - start, 0))
    window = hann(n_fft) * _scale(n_fft)
    spectrum = np.empty((n_fft // 2 + 1, n_frames), np.complex64)
    for first in range(0, n_frames, FRAMES_PER_GROUP):
        stop = min(first + FRAMES_PER_GROUP, n_frames)
        begin = start + first * hop_length - n_fft // 2
        piece = _cut(audio, begin, begin + (stop - first - 1) * hop_length + n_fft)
        frames = np.lib.stride_tricks.sliding_window_view(piece, n_fft)[::hop_length]
        spectrum[:, first:stop] = np.fft.rfft(frames * window, axis=1).T
    return spectrum


def istft(
    spectrum: Spectrum, settings: SpectrogramSettings, *, start: int = 0, n_samples: int | None = None
) -> Sound:
    """Turn frames into the sound whose own frames are nearest to them in the least-squares sense.

    The frames of a sound give that sound back, above 100 dB signal to noise. Near its ends changed frames are
    not averaged by neighbours, so add a few frames on either side of what matters.

    Args:
        spectrum: `n_fft / 2 + 1` bins.
        settings: Of the transform.
        start: Sample on which the first frame is centred; half a window keeps all that the frames hold.
        n_samples: Length of the sound; None ends it at the centre of the last frame.

    Raises:
        ShapeError: The number of bins is not `n_fft / 2 + 1`.

    Source:
        Griffin & Lim, Signal estimation from modified short-time Fourier transform (IEEE TASSP 1984),
        equation 6.
    """
    return np.concatenate(list(istft_blocks([spectrum], settings, start=start, n_samples=n_samples)))


def istft_blocks(
    blocks: Iterable[Complex64[np.ndarray, "bin _frame"]],
    settings: SpectrogramSettings,
    *,
    start: int = 0,
    n_samples: int | None = None,
) -> Iterator[Float32[np.ndarray, " _sample"]]:
    """Turn frames that arrive in blocks of any size into sound: `istft` in constant memory.

    Yields:
        The samples that no later frame can change, after each block.

    Raises:
        ShapeError: The number of bins is not `n_fft / 2 + 1`.
    """
    n_fft, hop_length = settings.n_fft, settings.hop_length
    window = hann(n_fft)
    squared = np.square(window)
    sound = weight = np.zeros(0, np.float32)  # what is not final yet
    n_seen = n_given = 0
    begin = start - n_fft // 2  # the sample at the head of `sound`
    if begin > 0:
        n_given = begin if n_samples is None else min(begin, n_samples)
        yield np.zeros(n_given, np.float32)
    for block in blocks:
        if block.shape[0] != n_fft // 2 + 1:
            raise ShapeError(f"{block.shape[0]} bins: a transform of {n_fft} samples has {n_fft // 2 + 1}")
        n_block = block.shape[1]
        if n_block == 0:
            continue
        frames = np.fft.irfft(block.T, n_fft, axis=1).astype(np.float32, copy=False) * (
            window / np.float32(_scale(n_fft))
        )
        length = (n_block - 1) * hop_length + n_fft
        sound, weight = (np.pad(track, (0, length - len(track))) for track in (sound, weight))
        for i, frame in enumerate(frames):
            place = slice(i * hop_length, i * hop_length + n_fft)
            sound[place] += frame
            weight[place] += squared
        n_seen += n_block
        final = n_block * hop_length
        ready = _divide(sound[:final], weight[:final])[max(-begin, 0) :]
        sound, weight, begin = sound[final:], weight[final:], begin + final
        # Without a stated length the sound ends at the last frame, which may be this one.
        last = start + (n_seen - 1) * hop_length if n_samples is None else n_samples
        ready = ready[: max(last - n_given, 0)]
        n_given += len(ready)
        yield ready
    last = start + max(n_seen - 1, 0) * hop_length if n_samples is None else n_samples
    rest = _divide(sound, weight)[max(-begin, 0) :]
    yield _cut(rest, 0, max(last - n_given, 0))


def normalise(
    magnitude: Float[np.ndarray, "*window bin frame"], settings: SpectrogramSettings
) -> Float32[np.ndarray, "*window {settings.n_bins} frame"]:
    """Bring magnitudes to [0, 1]: 0 is silence, 1 a full-scale sine; what is louder is clipped.

    Raises:
        ShapeError: There are fewer than `n_bins` bins; more are left out.
    """
    if magnitude.shape[-2] < settings.n_bins:
        raise ShapeError(f"{magnitude.shape[-2]} bins: a picture has {settings.n_bins}")
    floor = 10.0 ** (settings.floor_db / 20.0)
    kept = magnitude[..., : settings.n_bins, :].astype(np.float32, copy=False)
    scaled = np.log1p(kept * np.float32(1.0 / floor)) * np.float32(1.0 / settings.log_range)
    return np.minimum(scaled, np.float32(1.0))


def denormalise(
    picture: Float[np.ndarray, "*window bin frame"], settings: SpectrogramSettings
) -> Float32[np.ndarray, "*window {settings.n_fft}//2+1 frame"]:
    """Turn pictures into magnitudes: the inverse of `normalise`; values beyond [0, 1] are clipped.

    Raises:
        ShapeError: There are not `n_bins` bins.
    """
    if picture.shape[-2] != settings.n_bins:
        raise ShapeError(f"{picture.shape[-2]} bins: a picture has {settings.n_bins}")
    floor = 10.0 ** (settings.floor_db / 20.0)
    magnitude = np.zeros((*picture.shape[:-2], settings.n_fft // 2 + 1, picture.shape[-1]), dtype=np.float32)
    within = np.clip(picture, 0.0, 1.0).astype(np.float32, copy=False)
    magnitude[..., : settings.n_bins, :] = np.float32(floor) * np.expm1(
        within * np.float32(settings.log_range)
    )
    return magnitude


def with_phase(magnitude: Float[np.ndarray, "bin frame"], spectrum: Spectrum) -> Spectrum:
    """Give magnitudes the phases of a spectrum, 0 where that is silent."""
    size = np.abs(spectrum)
    turn = np.divide(spectrum, size, out=np.ones_like(spectrum), where=size > 0.0)
    return magnitude.astype(np.float32, copy=False) * turn


def _scale(n_fft: int) -> float:
    """Factor by which a sine reads its amplitude."""
    return 2.0 / float(hann(n_fft).sum())


def _cut(audio: Float[np.ndarray, " sample"], begin: int, end: int) -> Float32[np.ndarray, " _piece"]:
    """Return the samples from `begin` up to `end`; those outside of the sound are 0."""
    inside = audio[min(max(begin, 0), len(audio)) : min(max(end, 0), len(audio))]
    before = min(max(-begin, 0), end - begin)
    return np.pad(inside.astype(np.float32, copy=False), (before, end - begin - before - len(inside)))


def _divide(sound: Sound, weight: Sound) -> Sound:
    return np.divide(sound, weight, out=np.zeros_like(sound), where=weight > SMALLEST_WEIGHT)
