"""A small document of the bench, made by formulas: one voice, two baselines, four recordings."""

from __future__ import annotations

import copy

import numpy as np
from tones import tone

from violute.evaluation.bench.figures import DIAL_MIXES, MIXES, deviation_edges_cents
from violute.evaluation.bench.schema import SCHEMA, SCHEMA_VERSION, Document
from violute.evaluation.bench.summary import summarise
from violute.evaluation.report.listening import HeardClip
from violute.rates import SAMPLE_RATE

CLIPS = ("flute/one", "flute/two", "violin/three", "flute/four")
CONTENDERS = {"hybrid": 0.97, "source": 1.0, "cross_fade": 0.8}
"""Pitch accuracy of each."""


def result(contender: str, clip: str, accuracy: float) -> dict:
    """One contender on one clip; its path through timbre space is straight."""
    rng = np.random.default_rng(len(clip))
    cepstrum = rng.normal(0.0, 20.0, 13)
    counts = np.zeros(len(deviation_edges_cents()) - 1, int)
    counts[19:21] = 50
    return {
        "contender": contender,
        "clip": clip,
        "mixes": [
            {
                "mix": mix,
                "pitch/raw_accuracy": accuracy - 0.01 * CLIPS.index(clip),
                "fusion/roughness": 1.0 - accuracy,
                "judge/posterior": mix,
                "pitch/coverage": 0.9,
            }
            for mix in MIXES
        ],
        "dial": [
            {"mix": mix, "judge/posterior": mix, "timbre/centroid_octaves": 10.0 + mix} for mix in DIAL_MIXES
        ],
        "timbre": [(cepstrum * (1.0 + mix)).tolist() for mix in DIAL_MIXES],
        "path": {"mix/spearman": 1.0, "mix/step_cv": None},
        "deviation_counts": [counts.tolist() for _ in MIXES],
        "cost": {"cost/analyse_seconds": 0.1, "cost/render_seconds": 0.01},
    }


def document(**accuracies: float) -> Document:
    """A whole document; keywords change a contender's pitch accuracy."""
    chosen = CONTENDERS | accuracies
    results = [result(name, clip, accuracy) for clip in CLIPS for name, accuracy in chosen.items()]
    clips = [
        {
            "name": clip,
            "instrument": clip.split("/")[0],
            "group": clip.split("/")[1],
            "seconds": 2.0,
            "source": {"judge/posterior": 0.5},
            "timbre": np.linspace(-10.0, 10.0, 13).tolist(),
            "is_stranger": clip == "flute/one",
        }
        for clip in CLIPS
    ]
    return copy.deepcopy(
        {
            "schema": SCHEMA,
            "schema_version": SCHEMA_VERSION,
            "environment": {
                "violute": "0",
                "revision": "0123456789abcdef",
                "is_changed": False,
                "date": "2026-01-01T00:00:00+00:00",
                "python": "3",
                "packages": {},
                "processor": "one <& two>",
                "n_cores": 2,
                "system": "none",
                "command": "violute bench",
            },
            "settings": {
                "mixes": list(MIXES),
                "dial_mixes": list(DIAL_MIXES),
                "clip_seconds": 2.0,
                "sample_rate": 44_100,
                "pitch_judge": "harvest",
                "deviation_edges_cents": deviation_edges_cents().tolist(),
                "references": {"flute": 0, "violin": 0},
            },
            "contenders": [
                {
                    "name": name,
                    "kind": "voice" if name == "hybrid" else "baseline",
                    "description": "",
                    "ends": ["flute", "violin"],
                    "n_bytes": None,
                    "sha256": "",
                }
                for name in chosen
            ],
            "clips": clips,
            "results": results,
            "summary": summarise(results, clips),
            "costs": {
                name: {
                    "cost/convert_x_realtime": 40.0,
                    "cost/rerender_x_realtime": 200.0,
                    "cost/cold_start_seconds": 1.0,
                    "cost/peak_memory_mb": 300.0,
                }
                for name in chosen
            },
            "floors": {},
            "failures": [{"contender": "cross_fade", "clip": "flute/none", "message": "it is <silent>"}],
        }
    )


def heard_clip() -> HeardClip:
    """A clip as one voice and two baselines play it, each of another colour."""
    renderings = {
        (name, mix): tone(440.0, 1.0, db_per_octave=slope - 6.0 * mix)
        for name, slope in (("hybrid", -6.0), ("source", -9.0), ("layering", -3.0), ("cross_fade", -4.0))
        for mix in (0.0, 0.5, 1.0)
    }
    return HeardClip("flute/one", tone(440.0, 1.0, db_per_octave=-9.0), renderings, SAMPLE_RATE)
