"""From a trained RAVE to a voice file that plays without torch, or to TorchScript for nn~.

Both hold the network with its latent cropped by the recipe's fidelity (`violute.families.rave.latent`).
"""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from violute.errors import TrainingError
from violute.families.pictures.export import halved
from violute.families.rave.data import draw
from violute.families.rave.latent import CroppedRave, LatentAxes, latent_axes
from violute.rates import SAMPLE_RATE
from violute.training.onnx_graph import onnx_bytes
from violute.voices.card import Card
from violute.voices.file import seal

if TYPE_CHECKING:
    from violute.families.rave.task import RaveTask

N_WINDOWS = 128
"""Over which the latent's axes are found."""

N_EXAMPLE_STEPS = 8


def cropped(task: RaveTask) -> tuple[CroppedRave, LatentAxes]:
    """Return a copy of a task's network, its latent cropped and its dial laid out as the recipe says."""
    network = deepcopy(task.network).cpu().eval()
    with torch.no_grad():
        first, second = network.instrument.weight.clone()
        for end, place in enumerate(task.recipe.dial_ends):
            network.instrument.weight[end] = first + place * (second - first)
    rng = np.random.default_rng(2)
    windows = draw(task.corpus.training, task.recipe.n_samples, N_WINDOWS, rng, augment=False)
    with torch.no_grad():
        means = torch.cat([network.encode(part) for part in windows.audio.split(16)])
    # The first steps of a window hear zeros before it, which no recording has.
    settled = means[:, :, task.recipe.network.encoder_steps :]
    axes = latent_axes(
        (settled if settled.shape[2] else means).transpose(0, 1).flatten(1), task.recipe.fidelity
    )
    return CroppedRave(network, axes).eval(), axes


def export_rave(task: RaveTask, path: Path) -> None:
    """Write a voice file, or TorchScript where the name ends in .ts.

    Raises:
        TrainingError: The network is given a pitch, which nn~ has no inlet for.
    """
    if path.suffix == ".ts" and task.recipe.network.conditions:
        raise TrainingError(
            f"{path}: this voice is given pitch and loudness, which nn~ cannot tell it: train --recipe live"
        )
    graph, axes = cropped(task)
    if path.suffix == ".ts":
        from violute.families.rave.nn_tilde import save_nn_tilde

        save_nn_tilde(graph, path)
        return
    config = task.recipe.network
    entries: dict[str, Any] = {
        "name": path.stem,
        "family": "rave",
        "sample_rate": SAMPLE_RATE,
        "ends": task.corpus.names,
        "training_data": task.corpus.heard(lambda line: line.seconds),
        "settings": {
            "rave": {
                "ratio": config.ratio,
                "delay_samples": config.delay_samples,
                "encoder_steps": config.encoder_steps,
                "decoder_steps": config.decoder_steps,
                "latent_size": axes.basis.shape[1],
                "n_bands": graph.network.analysis.n_bands,
                **({"told": True} if config.conditions else {}),
            },
            **({"told": list(config.conditions)} if config.conditions else {}),
            "latency_samples": config.latency_samples,
            "latent_size_before_cropping": config.latent_size,
            "fidelity": round(axes.fidelity, 4),
            "n_encoders": config.n_encoders,
            "dial_ends": list(task.recipe.dial_ends),
        },
        **task.corpus.card,
    }
    path.write_bytes(seal(halved(graph_bytes(graph)), Card(**entries)))


def graph_bytes(graph: CroppedRave) -> bytes:
    """Export both parts to ONNX, for any number of steps."""
    config = graph.network.config
    n_steps = N_EXAMPLE_STEPS
    return onnx_bytes(
        graph,
        (
            torch.randn(1, n_steps * config.ratio),
            torch.randn(1, graph.basis.shape[1], n_steps),
            torch.rand(1, n_steps),
            torch.randn(1, config.n_drive, n_steps * config.n_frames),
        ),
        {"audio": {1: "sample"}, "latent": {2: "step"}, "mix": {1: "step"}, "noise": {2: "frame"}},
        {"encoded": {2: "heard_step"}, "made": {1: "made_sample"}},
    )
