"""What every model family promises, asked of each alike. A family joins with one line in `FAMILIES`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import tiny_cyclegan
import tiny_ddsp
import tiny_nsynth
import tiny_paired
import tiny_rave
import tiny_vae
import torch
import toy_family
from torch import Tensor

from violute.training.checkpoints import read_checkpoint, write_checkpoint
from violute.training.seeds import seed_everything
from violute.training.task import StepContext, Task

Outputs = Mapping[str, Tensor]


@dataclass(frozen=True)
class Family:
    """How to ask a family.

    Attributes:
        name: As in `violute train NAME`.
        task: Builds a tiny task from a seed and loss weights, with data of its own.
        weights: Default weights, by name of the loss.
        inputs: What the voice file takes, by name, for a number of frames and a seed; no room for
            chance beyond them.
        outputs: What the voice file should give for them, computed in torch by the task.
        shapes: Of the outputs, for a number of frames.
        falling: Losses that must fall within 30 steps on one batch.
        n_steps_to_touch_all: After how many steps each parameter has had a gradient.
        frame_rate_hz: Frames per second of the inputs.
        tolerance: Largest difference between file and torch, relative to the largest output.
    """

    name: str
    task: Callable[[int, Mapping[str, float]], Task]
    weights: Mapping[str, float]
    inputs: Callable[[int, int], Mapping[str, Tensor]]
    outputs: Callable[[Task, Mapping[str, Tensor]], Outputs]
    shapes: Callable[[int], Mapping[str, tuple[int, ...]]]
    falling: tuple[str, ...] = ("total",)
    n_steps_to_touch_all: int = 1
    frame_rate_hz: float = 100.0
    tolerance: float = 1e-5


def toy_inputs(n_frames: int, seed: int) -> dict[str, Tensor]:
    return {"controls": torch.rand(1, 2, n_frames, generator=torch.Generator().manual_seed(seed))}


def toy_outputs(task: Task, inputs: Mapping[str, Tensor]) -> Outputs:
    harmonics, noise = task.modules()["network"](inputs["controls"])
    return {"harmonics": harmonics, "noise": noise}


TOY = Family(
    name="toy",
    task=lambda seed, weights: toy_family.ToyTask(seed=seed, weights=weights),
    weights=toy_family.WEIGHTS,
    inputs=toy_inputs,
    outputs=toy_outputs,
    shapes=lambda n_frames: {
        "harmonics": (1, toy_family.N_HARMONICS, n_frames),
        "noise": (1, toy_family.N_BANDS, n_frames),
    },
    n_steps_to_touch_all=2,
)

DDSP = Family(
    name="ddsp",
    task=tiny_ddsp.task,
    weights=tiny_ddsp.WEIGHTS,
    inputs=tiny_ddsp.inputs,
    outputs=tiny_ddsp.outputs,
    shapes=lambda n_frames: {"harmonic_db": (2, n_frames, 100), "noise_db": (2, n_frames, 64)},
)

VAE = Family(
    name="vae",
    task=tiny_vae.vae_task,
    weights=tiny_vae.VAE_WEIGHTS,
    inputs=tiny_vae.conditioned_inputs,
    outputs=tiny_vae.outputs,
    shapes=tiny_vae.shapes,
    tolerance=2e-3,  # the file holds large weights in half precision
)

MEVAE = Family(
    name="mevae",
    task=tiny_vae.mevae_task,
    weights=tiny_vae.MEVAE_WEIGHTS,
    inputs=tiny_vae.conditioned_inputs,
    outputs=tiny_vae.outputs,
    shapes=tiny_vae.shapes,
    tolerance=2e-3,
)

CYCLEGAN = Family(
    name="cyclegan",
    task=tiny_cyclegan.task,
    weights=tiny_cyclegan.WEIGHTS,
    inputs=tiny_vae.conditioned_inputs,
    outputs=tiny_cyclegan.outputs,
    shapes=tiny_vae.shapes,
    falling=("critic/translation",),  # generators and critics pull the total to and fro
    tolerance=2e-3,
)

PAIRED_VAE, PAIRED_GAN = (
    Family(
        name=f"paired-{flavour}",
        task=partial(tiny_paired.task, flavour),
        weights=tiny_paired.WEIGHTS[flavour],
        inputs=tiny_vae.conditioned_inputs,
        outputs=tiny_paired.outputs,
        shapes=tiny_vae.shapes,
        falling=("pairs/smooth",),
        tolerance=2e-3,
    )
    for flavour in ("vae", "gan")
)

RAVE_ONE, RAVE_TWO, RAVE_TWO_ENCODERS = (
    Family(
        name=name,
        task=partial(tiny_rave.task, stage),
        weights=tiny_rave.WEIGHTS[stage],
        inputs=tiny_rave.inputs,
        outputs=tiny_rave.outputs,
        shapes=tiny_rave.shapes,
        falling=("spectral/multi_resolution",),
        tolerance=2e-3,
    )
    for name, stage in (("rave-stage-one", 1), ("rave-stage-two", 2), ("rave-two-encoders", 3))
)

NSYNTH = Family(
    name="nsynth",
    task=tiny_nsynth.task,
    weights=tiny_nsynth.WEIGHTS,
    inputs=tiny_nsynth.inputs,
    outputs=tiny_nsynth.outputs,
    shapes=lambda n_frames: {"code": (1, tiny_nsynth.NETWORK.code_size, n_frames)},
    frame_rate_hz=31.25,
)

RAVE = [RAVE_ONE, RAVE_TWO, RAVE_TWO_ENCODERS]
FAMILIES = [TOY, DDSP, VAE, MEVAE, CYCLEGAN, PAIRED_VAE, PAIRED_GAN, NSYNTH, *RAVE]


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.fixture(params=FAMILIES, ids=lambda family: family.name, scope="module")
def family(request: pytest.FixtureRequest) -> Family:
    return request.param


@pytest.fixture(scope="module")
def exported(family: Family, tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, Path]:
    """A task after a few steps, so that no weight is still 0 or 1 by construction, and its voice file."""
    task = family.task(0, family.weights)
    walk(task, n_steps=4)
    path = tmp_path_factory.mktemp("voice") / f"{family.name}.onnx"
    evaluating(task)
    task.export(path)
    return task, path


def test_first_weights_are_a_function_of_the_seed_alone(family: Family):
    torch.manual_seed(11)
    one = states(family.task(3, family.weights))
    torch.manual_seed(12)
    again, other = states(family.task(3, family.weights)), states(family.task(4, family.weights))
    assert all(torch.equal(value, again[name]) for name, value in one.items())
    assert any(not torch.equal(value, other[name]) for name, value in one.items())


def states(task: Task) -> dict[str, Tensor]:
    return {
        f"{name}.{key}": value.clone()
        for name, module in task.modules().items()
        for key, value in module.state_dict().items()
    }


def walk(
    task: Task,
    *,
    n_steps: int,
    descend: Callable[[str, Tensor], None] | None = None,
    same_batch: bool = False,
) -> list[dict[str, float]]:
    """Take plain steps, without the loop, and return their losses."""
    optimizers = task.optimizers()
    for module in task.modules().values():
        module.train()

    def descend_plainly(name: str, loss: Tensor) -> None:
        optimizers[name].zero_grad()
        loss.backward()
        optimizers[name].step()

    history = []
    for step in range(n_steps):
        generator = seed_everything(0 if same_batch else step)
        context = StepContext(step, n_steps, generator, descend or descend_plainly)
        losses = task.step(task.batch(generator), context)
        history.append({name: float(torch.as_tensor(loss).detach()) for name, loss in losses.items()})
    return history


def evaluating(task: Task) -> Task:
    for module in task.modules().values():
        module.eval()
    return task


def render(family: Family, task: Task, n_frames: int, seed: int = 0) -> dict[str, Tensor]:
    with torch.no_grad():
        return dict(family.outputs(evaluating(task), family.inputs(n_frames, seed)))


def test_builds_and_answers_the_protocol(family: Family):
    task = family.task(0, family.weights)
    assert isinstance(task, Task)
    trained = {id(p) for module in task.modules().values() for p in module.parameters()}
    moved = [id(p) for o in task.optimizers().values() for group in o.param_groups for p in group["params"]]
    assert set(moved) <= trained, "an optimizer moves a parameter that no checkpoint would hold"
    assert len(moved) == len(set(moved)), "two optimizers move one parameter"


@pytest.mark.parametrize("n_frames", [1, 7, 100, 501])
def test_shapes(family: Family, n_frames: int):
    outputs = render(family, family.task(0, family.weights), n_frames)
    assert {name: tuple(value.shape) for name, value in outputs.items()} == family.shapes(n_frames)
    assert all(value.isfinite().all() for value in outputs.values())


def test_saved_and_loaded_it_sounds_the_same(family: Family, tmp_path: Path):
    task, other = family.task(0, family.weights), family.task(1, family.weights)
    walk(task, n_steps=3)
    expected = render(family, task, 50)
    assert any(not torch.equal(value, expected[name]) for name, value in render(family, other, 50).items())
    write_checkpoint(tmp_path / "x.safetensors", {n: dict(m.state_dict()) for n, m in task.modules().items()})
    states = read_checkpoint(tmp_path / "x.safetensors")
    for name, module in other.modules().items():
        module.load_state_dict(states[name])
    assert all(torch.equal(value, expected[name]) for name, value in render(family, other, 50).items())


def test_the_same_seeds_give_the_same_training(family: Family):
    first, second = family.task(0, family.weights), family.task(0, family.weights)
    assert walk(first, n_steps=4) == walk(second, n_steps=4)
    for name, module in first.modules().items():
        others = second.modules()[name].state_dict()
        assert all(torch.equal(value, others[key]) for key, value in module.state_dict().items())
    assert walk(family.task(1, family.weights), n_steps=1) != walk(family.task(0, family.weights), n_steps=1)


@pytest.mark.parametrize("seconds", [0.03, 1.0, 3.7, 8.01])
def test_the_voice_file_agrees_with_torch_at_lengths_never_traced(
    family: Family, exported: tuple[Task, Path], seconds: float
):
    task, path = exported
    n_frames = math.ceil(seconds * family.frame_rate_hz)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    inputs = family.inputs(n_frames, 3)
    assert sorted(i.name for i in session.get_inputs()) == sorted(inputs)
    given = {name: value.numpy() for name, value in inputs.items()}
    names = list(family.shapes(n_frames))
    from_file = dict(zip(names, session.run(names, given), strict=True))
    for name, expected in render(family, task, n_frames, seed=3).items():
        wanted = expected.numpy()
        assert from_file[name].shape == wanted.shape
        worst = np.abs(from_file[name] - wanted).max() / np.abs(wanted).max()
        assert worst <= family.tolerance, f"{name} is off by {worst:.1e}"


def test_a_batch_comes_from_its_generator_alone(family: Family):
    """So that a process beside this one may draw it."""
    task = family.task(0, family.weights)
    before = torch.get_rng_state(), states(task)
    first, again, other = (task.batch(torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert all(torch.equal(value, before[1][name]) for name, value in states(task).items())
    first, again, other = (list(numbers(batch)) for batch in (first, again, other))
    assert all(map(np.array_equal, first, again))
    assert not all(map(np.array_equal, first, other))


def numbers(batch: object) -> Iterator[object]:
    """All that a batch holds, nested or not."""
    if isinstance(batch, tuple):
        for item in batch:
            yield from numbers(item)
    else:
        yield batch


def test_each_parameter_gets_a_gradient(family: Family):
    task = family.task(0, family.weights)
    optimizers = task.optimizers()
    touched: set[int] = set()

    def descend(name: str, loss: Tensor) -> None:
        optimizers[name].zero_grad()
        loss.backward()
        for group in optimizers[name].param_groups:
            touched.update(id(p) for p in group["params"] if p.grad is not None and p.grad.abs().sum() > 0)

    walk(task, n_steps=family.n_steps_to_touch_all, descend=descend)
    idle = [
        f"{name}.{key}"
        for name, module in task.modules().items()
        for key, parameter in module.named_parameters()
        if parameter.requires_grad and id(parameter) not in touched
    ]
    assert idle == []


def test_thirty_steps_lower_the_loss(family: Family):
    history = walk(family.task(0, family.weights), n_steps=30, same_batch=True)
    for name in family.falling:
        losses = [row[name] for row in history if name in row]
        assert sum(losses[-3:]) < 0.9 * sum(losses[:3]), name


def test_each_loss_weight_enters_once(family: Family):
    """Doubling one weight changes the total, and what is descended on, by exactly that term."""

    def first_step(weights: Mapping[str, float]) -> tuple[dict[str, float], float]:
        descended: list[float] = []
        task = family.task(0, weights)
        (losses,) = walk(task, n_steps=1, descend=lambda _, loss: descended.append(float(loss.detach())))
        return losses, sum(descended)

    losses, descended = first_step(family.weights)
    assert set(losses) == {*family.weights, "total"}
    assert descended == pytest.approx(losses["total"], rel=1e-5)
    assert losses["total"] == pytest.approx(
        sum(weight * losses[name] for name, weight in family.weights.items()), rel=1e-5
    )
    for name, weight in family.weights.items():
        doubled, descended = first_step({**family.weights, name: 2.0 * weight})
        assert doubled[name] == pytest.approx(losses[name], rel=1e-6)
        assert doubled["total"] - losses["total"] == pytest.approx(weight * losses[name], rel=1e-3)
        assert descended == pytest.approx(doubled["total"], rel=1e-5)


def test_validation_and_sounds_are_fit_to_keep(family: Family):
    task = evaluating(family.task(0, family.weights))
    with torch.no_grad():
        seed_everything(0)
        first = dict(task.validate())
        seed_everything(0)
        assert dict(task.validate()) == first
        sounds = task.sounds()
    assert "total" in first
    assert all(math.isfinite(value) for value in first.values())
    for audio, sample_rate in sounds.values():
        assert sample_rate > 0
        assert np.isfinite(audio).all()
        assert np.abs(audio).max() > 0
