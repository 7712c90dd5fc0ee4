r"""Train the instrument judge from folders of real recordings, and measure it on those held out.

    python -m violute.evaluation.judge_training --violin DIR --flute DIR \
        --hold-out bench/held_out.txt --out judge.onnx

Each class is drawn equally often; within a class each file by the square root of its length, so
that no one player or room speaks for the instrument. One temperature is then fitted on every
second held-out recording, and the figures are measured on the others.

Source:
    Guo et al., On Calibration of Modern Neural Networks (ICML 2017), section 4.2: temperature.
"""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor, nn

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.errors import InputError, TrainingError, VioluteError
from violute.evaluation.judge import N_FRAMES, N_MELS, PATCH_SAMPLES, SAMPLE_RATE, cut_patches, log_mel
from violute.evaluation.judge_augmentation import (
    TUNING_MARGIN,
    Source,
    augment,
    average_spectrum_db,
    draw_equaliser_db,
    draw_excerpt,
    draw_room,
)

N_PATCHES_PER_EXCERPT = 2
"""Consecutive seconds heard in one drawn room."""

CLIP_SECONDS = 5.0
"""Length of what is judged when the judge is measured."""

OnStep = Callable[[int, float], None]
"""Called with the number of steps done and the running loss."""

Clip = tuple[str, bool, Float32[np.ndarray, " _sample"]]
"""Source, whether it is a violin, and the sound at the judge's rate."""


