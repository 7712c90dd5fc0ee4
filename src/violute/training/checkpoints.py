"""Checkpoints: a tree of tensors and plain values in one safetensors file, written whole or not at all.

Tensors are stored under their path in the tree (`modules/decoder/out.weight`,
`optimizers/main/state/0/exp_avg`); everything else, and how the tree hangs together, is JSON in
the file's own header. No pickles: a checkpoint from a stranger can't run code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from violute.errors import TrainingError
from violute.training.provenance import TREE
from violute.whole_file import flush_to_disk, whole_file

_TENSOR, _TUPLE, _DICT = "$tensor", "$tuple", "$dict"


def write_checkpoint(path: Path, tree: dict[str, Any]) -> None:
    """Write a tree of dicts, lists, tuples, tensors, numbers, strings, booleans and None.

    The file appears under its name only once it is whole and on the disk, so a run killed while
    writing keeps the checkpoint before.

    Raises:
        TrainingError: The file cannot be written.
        TypeError: The tree holds something else.
    """
    tensors: dict[str, Tensor] = {}
    skeleton = _pack(tree, "", tensors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as partial:
            save_file(tensors, partial, metadata={TREE: json.dumps(skeleton)})
            flush_to_disk(partial)
        flush_to_disk(path.parent)
    except (OSError, SafetensorError) as error:
        raise TrainingError(f"{path}: cannot be written ({error}): make room or mend access") from None


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a tree written by `write_checkpoint`, its tensors on the CPU.

    Raises:
        TrainingError: The file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            skeleton = json.loads((file.metadata() or {})[TREE])
            tree = _unpack(skeleton, file)
    except FileNotFoundError:
        raise TrainingError(f"{path}: there is no such checkpoint: start without resume") from None
    except (OSError, SafetensorError, KeyError, ValueError):
        raise TrainingError(f"{path}: the checkpoint is damaged: delete it and start again") from None
    if not isinstance(tree, dict):
        raise TrainingError(f"{path}: the checkpoint is damaged: delete it and start again")
    return tree


def _pack(value: Any, path: str, tensors: dict[str, Tensor]) -> Any:
    """Return `value` as JSON, its tensors moved to `tensors` under their paths."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Tensor):
        if path in tensors:
            raise TypeError(f"two tensors of the checkpoint have the path {path}")
        # A copy: tied weights share memory, which safetensors refuses.
        tensors[path] = value.detach().to("cpu", copy=True).contiguous()
        return {_TENSOR: path}
    if isinstance(value, dict):
        pairs = [(key, _pack(child, f"{path}/{key}".lstrip("/"), tensors)) for key, child in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return dict(pairs)
        # JSON has string keys only; optimizers number their parameters.
        return {_DICT: [[_pack(key, path, tensors), child] for key, child in pairs]}
    if isinstance(value, (list, tuple)):
        children = [_pack(child, f"{path}/{i}".lstrip("/"), tensors) for i, child in enumerate(value)]
        return {_TUPLE: children} if isinstance(value, tuple) else children
    raise TypeError(f"a checkpoint can't hold {type(value).__name__} at {path}")


def _unpack(value: Any, file: Any) -> Any:
    """Return the tree whose JSON is `value`, with tensors from an open safetensors file."""
    if isinstance(value, list):
        return [_unpack(child, file) for child in value]
    if not isinstance(value, dict):
        return value
    if _TENSOR in value:
        tensor: torch.Tensor = file.get_tensor(value[_TENSOR])
        return tensor
    if _TUPLE in value:
        return tuple(_unpack(child, file) for child in value[_TUPLE])
    if _DICT in value:
        return {_unpack(key, file): _unpack(child, file) for key, child in value[_DICT]}
    return {key: _unpack(child, file) for key, child in value.items()}
