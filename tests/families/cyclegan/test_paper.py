"""The paper's networks are the paper's: sizes, squares of 70 x 70, and no more."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from violute.errors import TrainingError
from violute.families.cyclegan.config import PaperConfig
from violute.families.cyclegan.paper import PaperCritic, PaperGenerator
from violute.families.cyclegan.recipes import cyclegan_paper, cyclegan_tiny_paper
from violute.families.cyclegan.task import CycleGanTask
from violute.families.pictures.corpus import PictureLine
from violute.families.pictures.task import SpectrogramCorpus
from violute.families.recipes import with_changes
from violute.training.seeds import seed_everything
from violute.training.task import StepContext
from violute.voices.load import load_voice


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def test_a_generator_has_the_paper_s_weights():
    """Counted by hand for one plane: kernels of 7, 3 and 3, nine blocks, two transposed, 7, and biases."""
    n_weights = sum(parameter.numel() for parameter in PaperGenerator(PaperConfig()).parameters())
    first, last = 49 * 64 + 64, 49 * 64 + 1
    halving = (9 * 64 * 128 + 128) + (9 * 128 * 256 + 256)
    blocks = 9 * 2 * (9 * 256 * 256 + 256)
    doubling = (9 * 256 * 128 + 128) + (9 * 128 * 64 + 64)
    assert n_weights == first + halving + blocks + doubling + last


def test_a_picture_comes_out_as_large_as_it_went_in_and_within_the_scale():
    generator = PaperGenerator(PaperConfig(channels=2, n_blocks=1))
    with torch.no_grad():
        made = generator(torch.rand(1, 64, 32))
    assert made.shape == (1, 64, 32)
    assert 0.0 <= made.min() <= made.max() <= 1.0


def test_a_score_depends_on_a_square_of_70_by_70():
    critic = PaperCritic(PaperConfig(critic_channels=(2, 2, 2, 2)))
    for layer in list(critic.layers):
        if isinstance(layer, torch.nn.InstanceNorm2d):
            # It spans the whole picture, and is none of the squares' business.
            layer.forward = lambda x: x  # type: ignore[method-assign]  # a stand-in for this test
    views = torch.rand(1, 1, 160, 160, requires_grad=True)
    (scores,) = critic(views)
    middle = scores.shape[2] // 2
    scores[0, 0, middle, middle].backward()
    assert views.grad is not None
    reached = views.grad[0, 0] != 0.0
    assert int(reached.any(dim=1).sum()) == 70
    assert int(reached.any(dim=0).sum()) == 70


def test_the_paper_s_networks_cannot_be_given_the_pitch():
    with pytest.raises(TrainingError, match="is_conditioned"):
        with_changes(cyclegan_paper(), {"is_conditioned": "true"})


def test_it_trains_and_its_voice_hears_pictures_alone(tmp_path):
    recipe = cyclegan_tiny_paper()
    settings = recipe.spectrogram
    rng = np.random.default_rng(0)
    lines = [
        PictureLine(f"{end}-{i}", f"source-{end}", end, rng.random((150, 512)).astype(np.float16), 11_025.0)
        for end in (0, 1)
        for i in (0, 1)
    ]
    nothing = np.zeros(settings.sample_rate, np.float32)
    task = CycleGanTask(
        SpectrogramCorpus(("a", "b"), lines, [], torch.device("cpu"), {}, (nothing, nothing)), recipe
    )
    descended = []

    def descend(name, loss):
        task.optimizers()[name].zero_grad()
        loss.backward()
        task.optimizers()[name].step()
        descended.append(name)

    generator = seed_everything(0)
    task.step(task.batch(generator), StepContext(0, 1, generator, descend))
    assert descended == ["generators", "critics"]
    task.network.eval()
    task.export(tmp_path / "paper.onnx")
    voice = load_voice(tmp_path / "paper.onnx")
    assert {one.name for one in voice.session.get_inputs()} == {"spectrogram", "mix"}
    assert not voice.card.settings.get("told")
