"""The refit against critics: it plays as the voice does, starts at it, and moves what it should."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from tones import SAMPLE_RATE, tone, vibrato

from violute.analysis.analyser import analyse
from violute.analysis.conditioning import N_FEATURES
from violute.data.features import measure_all
from violute.data.recordings import list_recordings
from violute.errors import TrainingError
from violute.families.ddsp.adversarial.data import Asked, ComparedSampler, played_line
from violute.families.ddsp.adversarial.player import Player
from violute.families.ddsp.adversarial.rooms import fit_colours
from violute.families.ddsp.adversarial.spread import spread_distance
from violute.families.ddsp.adversarial.start import export_like, read_start
from violute.families.ddsp.adversarial.task import AdversarialTask
from violute.families.ddsp.recipes import DDSP_RECIPES
from violute.families.ddsp.sound import SourceReverb
from violute.families.ddsp.task import SPECTRAL
from violute.families.ddsp.voice import HarmonicPerformance
from violute.families.rave.discriminators import Judged
from violute.rates import HOP_LENGTH
from violute.training.seeds import seed_everything
from violute.training.task import StepContext
from violute.voices.file import open_voice_file
from violute.voices.load import DEFAULT_VOICE, find_voice
from violute.voices.mix import Mix, dials
from violute.voices.network import open_network

ROOMS_UNTIL = 2
N_FRAMES = 40


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def start():
    return read_start("", ("flute", "violin"))


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    """Two instruments of two recordings each: low and high notes, dull ones and bright ones."""
    measured = []
    for name, slope_db in (("dull", -20.0), ("bright", -6.0)):
        folder = tmp_path_factory.mktemp(name)
        for f0_hz in (300.0, 900.0):
            note = tone(vibrato(f0_hz, 10.0, 5.0, 0.8), db_per_octave=slope_db, noise_db=-50.0)
            soundfile.write(folder / f"{f0_hz:.0f}.wav", note, SAMPLE_RATE)
        measured.append(measure_all(list_recordings(folder), folder / "cache", with_audio=True))
    return tuple(measured)


@pytest.fixture
def task(start, ends):
    recipe = replace(
        DDSP_RECIPES["adversarial"](),
        batch_size=2,
        n_frames=N_FRAMES,
        rooms_until_step=ROOMS_UNTIL,
        n_ffts=(512,),
        critic_channels=(4, 8),
    )
    return AdversarialTask(
        start, ends, ([], []), recipe, names=("dull", "bright"), device=torch.device("cpu"), card={}
    )


def step(task, number):
    """Take one step; return its losses and which parameters it moved, by module."""
    before = {name: {k: v.clone() for k, v in m.state_dict().items()} for name, m in task.modules().items()}

    def descend(name, loss):
        task.optimizers()[name].zero_grad()
        loss.backward()
        task.optimizers()[name].step()

    with torch.random.fork_rng(devices=[]):
        generator = seed_everything(number)
        losses = task.step(task.batch(generator), StepContext(number, 10, generator, descend))
    moved = {
        f"{name}.{key}"
        for name, module in task.modules().items()
        for key, value in module.state_dict().items()
        if not torch.equal(value, before[name][key])
    }
    return losses, moved


def test_a_voice_of_other_instruments_is_no_start():
    with pytest.raises(TrainingError, match="is of flute and violin, not of violin and flute: "):
        read_start("", ("violin", "flute"))


@pytest.mark.parametrize("end", [0, 1])
def test_the_player_plays_what_the_voice_plays(start, end):
    """At the end of the dial; both draw noise of their own, which is far below the notes here."""
    controls = analyse(tone(vibrato(440.0, 20.0, 5.5, 1.5), db_per_octave=-9.0))
    performance = HarmonicPerformance(start.voice.session, start.voice.settings, controls)
    n_frames = performance.n_frames
    expected = np.concatenate(list(performance.blocks(dials(Mix.at(float(end), room=0.0), n_frames, 100.0))))
    frames = performance.end_frames(end, vibrato=float(end))
    settings = start.voice.settings
    wavering = settings.wavering(np.arange(n_frames), frames.f0_hz, frames.still_hz, 100)[end]
    tracks = (frames.features, frames.f0_hz, frames.sounding_hz, frames.wanted_db, frames.gate, wavering)
    asked = Asked(
        *(torch.from_numpy(np.asarray(track, np.float32))[None] for track in tracks),
        torch.tensor([end]),
        torch.tensor([0]),
    )
    dry = SourceReverb(1)
    dry.wet.data -= 10.0
    player = Player(start.noise_trim_db, start.rumble_db, start.tilt)
    with torch.no_grad():
        levels = player.levels(start.decoder, asked, in_rooms=False)
        played = player(levels, asked, dry, torch.Generator().manual_seed(0))[0].numpy()
    assert len(played) == len(expected)
    assert abs(10.0 * np.log10(np.square(played).sum() / np.square(expected).sum())) < 0.1
    assert np.corrcoef(played, expected)[0, 1] > 0.995


def test_a_refit_without_a_step_is_the_voice_that_it_started_from(start, task, tmp_path):
    path = tmp_path / "same.onnx"
    export_like(start, start.decoder, task.lines, path, card={"name": "same"})
    rng = np.random.default_rng(0)
    inputs = {
        "features": rng.random((2, 30, N_FEATURES), dtype=np.float32),
        "f0_hz": rng.uniform(200.0, 2000.0, 30).astype(np.float32),
    }
    onnx_bytes, card = open_voice_file(path)
    before, _ = open_voice_file(find_voice(DEFAULT_VOICE))
    for now, then in zip(
        open_network(onnx_bytes).run(None, inputs), open_network(before).run(None, inputs), strict=True
    ):
        np.testing.assert_allclose(now, then, atol=2e-3)
    assert abs(len(onnx_bytes) / len(before) - 1.0) < 0.01, "the graph has the same size"
    assert card.name == "same"
    assert {**card.settings, "dial": 0} == {**start.card.settings, "dial": 0}


def test_copies_are_of_their_recordings_and_conversions_near_them_in_pitch(start, task):
    sampler = ComparedSampler(
        [played_line(start.voice, line) for line in task.lines], start.voice.settings, N_FRAMES
    )
    compared = sampler.draw(8, np.random.default_rng(0))
    asked, n = compared.asked, 8
    assert compared.audio.shape == (n, N_FRAMES * HOP_LENGTH)
    assert asked.end.tolist() == [0, 1] * n
    assert torch.equal(asked.source[:n], asked.source[n:]), "a conversion sounds in its recording's room"
    f0_hz = asked.f0_hz.median(dim=1).values
    octaves = torch.log2(f0_hz[:n] / f0_hz[n:]).abs()
    assert float(octaves.max()) < 0.2, "low notes beside low ones"
    assert float(f0_hz[:n].max() / f0_hz[:n].min()) > 2.0, "though both were drawn"
    loudness_db = 10.0 * torch.log10(compared.audio.square().mean(dim=1))
    wanted_db = 10.0 * torch.log10((10.0 ** (asked.wanted_db[:n] / 10.0)).mean(dim=1))
    # The A curve takes up to 7 dB off a dull 300 Hz.
    assert float((loudness_db - wanted_db).abs().max()) < 12.0


def test_reverberation_is_fitted_first_and_the_instrument_after_it(task):
    for number in range(ROOMS_UNTIL):
        losses, moved = step(task, number)
        assert moved == {"rooms.wet", "rooms.decay"}
        assert set(losses) == {SPECTRAL, "total"}
    losses, moved = step(task, ROOMS_UNTIL)
    assert set(losses) == {*task.adversarial.loss_weights, "total"}
    assert float(losses["anchor/harmonics"].detach()) == 0.0, "it starts where the voice is"
    assert {"decoder.to_harmonics.weight", "decoder.to_noise.weight", "decoder.body.gain_db"} <= moved
    assert not any(name.startswith("decoder.room") for name in moved), "colours of rooms stay"
    assert any(name.startswith("critics.") for name in moved)
    losses, _ = step(task, ROOMS_UNTIL + 1)
    assert float(losses["anchor/harmonics"].detach()) > 0.0


@pytest.mark.parametrize("of_ends", [(-1.0, 1.0), (0.0, 0.0), (float("nan"), 1.0), (1.0, float("inf"))])
def test_ends_that_cannot_be_held_so_are_refused(of_ends):
    with pytest.raises(TrainingError, match=r"^anchor_of_ends are \(.*\): give two numbers from 0 on"):
        replace(DDSP_RECIPES["adversarial"](), anchor_of_ends=of_ends)


@pytest.mark.parametrize(("of_ends", "is_held"), [((1.0, 0.0), False), ((0.0, 1.0), True)])
def test_each_end_is_held_by_a_weight_of_its_own(task, of_ends, is_held):
    with torch.no_grad():
        task.decoder.instrument.weight[1] += 0.3
    task.adversarial = replace(task.adversarial, anchor_of_ends=of_ends)
    asked = task.batch(torch.Generator().manual_seed(0)).asked
    assert all((loss > 0.01) == is_held for loss in task._anchor(asked).values())


def test_the_colour_of_a_source_makes_up_for_what_the_voice_has_otherwise(start, task):
    """Recordings 12 dB softer above 2 kHz than the voice are played through such a filter."""
    decoder = task.decoder
    line = next(line for line in task.lines if line.end == 0)
    played = played_line(start.voice, line)
    frames = played.ends[0]
    with torch.no_grad():
        end = torch.tensor([0])
        features, f0_hz = torch.from_numpy(frames.features)[None], torch.from_numpy(frames.f0_hz)[None]
        own_db = decoder(features, f0_hz, end).harmonic_db[0].numpy()
    is_high = line.f0_hz[:, None] * np.arange(1, 101) > 2_000.0
    dull = replace(line, harmonic_db=(own_db - 12.0 * is_high).astype(np.float32))
    fit_colours(decoder, [replace(played, line=dull)], torch.zeros(2))
    with torch.no_grad():
        source = torch.tensor([line.source])
        heard_db = decoder(features, f0_hz, end, source).harmonic_db[0].numpy()
    is_clear = line.is_reliable[:, None] & (own_db > -40.0)
    change_db = heard_db - own_db
    assert abs(float(np.median(change_db[is_clear & ~is_high]))) < 1.0
    # Few partials are not trusted all of the way, and no colour is stronger than 10 dB.
    assert -10.1 < float(np.median(change_db[is_clear & is_high])) < -6.0


def test_the_critics_learn_to_tell_recordings_from_what_is_played(task):
    for optimizer in task.optimizers().values():
        for group in optimizer.param_groups:
            group["lr"] = 0.0
    task.optimizers()["critics"].param_groups[0]["lr"] = 5e-3
    told = [float(step(task, ROOMS_UNTIL + i)[0]["adversarial/critics"].detach()) for i in range(12)]
    assert np.mean(told[-3:]) < 0.9 * np.mean(told[:3])


def test_a_task_exports_what_plays(task, tmp_path):
    step(task, ROOMS_UNTIL)
    path = tmp_path / "voice.onnx"
    task.export(path)
    onnx_bytes, card = open_voice_file(path)
    assert card.ends == ("flute", "violin")
    with torch.no_grad():
        assert task.validate()["anchor/harmonics"] > 0.0
    features = np.zeros((2, 5, N_FEATURES), np.float32)
    features[:, :, 1] = 1.0
    harmonic_db, _ = open_network(onnx_bytes).run(
        None, {"features": features, "f0_hz": np.full(5, 440.0, np.float32)}
    )
    assert np.isfinite(harmonic_db).all()


def test_what_moves_otherwise_in_time_is_told_apart_and_another_order_is_not():
    """Features of one end stand nearly still, those of the other move."""
    generator = torch.Generator().manual_seed(0)
    still = torch.randn(4, 3, 16, 1, generator=generator).expand(-1, -1, -1, 50)
    moving = still + 0.5 * torch.randn(4, 3, 16, 50, generator=generator)
    end = torch.tensor([0, 1, 0, 1])
    recordings = torch.where((end == 1)[:, None, None, None], moving, still + 0.1 * (moving - still))
    heard = Judged([], [], [[recordings]])
    same = Judged([], [], [[recordings[[2, 3, 0, 1]]]])
    assert float(spread_distance(heard, end, same, end)) < 1e-4
    stiff = Judged([], [], [[still]])
    assert float(spread_distance(heard, end, stiff, end)) > 0.9
