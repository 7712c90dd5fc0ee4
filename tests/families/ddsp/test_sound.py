"""The stage that compares sounds: it begins on time, learns, reaches the rooms, and resumes bit for bit."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tones import SAMPLE_RATE, tone, vibrato

from violute.data.features import measure_all
from violute.data.recordings import list_recordings
from violute.families.ddsp.recipes import DDSP_RECIPES, DdspRecipe
from violute.families.ddsp.sound import (
    REVERB_SECONDS,
    START_DECAY_SECONDS,
    START_WET_DB,
    UNITS_PER_PARAMETER,
    SourceReverb,
    draw_sounds,
    spectral_loss,
)
from violute.families.ddsp.task import SPECTRAL, DdspTask
from violute.rates import HOP_LENGTH
from violute.training.checkpoints import read_checkpoint
from violute.training.loop import train
from violute.training.run_folder import RunFolder
from violute.training.seeds import seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext

BOUNDARY = 2
LOOP = LoopSettings(
    n_steps=6, report_every=1, validate_every=6, checkpoint_every=4, warmup_steps=0, best_by=None
)
RECIPE = DdspRecipe(
    loop=LOOP,
    learning_rate=0.01,
    batch_size=2,
    n_frames=50,
    channels=12,
    dilations=(1, 2),
    spectral_from_step=BOUNDARY,
    spectral_batch_size=2,
    spectral_n_frames=40,
)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """A dull and a bright instrument, measured from files, with their sounds; the bright one in two rooms."""
    measured = []
    for name, slope_db, pitches_hz in (("dull", -20.0, [440.0]), ("bright", -4.0, [550.0, 700.0])):
        folder = tmp_path_factory.mktemp(name)
        for f0_hz in pitches_hz:
            note = tone(vibrato(f0_hz, 10.0, 5.0, 0.8), db_per_octave=slope_db, noise_db=-50.0)
            swell_db = np.linspace(-20.0, 0.0, len(note))
            soundfile.write(folder / f"{f0_hz:.0f}.wav", note * 10.0 ** (swell_db / 20.0), SAMPLE_RATE)
        measured.append(measure_all(list_recordings(folder), folder / "cache", with_audio=True))
    return tuple(measured)


def task(ends, recipe=RECIPE, seed=0):
    recipe = replace(recipe, loop=replace(recipe.loop, seed=seed))
    return DdspTask(ends, ([], []), recipe, names=("dull", "bright"), device=torch.device("cpu"), card={})


def step(chosen, number, move=True):
    """Take one step; return its losses."""

    def descend(name, loss):
        chosen.optimizers()[name].zero_grad()
        loss.backward()
        if move:
            chosen.optimizers()[name].step()

    with torch.random.fork_rng(devices=[]):
        generator = seed_everything(number)
        return chosen.step(chosen.batch(generator), StepContext(number, 10, generator, descend))


def test_sounds_are_compared_from_their_step_on_and_never_where_none_is_given(ends):
    chosen = task(ends)
    assert set(chosen.modules()) == {"decoder", "rooms"}
    names = [set(step(chosen, number)) for number in range(BOUNDARY + 2)]
    assert names[0] == names[1]
    assert names[2] == names[3] == names[0] | {SPECTRAL}
    levels_only = task(ends, replace(RECIPE, spectral_from_step=None))
    assert set(levels_only.modules()) == {"decoder"}
    assert set(step(levels_only, 99)) == names[0]


def test_every_recipe_that_compares_sounds_begins_before_its_end():
    firsts = {name: recipe().spectral_from_step for name, recipe in DDSP_RECIPES.items()}
    assert firsts["default"] is not None
    assert all(
        first is None or 0 < first < DDSP_RECIPES[name]().loop.n_steps for name, first in firsts.items()
    )


def test_a_drawn_sound_is_that_of_its_frames(ends):
    """The notes swell by 20 dB, so a sound cut elsewhere would be louder or quieter than its frames."""
    lines = task(ends).lines
    sounds = draw_sounds(lines, 20, 8, np.random.default_rng(0))
    assert sounds.audio.shape == (8, 20 * HOP_LENGTH)
    rms_db = 10.0 * torch.log10(sounds.audio.square().mean(dim=1))
    loudness_db = 10.0 * torch.log10((10.0 ** (sounds.loudness_db / 10.0)).mean(dim=1))
    apart_db = (rms_db - loudness_db).numpy()
    assert np.ptp(rms_db.numpy()) > 5.0
    for source in range(3):
        of_source = apart_db[sounds.snippets.source.numpy() == source]
        assert len(of_source) == 0 or np.ptp(of_source) < 0.7
    assert set(sounds.snippets.end.tolist()) == {0, 1}


def test_the_spectral_loss_falls_on_a_batch_that_stays(ends):
    chosen = task(ends)
    assert chosen.rooms is not None
    sounds = draw_sounds(chosen.lines, 40, 2, np.random.default_rng(1))
    losses = []
    for _ in range(15):
        loss = spectral_loss(chosen.decoder, chosen.rooms, sounds, torch.Generator().manual_seed(0))
        (optimizer,) = chosen.optimizers().values()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


def test_gradients_reach_the_rooms_that_were_heard_and_no_others(ends):
    chosen = task(ends)
    assert chosen.rooms is not None
    lines = [line for line in chosen.lines if line.source != 2]
    sounds = draw_sounds(lines, 40, 2, np.random.default_rng(1))
    spectral_loss(chosen.decoder, chosen.rooms, sounds, torch.Generator().manual_seed(0)).backward()
    for parameter in (chosen.rooms.wet, chosen.rooms.decay):
        assert parameter.grad is not None
        assert (parameter.grad[:2].abs() > 1e-7).all()
        assert parameter.grad[2] == 0.0


@pytest.mark.parametrize("decay_seconds", [0.05, START_DECAY_SECONDS, 0.3])
def test_a_room_decays_as_long_as_it_says(decay_seconds):
    """Schroeder's backward integral against that of the exponential, cut where the response ends."""
    rooms = SourceReverb(2)
    with torch.no_grad():
        rooms.decay[1] = np.log(decay_seconds / START_DECAY_SECONDS) / (UNITS_PER_PARAMETER / 10.0)
        response = rooms(torch.tensor([1]))[0].double().numpy()
    assert len(response) == round(REVERB_SECONDS * SAMPLE_RATE)
    left = np.cumsum(np.square(response)[::-1])[::-1]
    seconds = np.arange(1, 4) * 0.5 * decay_seconds
    rest = np.exp(-2.0 * REVERB_SECONDS / decay_seconds)
    expected = (np.exp(-2.0 * seconds / decay_seconds) - rest) / (1.0 - rest)
    measured = left[np.round(seconds * SAMPLE_RATE).astype(int)] / left[0]
    np.testing.assert_allclose(10 * np.log10(measured), 10 * np.log10(expected), atol=0.5)


