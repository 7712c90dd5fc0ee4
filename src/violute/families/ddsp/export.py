"""From a trained decoder to a voice file that plays without torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from violute.analysis.conditioning import N_FEATURES, conditioning
from violute.analysis.onsets import pick_onsets
from violute.analysis.pitch_range import HIGH, SETTING
from violute.errors import TrainingError
from violute.families.ddsp.adaptation import loudness_quantiles
from violute.families.ddsp.calibration.dial_scale import dial_points
from violute.families.ddsp.calibration.noise_level import noise_trim_db
from violute.families.ddsp.calibration.resynthesis import Note, resynthesised
from violute.families.ddsp.calibration.wavering import partial_variation_db, ripple_db
from violute.families.ddsp.data import Line
from violute.families.ddsp.network import DdspDecoder, VoiceGraph
from violute.families.ddsp.voice import HarmonicVoice
from violute.families.ddsp.wavering import HARMONICS
from violute.rates import SAMPLE_RATE
from violute.training.onnx_graph import onnx_bytes
from violute.voices.card import Card
from violute.voices.file import seal

N_CALIBRATION_FRAMES = 1500
EXAMPLE_FRAMES = 64
MOST_TILT_DB = 6.0


def check_tilt(tilt_db_per_octave: tuple[float, float]) -> None:
    """Make sure that a correction by hand, what the levels of each end gain above 1 kHz, is a small one.

    Raises:
        TrainingError: It is out of range.
    """
    if not all(abs(tilt) <= MOST_TILT_DB for tilt in tilt_db_per_octave):
        raise TrainingError(
            f"a tilt of {tilt_db_per_octave} dB per octave is out of range: "
            f"give -{MOST_TILT_DB:g} to {MOST_TILT_DB:g} for each end"
        )


def export_ddsp(
    decoder: DdspDecoder,
    lines: Sequence[Line],
    names: tuple[str, str],
    path: Path,
    *,
    card: Mapping[str, Any],
    is_calibrated: bool = True,
) -> None:
    """Write a voice file.

    Where the lines have their sound, noise and wavering are set by what the voice makes of them; see
    `violute.families.ddsp.calibration.resynthesis`.

    Args:
        decoder: Trained, on the CPU.
        lines: What it learned from: gives loudness and pitch ranges and calibrates the dial.
        names: Of the ends.
        path: To write.
        card: Further entries of the voice's `Card`; and `tilt_db_per_octave` by end, see `VoiceGraph`.
        is_calibrated: Whether to take the half minute that this needs.
    """
    card = dict(card)
    tilts = card.pop("tilt_db_per_octave", {})
    tilt = (float(tilts.get(names[0], 0.0)), float(tilts.get(names[1], 0.0)))
    graph = VoiceGraph(decoder.eval()).eval()
    entries, pitch_range = _entries(lines, names), lines[0].pitch_range
    wavering, ripple = {name: [0.0] * len(HARMONICS) for name in names}, dict.fromkeys(names, 0.0)
    if is_calibrated:
        trim = [noise_trim_db(notes, pitch_range) for notes in _notes(graph, entries, lines)]
        graph = VoiceGraph(decoder, noise_trim_db=_tensor(trim)).eval()
        steady = _notes(graph, entries, lines)
        ripple |= {name: ripple_db(notes) for name, notes in zip(names, steady, strict=True)}
        entries["settings"]["ripple_db"] = ripple
        for name, notes, predicted in zip(names, _notes(graph, entries, lines), steady, strict=True):
            wavering[name] = partial_variation_db(
                [replace(a, predicted_db=b.predicted_db) for a, b in zip(notes, predicted, strict=True)]
            )
        # The tilt is no part of what was measured: it comes on top of it.
        graph = VoiceGraph(decoder, tilt, _tensor(trim)).eval()
    elif any(tilt):
        graph = VoiceGraph(decoder, tilt).eval()
    entries["settings"] |= {
        "ripple_db": ripple,
        "unrest_db": wavering,
        "tilt_db_per_octave": dict(zip(names, tilt, strict=True)),
        "dial": calibrated_dial(graph, lines),
    }
    path.write_bytes(seal(graph_bytes(graph), Card(**{**entries, **card})))


def _entries(lines: Sequence[Line], names: tuple[str, str]) -> dict[str, Any]:
    """Return what a card says about any voice of these lines."""
    return {
        "name": "voice",
        "family": "ddsp",
        "sample_rate": SAMPLE_RATE,
        "ends": names,
        "pitch_range_hz": {name: pitch_range_hz(_of_end(lines, i)) for i, name in enumerate(names)},
        "settings": {
            **({} if lines[0].pitch_range == HIGH else {SETTING: lines[0].pitch_range.name}),
            "loudness_quantiles": {
                name: [round(float(q), 2) for q in loudness_quantiles(_loudness_db(_of_end(lines, i)))]
                for i, name in enumerate(names)
            },
        },
    }


def _notes(graph: VoiceGraph, entries: Mapping[str, Any], lines: Sequence[Line]) -> list[list[Note]]:
    """Let a network play the notes of each end that sound alone."""
    voice = HarmonicVoice(graph_bytes(graph), Card(**entries))
    return [resynthesised(voice, _of_end(lines, end)) for end in (0, 1)]


def _tensor(trim: Sequence[np.ndarray]) -> torch.Tensor:
    return torch.from_numpy(np.stack(trim).astype(np.float32))


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
    """Lowest and highest pitch heard for a second or more in all, and in a 300th of all frames.

    What is rarer than that may be one note that was heard an octave off.
    """
    f0_hz = np.sort(np.concatenate([line.f0_hz[line.is_reliable] for line in lines]))
    edge = max(min(100, len(f0_hz) // 20), len(f0_hz) // 300)
    return round(float(f0_hz[edge]), 1), round(float(f0_hz[-1 - edge]), 1)


def _of_end(lines: Sequence[Line], end: int) -> list[Line]:
    return [line for line in lines if line.end == end]


def _loudness_db(lines: Sequence[Line]) -> np.ndarray:
    return np.concatenate([line.relative_loudness_db[line.is_reliable] for line in lines])


def calibrated_dial(graph: VoiceGraph, lines: Sequence[Line]) -> list[list[float]]:
    """Find the scale of the dial over frames of all lines, played by both ends."""
    rng = np.random.default_rng(0)
    harmonic, noise, pitch = [], [], []
    for line in sorted(lines, key=lambda line: -len(line.f0_hz))[:8]:
        features = conditioning(
            np.maximum(line.f0_hz, 1.0),
            line.relative_loudness_db,
            pick_onsets(line.onset_strength),
            frame_rate_hz=100.0,
            pitch_range=line.pitch_range,
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
