"""Which detector finds where bowed and blown notes begin: ours for evaluation, or spectral flux.

    python bench/onset_bench.py --data DIR

DIR holds labelled notes as `bench/pitch_bench.py` takes them. Notes are played one after another, cut
short and without gaps, so every onset is known. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import librosa
import mir_eval
import numpy as np
import soxr

from violute.data.recordings import list_recordings, read_recording
from violute.evaluation.metrics.loudness import frame_loudness_db
from violute.evaluation.metrics.onsets import note_onsets
from violute.evaluation.metrics.pitch import judge_f0

RATE = 44_100
N_SEQUENCES = 6
N_NOTES = 20


def sequence(notes: list[np.ndarray], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Play notes in a row; return the sound and where each note begins, in seconds."""
    parts, onsets, seconds = [], [], 0.0
    for i in rng.choice(len(notes), N_NOTES):
        envelope = np.convolve(np.abs(notes[i]), np.ones(441) / 441, "same")
        start = int(np.argmax(envelope > 0.08 * envelope.max()))
        first = max(0, start - RATE // 100)
        note = notes[i][first : first + int(RATE * rng.uniform(0.25, 0.6))].copy()
        note *= 0.3 * 10 ** (rng.uniform(-6, 0) / 20) / np.abs(note).max()
        note[-300:] *= np.linspace(1, 0, 300)
        onsets.append(seconds + (start - first) / RATE)
        parts.append(note)
        seconds += len(note) / RATE
    return np.concatenate(parts), np.array(onsets)


def onset_times(audio: np.ndarray) -> np.ndarray:
    """Ours, from the tracks by which the bench hears pitch and loudness."""
    f0_hz, loudness_db = judge_f0(audio, RATE), frame_loudness_db(audio, RATE)
    n_frames = min(len(f0_hz), len(loudness_db))
    return note_onsets(f0_hz[:n_frames], loudness_db[:n_frames])


def flux_onsets(audio: np.ndarray, delta: float) -> np.ndarray:
    """Super-flux as librosa recommends it, at a threshold."""
    mono = soxr.resample(audio, RATE, 22_050)
    mel = librosa.feature.melspectrogram(
        y=mono, sr=22_050, n_fft=2048, hop_length=220, n_mels=138, fmin=100, fmax=10_000
    )
    envelope = librosa.onset.onset_strength(
        S=librosa.power_to_db(mel, ref=np.max, top_db=60), sr=22_050, hop_length=220, lag=2, max_size=3
    )
    return librosa.onset.onset_detect(
        onset_envelope=envelope, sr=22_050, hop_length=220, units="time", delta=delta
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    data = parser.parse_args().data
    detectors: dict[str, Callable[[np.ndarray], np.ndarray]] = {"notes (ours)": onset_times}
    for delta in (0.05, 0.1, 0.15):
        detectors[f"super-flux, delta {delta}"] = partial(flux_onsets, delta=delta)
    print("| detector | instrument | F1 at 50 ms | precision | recall |\n|---|---|---|---|---|")
    for instrument in ("flute", "violin"):
        rng = np.random.default_rng(0)
        recordings = list_recordings(data / instrument, select=[f"philharmonia_{instrument}_notes*"])
        chosen = [recordings[i] for i in rng.choice(len(recordings), 80, replace=False)]
        notes = [read_recording(recording, RATE) for recording in chosen]
        notes = [note for note in notes if 0.45 * RATE < len(note) < 3 * RATE]
        sequences = [sequence(notes, rng) for _ in range(N_SEQUENCES)]
        for name, detect in detectors.items():
            figures = [mir_eval.onset.f_measure(onsets, detect(audio)) for audio, onsets in sequences]
            f1, precision, recall = np.mean(figures, axis=0)
            print(f"| {name} | {instrument} | {f1:.2f} | {precision:.2f} | {recall:.2f} |")


if __name__ == "__main__":
    main()
