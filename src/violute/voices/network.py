"""Waking the network of a voice file in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import onnxruntime

from violute.worklist.cores import available_cores

_state = onnxruntime.capi.onnxruntime_pybind11_state

UNUSABLE = (
    RuntimeError,
    ValueError,
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NotImplemented,
    _state.RuntimeException,
)
"""What onnxruntime raises for a damaged network; no root but `Exception` unites them."""


class Network(Protocol):
    """What a performance needs of a network."""

    def run(self, output_names: Sequence[str] | None, inputs: Mapping[str, Any], /) -> list[Any]:
        """Return the outputs of these names, or all."""


def open_network(onnx_bytes: bytes, *, n_threads: int = 0, inputs: set[str] | None = None) -> Any:
    """Return an onnxruntime session that leaves the other core to synthesis.

    Args:
        onnx_bytes: The network.
        n_threads: That share the work of each node; 0 leaves it to the runtime, or is 1 beside other workers.
        inputs: Names of what it must take; None takes any.

    Raises:
        The errors of `UNUSABLE`, for the caller to say which voice it is.
    """
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = n_threads or int(available_cores() == 1)
    # Threads that spin while they wait would take the core that synthesis runs on meanwhile.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # A voice that somebody sent must not read other files as its weights: none lie below this.
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    session = onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    taken = {given.name for given in session.get_inputs()}
    if inputs is not None and taken != inputs:
        raise ValueError(f"its network takes {', '.join(sorted(taken))}")
    return session
