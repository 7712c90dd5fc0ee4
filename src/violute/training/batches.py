"""Batches for the steps of a run: drawn by processes of their own ahead of a GPU, which would wait for them.

Each batch is a function of the seed, its step and the process, so it is the same whoever draws it. On a CPU
the drawing would take from the steps what it gives them, so it happens in between.
"""

from __future__ import annotations

import multiprocessing
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from violute.errors import VioluteError
from violute.training.seeds import Stream, derived_seed, step_generator
from violute.training.task import Task

N_AHEAD = 2
"""Batches that each process keeps ready."""


class Batch(NamedTuple):
    """What a step learns from.

    Attributes:
        drawn: By the task.
        state: Of the step's generator after the drawing.
    """

    drawn: Any
    state: Tensor


@dataclass(frozen=True)
class Batches(Dataset[Batch | VioluteError]):
    """The batches of a run by step, as a process of this rank draws them."""

    task: Task
    seed: int
    rank: int = 0

    def __getitem__(self, step: int) -> Batch | VioluteError:
        """Draw the batch of a step; an error of ours is returned, to be raised where it is read."""
        generator = step_generator(derived_seed(self.seed, Stream.TRAINING, step, self.rank))
        try:
            return Batch(self.task.batch(generator), generator.get_state())
        except VioluteError as error:
            return error


@contextmanager
def drawn_batches(batches: Batches, steps: range, *, n_workers: int) -> Iterator[Iterator[Batch]]:
    """Lend an iterator over the batches of some steps; the processes that draw them end with the block.

    Args:
        batches: Of the run.
        steps: In the order in which they will be taken; the block may end before the last.
        n_workers: Processes that draw ahead, where the system can fork; 0 draws each when it is asked for.
    """
    if n_workers == 0 or "fork" not in multiprocessing.get_all_start_methods():
        yield (_raised(batches[step]) for step in steps)
        return
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=steps,
        num_workers=n_workers,
        prefetch_factor=N_AHEAD,
        collate_fn=_as_it_is,
        pin_memory=torch.cuda.is_available(),
        multiprocessing_context="fork",
    )
    with warnings.catch_warnings():
        # Python warns of a fork beside other threads; these processes draw with NumPy and never touch a GPU.
        warnings.simplefilter("ignore", DeprecationWarning)
        source = iter(loader)
    drawn = (_raised(batch) for batch in source)
    try:
        yield drawn
    finally:
        # With the last reference to their iterator the processes end.
        drawn.close()
        del source


def workers_for(batches: Batches, device: torch.device, n_workers: int) -> int:
    """Return how many processes may draw: none beside a CPU, or for a task that draws on the GPU itself."""
    if device.type != "cuda" or n_workers == 0:
        return 0
    first = batches[0]
    drawn = () if isinstance(first, VioluteError) else _tensors(first.drawn)
    return n_workers if all(tensor.device.type == "cpu" for tensor in drawn) else 0


def to_device(batch: Any, device: torch.device) -> Any:
    """Return a batch with its tensors on a device: a tensor, or tuples and mappings of them.

    Pinned memory is copied while the GPU goes on computing.
    """
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, tuple):
        moved = (to_device(item, device) for item in batch)
        return type(batch)(*moved) if hasattr(batch, "_fields") else tuple(moved)
    if isinstance(batch, Mapping):
        return {name: to_device(item, device) for name, item in batch.items()}
    return batch


def _tensors(batch: Any) -> Iterator[Tensor]:
    if isinstance(batch, Tensor):
        yield batch
    elif isinstance(batch, tuple | Mapping):
        for item in batch.values() if isinstance(batch, Mapping) else batch:
            yield from _tensors(item)


def _raised(batch: Batch | VioluteError) -> Batch:
    if isinstance(batch, VioluteError):
        raise batch
    return batch


def _as_it_is(batch: Any) -> Any:
    return batch
