"""From a trained decoder to a voice file that plays without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from violute.analysis.conditioning import N_FEATURES, conditioning
from violute.analysis.spectra import SAMPLE_RATE
from violute.models.ddsp import DdspDecoder, VoiceGraph
from violute.training.ddsp_data import Line
from violute.training.dial import dial_points
from violute.training.onnx_graph import onnx_bytes
from violute.training.unrest import partial_unrest_db
from violute.voices.adaptation import loudness_quantiles
from violute.voices.card import Card
from violute.voices.file import seal

N_CALIBRATION_FRAMES = 1500
EXAMPLE_FRAMES = 64


def export_ddsp(
    decoder: DdspDecoder,
    lines: Sequence[Line],
    names: tuple[str, str],
    path: Path,
    *,
    reference_source: tuple[int, int] = (-1, -1),
    card: Mapping[str, Any],
) -> None:
    """Write a voice file.

    Args:
        decoder: Trained, on the CPU.
        lines: What it learned from: gives loudness and pitch ranges and calibrates the dial.
        names: Of the ends.
        path: To write.
        reference_source: Source whose room each end keeps; -1 for none.
        card: Further entries of the voice's `Card`; and `tilt_db_per_octave` by end, see `VoiceGraph`.
    """
    card = dict(card)
    tilts = card.pop("tilt_db_per_octave", {})
    tilt = (float(tilts.get(names[0], 0.0)), float(tilts.get(names[1], 0.0)))
    graph = VoiceGraph(decoder.eval(), reference_source, tilt).eval()
    entries = {
        "family": "ddsp",
        "sample_rate": SAMPLE_RATE,
        "ends": names,
        "pitch_range_hz": {name: pitch_range_hz(_of_end(lines, i)) for i, name in enumerate(names)},
        "settings": {
            "loudness_quantiles": {
                name: [round(float(q), 2) for q in loudness_quantiles(_loudness_db(_of_end(lines, i)))]
                for i, name in enumerate(names)
            },
            "unrest_db": {
                name: partial_unrest_db(decoder, _of_end(lines, i)) for i, name in enumerate(names)
            },
            "tilt_db_per_octave": dict(zip(names, tilt, strict=True)),
            "dial": _calibrated(graph, lines),
        },
        **card,
    }
    path.write_bytes(seal(graph_bytes(graph), Card(**entries)))


def graph_bytes(graph: VoiceGraph) -> bytes:
    """Export the network to ONNX, for any number of frames."""
    features = torch.zeros(2, EXAMPLE_FRAMES, N_FEATURES)
    f0_hz = torch.full((EXAMPLE_FRAMES,), 440.0)
    return onnx_bytes(
        graph,
        (features, f0_hz),
        {"features": {1: "frame"}, "f0_hz": {0: "frame"}},
        {"harmonic_db": {1: "frame"}, "noise_db": {1: "frame"}},
    )


def pitch_range_hz(lines: Sequence[Line]) -> tuple[float, float]:
    """Lowest and highest pitch that was heard for a second or more in all."""
    f0_hz = np.sort(np.concatenate([line.f0_hz[line.is_reliable] for line in lines]))
    edge = min(100, len(f0_hz) // 20)
    return round(float(f0_hz[edge]), 1), round(float(f0_hz[-1 - edge]), 1)


def _of_end(lines: Sequence[Line], end: int) -> list[Line]:
    return [line for line in lines if line.end == end]


def _loudness_db(lines: Sequence[Line]) -> np.ndarray:
    return np.concatenate([line.relative_loudness_db[line.is_reliable] for line in lines])


def _calibrated(graph: VoiceGraph, lines: Sequence[Line]) -> list[list[float]]:
    """Lay the dial out over frames of all lines, played by both ends."""
    rng = np.random.default_rng(0)
    harmonic, noise, pitch = [], [], []
    for line in sorted(lines, key=lambda line: -len(line.f0_hz))[:8]:
        features = conditioning(
            np.maximum(line.f0_hz, 1.0), line.relative_loudness_db, line.onset_strength, frame_rate_hz=100.0
        )
        stop = min(len(features), 6000)
        with torch.no_grad():
            levels = graph(
                torch.from_numpy(features[:stop])[None].repeat(2, 1, 1), torch.from_numpy(line.f0_hz[:stop])
            )
        sure = np.flatnonzero(line.is_reliable[:stop])
        chosen = rng.choice(sure, min(len(sure), N_CALIBRATION_FRAMES // 8), replace=False)
        harmonic.append(levels.harmonic_db[:, chosen].numpy())
        noise.append(levels.noise_db[:, chosen].numpy())
        pitch.append(line.f0_hz[chosen])
    return dial_points(np.concatenate(harmonic, axis=1), np.concatenate(noise, axis=1), np.concatenate(pitch))
