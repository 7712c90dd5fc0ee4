"""Batches drawn ahead by other processes: the same ones, with the same errors, and nobody left behind."""

import multiprocessing
import os
from itertools import islice
from typing import NamedTuple

import pytest
import torch
from toy_family import ToyTask

from violute.errors import TrainingError
from violute.training.batches import Batches, drawn_batches, to_device, workers_for

needs_fork = pytest.mark.skipif(
    "fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork"
)


class Pair(NamedTuple):
    first: torch.Tensor
    second: torch.Tensor


class Drawing(ToyTask):
    """Says which process drew, and refuses one step."""

    def __init__(self, *, refused: int = -1):
        super().__init__()
        self.refused, self.n_drawn = refused, 0

    def batch(self, generator):
        if self.n_drawn == self.refused:
            raise TrainingError("this one not: take another")
        self.n_drawn += 1
        return Pair(torch.tensor(os.getpid()), torch.rand(4, generator=generator))


def taken(task, steps, *, n_workers, n_taken):
    with drawn_batches(Batches(task, seed=3), steps, n_workers=n_workers) as drawn:
        return list(islice(drawn, n_taken))


@needs_fork
@pytest.mark.parametrize("n_workers", [1, 2])
def test_who_draws_a_batch_makes_no_difference(n_workers: int):
    ours = taken(Drawing(), range(4, 1000), n_workers=0, n_taken=7)
    theirs = taken(Drawing(), range(4, 1000), n_workers=n_workers, n_taken=7)
    assert {int(batch.drawn.first) for batch in ours} == {os.getpid()}
    assert len({int(batch.drawn.first) for batch in theirs} - {os.getpid()}) == n_workers
    for one, other in zip(ours, theirs, strict=True):
        assert torch.equal(one.drawn.second, other.drawn.second)
        assert torch.equal(one.state, other.state)
    assert not torch.equal(ours[0].drawn.second, ours[1].drawn.second)


@needs_fork
@pytest.mark.parametrize("ends_by", [None, KeyboardInterrupt])
def test_the_processes_end_with_the_block(ends_by: type[BaseException] | None):
    def walk() -> None:
        with drawn_batches(Batches(Drawing(), seed=0), range(10**6), n_workers=2) as drawn:
            next(drawn)
            assert len(multiprocessing.active_children()) == 2
            if ends_by is not None:
                raise ends_by

    if ends_by is None:
        walk()
    else:
        with pytest.raises(ends_by):
            walk()
    assert multiprocessing.active_children() == []


@needs_fork
def test_a_task_that_refuses_is_heard_where_its_batch_was_due():
    with drawn_batches(Batches(Drawing(refused=2), seed=0), range(10), n_workers=1) as drawn:
        assert len(list(islice(drawn, 2))) == 2
        with pytest.raises(TrainingError, match=r"^this one not: take another$"):
            next(drawn)


def test_nobody_else_draws_beside_a_cpu_or_for_a_task_that_draws_on_the_gpu():
    class OnDevice(ToyTask):
        def batch(self, generator):
            return {"controls": super().batch(generator).to("meta")}

    gpu = torch.device("cuda")
    assert workers_for(Batches(ToyTask(), 0), torch.device("cpu"), 2) == 0
    assert workers_for(Batches(ToyTask(), 0), gpu, 2) == 2
    assert workers_for(Batches(OnDevice(), 0), gpu, 2) == 0


def test_a_batch_moves_whole_and_keeps_its_form():
    batch = Pair(torch.zeros(2), {"name": "flute", "parts": (torch.zeros(3), 4)})
    moved = to_device(batch, torch.device("meta"))
    assert isinstance(moved, Pair)
    assert moved.first.device.type == moved.second["parts"][0].device.type == "meta"
    assert (moved.second["name"], moved.second["parts"][1]) == ("flute", 4)