def test_a_room_is_as_loud_as_it_says():
    rooms = SourceReverb(3)
    with torch.no_grad():
        rooms.wet[1] = 0.5
        quiet, loud, same = rooms(torch.tensor([0, 1, 2])).square().sum(dim=1).double()
    assert 10 * float(torch.log10(quiet)) == pytest.approx(START_WET_DB, abs=0.3)
    assert 10 * float(torch.log10(loud / quiet)) == pytest.approx(0.5 * UNITS_PER_PARAMETER, abs=1e-3)
    assert same == quiet


def test_the_weight_of_the_spectral_loss_enters_once(ends):
    totals, gradients = [], []
    for weight in (1.0, 3.0):
        recipe = replace(RECIPE, loss_weights={**RECIPE.loss_weights, SPECTRAL: weight})
        chosen = task(ends, recipe)
        losses = step(chosen, BOUNDARY, move=False)
        totals.append(float(losses["total"].detach()))
        spectral = float(losses[SPECTRAL].detach())
        assert chosen.rooms is not None
        assert chosen.rooms.wet.grad is not None
        gradients.append(chosen.rooms.wet.grad.clone())
    assert totals[1] - totals[0] == pytest.approx(2.0 * spectral, rel=1e-4)
    # Nothing else reaches the rooms.
    torch.testing.assert_close(gradients[1], 3.0 * gradients[0], rtol=1e-4, atol=1e-9)


def test_a_run_killed_among_the_sounds_resumes_bit_for_bit(ends, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(RunFolder, "plot", lambda folder: None)
    monkeypatch.setattr(DdspTask, "sounds", lambda chosen: {})

    def killed_at_five(progress):
        if progress.step == 5:
            raise KeyboardInterrupt

    train(task(ends), tmp_path / "whole", LOOP)
    with pytest.raises(KeyboardInterrupt):
        train(task(ends), tmp_path / "parts", LOOP, on_progress=killed_at_five)
    assert read_checkpoint(RunFolder(tmp_path / "parts").last_checkpoint)["step"] == 4
    # Other first weights: everything must come from the checkpoint.
    train(task(ends, seed=1), tmp_path / "parts", LOOP, resume=True)

    whole, parts = (
        read_checkpoint(RunFolder(tmp_path / name).last_checkpoint) for name in ("whole", "parts")
    )
    assert whole["step"] == parts["step"] == LOOP.n_steps
    assert whole["modules"]["rooms"]["wet"].abs().max() > 0.0
    for module, weights in whole["modules"].items():
        for name, tensor in weights.items():
            assert torch.equal(tensor, parts["modules"][module][name]), f"{module}.{name}"
    for name, tensor in whole["averaged"].items():
        assert torch.equal(tensor, parts["averaged"][name]), name
    rows = [RunFolder(tmp_path / name).read_metrics() for name in ("whole", "parts")]
    spectral = [[row[SPECTRAL] for row in run if SPECTRAL in row] for run in rows]
    assert len(spectral[0]) == LOOP.n_steps - BOUNDARY
    assert spectral[0] == spectral[1]
