"""Spectrogram voices made by hand, ONNX graphs of a node or two: what is played through them is known."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

SHAPE = (None, 1024, 128)
TILT = 0.25
"""How far mix 1 raises the uppermost bin of `tilt` over mix 0, and lowers the lowest, of the whole range."""


def identity() -> bytes:
    """Give back what came, whatever the mix; the mix is read, for a graph without it is no voice."""
    return _graph(
        [
            helper.make_node("Mul", ["mix", "nothing"], ["no_mix"]),
            helper.make_node("Unsqueeze", ["no_mix", "axes"], ["no_shift"]),
            helper.make_node("Add", ["spectrogram", "no_shift"], ["played"]),
        ],
        {"nothing": np.float32(0.0), "axes": np.array([1, 2])},
    )


def tilt() -> bytes:
    """Move every bin by a slope times the mix: dull at 0, bright at 1, nothing moves in the middle."""
    slope = np.linspace(-TILT, TILT, SHAPE[1], dtype=np.float32)[None, :, None]
    return _graph(
        [
            helper.make_node("Unsqueeze", ["mix", "axes"], ["mixes"]),
            helper.make_node("Sub", ["mixes", "middle"], ["turned"]),
            helper.make_node("Mul", ["turned", "slope"], ["shift"]),
            helper.make_node("Add", ["spectrogram", "shift"], ["moved"]),
            helper.make_node("Clip", ["moved", "nothing", "everything"], ["played"]),
        ],
        {
            "axes": np.array([1, 2]),
            "middle": np.float32(0.5),
            "slope": slope,
            "nothing": np.float32(0.0),
            "everything": np.float32(1.0),
        },
    )


def constant(level: float, shape: tuple[int, int, int] = (1, 1024, 128)) -> bytes:
    """Answer with one level everywhere, in windows of another shape where asked to."""
    return _graph(
        [
            helper.make_node("Mul", ["mix", "nothing"], ["no_mix"]),
            helper.make_node("Unsqueeze", ["no_mix", "axes"], ["no_shift"]),
            helper.make_node("Add", ["level", "no_shift"], ["played"]),
        ],
        {
            "nothing": np.float32(0.0),
            "axes": np.array([1, 2]),
            "level": np.full(shape, level, np.float32),
        },
    )


def partials_and_a_top(first_bin: int) -> bytes:
    """Draw the partials that it is given, and from a bin on all that there is to draw."""
    top = np.zeros((1, SHAPE[1], 1), np.float32)
    top[:, first_bin:] = 1.0
    return _graph(
        [
            helper.make_node("Mul", ["mix", "nothing"], ["no_mix"]),
            helper.make_node("Unsqueeze", ["no_mix", "axes"], ["no_shift"]),
            helper.make_node("Add", ["partials", "no_shift"], ["drawn"]),
            helper.make_node("Max", ["drawn", "top"], ["topped"]),
            helper.make_node("Mul", ["spectrogram", "nothing"], ["no_sound"]),
            helper.make_node("Add", ["topped", "no_sound"], ["played"]),
        ],
        {"nothing": np.float32(0.0), "axes": np.array([1, 2]), "top": top},
        inputs=("spectrogram", "partials"),
    )


def _graph(
    nodes: list, constants: dict[str, np.ndarray], inputs: tuple[str, ...] = ("spectrogram",)
) -> bytes:
    """Build a graph with the inputs and the output of a spectrogram voice."""
    window = ["window", *SHAPE[1:]]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [
            *(helper.make_tensor_value_info(name, TensorProto.FLOAT, window) for name in inputs),
            helper.make_tensor_value_info("mix", TensorProto.FLOAT, ["window"]),
        ],
        [helper.make_tensor_value_info("played", TensorProto.FLOAT, [None, None, None])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", 17)])
    checker.check_model(model)
    return model.SerializeToString()
