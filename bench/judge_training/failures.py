"""What a failed model makes of an instrument: sounds with its notes and its loudness that are no instrument.

Each function damages a recording in a way that models of spectra, of codes or of waveforms do before they
have learned, or where they cannot: phases that do not fit, frames that do not join, partials between the
partials, noise or pulses through filters, spectra smeared over time or over frequency. How far is drawn
at random, never so little that an instrument is left.

Conventions: mono at the judge's rate in and out, the same length.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import librosa
import numpy as np
from jaxtyping import Complex, Float, Float32
from scipy.ndimage import gaussian_filter, uniform_filter1d
from scipy.signal import hilbert, lfilter

from violute.evaluation.judge.classifier import SAMPLE_RATE
from violute.evaluation.metrics.pitch import judge_f0

Mono = Float32[np.ndarray, " sample"]
Damage = Callable[[Mono, np.random.Generator], np.ndarray]


def noise_vocoder(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Noise with the recording's levels in 8 to 48 bands."""
    n_fft = 1024
    spectrum = _stft(audio, n_fft)
    bank = librosa.filters.mel(
        sr=SAMPLE_RATE, n_fft=n_fft, n_mels=int(np.exp(rng.uniform(np.log(8), np.log(48))))
    )
    levels = np.sqrt(bank.T @ (bank @ np.square(np.abs(spectrum))))
    return _istft(levels * _random_phases(levels.shape, rng), n_fft, len(audio))


