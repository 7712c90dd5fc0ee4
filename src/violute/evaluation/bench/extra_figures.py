"""Figures of a sound alone (how fused it is) and beside its recording (spectra, notes)."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32

from violute.evaluation.bench.schema import Figures, figure
from violute.evaluation.metrics.fusion import mean_f0_tracks, roughness
from violute.evaluation.metrics.spectral import log_spectral_distance_db, multi_resolution_distance


def against_source(
    source: Float32[np.ndarray, " sample"], output: Float32[np.ndarray, " sample"], sample_rate: int
) -> Figures:
    """Return how far an output's spectrum lies from its recording's."""
    return {
        "spectral/multi_resolution": figure(multi_resolution_distance(source, output, sample_rate)),
        "spectral/log_spectral_distance_db": figure(log_spectral_distance_db(source, output, sample_rate)),
    }


def of_sound(audio: Float32[np.ndarray, " sample"], sample_rate: int) -> Figures:
    """Return the figures of fusion; fewer is more fused."""
    return {
        "fusion/f0_tracks": figure(mean_f0_tracks(audio, sample_rate)),
        "fusion/roughness": figure(roughness(audio, sample_rate)),
    }
