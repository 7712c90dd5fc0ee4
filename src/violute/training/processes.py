"""Training in several processes: a share of each batch, gradients averaged, one of them writes.

Start with `torchrun --nproc-per-node N -m violute train ...`; everything here is the identity in a
single process.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from typing import TypeVar

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn

from violute.errors import TrainingError

LONGEST_MEASURING = timedelta(days=30)

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """Which of how many processes this one is; rank 0 writes files."""

    rank: int = 0
    n_processes: int = 1

    @property
    def is_writer(self) -> bool:
        """Whether this process writes the run folder and the voice."""
        return self.rank == 0


def current_processes() -> Processes:
    """Return this process's place in the group that it joined, or a group of one."""
    if dist.is_available() and dist.is_initialized():
        return Processes(dist.get_rank(), dist.get_world_size())
    return Processes()


def is_first_process() -> bool:
    """Whether this process has rank 0, or no others beside it; known before they join and after they part."""
    return int(os.environ.get("RANK", "0")) == 0


def share_of_batch(name: str, batch_size: int) -> int:
    """Return how many examples of a step this process draws, so that a step is one however many take it.

    Raises:
        TrainingError: Not every process would get as many, and examples of both ends.
    """
    n_processes = current_processes().n_processes
    share = batch_size // n_processes
    if n_processes > 1 and (share * n_processes != batch_size or share < 2):
        raise TrainingError(
            f"{name} is {batch_size} for {n_processes} processes: give a multiple of {n_processes} from "
            f"{2 * n_processes} on, so that each learns from both ends"
        )
    return share


@contextmanager
def joined_processes() -> Iterator[Processes]:
    """Join the processes that `torchrun` started beside this one, and leave them at the end."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or current_processes().n_processes > 1:
        yield current_processes()
        return
    # Optimizers import this module at their first step, and its functions keep the group of that moment as a
    # default argument: the group would outlive its end, and its threads abort the process as Python goes.
    import_module("torch.distributed.nn.functional")
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        dist.init_process_group("cpu:gloo,cuda:nccl")
    else:
        dist.init_process_group("gloo")
    try:
        yield current_processes()
    finally:
        dist.destroy_process_group()


def choose_device(name: str = "auto") -> torch.device:
    """Return the device to train on: `auto` is a GPU where there is one.

    Raises:
        TrainingError: There is no such device here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise TrainingError(f"device is {name!r}: give auto, cpu or cuda") from None
    if device.type == "cuda":
        n_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if n_gpus == 0:
            raise TrainingError(f"device is {name!r} but torch sees no GPU here: give auto or cpu")
        if name == "cuda":
            return torch.device("cuda", torch.cuda.current_device())
        if device.index >= n_gpus:
            raise TrainingError(f"device is {name!r} but torch sees {n_gpus} GPUs: give cuda")
    return device


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
def writer_first() -> Iterator[None]:
    """Let the writing process through alone, then the others: they find what it cached."""
    if current_processes().n_processes == 1:
        yield
        return
    # Whoever waits elsewhere waits for a step; here it may be for a day of measuring.
    group = dist.new_group(backend="gloo", timeout=LONGEST_MEASURING)
    if not current_processes().is_writer:
        dist.barrier(group)
    yield
    if current_processes().is_writer:
        dist.barrier(group)


@torch.no_grad()
def average_gradients(parameters: Sequence[nn.Parameter]) -> None:
    """Replace each gradient by its mean over the processes.

    A parameter that a process did not use counts as 0 there; one that none used keeps None, so
    that its optimizer leaves it alone.
    """
    n_processes = current_processes().n_processes
    if n_processes == 1:
        return
    groups: dict[tuple[torch.device, torch.dtype], list[nn.Parameter]] = {}
    for parameter in parameters:
        groups.setdefault((parameter.device, parameter.dtype), []).append(parameter)
    for (device, dtype), members in groups.items():
        used = torch.tensor([p.grad is not None for p in members], dtype=torch.float32, device=device)
        dist.all_reduce(used)
        flat = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in members]
        ).to(dtype)
        dist.all_reduce(flat)
        flat /= n_processes
        pieces = flat.split([p.numel() for p in members])
        for parameter, n_using, piece in zip(members, used.tolist(), pieces, strict=True):
            parameter.grad = piece.view_as(parameter).clone() if n_using else None


@torch.no_grad()
def copy_from_writer(modules: Mapping[str, nn.Module], *, buffers_only: bool = False) -> None:
    """Overwrite parameters and buffers by those of rank 0."""
    if current_processes().n_processes == 1:
        return
    for module in modules.values():
        for tensor in module.buffers() if buffers_only else module.state_dict(keep_vars=True).values():
            if isinstance(tensor, Tensor):
                dist.broadcast(tensor.data, src=0)


def share_from_writer(value: T) -> T:
    """Return rank 0's value in every process."""
    if current_processes().n_processes == 1:
        return value
    box: list[T] = [value]
    dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
    return box[0]


def mean_over_processes(values: Float[Tensor, " value"]) -> Float[Tensor, " value"]:
    """Return the mean of each value over the processes."""
    n_processes = current_processes().n_processes
    if n_processes == 1:
        return values
    summed = values.clone()
    dist.all_reduce(summed)
    return summed / n_processes
