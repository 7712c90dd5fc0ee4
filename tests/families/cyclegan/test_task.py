"""The CycleGAN in training: its pool, its alarm, and what it learns from two instruments of a formula."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import tiny_cyclegan
import torch

from violute.families.cyclegan.critics import Critics, DrawingPool, PatchCritic, least_squares
from violute.families.cyclegan.task import CycleGanTask
from violute.families.pictures.adversarial_health import diagnosis, distribution_distance, diversity
from violute.training.loop import train
from violute.training.seeds import seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext

N_STEPS = 50
LOOP = LoopSettings(
    n_steps=20,
    report_every=5,
    validate_every=5,
    checkpoint_every=20,
    warmup_steps=0,
    averaging_decay=None,
    schedule="linear",
)


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_the_pool_gives_new_drawings_until_it_is_full_and_then_half_of_them_old():
    pool = DrawingPool((1, 2, 3), size=50)
    for i in range(50):
        new = torch.full((1, 1, 2, 3), float(i))
        assert torch.equal(pool.exchange(new), new)
    given = (torch.full((1, 1, 2, 3), 100.0 + i) for i in range(400))
    old = sum(float(pool.exchange(one)[0, 0, 0, 0]) < 100.0 + i for i, one in enumerate(given))
    assert 150 < old < 250
    assert pool.kept.min() >= 0.0
    assert (pool.kept >= 100.0).float().mean() > 0.9, "old drawings leave the pool"


def test_a_critic_is_deaf_below_what_is_audible():
    critic = PatchCritic((4, 4, 4), 64, audible_from=0.2)
    quiet, silent = 0.19 * torch.rand(1, 1, 64, 16), torch.zeros(1, 1, 64, 16)
    assert torch.equal(critic(quiet), critic(silent))
    assert not torch.equal(critic(quiet + 0.3), critic(silent))


def test_critics_cannot_know_a_microphone():
    """One more equaliser moves the scores less than they scatter anyway."""
    critics = Critics((4, 4, 4), 64, audible_from=0.0).eval()
    views = 0.3 + 0.4 * torch.rand(1, 2, 64, 16)
    tilted = views.clone()
    tilted[:, 0] += torch.linspace(-0.05, 0.05, 64)[:, None]

    def scores(given):
        with torch.no_grad():
            return [torch.stack([critics(given)[i].mean() for _ in range(200)]) for i in range(2)]

    for one, other in zip(scores(views), scores(tilted), strict=True):
        assert one.std() > 0.0
        assert (one.mean() - other.mean()).abs() < 1.5 * one.std()


def test_least_squares_is_zero_only_for_what_is_asked_for():
    assert least_squares([torch.ones(3), torch.ones(2)], real=True) == 0.0
    assert least_squares([torch.zeros(3)], real=False) == 0.0
    assert least_squares([torch.zeros(3), torch.ones(5)], real=True) == 0.5


def test_distribution_distance_is_a_distance_of_levels_and_blind_to_order():
    rows = torch.rand(4, 8, 10)
    shuffled = rows[torch.randperm(4)][:, :, torch.randperm(10)]
    assert distribution_distance(rows, shuffled) == pytest.approx(0.0, abs=1e-7)
    assert distribution_distance(rows, rows + 0.25) == pytest.approx(0.25, rel=1e-4)
    assert distribution_distance(rows, torch.cat([rows, rows])) < 0.02


def test_diversity_is_a_share_of_that_of_recordings():
    rows = torch.rand(6, 8, 10)
    assert diversity([rows], [rows]) == pytest.approx(1.0)
    assert diversity([rows, rows[:1].expand_as(rows)], [rows, rows]) == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("figures", "word"),
    [
        ({"health/diversity": 0.1}, "collapsed"),
        ({"health/cycle_share": 0.9}, "way back"),
        ({"health/largest_score": 50.0}, "exploded"),
        ({"health/largest_score": float("nan")}, "exploded"),
    ],
)
def test_each_figure_has_its_words(figures, word):
    assert word in (diagnosis(figures) or "")
    assert diagnosis({"health/diversity": 1.0, "health/largest_score": 1.5}) is None
    assert diagnosis({}) is None


def test_a_failure_is_reported_once_and_the_best_checkpoint_is_kept(tmp_path):
    """Provoked: nothing holds the generators to their source, and all may leap."""
    weights = {**tiny_cyclegan.WEIGHTS, "cycle/reconstruction": 0.0, "identity/own_instrument": 0.0}
    loop = replace(LOOP, gradient_clip_norm=None, best_by="total")
    recipe = replace(tiny_cyclegan.RECIPE, loop=loop, learning_rate=10.0, loss_weights=weights)
    # Judged by what it should have learned, as a real run is.
    task = CycleGanTask(tiny_cyclegan.corpus(), recipe)
    task.total_weights = tiny_cyclegan.WEIGHTS
    reported: list[str] = []
    result = train(task, tmp_path, loop, on_warning=reported.append)
    (line,) = reported
    assert "best checkpoint so far is kept" in line
    assert "\n" not in line
    (kept,) = (json.loads(row) for row in (tmp_path / "warnings.jsonl").read_text().splitlines())
    assert kept["warning"] == line
    assert kept["step"] > 0
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    totals = {row["step"]: row["validation/total"] for row in rows if "validation/total" in row}
    assert {"validation/health/diversity", "validation/health/largest_score"} <= rows[-1].keys()
    assert result.best_step == min(totals, key=totals.__getitem__)
    assert totals[result.best_step] <= totals[loop.n_steps]
    assert (tmp_path / "checkpoints" / "best.safetensors").is_file()


def test_it_learns_to_translate_both_ways_and_keeps_the_source():
    task = CycleGanTask(tiny_cyclegan.corpus(), replace(tiny_cyclegan.RECIPE, learning_rate=3e-3))
    optimizers = task.optimizers()

    def descend(name, loss):
        optimizers[name].zero_grad()
        loss.backward()
        optimizers[name].step()

    with torch.no_grad():
        before = task.validate()
    for step in range(N_STEPS):
        generator = seed_everything(step)
        task.step(task.batch(generator), StepContext(step, N_STEPS, generator, descend))
    with torch.no_grad():
        after = task.validate()
    assert task.problem(after) is None, "a healthy run warns of nothing"
    assert after["distribution/rows"] < 0.8 * before["distribution/rows"]
    assert after["identity/own_instrument"] < 0.7 * before["identity/own_instrument"]
    assert after["health/cycle_share"] < 0.3


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    loop = replace(LOOP, n_steps=8, checkpoint_every=4, validate_every=8)

    def trained(folder, *limits):
        for n_steps in limits:
            recipe = replace(tiny_cyclegan.RECIPE, loop=replace(loop, n_steps=n_steps, schedule="constant"))
            task = CycleGanTask(tiny_cyclegan.corpus(), recipe)
            train(task, folder, recipe.loop, resume=True)
        return task.network.state_dict()

    whole, joined = trained(tmp_path / "a", 8), trained(tmp_path / "b", 4, 8)
    assert all(torch.equal(value, joined[name]) for name, value in whole.items())
