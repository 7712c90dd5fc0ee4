"""The default family at its smallest: two instruments made of formulas, and a voice trained on them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from violute.analysis.conditioning import N_FEATURES
from violute.analysis.controls import Controls
from violute.analysis.loudness import a_weighting_db
from violute.data.features import Features
from violute.families.ddsp.network import VoiceGraph
from violute.families.ddsp.recipes import DdspRecipe
from violute.families.ddsp.task import DdspTask
from violute.families.ddsp.voice import HarmonicVoice
from violute.synthesis.noise import N_BANDS
from violute.training.seeds import seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext
from violute.voices.file import open_voice_file

NAMES = ("mellow", "bright")
DB_PER_OCTAVE = (-18.0, -3.0)
BREATH_DB = (-30.0, -45.0)
PITCH_RANGE_HZ = (300.0, 1200.0)
NOTE_FRAMES = 40
WEIGHTS: Mapping[str, float] = {
    name: weight
    for name, weight in DdspRecipe(loop=LoopSettings()).loss_weights.items()
    if not name.startswith("spectral/")  # a stage that a tiny voice does without
}


def features(end: int, *, n_notes: int = 8, seed: int = 0, source: str = "one", name: str = "") -> Features:
    """Notes of a formula: harmonics that fall by an end's slope, of given loudness."""
    rng = np.random.default_rng([end, seed])
    low, high = np.log2(PITCH_RANGE_HZ)
    f0_hz = np.repeat(2.0 ** rng.uniform(low, high, n_notes), NOTE_FRAMES)
    loudness_db = np.repeat(rng.uniform(-40.0, -10.0, n_notes), NOTE_FRAMES)
    number = np.arange(1, 101)
    relative_db = DB_PER_OCTAVE[end] * np.log2(number)
    frequency_hz = f0_hz[:, None] * number
    heard = 10.0 ** ((relative_db + a_weighting_db(frequency_hz)) / 10.0) * (frequency_hz < 20_000.0)
    relative_db = relative_db - 10.0 * np.log10(heard.sum(axis=1))[:, None]
    return Features(
        name=name or f"{source}-{seed}",
        source=source,
        controls=Controls(
            f0_hz.astype(np.float32)[None],
            np.full((1, len(f0_hz)), 0.95, np.float32),
            loudness_db.astype(np.float32)[None],
            (np.arange(len(f0_hz)) % NOTE_FRAMES == 0).astype(np.float32),
        ),
        harmonic_db=(relative_db + loudness_db[:, None]).astype(np.float32),
        noise_db=np.repeat(BREATH_DB[end] + loudness_db[:, None], N_BANDS, axis=1).astype(np.float32),
        is_reliable=np.arange(len(f0_hz)) % NOTE_FRAMES > 1,
        highest_hz=22_050.0,
    )


def task(seed: int = 0, weights: Mapping[str, float] = WEIGHTS) -> DdspTask:
    """A task of two instruments, the second one with two rooms."""
    recipe = DdspRecipe(
        loop=LoopSettings(seed=seed),
        learning_rate=0.02,
        batch_size=4,
        n_frames=60,
        channels=12,
        dilations=(1, 2),
    )
    recipe = DdspRecipe(**{**vars(recipe), "loss_weights": weights})
    ends = ([features(0), features(0, seed=1)], [features(1), features(1, seed=1, source="two")])
    return DdspTask(ends, ([], []), recipe, names=NAMES, device=torch.device("cpu"), card={})


def walk(chosen: DdspTask, n_steps: int) -> DdspTask:
    """Take plain steps, without the loop."""

    def descend(name: str, loss: Tensor) -> None:
        chosen.optimizers()[name].zero_grad()
        loss.backward()
        chosen.optimizers()[name].step()

    with torch.random.fork_rng(devices=[]):
        for step in range(n_steps):
            generator = seed_everything(step)
            chosen.step(chosen.batch(generator), StepContext(step, n_steps, generator, descend))
    return chosen


@lru_cache(maxsize=1)
def voice() -> HarmonicVoice:
    """A voice whose ends are plainly different, after a second or two of training."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tiny.onnx"
        walk(task(), 60).export(path)
        return HarmonicVoice(*open_voice_file(path))


def inputs(n_frames: int, seed: int) -> dict[str, Tensor]:
    """What the voice file takes."""
    generator = torch.Generator().manual_seed(seed)
    return {
        "features": torch.rand(2, n_frames, N_FEATURES, generator=generator),
        "f0_hz": 200.0 + 3000.0 * torch.rand(n_frames, generator=generator),
    }


def outputs(chosen: DdspTask, given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What the voice file should give."""
    levels = VoiceGraph(chosen.decoder)(given["features"], given["f0_hz"])
    return {"harmonic_db": levels.harmonic_db, "noise_db": levels.noise_db}
