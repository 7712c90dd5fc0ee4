"""Checkpoints: what goes in comes out, whole or not at all."""

import json
import math
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from violute.errors import TrainingError
from violute.training.checkpoints import read_checkpoint, write_checkpoint

TENSORS = st.builds(
    lambda shape, dtype, seed: (
        torch.rand(shape, generator=torch.Generator().manual_seed(seed)).mul(100).to(dtype)
    ),
    st.lists(st.integers(0, 3), max_size=3),
    st.sampled_from([torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.bool]),
    st.integers(0, 1000),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=4), TENSORS
)
TREES = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(
            st.one_of(st.integers(0, 9), st.sampled_from(["a", "b", "$tensor", "$dict"])), children
        ),
    ),
    max_leaves=8,
)


def equal(first: object, second: object) -> bool:
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and first.dtype == second.dtype and torch.equal(first, second)
    if type(first) is not type(second):
        return False
    if isinstance(first, dict):
        return list(first) == list(second) and all(equal(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)):
        return len(first) == len(second) and all(map(equal, first, second))
    return first == second


@given(tree=st.dictionaries(st.sampled_from(["one", "two", "three"]), TREES))
def test_trees_come_back_as_they_were(tmp_path_factory, tree):
    path = tmp_path_factory.mktemp("tree") / "tree.safetensors"
    write_checkpoint(path, tree)
    assert equal(read_checkpoint(path), tree)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: torch.optim.AdamW(p, lr=3e-4, betas=(0.8, 0.99), amsgrad=True),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
        lambda p: torch.optim.RMSprop(p, lr=1e-3, centered=True),
        lambda p: torch.optim.Adagrad(p, lr=1e-2),
    ],
    ids=["adamw", "sgd", "rmsprop", "adagrad"],
)
def test_an_optimizer_goes_on_as_if_never_stored(tmp_path: Path, make):
    def step(model: nn.Module, optimizer: torch.optim.Optimizer, seed: int) -> None:
        optimizer.zero_grad()
        x = torch.rand(5, 3, generator=torch.Generator().manual_seed(seed))
        model(x).square().sum().backward()
        optimizer.step()

    torch.manual_seed(0)
    model, copy = nn.Linear(3, 2), nn.Linear(3, 2)
    optimizer = make(model.parameters())
    for i in range(3):
        step(model, optimizer, i)
    path = tmp_path / "deep" / "folder" / "last.safetensors"
    write_checkpoint(path, {"model": dict(model.state_dict()), "optimizer": optimizer.state_dict()})
    state = read_checkpoint(path)
    copy.load_state_dict(state["model"])
    other = make(copy.parameters())
    other.load_state_dict(state["optimizer"])
    for i in range(3, 6):
        step(model, optimizer, i)
        step(copy, other, i)
    assert torch.equal(model.weight, copy.weight)
    assert torch.equal(model.bias, copy.bias)


def test_weights_lie_under_readable_names_for_any_safetensors_reader(tmp_path: Path):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"modules": {"decoder": {"out.weight": torch.ones(2)}}, "step": 3})
    assert list(load_file(path)) == ["modules/decoder/out.weight"]


def test_tied_and_transposed_tensors_are_stored(tmp_path: Path):
    weight = torch.arange(6.0).reshape(2, 3)
    tree = {"encoder": weight, "decoder": weight, "turned": weight.T}
    write_checkpoint(tmp_path / "x.safetensors", tree)
    assert equal(read_checkpoint(tmp_path / "x.safetensors"), tree)


def test_infinity_survives(tmp_path: Path):
    write_checkpoint(tmp_path / "x.safetensors", {"best_value": math.inf})
    assert read_checkpoint(tmp_path / "x.safetensors") == {"best_value": math.inf}


def test_a_write_that_fails_leaves_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"step": 1})

    def full(tensors, filename, metadata):
        Path(filename).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("violute.training.checkpoints.save_file", full)
    with pytest.raises(TrainingError, match=r"last\.safetensors: cannot be written .*No space left"):
        write_checkpoint(path, {"step": 2})
    assert read_checkpoint(path) == {"step": 1}


@pytest.mark.parametrize("damage", ["empty", "cut", "other", "foreign"])
def test_damage_is_one_clear_line(tmp_path: Path, damage: str):
    path = tmp_path / "last.safetensors"
    write_checkpoint(path, {"modules": torch.rand(100), "step": 3})
    content = path.read_bytes()
    damaged = {
        "empty": b"",
        "cut": content[:-50],
        "other": json.dumps({"step": 3}).encode(),
        "foreign": (2).to_bytes(8, "little") + b"{}",
    }
    path.write_bytes(damaged[damage])
    with pytest.raises(TrainingError, match="is damaged: delete it") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_missing_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(TrainingError, match=r"none\.safetensors: there is no such checkpoint"):
        read_checkpoint(tmp_path / "none.safetensors")


def test_what_a_file_cannot_hold_is_refused(tmp_path: Path):
    with pytest.raises(TypeError, match="can't hold set at modules/bad"):
        write_checkpoint(tmp_path / "x.safetensors", {"modules": {"bad": {1, 2}}})
    assert not list(tmp_path.iterdir())
