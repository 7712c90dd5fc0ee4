"""What a WaveNet in training hears of its past, and how that grows more reliable."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny_nsynth
import torch

from violute.families.nsynth.data import unreliable
from violute.families.nsynth.task import NsynthTask


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_noise_is_no_louder_than_it_may_be_and_differs_between_crops():
    before = torch.full((64, 4000), 0.5)
    noise = unreliable(before, generator(), most_noise=0.2, missing_share=0.0) - before
    loudness = noise.std(dim=1)
    assert float(loudness.max()) < 0.21
    assert float(loudness.min()) < 0.01
    assert float(loudness.max()) > 0.15


def test_spans_of_any_length_are_silent_in_the_share_asked_for():
    before = torch.ones(400, 500)
    heard = unreliable(before, generator(), most_noise=0.0, missing_share=0.5)
    n_silent = (heard == 0.0).sum(dim=1)
    assert float((n_silent > 0).float().mean()) == pytest.approx(0.5, abs=0.08)
    assert int(n_silent.max()) > 450
    assert int(n_silent[n_silent > 0].min()) < 50
    turns = (heard[:, 1:] != heard[:, :-1]).sum(dim=1)
    assert int(turns.max()) <= 2, "one span a crop, which may go on at the crop's beginning"


def test_the_past_grows_reliable_after_a_share_of_the_steps():
    task = tiny_nsynth.task()
    recipe = replace(task.recipe, calm_from=0.6, calm_to=0.2)
    calming = NsynthTask(tiny_nsynth.corpus(), recipe)
    assert [calming.unreliability_at(done) for done in (0.0, 0.6, 0.8, 1.0)] == pytest.approx(
        [1.0, 1.0, 0.6, 0.2]
    )
    assert task.unreliability_at(1.0) == 1.0, "a recipe that says nothing of it stays as it is"


def test_without_noise_the_decoder_hears_the_past_as_it_was():
    recipe = replace(tiny_nsynth.task().recipe, code_noise=0.0)
    task = NsynthTask(tiny_nsynth.corpus(), recipe)
    crops = task.batch(generator(3))
    with torch.no_grad():
        task.network.decoder.first.weight *= 30.0
        as_it_was = float(task.losses(crops, None)["waveform/bits"])
        calm, noisy = (float(task.losses(crops, generator(), share)["waveform/bits"]) for share in (0.0, 1.0))
    assert calm == as_it_was
    assert noisy != as_it_was
