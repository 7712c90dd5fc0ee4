"""Training RAVE: two stages by the step alone, a frozen encoder, and words for what goes wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import tiny_rave
import torch
from tones import SAMPLE_RATE, tone

from violute.data.recordings import list_recordings
from violute.errors import TrainingError
from violute.families.ends import TwoEnds
from violute.families.rave.band_levels import invented_level_distance
from violute.families.rave.checks import memory_errors
from violute.families.rave.data import SoundLine, draw
from violute.families.rave.recipes import RAVE_RECIPES, stage_at
from violute.families.rave.stages import forecast, stage_seconds
from violute.families.rave.task import RaveTask, build_rave_task
from violute.training.seeds import seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext


@pytest.fixture(autouse=True)
def _own_chance():
    with torch.random.fork_rng(devices=[]):
        yield


def step(task, number, n_steps=10):
    optimizers = task.optimizers()

    def descend(name, loss):
        optimizers[name].zero_grad()
        loss.backward()
        optimizers[name].step()

    generator = seed_everything(number)
    return task.step(task.batch(generator), StepContext(number, n_steps, generator, descend))


def weights_of(module):
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_the_stage_is_a_function_of_the_step():
    recipe = replace(tiny_rave.RECIPE, stage_two_from_step=3)
    assert [stage_at(i, recipe) for i in range(5)] == [1, 1, 1, 2, 2]
    assert stage_at(10**9, replace(recipe, stage_two_from_step=None)) == 1


def test_stage_two_begins_with_the_time_where_that_ends_before_the_steps():
    task = RaveTask(tiny_rave.corpus(), replace(tiny_rave.RECIPE, stage_two_from_step=50))
    losses = []
    for time_share in (0.4, 0.6):
        generator = seed_everything(0)
        context = StepContext(1, 100, generator, lambda _name, _loss: None, time_share)
        losses.append(task.step(task.batch(generator), context))
    assert "latent/confusion" in losses[0]
    assert "adversarial/decoder" in losses[1]


def test_stage_two_leaves_the_encoder_as_it_is_and_moves_the_decoder():
    recipe = replace(tiny_rave.RECIPE, stage_two_from_step=2)
    task = RaveTask(tiny_rave.corpus(), recipe)
    encoder, decoder = task.network.encoders, task.network.decoder
    before = weights_of(encoder)
    first = step(task, 0)
    step(task, 1)
    after_one = weights_of(encoder), weights_of(decoder)
    assert any(not torch.equal(value, before[name]) for name, value in after_one[0].items())
    second = step(task, 2)
    step(task, 3)
    assert all(torch.equal(value, after_one[0][name]) for name, value in weights_of(encoder).items())
    assert any(not torch.equal(value, after_one[1][name]) for name, value in weights_of(decoder).items())
    assert "latent/confusion" in first
    assert "adversarial/decoder" not in first
    assert "adversarial/decoder" in second
    assert "latent/confusion" not in second


def test_the_critic_learns_what_the_latent_tells_and_confusion_takes_it_away():
    figures = {}
    for weight in (0.0, 50.0):
        # Its instruments differ by colour alone, which the perturbation would take away.
        weights = {**tiny_rave.WEIGHTS[1], "latent/confusion": weight}
        recipe = replace(tiny_rave.RECIPE, loss_weights=weights, is_augmented=False)
        task = RaveTask(tiny_rave.corpus(), recipe)
        for i in range(60):
            losses = step(task, i)
        figures[weight] = float(losses["critic/instrument"].detach())
    assert figures[0.0] < figures[50.0], "a latent that is let alone gives the instrument away"


def overtone_share(audio):
    """Power outside of the strongest partial, as a share."""
    power = np.square(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))))
    peak = int(power.argmax())
    return 1.0 - power[peak - 4 : peak + 5].sum() / power.sum()


def test_two_notes_may_sound_at_once():
    # Each source has one pitch, so that what sounds with it is a second one.
    lines = tiny_rave.corpus().training
    windows = draw(lines, 4096, 60, np.random.default_rng(4), augment=True)
    shares = [overtone_share(one) for one in windows.audio[windows.end == 0].numpy()]
    lonely = max(overtone_share(line.audio[:4096] / 32_767) for line in lines if line.end == 0)
    assert 0.1 < np.mean(np.array(shares) > lonely + 0.05) < 0.5
    alone = draw(lines, 4096, 60, np.random.default_rng(4), augment=True, duet_share=0.0)
    assert max(overtone_share(one) for one in alone.audio[alone.end == 0].numpy()) < lonely + 0.05


def test_invented_levels_are_those_of_the_instrument_that_is_claimed_at_any_loudness():
    who = torch.tensor([0, 1, 0, 1])
    bands = torch.randn(4, 16, 2000)
    bands[:, 3:] *= torch.where(who == 1, 0.5, 0.05)[:, None, None]
    distance = partial(invented_level_distance, bands, who)
    assert float(distance(0.3 * bands[[2, 3, 0, 1]], who, 2)) == pytest.approx(0.0, abs=0.05)
    # Seven of the eight judged bands are ten times as loud.
    assert float(distance(bands[[1, 0, 3, 2]], who, 2)) == pytest.approx(7 / 8 * np.log(10.0), rel=0.25)
    assert float(distance(bands[[1, 0, 3, 2]], 1 - who, 2)) == pytest.approx(0.0, abs=0.05)
    assert float(distance(bands[[1, 0, 3, 2]], who, 16)) == 0.0
    assert float(invented_level_distance(bands[::2], who[::2], bands[1::2], who[1::2], 2)) == 0.0


def test_the_discriminators_go_ahead_alone():
    recipe = replace(tiny_rave.RECIPE, stage_two_from_step=0, n_ahead=1, loss_weights=tiny_rave.WEIGHTS[2])
    task = RaveTask(tiny_rave.corpus(), recipe)
    decoder, judges = weights_of(task.network.decoder), weights_of(task.discriminators)
    losses = step(task, 0)
    assert "adversarial/decoder" not in losses
    assert all(torch.equal(value, decoder[name]) for name, value in weights_of(task.network.decoder).items())
    assert any(
        not torch.equal(value, judges[name]) for name, value in weights_of(task.discriminators).items()
    )
    assert "adversarial/decoder" in step(task, 1)


@pytest.mark.parametrize("batch_size", [2, 4, 6])
def test_the_discriminators_hear_both_ends_claimed_equally_often(batch_size):
    recipe = replace(tiny_rave.RECIPE, stage_two_from_step=0, n_ahead=0, batch_size=batch_size)
    task = RaveTask(tiny_rave.corpus(), recipe)
    heard = []
    task.discriminators.register_forward_pre_hook(lambda _, given: heard.append(given[1]))
    for number in range(2):
        step(task, number)
    ends = torch.cat(heard)
    assert int(ends.sum()) * 2 == len(ends)


def test_windows_come_from_both_ends_and_short_recordings_are_filled_up():
    short = SoundLine("a", "s", 0, np.full(1000, 9000, np.int16), 22_050.0)
    lines = [short, *[line for line in tiny_rave.corpus().training if line.end == 1]]
    windows = draw(lines, 4096, 6, np.random.default_rng(0), augment=True)
    assert windows.end.tolist() == [0, 1, 0, 1, 0, 1]
    assert windows.audio.shape == windows.encoder_input.shape == (6, 4096)
    assert bool(windows.audio.isfinite().all())
    plain = draw(lines, 4096, 2, np.random.default_rng(0), augment=False)
    assert torch.equal(plain.audio, plain.encoder_input)
    assert float((plain.audio[0] != 0).sum()) == 1000


def test_a_collapsed_latent_is_noticed():
    task = tiny_rave.task()
    with torch.no_grad():
        for parameter in task.network.encoders.parameters():
            parameter.zero_()
        task.network.eval()
        figures = task.validate()
    assert figures["latent/active_dimensions"] == 0.0
    assert "collapsed: 0 of 8" in (task.problem(figures) or "")
    assert task.problem({**figures, "latent/active_dimensions": 8.0}) is None


def test_memory_that_runs_out_names_the_flag():
    for error in (
        torch.OutOfMemoryError("CUDA out of memory"),
        MemoryError(),
        RuntimeError("not enough memory: x"),
    ):
        with pytest.raises(TrainingError, match="--batch 8"), memory_errors(16):
            raise error
    with pytest.raises(RuntimeError, match="shapes"), memory_errors(16):
        raise RuntimeError("shapes differ")


def test_the_plan_is_stated_with_its_times():
    recipe = replace(tiny_rave.RECIPE, loop=LoopSettings(n_steps=100), stage_two_from_step=60)
    cpu, alone = torch.device("cpu"), replace(recipe, stage_two_from_step=None)
    assert min(stage_seconds(recipe, cpu)) > 0.0
    assert "stage two begins at step 60 of 100" in forecast(recipe, cpu)
    assert stage_seconds(alone, cpu)[1] == 0.0
    assert "stage one" in forecast(alone, cpu)


@pytest.mark.parametrize("name", RAVE_RECIPES)
def test_every_recipe_weighs_each_of_its_losses(name):
    recipe = RAVE_RECIPES[name]()
    assert recipe.n_samples % recipe.network.ratio == 0
    assert ("source/cross_entropy" in recipe.loss_weights) == (recipe.network.n_encoders == 2)
    assert recipe.stage_two_from_step < recipe.loop.n_steps


def folders(tmp_path: Path, *, seconds=0.6, rate=SAMPLE_RATE, channels=1, level=0.3):
    for end in ("a", "b"):
        (tmp_path / end).mkdir()
        for i in range(6):
            audio = level * tone(330.0 + 110.0 * i, seconds)
            audio = audio[: int(seconds * rate)]
            sound = np.stack([audio] * channels, axis=1)
            soundfile.write(tmp_path / end / f"{i}.wav", sound, rate)
    return TwoEnds(
        names=("a", "b"),
        recordings=(list_recordings(tmp_path / "a"), list_recordings(tmp_path / "b")),
        cache=tmp_path / "features",
        device=torch.device("cpu"),
    )


def test_too_little_and_silent_recordings_are_refused(tmp_path):
    for name, options, word in (
        ("short", {"seconds": 0.05}, "give 0.4 s at least, better 5 minutes"),
        ("silent", {"level": 0.0}, "of a are silent"),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(TrainingError, match=word):
            build_rave_task(folders(tmp_path / name, **options), tiny_rave.RECIPE)


def test_what_can_be_mended_is_mended_and_said(tmp_path):
    reported: list[str] = []
    ends = replace(folders(tmp_path, seconds=0.5, rate=22_050, channels=2), on_warning=reported.append)
    task = build_rave_task(ends, replace(tiny_rave.RECIPE, n_samples=32_768))
    said = "\n".join(reported)
    assert "a: files at 22050 Hz are resampled to 44100 Hz" in said
    assert "a: 6 of 6 files have several channels, which are mixed to mono" in said
    assert "6 of 6 recordings are shorter than a window" in said
    assert "will know these recordings by heart" in said
    assert {line.end for line in task.corpus.training} == {0, 1}


def test_silent_recordings_among_others_are_left_out(tmp_path):
    ends = folders(tmp_path)
    soundfile.write(tmp_path / "a" / "silence.wav", np.zeros(9000), SAMPLE_RATE)
    said: list[str] = []
    members = (list_recordings(tmp_path / "a"), ends.recordings[1])
    task = build_rave_task(replace(ends, recordings=members, on_warning=said.append), tiny_rave.RECIPE)
    assert any("silence.wav: silence is silent and is left out" in line for line in said)
    assert "silence" not in {line.name for line in task.corpus.training}
