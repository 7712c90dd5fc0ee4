"""Two processes under torchrun: gradients averaged, one model, one writer, the same end after a resume."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from violute.training.checkpoints import read_checkpoint

WORKER = """
import json, sys, warnings
from pathlib import Path
import torch
from torch import nn
from toy_family import ToyTask
from violute.training.loop import train
from violute.training.processes import (
    average_gradients, joined_processes, mean_over_processes, share_from_writer, share_of_batch, writer_first
)
from violute.errors import TrainingError
from violute.training.settings import LoopSettings

torch.set_num_threads(1)
out = Path(sys.argv[1])
facts = {}
with joined_processes() as processes:
    rank = processes.rank

    # The gradient of a loss that is a mean over samples: half a batch each, against the whole batch at once.
    torch.manual_seed(0)
    network, whole = nn.Linear(3, 2), torch.rand(8, 3)
    network(whole).square().mean().backward()
    expected = network.weight.grad.clone()
    network.zero_grad()
    unused, lonely = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    network(whole[4 * rank : 4 * rank + 4]).square().mean().backward()
    if rank == 1:
        lonely.grad = torch.tensor([2.0, 4.0])
    average_gradients([network.weight, unused, network.bias, lonely])
    facts["gradient_error"] = (network.weight.grad - expected).abs().max().item()
    facts["unused"] = unused.grad is None
    facts["lonely"] = lonely.grad.tolist()
    facts["mean"] = mean_over_processes(torch.tensor([float(rank), 4.0])).tolist()
    facts["shared"] = share_from_writer(f"said by {rank}")

    facts["share"] = share_of_batch("batch_size", 8)
    try:
        share_of_batch("batch_size", 2)
    except TrainingError as error:
        facts["refused"] = str(error)

    with writer_first():
        facts["found"] = (out / "cache").exists()
        if rank == 0:
            (out / "cache").touch()

    # Different first weights in each process: the writer's must win.
    # Neither best nor averaged weights at the end, which come from the writer: each process shows its own.
    def settings(n_steps):
        return LoopSettings(
            n_steps=n_steps,
            report_every=2,
            validate_every=4,
            checkpoint_every=4,
            schedule="constant",
            best_by=None,
            averaging_decay=None,
        )

    task = ToyTask(seed=rank)
    train(task, out / "whole", settings(8))
    facts["weights"] = {k: v.tolist() for k, v in task.network.state_dict().items()}
    train(ToyTask(seed=rank), out / "parts", settings(4))
    train(ToyTask(seed=10 + rank), out / "parts", settings(8), resume=True)
threads = [comm.read_text().strip() for comm in Path("/proc/self/task").glob("*/comm")]
facts["threads"] = [name for name in threads if "gloo" in name]
(out / f"facts{rank}.json").write_text(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("processes")
    (out / "worker.py").write_text(WORKER)
    path = os.pathsep.join(
        filter(None, [str(Path(__file__).parents[1] / "support"), os.environ.get("PYTHONPATH")])
    )
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*torchrun, str(out / "worker.py"), str(out)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


@pytest.fixture(scope="module")
def facts(out: Path) -> list[dict]:
    return [json.loads((out / f"facts{rank}.json").read_text()) for rank in (0, 1)]


def test_the_averaged_gradient_is_that_of_the_whole_batch(facts):
    assert all(fact["gradient_error"] < 1e-6 for fact in facts)


def test_a_parameter_used_in_one_process_counts_as_zero_in_the_other(facts):
    assert [fact["lonely"] for fact in facts] == [[1.0, 2.0]] * 2
    assert [fact["unused"] for fact in facts] == [True, True]


def test_numbers_are_averaged_and_words_come_from_the_writer(facts):
    assert [fact["mean"] for fact in facts] == [[0.5, 4.0]] * 2
    assert [fact["shared"] for fact in facts] == ["said by 0"] * 2


def test_a_batch_is_shared_or_refused_in_one_line(facts):
    assert [fact["share"] for fact in facts] == [4, 4]
    assert all(
        fact["refused"].startswith("batch_size is 2 for 2 processes: give a multiple of 2 from 4 on")
        for fact in facts
    )


def test_the_writer_fills_the_cache_before_the_others_look(facts):
    assert [fact["found"] for fact in facts] == [False, True]


def test_all_processes_end_with_the_same_model(facts):
    assert facts[0]["weights"] == facts[1]["weights"]


def test_one_process_writes_each_row_once(out: Path):
    steps = [json.loads(line)["step"] for line in (out / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [2, 4, 4, 6, 8, 8]  # a validation each at 4 and 8


def test_a_resumed_run_ends_where_the_uninterrupted_one_does(out: Path):
    whole, parts = (
        read_checkpoint(out / name / "checkpoints" / "last.safetensors") for name in ("whole", "parts")
    )
    assert whole["step"] == parts["step"] == 8
    for name, tensor in whole["modules"]["network"].items():
        assert tensor.equal(parts["modules"]["network"][name]), name


def test_the_threads_of_the_group_end_with_it(facts):
    assert [fact["threads"] for fact in facts] == [[], []]