class JudgeNetwork(nn.Module):
    """Four convolutions, a mean over time, two dense layers: the log odds of violin."""

    def __init__(self, n_channels: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(1, n_channels[0], 5, stride=2, padding=2, bias=False)]
        layers += [nn.BatchNorm2d(n_channels[0]), nn.ReLU()]
        for n_in, n_out in pairwise(n_channels):
            layers += [nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), nn.BatchNorm2d(n_out), nn.ReLU()]
            layers += [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        n_features = n_channels[-1] * (N_MELS // 2 ** len(n_channels))
        self.head = nn.Sequential(nn.Dropout(0.3), nn.Linear(n_features, 48), nn.ReLU(), nn.Linear(48, 1))
        self.temperature: Tensor
        self.register_buffer("temperature", torch.ones(()))

    def forward(self, x: Float[Tensor, "patch mel frame"]) -> Float[Tensor, " patch"]:
        """Return the log odds of violin, patch by patch."""
        features = self.features(x[:, None]).mean(dim=3).flatten(1)
        return self.head(features)[:, 0] / self.temperature


def load_sources(
    folders: Sequence[str | Path], *, is_violin: bool, hold_out: Sequence[str] = ()
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
        sources.append(Source(name, is_violin, clips, average_spectrum_db(clips)))
    return sources


def draw_batch(
    sources: Sequence[Source], n_excerpts: int, rng: np.random.Generator
) -> tuple[Float32[np.ndarray, "patch mel frame"], Float32[np.ndarray, " patch"]]:
    """Draw augmented patches, half of them violins, and their labels (1 is violin)."""
    n_samples = N_PATCHES_PER_EXCERPT * PATCH_SAMPLES
    classes = [[s for s in sources if s.is_violin == is_violin] for is_violin in (False, True)]
    weights = [np.sqrt([s.n_seconds for s in members]) for members in classes]
    patches, labels = [], []
    for i in range(n_excerpts):
        members, weight = classes[i % 2], weights[i % 2]
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
                labels.append(float(source.is_violin))
    return log_mel(np.stack(patches)), np.array(labels, dtype=np.float32)


def train_judge(
    sources: Sequence[Source],
    *,
    n_steps: int,
    n_excerpts: int = 24,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> JudgeNetwork:
    """Train a network from nothing; the same seed draws the same excerpts.

    Raises:
        TrainingError: One of the two instruments is missing.
    """
    if len({s.is_violin for s in sources}) != 2:
        raise TrainingError("the judge needs recordings of both instruments: name a folder of each")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = JudgeNetwork().train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3, weight_decay=2e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=3e-3, total_steps=n_steps, pct_start=0.15
    )
    running = float(np.log(2.0))
    for step in range(1, n_steps + 1):
        patches, labels = draw_batch(sources, n_excerpts, rng)
        # Labels a little short of certain keep the log odds of clear cases finite.
        targets = torch.from_numpy(labels * 0.96 + 0.02)
        loss = nn.functional.binary_cross_entropy_with_logits(network(torch.from_numpy(patches)), targets)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        running += 0.02 * (loss.item() - running)
        if on_step is not None:
            on_step(step, running)
    return network.eval()


def cut_clips(clip: Clip) -> list[Clip]:
    """Cut a recording into clips of about `CLIP_SECONDS`, so that long ones count for more."""
    source, is_violin, audio = clip
    n_clips = max(1, round(len(audio) / SAMPLE_RATE / CLIP_SECONDS))
    return [(source, is_violin, part) for part in np.array_split(audio, n_clips)]


@torch.no_grad()
def clip_log_odds(network: JudgeNetwork, audio: Float32[np.ndarray, " sample"]) -> float:
    """Return the mean log odds of violin over a clip's patches; 0 for silence."""
    patches = cut_patches(audio)
    return float(network(torch.from_numpy(log_mel(patches))).mean()) if len(patches) else 0.0


def conditions(rng: np.random.Generator) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what clips are put through when the judge is measured, by name."""

    def equalise(audio: np.ndarray) -> np.ndarray:
        frequencies = np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE)
        response = 10.0 ** (draw_equaliser_db(frequencies, rng) / 20.0)
        return np.fft.irfft(np.fft.rfft(audio) * response, len(audio)).astype(np.float32)

    def reverberate(audio: np.ndarray) -> np.ndarray:
        room = draw_room(rng)
        n_fft = len(audio) + len(room)
        wet = np.fft.irfft(np.fft.rfft(audio, n_fft) * np.fft.rfft(room, n_fft), n_fft)
        return wet[: len(audio)].astype(np.float32)

    return {
        "clean": lambda audio: audio,
        "equalised": equalise,
        "reverberant": reverberate,
        "20 dB softer": lambda audio: audio * np.float32(0.1),
    }


def fit_temperature(log_odds: Float[np.ndarray, " clip"], is_violin: Sequence[bool]) -> float:
    """Return the temperature from 1 to 8 of least cross-entropy, both classes weighing alike.

    Never below 1: recordings held out by name share rooms with those trained on, so they may show
    that the judge is too sure of itself, but not that it could be surer.
    """
    labels = np.asarray(is_violin, dtype=bool)
    margins = np.where(labels, log_odds, -log_odds)
    weights = np.where(labels, 1.0 / max(labels.sum(), 1), 1.0 / max((~labels).sum(), 1))
    candidates = np.geomspace(1.0, 8.0, 200)
    losses = [np.sum(weights * np.logaddexp(0.0, -margins / t)) for t in candidates]
    return float(candidates[int(np.argmin(losses))])


def measure(network: JudgeNetwork, clips: Sequence[Clip], *, seed: int = 1) -> dict[str, object]:
    """Measure balanced accuracy by condition and accuracy by source, and the calibration."""
    labels = np.array([is_violin for _, is_violin, _ in clips])
    figures: dict[str, object] = {"n_violin": int(labels.sum()), "n_flute": int((~labels).sum())}
    errors = []
    for name, change in conditions(np.random.default_rng(seed)).items():
        log_odds = np.array([clip_log_odds(network, change(audio)) for _, _, audio in clips])
        right = (log_odds > 0.0) == labels
        figures[f"balanced_accuracy/{name}"] = float(0.5 * right[labels].mean() + 0.5 * right[~labels].mean())
        posterior = 1.0 / (1.0 + np.exp(-log_odds))
        errors.append(np.abs(posterior - labels))
        for is_violin, end in ((False, "flute"), (True, "violin")):
            figures[f"median_posterior/{end}/{name}"] = float(np.median(posterior[labels == is_violin]))
        if name == "clean":
            for source in sorted({s for s, _, _ in clips}):
                member = np.array([s == source for s, _, _ in clips])
                figures[f"accuracy/{source}"] = [int(right[member].sum()), int(member.sum())]
    all_errors = np.concatenate(errors)
    confidence = np.maximum(all_errors, 1.0 - all_errors)
    bins = np.minimum(((confidence - 0.5) * 20).astype(int), 9)
    gaps = [
        abs(confidence[bins == b].mean() - (all_errors[bins == b] < 0.5).mean()) * (bins == b).mean()
        for b in set(bins)
    ]
    figures["expected_calibration_error"] = float(sum(gaps))
    return figures


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
            output_names=["log_odds"],
            dynamic_shapes=({0: torch.export.Dim("patch", min=1)},),
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise TrainingError(f"{path}: PyTorch exported nothing: install onnxscript and try again")
    model = program.model_proto
    onnx.helper.set_model_props(model, {"figures": json.dumps(figures)})
    onnx.save(model, str(path))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m violute.evaluation.judge_training",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--violin", type=Path, action="append", required=True, help="folder, may be given again"
    )
    parser.add_argument(
        "--flute", type=Path, action="append", required=True, help="folder, may be given again"
    )
    parser.add_argument("--hold-out", type=Path, required=True, help="file of glob patterns, one a line")
    parser.add_argument("--leave-out", action="append", default=[], help="one more pattern to hold out")
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--steps", type=int, default=1500, help="optimiser steps (default 1500)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    try:
        if not options.out.parent.is_dir():
            raise InputError(f"{options.out}: there is no such folder: make it first")
        patterns = read_patterns(options.hold_out) + options.leave_out
        sources = load_sources(options.violin, is_violin=True, hold_out=patterns)
        sources += load_sources(options.flute, is_violin=False, hold_out=patterns)
        clips: list[Clip] = []
        for folders, is_violin in ((options.violin, True), (options.flute, False)):
            held_out = [r for folder in folders for r in list_recordings(folder, select=patterns)]
            clips += [(r.source, is_violin, read_recording(r, SAMPLE_RATE, peak=0.9)) for r in held_out]

        def report(step: int, loss: float) -> None:
            if step % 25 == 0:
                sys.stderr.write(f"step {step} of {options.steps}: loss {loss:.3f}\n")

        network = train_judge(sources, n_steps=options.steps, seed=options.seed, on_step=report)
        fitting = [part for clip in clips[::2] for part in cut_clips(clip)]
        testing = [part for clip in clips[1::2] for part in cut_clips(clip)]
        log_odds = np.array([clip_log_odds(network, audio) for _, _, audio in fitting])
        network.temperature.fill_(fit_temperature(log_odds, [is_violin for _, is_violin, _ in fitting]))
        figures = {"temperature": float(network.temperature), **measure(network, testing)}
        export_judge(network, options.out, figures=figures)
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
