r"""Train the network that follows pitch in a stream, from folders of recordings of one line.

    python bench/train_causal_pitch.py --data DATA/violin --data DATA/flute --hold-out bench/held_out.txt \
        --out src/violute/analysis/causal_pitch.npz

Answers are the tracker's, which hears whole recordings. Every folder is an instrument. Prints the share of
frames within 50 cents on clips of the recordings that `--validate` names, which are left out of training.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from causal_pitch.clips import BYTES, Clip, ClipMaker, Line, line_of
from causal_pitch.network import CausalPitchNetwork
from torch.nn import functional as F

from violute.analysis import causal_pitch as causal
from violute.data.recordings import list_recordings, read_patterns

WARM_FRAMES = 8
"""Frames at a clip's start that are not asked: the windows still reach before it."""

TARGET_BINS = 0.8
BATCH = 8
CHANGED_FRAMES, CHANGED_WEIGHT = 6, 2.5
"""Frames after a change of the note count more: they are where a stream errs."""


def main() -> None:
    """Measure, draw, train and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, action="append", required=True, help="folder of an instrument")
    parser.add_argument("--hold-out", type=Path, required=True, help="file of glob patterns, one a line")
    parser.add_argument("--validate", type=Path, help="file of glob patterns: also left out, and asked")
    parser.add_argument("--out", type=Path, required=True, help="npz file to write")
    parser.add_argument("--start", type=Path, help="npz file of weights to go on from")
    parser.add_argument("--clips", type=int, default=1800)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--rate", type=float, default=6e-3, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    held = read_patterns(given.hold_out)
    asked = read_patterns(given.validate) if given.validate else []
    training = drawn(lines(given.data, held + asked), given.clips, given.seed)
    validation = None
    if asked:
        validation = drawn(lines(given.data, held, asked), 160, given.seed + 1)
    network = CausalPitchNetwork()
    if given.start:
        with np.load(given.start) as stored:
            network.restore(stored)
    optimiser = torch.optim.AdamW(network.parameters(), given.rate, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, given.rate, total_steps=given.steps)
    rng = np.random.default_rng(given.seed + 2)
    began, running = time.perf_counter(), 0.0
    for step in range(1, given.steps + 1):
        loss = loss_of(network, [training[i] for i in rng.integers(0, len(training), BATCH)])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        running += 0.02 * (loss.item() - running)
        if step % 100 == 0 or step == given.steps:
            report = f"{step} {time.perf_counter() - began:.0f} s loss {running / (1 - 0.98**step):.3f}"
            if step == given.steps or (validation and step % 250 == 0):
                report += " " + figures(network, validation or training[:160])
            sys.stdout.write(report + "\n")
            sys.stdout.flush()
            np.savez(given.out, **network.stored())  # type: ignore[arg-type]  # of its stub


def lines(folders: list[Path], held: list[str], select: list[str] | None = None) -> list[list[Line]]:
    """Measure the recordings of each folder."""
    found = []
    for folder in folders:
        measured = [line_of(r) for r in list_recordings(folder, hold_out=held, select=select)]
        found.append([line for line in measured if line is not None])
    return found


def drawn(instruments: list[list[Line]], n_clips: int, seed: int) -> list[Clip]:
    """Draw clips."""
    maker, rng = ClipMaker(instruments), np.random.default_rng(seed)
    return [maker.draw(rng) for _ in range(n_clips)]


def batched(clips: list[Clip]) -> tuple[torch.Tensor, ...]:
    """Stack clips."""
    own, *others = (
        torch.from_numpy(np.stack([getattr(clip, name) for clip in clips]))
        for name in ("own", "shared", "f0_hz", "weight", "is_voiced")
    )
    return own.float().div_(BYTES).sub_(2.0), *others


def loss_of(network: CausalPitchNetwork, clips: list[Clip]) -> torch.Tensor:
    """Cross-entropy of the belief, more of it after changes."""
    own, shared, f0_hz, weight, _ = batched(clips)
    belief = network(own, shared)
    octaves = torch.log2(f0_hz.clamp(min=1.0) / causal.LOWEST_HZ)
    changed = (octaves[:, 1:] - octaves[:, :-1]).abs() > 1.0 / 15.0
    since = F.max_pool1d(F.pad(changed.float(), (CHANGED_FRAMES, 0))[:, None], CHANGED_FRAMES, 1)[:, 0]
    weight = weight * (1.0 + (CHANGED_WEIGHT - 1.0) * since[:, : weight.shape[1]])
    places = torch.arange(causal.N_CANDIDATES) - causal.BINS_PER_OCTAVE * octaves[..., None]
    target = torch.softmax(-0.5 * (places / TARGET_BINS).square(), dim=2)
    asked = slice(WARM_FRAMES, None)
    pitch = -(target * belief).sum(dim=2)
    loss: torch.Tensor = (pitch * weight)[:, asked].sum() / weight[:, asked].sum()
    return loss


@torch.no_grad()
def figures(network: CausalPitchNetwork, clips: list[Clip]) -> str:
    """Return the shares of voiced frames within 50 cents and octaves away."""
    right = octave = n = 0
    for start in range(0, len(clips), BATCH):
        own, shared, f0_hz, _, is_voiced = batched(clips[start : start + BATCH])
        belief = network(own, shared)
        found = belief.argmax(dim=2) / causal.BINS_PER_OCTAVE
        away = (found - torch.log2(f0_hz.clamp(min=1.0) / causal.LOWEST_HZ))[:, WARM_FRAMES:]
        is_asked = is_voiced[:, WARM_FRAMES:]
        away = away[is_asked]
        right += int((away.abs() < 50 / 1200).sum())
        octave += int(((away.abs() > 0.5) & ((away - away.round()).abs() < 50 / 1200)).sum())
        n += len(away)
    return f"within 50 cents {right / n:.4f}, octaves {octave / n:.4f}"


if __name__ == "__main__":
    main()
