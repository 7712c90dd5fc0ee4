"""From a trained spectrogram model to a voice file that plays without torch.

The file is one graph: windows of normalised spectrograms and a mix for each window in, windows out.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import nn

from violute.training.onnx_graph import onnx_bytes
from violute.transforms.spectrogram import SpectrogramSettings
from violute.voices.card import Card
from violute.voices.file import seal

N_EXAMPLE_WINDOWS = 2
SMALLEST_HALVED = 1024
"""Weights with fewer numbers keep single precision: they are small, and biases matter."""


def export_spectrogram(
    graph: nn.Module,
    path: Path,
    *,
    family: str,
    names: tuple[str, str],
    settings: SpectrogramSettings,
    card: Mapping[str, Any],
    details: Mapping[str, Any],
    is_conditioned: bool = False,
) -> None:
    """Write a voice file.

    Args:
        graph: From `spectrogram` (window, bin, frame), `partials` where it is given the pitch, and `mix`
            (window,) to windows; on the CPU.
        path: To write.
        family: That plays it.
        names: Of the ends.
        settings: Of the transform.
        card: Further entries of the voice's `Card`.
        details: Further entries of the card's settings.
        is_conditioned: Whether the network is given the pitch.
    """
    entries = {
        "family": family,
        "sample_rate": settings.sample_rate,
        "ends": names,
        "settings": {
            "spectrogram": settings.to_dict(),
            "told": ["pitch", "loudness"] * is_conditioned,
            **details,
        },
        **card,
    }
    path.write_bytes(
        seal(halved(graph_bytes(graph.eval(), settings, is_conditioned=is_conditioned)), Card(**entries))
    )


def graph_bytes(graph: nn.Module, settings: SpectrogramSettings, *, is_conditioned: bool = False) -> bytes:
    """Export a network to ONNX, for any number of windows."""
    spectrogram = torch.rand(N_EXAMPLE_WINDOWS, settings.n_bins, settings.n_frames)
    names = ["spectrogram", *["partials"] * is_conditioned, "mix"]
    pictures = (spectrogram, (spectrogram > 0.5).float())[: 1 + is_conditioned]
    return onnx_bytes(
        graph,
        (*pictures, torch.full((N_EXAMPLE_WINDOWS,), 0.5)),
        {name: {0: "window"} for name in names},
        {"made": {0: "window"}},
    )


def halved(onnx_bytes: bytes) -> bytes:
    """Store large weights in half precision, equal ones once; the graph widens them before it computes.

    The runtime does so once, when it loads the file.
    """
    model = onnx.load_from_string(onnx_bytes)
    graph = model.graph
    widened: list[NodeProto] = []
    stored: dict[bytes, TensorProto] = {}

    def is_stored(name: str, tensor: TensorProto) -> bool:
        weights = numpy_helper.to_array(tensor)
        if weights.dtype != np.float32 or weights.size < SMALLEST_HALVED:
            return False
        key = str(weights.shape).encode() + weights.tobytes()
        half = stored.setdefault(key, numpy_helper.from_array(weights.astype(np.float16), f"{name}.half"))
        widened.append(helper.make_node("Cast", [half.name], [name], to=TensorProto.FLOAT))
        return True

    kept = [tensor for tensor in graph.initializer if not is_stored(tensor.name, tensor)]
    nodes = [
        node
        for node in graph.node
        if not (node.op_type == "Constant" and is_stored(node.output[0], node.attribute[0].t))
    ]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *stored.values()])
    graph.node.extend([*widened, *nodes])
    return bytes(model.SerializeToString())
