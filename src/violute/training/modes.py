"""How networks compute for a while: evaluating, or as fast as a GPU can."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def fast_arithmetic(device: torch.device) -> Iterator[None]:
    """Let a GPU multiply matrices in TF32 and try which convolution is quickest for each shape.

    Windows have one shape, so that is tried once. On a CPU nothing changes, and afterwards all is as before.
    """
    if device.type != "cuda":
        yield
        return
    precision, is_trying = torch.get_float32_matmul_precision(), torch.backends.cudnn.benchmark
    torch.set_float32_matmul_precision("high")
    torch.backends.cudnn.benchmark = True
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.backends.cudnn.benchmark = is_trying


@contextmanager
def evaluating(modules: Mapping[str, nn.Module]) -> Iterator[None]:
    """Put modules in evaluation mode, and each part back into the mode that it had."""
    modes = [(part, part.training) for module in modules.values() for part in module.modules()]
    for module in modules.values():
        module.eval()
    try:
        yield
    finally:
        for part, was_training in modes:
            part.training = was_training
