"""The step of `violute.families.nsynth.step` and its queues, compiled by numba, for `wavenet_bench` alone.

It draws what the other ways draw, up to rounding, from a mixture of logistics.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar, cast

import numba
import numpy as np
import torch
from torch import nn

from violute.families.nsynth.config import NsynthConfig
from violute.families.nsynth.network import WaveNetDecoder
from violute.families.nsynth.output import LEAST_LOG_SCALE
from violute.families.nsynth.sampler import LEAST_BATCH, N_WORKERS

Function = TypeVar("Function", bound=Callable[..., object])


def compiled(function: Function) -> Function:
    """Compile a function by numba, whose own decorator hides what it takes and returns."""
    return cast(Function, numba.njit(nogil=True)(function))


class Weights(NamedTuple):
    """A decoder's weights as the compiled step wants them, each (given, made), those of layers stacked."""

    first: np.ndarray
    first_bias: np.ndarray
    dilated: np.ndarray
    residual: np.ndarray
    residual_bias: np.ndarray
    skip: np.ndarray
    skip_bias: np.ndarray
    hidden: np.ndarray
    hidden_bias: np.ndarray
    last: np.ndarray
    last_bias: np.ndarray


def weights_of(decoder: WaveNetDecoder) -> Weights:
    """Return a decoder's weights."""

    def array(tensor: torch.Tensor | None) -> np.ndarray:
        assert tensor is not None  # every layer of the decoder has a bias
        return np.ascontiguousarray(tensor.detach().numpy(), np.float32)

    def turned(layer: nn.Conv1d) -> np.ndarray:
        return array(layer.weight[:, :, 0].T)

    driven = [] if decoder.driven is None else [decoder.driven.weight[:, :, 0].T]
    dilated = [layer for layer in decoder.dilated if isinstance(layer, nn.Conv1d)]
    residual = [layer for layer in decoder.residual if isinstance(layer, nn.Conv1d)]
    return Weights(
        first=np.concatenate([array(part) for part in (*driven, decoder.first.weight[:, 0].T)]),
        first_bias=array(decoder.first.bias),
        dilated=np.stack([array(layer.weight.permute(2, 1, 0).flatten(0, 1)) for layer in dilated]),
        residual=np.stack([turned(layer) for layer in residual]),
        residual_bias=np.stack([array(layer.bias) for layer in residual]),
        skip=turned(decoder.skip),
        skip_bias=array(decoder.skip.bias),
        hidden=turned(decoder.hidden),
        hidden_bias=array(decoder.hidden.bias),
        last=turned(decoder.last),
        last_bias=array(decoder.last.bias),
    )


def generate_compiled(
    weights: Weights,
    shape: NsynthConfig,
    conditions: np.ndarray,
    sines: np.ndarray,
    chance: np.ndarray,
    temperature: float,
) -> np.ndarray:
    """Draw pieces as `voices.wavenet.generate` does, on as many cores."""
    n_workers = N_WORKERS if len(conditions) >= 2 * LEAST_BATCH else 1
    groups = np.array_split(np.arange(len(conditions)), n_workers)
    sizes = (shape.hop_length, shape.kernel_size, np.array(shape.dilations), shape.first_kernel_size)
    with ThreadPoolExecutor(n_workers) as workers:

        def work(i: np.ndarray) -> np.ndarray:
            return _drawn(*weights, *sizes, conditions[i], sines[i], chance[i], np.float32(temperature))

        return np.concatenate(list(workers.map(work, groups)))


@compiled
def _drawn(
    first: np.ndarray,
    first_bias: np.ndarray,
    dilated: np.ndarray,
    residual: np.ndarray,
    residual_bias: np.ndarray,
    skip: np.ndarray,
    skip_bias: np.ndarray,
    hidden: np.ndarray,
    hidden_bias: np.ndarray,
    last: np.ndarray,
    last_bias: np.ndarray,
    hop: int,
    kernel_size: int,
    dilations: np.ndarray,
    first_size: int,
    conditions: np.ndarray,
    sines: np.ndarray,
    chance: np.ndarray,
    temperature: np.float32,
) -> np.ndarray:
    n_pieces, n_samples, n_sines = sines.shape
    n_layers, channels = len(dilations), first.shape[1]
    n_components = last.shape[1] // 3
    n_taps = kernel_size - 1
    starts = np.zeros(n_layers, np.int64)
    for i in range(1, n_layers):
        starts[i] = starts[i - 1] + n_taps * dilations[i - 1]
    queues = np.zeros((starts[-1] + n_taps * dilations[-1], n_pieces, channels), np.float32)
    sound = np.zeros((n_pieces, first_size + n_samples), np.float32)
    levels = np.zeros((n_pieces, n_samples), np.int64)
    recent = np.empty((n_pieces, n_sines + first_size), np.float32)
    taken = np.empty((n_pieces, kernel_size * channels), np.float32)
    gated = np.empty((n_pieces, channels), np.float32)
    everything = np.empty((n_pieces, n_layers * channels + n_sines), np.float32)
    for at in range(n_samples):
        frame = at // hop
        recent[:, :n_sines] = sines[:, at]
        recent[:, n_sines:] = sound[:, at : at + first_size]
        x = np.dot(recent, first) + first_bias
        for i in range(n_layers):
            length = n_taps * dilations[i]
            for tap in range(n_taps):
                row = starts[i] + (at - dilations[i] * (n_taps - tap)) % length
                taken[:, tap * channels : (tap + 1) * channels] = queues[row]
            taken[:, n_taps * channels :] = x
            queues[starts[i] + at % length] = x
            h = np.dot(taken, dilated[i])
            for p in range(n_pieces):
                for c in range(channels):
                    k = 2 * channels * i + c
                    f = h[p, c] + conditions[p, k, frame]
                    g = h[p, channels + c] + conditions[p, k + channels, frame]
                    gated[p, c] = np.tanh(f) / (np.float32(1.0) + np.exp(-g))
            everything[:, i * channels : (i + 1) * channels] = gated
            if i < n_layers - 1:
                x = x + np.dot(gated, residual[i]) + residual_bias[i]
        everything[:, n_layers * channels :] = sines[:, at]
        h = np.maximum(np.dot(everything, skip) + skip_bias, np.float32(0.0))
        h = np.dot(h, hidden) + hidden_bias + conditions[:, 2 * channels * n_layers :, frame]
        said = np.dot(np.maximum(h, np.float32(0.0)), last) + last_bias
        for p in range(n_pieces):
            chosen = _chosen(said[p, :n_components], chance[p, at, 0], temperature)
            log_scale = max(said[p, 2 * n_components + chosen] - 3.0, LEAST_LOG_SCALE)
            shift = np.log(chance[p, at, 1]) - np.log1p(-chance[p, at, 1])
            value = said[p, n_components + chosen] + temperature * np.exp(log_scale) * shift
            level = min(max(int(np.floor((value + 1.0) * 128.0)), 0), 255)
            levels[p, at] = level
            sound[p, first_size + at] = (level + 0.5) / 128.0 - 1.0
    return levels


@compiled
def _chosen(weights: np.ndarray, chance: float, temperature: np.float32) -> int:
    """Draw a component, or take the likeliest."""
    if temperature <= 0.0:
        return int(np.argmax(weights))
    shares = np.exp((weights - weights.max()) / temperature)
    limit = chance * shares.sum()
    total = 0.0
    for i in range(len(shares) - 1):
        total += shares[i]
        if total >= limit:
            return i
    return len(shares) - 1