def random_phases(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """The recording's magnitudes, any phases."""
    n_fft = int(2 ** rng.integers(9, 14))
    magnitudes = np.abs(_stft(audio, n_fft))
    return _istft(magnitudes * _random_phases(magnitudes.shape, rng), n_fft, len(audio))


def zero_phases(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """A robot: every frame a pulse of the recording's magnitudes, so the frame rate is the pitch."""
    n_fft = int(2 ** rng.integers(8, 12))
    return _istft(np.abs(_stft(audio, n_fft)).astype(np.complex64), n_fft, len(audio))


def time_smear(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Magnitudes averaged over 0.3 to 1.5 s, with any phases."""
    n_fft = 2048
    width = max(3, int(rng.uniform(0.3, 1.5) * SAMPLE_RATE / (n_fft // 4)))
    smeared = uniform_filter1d(np.abs(_stft(audio, n_fft)), width, axis=1)
    return _istft(smeared * _random_phases(smeared.shape, rng), n_fft, len(audio))


def blurred_picture(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Log magnitudes blurred over frequency and time, as pictures that a decoder has not learned to draw."""
    n_fft = 2048
    spectrum = _stft(audio, n_fft)
    blurred = np.exp(
        gaussian_filter(np.log(np.abs(spectrum) + 1e-5), (rng.uniform(6.0, 40.0), rng.uniform(0.0, 8.0)))
    )
    phases = _random_phases(blurred.shape, rng) if rng.random() < 0.5 else _phases(spectrum)
    return _istft(blurred * phases, n_fft, len(audio))


def few_spectra(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Magnitudes of rank 1 or 2, a latent that says too little, with phases guessed in a few rounds."""
    n_fft = 1024
    magnitudes = np.abs(_stft(audio, n_fft))
    left, values, right = np.linalg.svd(magnitudes, full_matrices=False)
    rank = int(rng.integers(1, 3))
    poor = np.maximum((left[:, :rank] * values[:rank]) @ right[:rank], 0.0)
    return librosa.griffinlim(
        poor.astype(np.float32),
        n_iter=int(rng.integers(1, 4)),
        hop_length=n_fft // 4,
        n_fft=n_fft,
        length=len(audio),
        random_state=int(rng.integers(2**31)),
    )


def holes(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """A chequered spectrogram: patches far too loud, patches missing."""
    n_fft = 1024
    spectrum = _stft(audio, n_fft)
    rows, columns = int(rng.integers(4, 33)), int(rng.integers(2, 17))
    shape = [-(-n // size) for n, size in zip(spectrum.shape, (rows, columns), strict=True)]
    gains_db = rng.choice([-40.0, 0.0, rng.uniform(6.0, 24.0)], size=shape)
    gains = np.kron(10.0 ** (gains_db / 20.0), np.ones((rows, columns)))
    return _istft(spectrum * gains[: spectrum.shape[0], : spectrum.shape[1]], n_fft, len(audio))


def ring(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Ring modulation by 25 to 900 Hz."""
    seconds = np.arange(len(audio)) / SAMPLE_RATE
    carrier_hz = np.exp(rng.uniform(np.log(25.0), np.log(900.0)))
    return audio * np.sin(2.0 * np.pi * carrier_hz * seconds)


def comb(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """A comb that rings: 1 to 12 ms, fed back by 0.9 to 0.98."""
    delay = int(rng.uniform(0.001, 0.012) * SAMPLE_RATE)
    feedback = np.zeros(delay + 1)
    feedback[0], feedback[-1] = 1.0, -rng.uniform(0.9, 0.98)
    return lfilter([1.0], feedback, audio)


def pulses(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Buzz: a train of pulses at the recording's pitch and loudness through one static filter."""
    track_hz = judge_f0(audio, SAMPLE_RATE)
    frames = np.arange(len(track_hz)) * SAMPLE_RATE / 100.0
    places = np.arange(len(audio))
    if np.any(track_hz > 0.0):
        f0_hz = np.interp(places, frames[track_hz > 0.0], track_hz[track_hz > 0.0])
    else:
        f0_hz = np.full(len(audio), 440.0)
    if rng.random() < 0.4:  # whatever was played, at the rate of a model's frames
        f0_hz = np.full(len(audio), SAMPLE_RATE / rng.choice([64.0, 128.0, 256.0]))
    turns = np.cumsum(f0_hz / SAMPLE_RATE)
    train = np.diff(np.floor(turns), prepend=0.0)
    envelope = np.sqrt(uniform_filter1d(np.square(audio.astype(np.float64)), 512).clip(0.0))
    frequencies = np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE)
    bends_hz = np.geomspace(60.0, SAMPLE_RATE / 2, 8)
    static_db = np.interp(np.log(frequencies + 1.0), np.log(bends_hz), rng.uniform(-18.0, 0.0, 8))
    return np.fft.irfft(np.fft.rfft(train * envelope) * 10.0 ** (static_db / 20.0), len(audio))


def broken_frames(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Frames of 5 to 30 ms that do not join: each with a level and a sign of its own."""
    n_frame = int(rng.uniform(0.005, 0.03) * SAMPLE_RATE)
    n_frames = -(-len(audio) // n_frame)
    gains = 10.0 ** (rng.uniform(-18.0, 6.0, n_frames) / 20.0) * rng.choice([-1.0, 1.0], n_frames)
    return audio * np.repeat(gains, n_frame)[: len(audio)]


def shuffled_grains(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Grains of 10 to 50 ms, overlapped, each from up to 0.2 s away."""
    n_grain = int(rng.uniform(0.01, 0.05) * SAMPLE_RATE) // 2 * 2
    window = np.hanning(n_grain)
    result = np.zeros(len(audio))
    for start in range(0, len(audio) - n_grain, n_grain // 2):
        source = start + int(rng.uniform(-0.2, 0.2) * SAMPLE_RATE)
        source = min(max(source, 0), len(audio) - n_grain)
        result[start : start + n_grain] += audio[source : source + n_grain] * window
    return result


def few_levels(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Samples of 2 to 4 bits on a mu-law, as a network of samples draws before it has learned."""
    n_levels = int(2 ** rng.integers(2, 5))
    scaled = audio / max(float(np.max(np.abs(audio))), 1e-9)
    squeezed = np.sign(scaled) * np.log1p(255.0 * np.abs(scaled)) / np.log(256.0)
    drawn = np.round(squeezed * n_levels / 2 + rng.normal(0.0, 0.5, len(audio))) * 2 / n_levels
    return np.sign(drawn) * (256.0 ** np.abs(drawn) - 1.0) / 255.0


def shifted_partials(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """All partials moved by the same 40 to 500 Hz, so that they are multiples of nothing."""
    seconds = np.arange(len(audio)) / SAMPLE_RATE
    shift_hz = rng.choice([-1.0, 1.0]) * np.exp(rng.uniform(np.log(40.0), np.log(500.0)))
    return np.real(hilbert(audio) * np.exp(2j * np.pi * shift_hz * seconds))


def flutter(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Pitch that flutters by a semitone or more, 12 to 80 times a second."""
    n_knots = int(len(audio) / SAMPLE_RATE * rng.uniform(24.0, 160.0)) + 2
    speed = np.interp(
        np.linspace(0.0, 1.0, len(audio)),
        np.linspace(0.0, 1.0, n_knots),
        rng.normal(1.0, rng.uniform(0.06, 0.25), n_knots),
    )
    places = np.cumsum(np.maximum(speed, 0.1))
    return np.interp(places / places[-1] * (len(audio) - 1), np.arange(len(audio)), audio)


def bursts(audio: Mono, rng: np.random.Generator) -> np.ndarray:
    """Bursts of noise of 1 to 30 ms, 2 to 30 a second, as loud as the recording was there."""
    seconds = np.arange(len(audio)) / SAMPLE_RATE
    period = 1.0 / np.exp(rng.uniform(np.log(2.0), np.log(30.0)))
    length = min(np.exp(rng.uniform(np.log(0.001), np.log(0.03))), 0.5 * period)
    envelope = np.sqrt(uniform_filter1d(np.square(audio.astype(np.float64)), 2048).clip(0.0))
    return rng.standard_normal(len(audio)) * envelope * (seconds % period < length)


DAMAGES: Mapping[str, Damage] = {
    damage.__name__: damage
    for damage in (
        noise_vocoder,
        random_phases,
        zero_phases,
        time_smear,
        blurred_picture,
        few_spectra,
        holes,
        ring,
        comb,
        pulses,
        broken_frames,
        shuffled_grains,
        few_levels,
        shifted_partials,
        flutter,
        bursts,
    )
}
"""By name."""


def _stft(audio: Mono, n_fft: int) -> Complex[np.ndarray, "bin frame"]:
    return librosa.stft(audio, n_fft=n_fft, hop_length=n_fft // 4)


def _istft(spectrum: np.ndarray, n_fft: int, length: int) -> Float[np.ndarray, " sample"]:
    return np.asarray(librosa.istft(spectrum, n_fft=n_fft, hop_length=n_fft // 4, length=length))


def _phases(spectrum: Complex[np.ndarray, "bin frame"]) -> Complex[np.ndarray, "bin frame"]:
    return np.exp(1j * np.angle(spectrum))


def _random_phases(shape: tuple[int, ...], rng: np.random.Generator) -> Complex[np.ndarray, "bin frame"]:
    return np.exp(2j * np.pi * rng.random(shape))
