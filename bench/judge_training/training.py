"""Training the instrument judge on folders of real recordings; `bench/train_judge.py` is the command.

Each class is drawn equally often; within a class each file by the square root of its length, so
that no one player or room speaks for the instrument.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32, Int64
from torch import Tensor, nn

from judge_training.augmentation import (
    TUNING_MARGIN,
    Source,
    augment,
    average_spectrum_db,
    draw_excerpt,
)
from violute.data.recordings import list_recordings, read_recording
from violute.errors import TrainingError
from violute.evaluation.judge.classifier import (
    CEILING_DB,
    FLOOR_DB,
    FLUTE,
    INSTRUMENTS,
    N_FRAMES,
    N_MELS,
    OTHER,
    PATCH_SAMPLES,
    SAMPLE_RATE,
    VIOLIN,
    log_mel,
)
from violute.whole_file import replace_bytes

FAILED = "failed_"
"""Beginning of the names of files that `bench/failed_sounds.py` makes."""

N_PATCHES_PER_EXCERPT = 2
"""Consecutive seconds heard in one drawn room."""

OnStep = Callable[[int, float], None]
"""Called with the number of steps done and the running loss."""


class JudgeNetwork(nn.Module):
    """Four convolutions, a mean over time, two dense layers: a score for each of `INSTRUMENTS`."""

    def __init__(self, n_channels: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, n_channels[0], 5, stride=2, padding=2, bias=False)]
        layers += [nn.BatchNorm2d(n_channels[0]), nn.ReLU()]
        for n_in, n_out in pairwise(n_channels):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        n_features = n_channels[-1] * (N_MELS // 2 ** len(n_channels))
        self.head = nn.Sequential(
            nn.Dropout(0.3), nn.Linear(n_features, 48), nn.ReLU(), nn.Linear(48, len(INSTRUMENTS))
        )
        self.temperature: Tensor
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, x: Float[Tensor, "patch mel frame"]) -> Float[Tensor, "patch instrument"]:
        """Return scores patch by patch: log probabilities but for a constant."""
        features = self.features(x[:, None]).mean(dim=3).flatten(1)
        return self.head(features) / self.temperature


def load_sources(
    folders: Sequence[str | Path], *, instrument: str, hold_out: Sequence[str] = ()
) -> list[Source]:
    """Read the recordings of folders, file by file.

    Raises:
        TrainingError: A folder is missing or empty, or nothing is left of it.
    """
    recordings = [r for folder in folders for r in list_recordings(folder, hold_out=hold_out)]
    if not recordings:
        raise TrainingError(f"{folders}: every recording is held out: leave some to train on")
    sources = []
    for name, group in groupby(recordings, key=lambda r: r.source):
        clips = [read_recording(r, SAMPLE_RATE, peak=0.9) for r in group]
        sources.append(Source(name, instrument, clips, average_spectrum_db(clips)))
    return sources


def draw_batch(
    sources: Sequence[Source], n_excerpts: int, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "patch mel frame"], Int64[np.ndarray, " patch"]]:
    """Draw augmented patches, as many excerpts of each instrument, and their places in `INSTRUMENTS`.

    Sounds of failed models (files named `failed_*`) are drawn as often as all other instruments together.
    """
    n_samples = N_PATCHES_PER_EXCERPT * PATCH_SAMPLES
    failed = [s for s in sources if s.name.startswith(FAILED)]
    kinds = [
        [s for s in sources if s.instrument == instrument and s not in failed] for instrument in INSTRUMENTS
    ]
    kinds += [failed] if failed else []
    weights = [np.sqrt([s.n_seconds for s in members]) for members in kinds]
    patches, labels = [], []
    for i in range(n_excerpts):
        kind = i % len(kinds)
        label = min(kind, OTHER)
        members, weight = kinds[kind], weights[kind]
        source = members[int(rng.choice(len(members), p=weight / weight.sum()))]
        target = sources[int(rng.integers(len(sources)))]
        excerpt = augment(
            draw_excerpt(source, int(n_samples * TUNING_MARGIN), rng),
            n_samples,
            rng,
            spectrum_db=source.spectrum_db,
            target_spectrum_db=target.spectrum_db,
        )
        for patch in excerpt.reshape(-1, PATCH_SAMPLES):
            if np.mean(np.square(patch)) > 1e-4:  # 20 dB below the excerpt: rests teach nothing
                patches.append(patch)
                labels.append(label)
    return log_mel(np.stack(patches)), np.array(labels, dtype=np.int64)


class Pool:
    """The last patches drawn, from which batches are made: drawing costs four times what a step does.

    A patch is met about twice, each time under another smooth equaliser.

    Args:
        sources: Of all classes.
        rng: Draws everything.
        n_kept: Patches of each class that are kept.
    """

    def __init__(self, sources: Sequence[Source], rng: np.random.Generator, *, n_kept: int = 400) -> None:
        self._sources = sources
        self._rng = rng
        self._n_kept = n_kept
        self._patches: list[list[np.ndarray]] = [[] for _ in INSTRUMENTS]

    def draw(
        self, n_fresh_excerpts: int, n_patches: int
    ) -> tuple[Float32[np.ndarray, "patch mel frame"], Int64[np.ndarray, " patch"]]:
        """Draw some excerpts anew, and return patches of all that are kept, the classes alike."""
        for patch, label in zip(*draw_batch(self._sources, n_fresh_excerpts, self._rng), strict=True):
            self._patches[label] = [*self._patches[label][1 - self._n_kept :], patch]
        labels = np.arange(n_patches, dtype=np.int64) % len(INSTRUMENTS)
        picked = [self._patches[label][self._rng.integers(len(self._patches[label]))] for label in labels]
        return equalised(np.stack(picked), self._rng), labels


def equalised(
    patches: Float32[np.ndarray, "patch mel frame"], rng: np.random.Generator
) -> Float32[np.ndarray, "patch mel frame"]:
    """Add a smooth curve within a few dB to each patch, and level it anew as `log_mel` does."""
    n_bends = 6
    bends = rng.normal(0.0, 3.0 / 20.0, (len(patches), n_bends))
    places = np.linspace(0.0, n_bends - 1.0, N_MELS)
    curves = np.stack([np.interp(places, np.arange(n_bends), row) for row in bends])
    changed = patches + curves[:, :, None]
    level = 0.5 * np.log10(np.mean(10.0 ** (2.0 * changed), axis=(1, 2), keepdims=True))
    return np.clip(changed - level, FLOOR_DB / 20.0, CEILING_DB / 20.0).astype(np.float32)


def judge_loss(
    scores: Float[Tensor, "patch instrument"], labels: Int64[Tensor, " patch"]
) -> Float[Tensor, ""]:
    """Cross-entropy over the instruments, and once more between violin and flute alone.

    The second term keeps `Verdict.posterior` what it is without a third instrument. Labels a little
    short of certain keep the log odds of clear cases finite.
    """
    loss = nn.functional.cross_entropy(scores, labels, label_smoothing=0.04)
    is_either = (labels == VIOLIN) | (labels == FLUTE)
    log_odds = scores[is_either, VIOLIN] - scores[is_either, FLUTE]
    targets = (labels[is_either] == VIOLIN).to(scores.dtype) * 0.96 + 0.02
    return loss + nn.functional.binary_cross_entropy_with_logits(log_odds, targets)


def train_judge(
    sources: Sequence[Source],
    *,
    n_steps: int,
    n_fresh_excerpts: int = 12,
    n_patches: int = 48,
    seed: int = 0,
    start: Mapping[str, Tensor] | None = None,
    on_step: OnStep | None = None,
) -> JudgeNetwork:
    """Train a network; the same seed draws the same excerpts.

    Args:
        sources: Of all classes.
        n_steps: Of the optimiser.
        n_fresh_excerpts: Drawn anew at each step.
        n_patches: Of a step.
        seed: Of everything random.
        start: Weights of an earlier run to go on from, at half the learning rate; None starts from nothing.
        on_step: Told about each step.

    Raises:
        TrainingError: One of the classes is missing.
    """
    missing = set(INSTRUMENTS) - {s.instrument for s in sources}
    if missing:
        raise TrainingError(f"the judge needs recordings of {', '.join(INSTRUMENTS)}: name a folder of each")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = JudgeNetwork().train()
    if start is not None:
        network.load_state_dict(start)
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=3e-3 if start is None else 1.5e-3, total_steps=n_steps, pct_start=0.15
    )
    running = float("nan")
    pool = Pool(sources, rng)
    pool.draw(n_patches, n_patches)
    for step in range(1, n_steps + 1):
        patches, labels = pool.draw(n_fresh_excerpts, n_patches)
        loss = judge_loss(network(torch.from_numpy(patches)), torch.from_numpy(labels))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        running = loss.item() if step == 1 else running + 0.02 * (loss.item() - running)
        if on_step is not None:
            on_step(step, running)
    return network.eval()


def export_judge(network: JudgeNetwork, path: str | Path, *, figures: dict[str, object]) -> None:
    """Write the network as ONNX, its figures as metadata."""
    import onnx

    network = network.eval()
    with warnings.catch_warnings():
        # PyTorch's exporter uses what PyTorch itself has retired.
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            network,
            (torch.zeros(2, N_MELS, N_FRAMES),),
            input_names=["log_mel"],
            output_names=["scores"],
            dynamic_shapes=({0: torch.export.Dim("patch", min=1)},),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise TrainingError(f"{path}: PyTorch exported nothing: install onnxscript and try again")
    model = program.model_proto
    onnx.helper.set_model_props(model, {"figures": json.dumps(figures)})
    replace_bytes(Path(path), model.SerializeToString())
