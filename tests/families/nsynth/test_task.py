"""What a WaveNet in training hears of its past, of the code and of the pitch, and what that teaches it."""

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
    noisy, noisiness = unreliable(before, generator(), most_noise=0.2, missing_share=0.0)
    loudness = (noisy - before).std(dim=1)
    assert torch.allclose(loudness, 0.2 * noisiness.square(), rtol=0.05)
    assert float(loudness.max()) < 0.21
    assert float(loudness.min()) < 0.01
    assert float(loudness.max()) > 0.15
    assert 5 < int((noisiness == 0.0).sum()) < 30


def test_spans_of_any_length_are_silent_in_the_share_asked_for():
    before = torch.ones(400, 500)
    heard, _ = unreliable(before, generator(), most_noise=0.0, missing_share=0.5)
    n_silent = (heard == 0.0).sum(dim=1)
    assert float((n_silent > 0).float().mean()) == pytest.approx(0.5, abs=0.08)
    assert int(n_silent.max()) > 450
    assert int(n_silent[n_silent > 0].min()) < 50
    turns = (heard[:, 1:] != heard[:, :-1]).sum(dim=1)
    assert int(turns.max()) <= 2, "one span a crop, which may go on at the crop's beginning"


def test_the_decoder_hears_the_past_as_it_was_where_nothing_makes_it_unreliable():
    recipe = replace(
        tiny_nsynth.task().recipe,
        code_noise=0.0,
        faint_code_share=0.0,
        is_disguised=False,
        known_phases_share=0.0,
        most_noise=0.0,
        missing_share=0.0,
    )
    network = replace(recipe.network, n_harmonics=0)
    task = NsynthTask(tiny_nsynth.corpus(), replace(recipe, network=network))
    crops = task.batch(generator(3))
    with torch.no_grad():
        task.network.decoder.first.weight *= 30.0
        # So that it matters nothing how noisy the past is said to be.
        task.network.conditioner.hidden[0].weight[:, -2:] = 0.0
        as_it_was = float(task.losses(crops, None)["waveform/bits"])
        assert float(task.losses(crops, generator())["waveform/bits"]) == as_it_was
    noisy = NsynthTask(tiny_nsynth.corpus(), replace(recipe, network=network, most_noise=0.2))
    noisy.network.load_state_dict(task.network.state_dict())
    with torch.no_grad():
        assert float(noisy.losses(crops, generator())["waveform/bits"]) != as_it_was


def test_its_sines_are_the_partials_where_phases_are_known():
    """A cosine in each partial's own phase resembles the recording's partial; one in any phase does not."""
    task = tiny_nsynth.task()
    crops = task.batch(generator(1))
    samples = slice(0, crops.audio.shape[1])
    inside = slice(0, crops.f0_hz.shape[1])
    likeness = []
    for share in (1.0, 0.0):
        task.recipe = replace(task.recipe, known_phases_share=share)
        sines, knows = task._sines(crops, samples, inside, generator(2))
        assert set(knows.tolist()) == {share}
        partials = sines[:, 1 : task.network.config.n_harmonics]
        middle = slice(160, -160)
        products = partials[..., middle] * crops.audio[:, None, middle]
        likeness.append((products.mean(dim=2) / crops.audio.std(dim=1, keepdim=True)).min())
    assert float(likeness[0]) > 0.0
    assert float(likeness[1]) < 0.0


def test_thirty_steps_teach_that_the_end_alone_changes_the_sound():
    """With no code at all, bits of a crop are fewer when its own instrument is named than the other."""
    task = tiny_nsynth.task()
    optimizer = task.optimizers()["network"]
    for i in range(60):
        losses = task.losses(task.batch(generator(i)), generator(i))
        optimizer.zero_grad()
        losses["waveform/bits"].backward()
        optimizer.step()
    crops = task.batch(generator(99))
    with torch.no_grad():
        task.network.encoder.last.weight.zero_()
        task.network.encoder.last.bias.zero_()
        own = float(task.losses(crops, None)["waveform/bits"])
        other = float(task.losses(crops._replace(end=1 - crops.end), None)["waveform/bits"])
    assert own < other
