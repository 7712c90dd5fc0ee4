"""Measure how much faster than real time the synthesis runs, and print a Markdown table.

Run with `OMP_NUM_THREADS=1 python bench/synthesis_bench.py`. Times are processor seconds of this process,
so that other work on the machine counts little; the rows with two threads are wall-clock.
"""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from violute.dsp.harmonics import harmonic_bank
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.harmonics import HarmonicSynth, harmonic_synth
from violute.synthesis.noise import filtered_noise
from violute.synthesis.room import room

SECONDS = 20
N_HARMONICS = 100
REPEATS = 3


def naive_sines(f0_hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Sum one `np.sin` per harmonic."""
    position = np.arange(len(f0_hz) * HOP_LENGTH) / HOP_LENGTH
    frames = np.arange(len(f0_hz))
    turns = np.cumsum(np.interp(position, frames, f0_hz)) / SAMPLE_RATE
    audio = np.zeros(len(position), np.float32)
    for k in range(1, amplitudes.shape[1] + 1):
        phase = k * turns
        phase -= np.rint(phase)
        sine = np.sin((2 * np.pi * phase).astype(np.float32))
        audio += np.interp(position, frames, amplitudes[:, k - 1]).astype(np.float32) * sine
    return audio


def chebyshev(f0_hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Step from harmonic to harmonic by sin((k + 1) x) = 2 cos(x) sin(k x) - sin((k - 1) x), hop by hop."""
    hop = np.arange(HOP_LENGTH) / HOP_LENGTH
    position = np.arange(len(f0_hz) * HOP_LENGTH) / HOP_LENGTH
    turns = np.cumsum(np.interp(position, np.arange(len(f0_hz)), f0_hz)) / SAMPLE_RATE
    radians = (2 * np.pi * (turns - np.rint(turns))).astype(np.float32).reshape(-1, HOP_LENGTH)
    ramp = hop.astype(np.float32)
    following = np.concatenate([amplitudes[1:], amplitudes[-1:]])
    audio = np.zeros(radians.shape, np.float32)
    for start in range(0, len(f0_hz), 16):
        group = slice(start, start + 16)
        first, slope = amplitudes[group], following[group] - amplitudes[group]
        two_cosines = 2 * np.cos(radians[group])
        before, sine = np.zeros_like(two_cosines), np.sin(radians[group])
        for k in range(amplitudes.shape[1]):
            audio[group] += (first[:, k, None] + slope[:, k, None] * ramp) * sine
            before, sine = sine, two_cosines * sine - before
    return audio.ravel()


def two_threads(f0_hz: np.ndarray, amplitudes: np.ndarray) -> np.ndarray:
    """Play each half of the piece in a thread of its own, as two lines of a chord would."""
    half = len(f0_hz) // 2

    def play(part: slice) -> np.ndarray:
        return HarmonicSynth().block(f0_hz[part], amplitudes[part])

    with ThreadPoolExecutor(2) as pool:
        return np.concatenate(list(pool.map(play, [slice(0, half + 1), slice(half, None)])))


def torch_twin(f0_hz: np.ndarray, amplitudes: np.ndarray) -> None:
    """Play ten items of two seconds with gradients to the amplitudes, forward and backward."""
    pitch = torch.from_numpy(f0_hz).reshape(10, -1)
    levels = torch.from_numpy(amplitudes).reshape(10, len(f0_hz) // 10, -1).transpose(1, 2).requires_grad_()
    harmonic_bank(pitch, levels, sample_rate=SAMPLE_RATE, hop_length=HOP_LENGTH).square().mean().backward()


def ratio(play: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return seconds of sound per second of work, the best of a few."""
    play()
    spent = []
    for _ in range(REPEATS):
        start = clock()
        play()
        spent.append(clock() - start)
    return SECONDS / min(spent)


def in_blocks(f0_hz: np.ndarray, amplitudes: np.ndarray, n_frames: int) -> None:
    """Play as a stream does."""
    synth = HarmonicSynth()
    for start in range(0, len(f0_hz) - 1, n_frames):
        piece = slice(start, start + n_frames + 1)
        synth.block(f0_hz[piece], amplitudes[piece])


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    n_frames = SECONDS * SAMPLE_RATE // HOP_LENGTH
    vibrato = 2 ** (np.sin(2 * np.pi * 6 * np.arange(n_frames) * HOP_LENGTH / SAMPLE_RATE) / 24)
    amplitudes = rng.uniform(0, 0.01, (n_frames, N_HARMONICS)).astype(np.float32)
    low, high = 196.0 * vibrato, 659.0 * vibrato
    band_db = rng.uniform(-90, -30, (n_frames, 64)).astype(np.float32)
    audio = rng.standard_normal(SECONDS * SAMPLE_RATE).astype(np.float32)
    wall = time.perf_counter
    rows = [
        ("harmonics, 196 Hz (100 below Nyquist)", ratio(lambda: harmonic_synth(low, amplitudes))),
        ("harmonics, 659 Hz (33 below Nyquist)", ratio(lambda: harmonic_synth(high, amplitudes))),
        ("harmonics, 196 Hz, blocks of 20 ms", ratio(lambda: in_blocks(low, amplitudes, 2))),
        ("harmonics, 196 Hz, one thread, wall-clock", ratio(lambda: harmonic_synth(low, amplitudes), wall)),
        ("harmonics, 196 Hz, two threads, wall-clock", ratio(lambda: two_threads(low, amplitudes), wall)),
        ("the same by Chebyshev's recurrence", ratio(lambda: chebyshev(low, amplitudes))),
        ("the same by one np.sin per harmonic", ratio(lambda: naive_sines(low, amplitudes))),
        ("harmonics in torch, forward and backward", ratio(lambda: torch_twin(low, amplitudes))),
        ("filtered noise, 64 bands", ratio(lambda: filtered_noise(band_db))),
        ("room, dial at 0.5", ratio(lambda: room(audio, 0.5))),
        ("room, dial at 1", ratio(lambda: room(audio, 1.0))),
    ]
    print("| what | times real time |\n|---|---|")
    for what, times in rows:
        print(f"| {what} | {times:.0f} |")


if __name__ == "__main__":
    main()
