"""From a trained spectrogram model to a voice file that plays without torch.

The file is one graph: windows of normalised spectrograms and a mix for each window in, windows out.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper
from torch import nn

from violute.training.onnx_graph import onnx_bytes
from violute.transforms.spectrogram import SpectrogramSettings

N_EXAMPLE_WINDOWS = 2
SMALLEST_HALVED = 1024
"""Weights with fewer numbers keep single precision: they are small, and biases matter."""


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
