"""From a network to a graph of ONNX, by the tracing exporter: the one place that knows its quirks."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

OPSET = 17

Axes = Mapping[str, Mapping[int, str]]
"""By name of an input or output, in order: names of the axes whose lengths are left open."""


def onnx_bytes(graph: nn.Module, given: tuple[Tensor, ...], inputs: Axes, outputs: Axes) -> bytes:
    """Export a network on the CPU by examples of its inputs, whose lengths on open axes do not matter."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        # The tracing exporter announces its own retirement on every call.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph,
            given,
            buffer,  # type: ignore[arg-type]  # the stub is narrower than the function, which takes files
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in {**inputs, **outputs}.items()},
            opset_version=OPSET,
            dynamo=False,
        )
    return buffer.getvalue()
