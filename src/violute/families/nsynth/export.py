"""From a trained WaveNet autoencoder to a voice file that plays without torch.

The file is the encoder, from scaled mu-law samples to codes. It carries two more graphs as constants,
each the bytes of an ONNX model: `conditioner`, from codes and mixes to what steers the decoder, and `step`,
which draws one sample. Any ONNX reader opens it, and one file stays one file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from jaxtyping import Float
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from violute.families.nsynth.config import SAMPLED_SIZES
from violute.families.nsynth.network import SAMPLE_RATE, Nsynth, conditioning_of
from violute.families.nsynth.step import DecoderStep
from violute.training.onnx_graph import onnx_bytes
from violute.voices.card import Card
from violute.voices.file import seal
from violute.voices.mix import DIAL

TEMPERATURE = 0.5
"""At which a voice draws unless its card says otherwise: less noise than was learned, and steadier."""

NOISINESS = 0.3
"""How noisy its past is given to the decoder as, when it runs free; see `unreliable` in data.py."""

CODE_SHARE = 0.5
"""How much of the code is played: what is left out has to come from the instrument."""

DIAL_POINTS = ((0.0, 0.0), (1.0, 1.0))
"""Places between the instruments by mix: 0 and 1 are at the embeddings."""

CONDITIONER, STEP = "conditioner", "step"
STEERED_BY = ("code", "place", "f0_hz", "loudness_db", "noisiness")
_AXES = {0: "piece", 1: "sample"}


class SteeringGraph(nn.Module):
    """Codes, places between the instruments, pitch and loudness in; conditions out."""

    def __init__(self, network: Nsynth) -> None:
        super().__init__()
        self.network = network

    def forward(
        self,
        code: Float[Tensor, "piece size frame"],
        place: Float[Tensor, "piece frame"],
        f0_hz: Float[Tensor, "piece frame"],
        loudness_db: Float[Tensor, "piece frame"],
        noisiness: Float[Tensor, "piece frame"],
    ) -> Tensor:
        """Steer towards a place between the instruments, or a little past them, frame by frame."""
        network = self.network
        conditioning = conditioning_of(f0_hz, loudness_db, noisiness, torch.ones_like(noisiness))
        return network.conditioner(network.seen(code, torch.stack([1.0 - place, place], dim=1), conditioning))


def export_nsynth(network: Nsynth, path: Path, *, names: tuple[str, str], card: Mapping[str, Any]) -> None:
    """Write a voice file."""
    config = network.config
    entries = {
        "family": "nsynth",
        "sample_rate": SAMPLE_RATE,
        "ends": names,
        "settings": {
            "wavenet": {name: getattr(config, name) for name in SAMPLED_SIZES},
            "code_size": config.code_size,
            "told": ["pitch", "loudness"] if config.is_conditioned else [],
            "temperature": TEMPERATURE,
            "noisiness": NOISINESS,
            "code_share": CODE_SHARE if config.is_conditioned else 1.0,
            DIAL: DIAL_POINTS,
        },
        **card,
    }
    wave = torch.zeros(2, 4 * config.hop_length)
    encoder = onnx_bytes(network.encoder, (wave,), {"wave": _AXES}, {"code": {0: "piece", 2: "frame"}})
    carried = {CONDITIONER: conditioner_bytes(network), STEP: step_bytes(network)}
    path.write_bytes(seal(_with_constants(encoder, carried), Card(**entries)))


def conditioner_bytes(network: Nsynth) -> bytes:
    """Export what steers."""
    given = (torch.zeros(2, network.config.code_size, 4), *(torch.full((2, 4), 0.5) for _ in STEERED_BY[1:]))
    axes = {name: {0: "piece", 1 if given[i].ndim == 2 else 2: "frame"} for i, name in enumerate(STEERED_BY)}
    return onnx_bytes(SteeringGraph(network), given, axes, {"conditions": {0: "piece", 2: "frame"}})


def step_bytes(network: Nsynth) -> bytes:
    """Export a step of the decoder."""
    config = network.config
    n_pieces, n_layers = 2, len(config.dilations)
    given = (
        torch.zeros(n_pieces, config.n_driving + config.first_kernel_size),
        torch.zeros(n_layers * (config.kernel_size - 1), n_pieces, config.channels),
        torch.zeros(n_layers, n_pieces, 2 * config.channels),
        torch.zeros(n_pieces, config.skip_channels),
        torch.full((n_pieces, 2), 0.5),
        torch.tensor(1.0),
    )
    inputs = {
        "recent": {0: "piece"},
        "past": {1: "piece"},
        "conditions": {1: "piece"},
        "output_conditions": {0: "piece"},
        "chance": {0: "piece"},
        "temperature": {},
    }
    outputs = {"level": {0: "piece"}, "heard": {1: "piece"}}
    return onnx_bytes(DecoderStep(network.decoder).eval(), given, inputs, outputs)


def _with_constants(onnx_bytes: bytes, constants: Mapping[str, bytes]) -> bytes:
    """Add outputs to a graph that are bytes."""
    model = onnx.load_from_string(onnx_bytes)
    for name, content in constants.items():
        array = np.frombuffer(content, np.uint8)
        model.graph.initializer.append(numpy_helper.from_array(array, f"{name}.bytes"))
        model.graph.node.append(helper.make_node("Identity", [f"{name}.bytes"], [name]))
        model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.UINT8, [len(array)]))
    return bytes(model.SerializeToString())
