"""How far two sounds of the same notes lie apart in their spectra, moment by moment.

Both figures compare sounds of one length sample by sample in time, so they notice a delay as well
as a change of colour. Loudness has figures of its own: here the output is first brought to the
source's RMS level. Above `TOP_HZ` nothing counts, since recordings from lossy files end there.

Source and output are of one shape, `(sample,)` or `(channel, sample)`, whose channels are averaged.
Silent sources leave nothing to measure: the figure is NaN. A silent output is as far away as the
floor lets it be.

Source:
    Yamamoto, Song and Kim, Parallel WaveGAN (ICASSP 2020), equations 3 to 6: several resolutions.
    Gray and Markel, Distance measures for speech processing (IEEE TASSP 1976): log spectra.
"""

from __future__ import annotations

import librosa
import numpy as np
from jaxtyping import Float

from violute.errors import ShapeError
from violute.evaluation.metrics.loudness import FRAME_RATE_HZ, mono_at, sounding_frames_of
from violute.rates import SAMPLE_RATE

TOP_HZ = 16_000.0

N_FFTS = (2048, 1024, 512, 256, 128, 64)
"""Window lengths in samples; they overlap by three quarters."""

LEVEL_RMS = 0.1
"""RMS to which the source is brought, so that the floor lies as far below every recording."""

FLOOR = 1e-5
"""Magnitude added to every bin, relative to a full-scale sine: 80 dB below the source's RMS."""

_LSD_N_FFT = 2048
_LSD_HOP = 441


def multi_resolution_distance(
    source: Float[np.ndarray, "... sample"],
    output: Float[np.ndarray, "... sample"],
    sample_rate: int,
) -> float:
    """Return spectral convergence plus the distance of log magnitudes, averaged over resolutions.

    Returns:
        0 for equal sounds (at any gain), without an upper bound otherwise; NaN for a silent source.

    Source:
        Yamamoto, Song and Kim (ICASSP 2020), equations 4 to 6; Engel et al., DDSP (ICLR 2020),
        section 4.2, for the resolutions.
    """
    pair = _levelled_pair(source, output, sample_rate)
    if pair is None:
        return float("nan")
    total = 0.0
    for n_fft in N_FFTS:
        wanted, made = (_magnitudes(audio, n_fft, n_fft // 4) for audio in pair)
        wanted, made = (np.sqrt(np.square(magnitude) + FLOOR**2) for magnitude in (wanted, made))
        convergence = np.linalg.norm(made - wanted) / np.linalg.norm(wanted)
        total += float(convergence + np.mean(np.abs(np.log(made / wanted))))
    return total / len(N_FFTS)


def log_spectral_distance_db(
    source: Float[np.ndarray, "... sample"],
    output: Float[np.ndarray, "... sample"],
    sample_rate: int,
) -> float:
    """Return the RMS difference of log power spectra, averaged over the source's sounding frames.

    Returns:
        dB, 0 for equal sounds (at any gain); NaN for a silent source.

    Source:
        Gray and Markel (1976), section III; Rabiner and Juang, Fundamentals of Speech Recognition
        (1993), equation 4.5.
    """
    pair = _levelled_pair(source, output, sample_rate)
    if pair is None:
        return float("nan")
    sounding = sounding_frames_of(pair[0], SAMPLE_RATE, FRAME_RATE_HZ)
    wanted, made = (_magnitudes(audio, _LSD_N_FFT, _LSD_HOP) for audio in pair)
    n_frames = min(len(sounding), wanted.shape[1])
    sounding = sounding[:n_frames]
    if not sounding.any():
        return float("nan")
    wanted, made = (magnitude[:, :n_frames][:, sounding] for magnitude in (wanted, made))
    difference_db = 10.0 * np.log10((np.square(made) + FLOOR**2) / (np.square(wanted) + FLOOR**2))
    return float(np.mean(np.sqrt(np.mean(np.square(difference_db), axis=0))))


def _levelled_pair(
    source: Float[np.ndarray, "..."], output: Float[np.ndarray, "..."], sample_rate: int
) -> tuple[Float[np.ndarray, " sample"], Float[np.ndarray, " sample"]] | None:
    """Return both sounds in mono at `LEVEL_RMS` and `SAMPLE_RATE`; None for a silent source."""
    if source.shape != output.shape:
        raise ShapeError(f"source {source.shape} against output {output.shape}: give sounds of one shape")
    levelled = []
    for audio in (source, output):
        mono = mono_at(audio, sample_rate, SAMPLE_RATE)
        rms = float(np.sqrt(np.mean(np.square(mono)))) if mono.size else 0.0
        levelled.append(mono * (LEVEL_RMS / rms) if rms > 0.0 else mono)
    if not np.any(levelled[0]):
        return None
    return levelled[0], levelled[1]


def _magnitudes(
    audio: Float[np.ndarray, " sample"], n_fft: int, hop_length: int
) -> Float[np.ndarray, "bin frame"]:
    """Return magnitudes up to `TOP_HZ`, scaled so that a steady sine reads its amplitude."""
    # librosa warns of sounds shorter than its window; silence after them changes no figure.
    filled = np.pad(audio, (0, max(0, n_fft - len(audio))))
    spectrum = np.abs(librosa.stft(filled, n_fft=n_fft, hop_length=hop_length, pad_mode="constant"))
    n_bins = 1 + int(TOP_HZ * n_fft / SAMPLE_RATE)
    return np.asarray(spectrum[:n_bins] * (4.0 / n_fft))
