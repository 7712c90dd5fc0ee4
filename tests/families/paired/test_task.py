"""The paired model learns from pairs what lies between: any mix, of either instrument, in one pass."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_cyclegan
import tiny_paired
import torch
from torch.optim.lr_scheduler import LambdaLR

from violute.data.recordings import Recording
from violute.errors import TrainingError
from violute.families.paired.data import pair_folder
from violute.families.pictures.corpus import draw, partials_of
from violute.training.schedules import learning_rate_factor
from violute.training.seeds import seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext

N_STEPS = 100


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        yield


@pytest.mark.parametrize("flavour", ["vae", "gan"])
def test_it_learns_the_hybrids_and_the_dial_moves_them(flavour):
    weights = dict(tiny_paired.WEIGHTS[flavour])
    if flavour == "gan":
        weights["adversarial/hybrid"] = 0.03  # a critic of so small a world soon knows all
    task = tiny_paired.task(flavour, weights=weights)
    optimizers = task.optimizers()
    # Rates fall as in every run: at a constant one the critic pulls the last weights to and fro, and which of
    # them is measured depends on the last bit of a sum.
    settings = LoopSettings(n_steps=N_STEPS, warmup_steps=0)
    rates = [LambdaLR(one, lambda step: learning_rate_factor(step, settings)) for one in optimizers.values()]

    def descend(name, loss):
        optimizers[name].zero_grad()
        loss.backward()
        optimizers[name].step()

    for step in range(N_STEPS):
        generator = seed_everything(step)
        task.step(task.batch(generator), StepContext(step, N_STEPS, generator, descend))
        for rate in rates:
            rate.step()
    task.network.eval()
    with torch.no_grad():
        figures = task.validate()
        assert figures["pairs/share_of_unchanged"] < 0.92, "it should beat leaving the source as it is"
        notes = tiny_cyclegan.corpus().training
        window = torch.from_numpy(np.ascontiguousarray(notes[0].picture[:16].T, np.float32))[None]
        f0_hz = notes[0].f0_hz
        assert f0_hz is not None
        where = partials_of(torch.from_numpy(f0_hz[None, :16]), tiny_cyclegan.SETTINGS)
        made = [task.network(window, where, torch.tensor([mix])).drawn.spectrogram for mix in (0.0, 0.5, 1.0)]
    above = [float(one[:, 30:].mean()) for one in made]
    assert above[0] < above[1] < above[2], "brighter towards the bright end"


def test_pairs_stay_aligned_and_every_mix_is_drawn():
    lines = tiny_paired.lines()
    pairs = draw(lines, tiny_cyclegan.SETTINGS, 60, np.random.default_rng(0), augment=True)
    assert pairs.mix is not None
    assert pairs.hybrid is not None
    assert set(pairs.mix.tolist()) == set(tiny_paired.MIXES)
    for i in range(60):
        own = float(i % 2)  # windows alternate between the ends
        if pairs.mix[i] == own:
            # At its own end a hybrid is its source, transposed and levelled alike.
            assert (pairs.spectrogram[i] - pairs.hybrid[i]).abs().max() < 0.01


def test_recordings_that_are_no_sources_are_refused(tmp_path):
    with pytest.raises(TrainingError, match="no sources of pairs"):
        pair_folder([Recording("a", tmp_path / "flute" / "a.wav")])


def test_the_flavours_differ_in_what_they_weigh():
    assert tiny_paired.task("vae").network.critic is None
    assert "critic" in tiny_paired.task("gan").optimizers()
    gan = tiny_paired.task("gan")
    gan.recipe = replace(gan.recipe, loss_weights={"pairs/fine": 1.0})
    generator = seed_everything(0)
    context = StepContext(0, 1, generator, lambda _name, _loss: None)
    with pytest.raises(TrainingError, match="weight"):
        gan.step(gan.batch(generator), context)
