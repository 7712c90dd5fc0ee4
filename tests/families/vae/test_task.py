"""Training spectrogram models: losses against oracles, windows as recorded, an axis found, a voice made."""

import json
from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import soundfile
import tiny_vae
import torch
from hypothesis import given
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone

from violute.data.recordings import list_recordings, read_recording
from violute.data.sampling import split
from violute.errors import TrainingError
from violute.families.export import export_run
from violute.families.pictures import corpus
from violute.families.pictures.corpus import (
    PictureLine,
    draw,
    louder,
    picture_lines,
    transposed,
    window_at,
    windows_of,
)
from violute.families.pictures.export import graph_bytes, halved
from violute.families.pictures.losses import (
    active_units,
    divergence,
    divergence_above,
    mel_weights,
    spectrogram_losses,
)
from violute.families.recipes import family_recipe
from violute.families.table import FAMILIES, trained_family
from violute.families.train import train_family
from violute.families.vae.network import Posterior
from violute.families.vae.recipes import MEVAE_RECIPES, VAE_RECIPES
from violute.families.vae.task import latent_axis
from violute.training.request import TrainingRequest
from violute.transforms.spectrogram import DETAIL, PEAK, denormalise, normalise, stft
from violute.voices.file import open_voice_file
from violute.voices.load import load_voice

SETTINGS = tiny_vae.SETTINGS


def random(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def line(picture, *, end=0, source="one", highest_hz=22_050.0):
    return PictureLine("name", source, end, picture.astype(np.float16), highest_hz)


def test_weights_count_every_mel_alike():
    weights = mel_weights(1024, bin_hz=21.5)[:, 0]
    assert weights.mean() == pytest.approx(1.0)
    mel = 2595.0 * np.log10(1.0 + np.arange(1025) * 21.5 / 700.0)
    widths = np.diff(mel)
    np.testing.assert_allclose(weights, widths / widths.mean(), rtol=0.03)


def test_equal_windows_are_no_distance_apart_and_noise_drives_them_apart():
    wanted, heard, weights = random(2, 64, 16), torch.ones(2, 64, 1), mel_weights(64, bin_hz=100.0)
    assert all(v == 0.0 for v in spectrogram_losses(wanted, wanted, heard, weights).values())
    noise = random(2, 64, 16, seed=1) - 0.5
    rows = [spectrogram_losses(wanted + s * noise, wanted, heard, weights) for s in (0.1, 0.2, 0.4)]
    for name in ("spectrogram/fine", "spectrogram/smooth"):
        values = [float(row[name]) for row in rows]
        assert values[1] == pytest.approx(2.0 * values[0], rel=1e-4)
        assert values[2] == pytest.approx(4.0 * values[0], rel=1e-4)


def test_the_fine_loss_is_the_weighted_mean_of_distances():
    made, wanted, weights = random(2, 64, 16), random(2, 64, 16, seed=1), mel_weights(64, bin_hz=100.0)
    heard = (torch.arange(64)[None, :, None] < torch.tensor([64, 30])[:, None, None]).float()
    loss = spectrogram_losses(made, wanted, heard, weights)["spectrogram/fine"]
    distance = np.abs(made.numpy() - wanted.numpy())
    expected = np.average(distance, weights=np.broadcast_to((heard * weights).numpy(), distance.shape))
    assert float(loss) == pytest.approx(expected, rel=1e-5)


def test_what_was_never_recorded_teaches_nothing():
    made, wanted = random(1, 64, 16), random(1, 64, 16, seed=1)
    heard = (torch.arange(64) < 40).float()[None, :, None]
    other = made.clone()
    other[:, 40:] = 0.0
    weights = mel_weights(64, bin_hz=100.0)
    assert spectrogram_losses(made, wanted, heard, weights) == spectrogram_losses(
        other, wanted, heard, weights
    )


def test_a_shifted_harmonic_is_a_fine_matter_and_a_wrong_level_a_smooth_one():
    """Bins that miss by one cost as much as bins that are missing, unless one listens more coarsely."""
    wanted = torch.zeros(1, 128, 16)
    wanted[:, 40] = 1.0
    shifted = wanted.roll(1, dims=1)
    heard, weights = torch.ones(1, 128, 1), torch.ones(128, 1)
    by_shift = spectrogram_losses(shifted, wanted, heard, weights)
    by_lack = spectrogram_losses(torch.zeros_like(wanted), wanted, heard, weights)
    assert by_shift["spectrogram/fine"] == pytest.approx(2.0 * float(by_lack["spectrogram/fine"]))
    assert by_shift["spectrogram/smooth"] < 0.1 * by_lack["spectrogram/smooth"]


@given(scale=st.floats(0.1, 3.0), spread=st.floats(-4.0, 2.0))
def test_the_divergence_is_torchs_own(scale, spread):
    posterior = Posterior(scale * (random(5, 3, 4) - 0.5), spread * random(5, 3, 4, seed=1))
    told = torch.distributions.Normal(posterior.mean, (0.5 * posterior.log_variance).exp())
    expected = torch.distributions.kl_divergence(told, torch.distributions.Normal(0.0, 1.0)).mean(dim=0)
    torch.testing.assert_close(divergence(posterior), expected, atol=1e-5, rtol=1e-4)


def test_free_bits_cost_nothing():
    idle, busy = torch.zeros(6, 1, 4), 3.0 * torch.ones(6, 1, 4)
    mean = torch.cat([idle, busy], dim=1).requires_grad_()
    loss = divergence_above(Posterior(mean, torch.zeros(6, 2, 4)), 0.5)
    assert float(loss.detach()) == pytest.approx((0.5 + 4.5) / 2)
    loss.backward()
    assert mean.grad[:, 0].abs().sum() == 0.0
    assert mean.grad[:, 1].abs().sum() > 0.0


def test_units_are_active_where_their_means_vary():
    means = torch.zeros(100, 2, 3)
    means[:, 1, 2] = torch.linspace(-1.0, 1.0, 100)
    means[:, 0, 1] = 0.05 * torch.linspace(-1.0, 1.0, 100)
    assert active_units(means).nonzero().tolist() == [[1, 2]]


@given(start=st.integers(-20, 60))
def test_a_window_holds_the_recording_where_it_lies_and_silence_elsewhere(start):
    picture = random(40, 8).numpy()
    window = window_at(line(picture), start, 16)
    assert window.shape == (8, 16)
    for i in range(16):
        inside = 0 <= start + i < 40
        expected = picture[start + i].astype(np.float16) if inside else np.zeros(8)
        np.testing.assert_array_equal(window[:, i], expected)


def test_transposing_by_an_octave_doubles_every_frequency():
    picture = np.zeros((64, 3), np.float32)
    picture[[10, 20]] = 1.0
    higher = transposed(picture, 2.0)
    assert np.flatnonzero(higher[:, 0] == 1.0).tolist() == [20, 40]
    np.testing.assert_allclose(transposed(picture, 1.0), picture)
    assert transposed(np.ones((64, 1), np.float32), 0.5)[40:].sum() == 0.0


@given(gain_db=st.floats(-20.0, 10.0))
def test_louder_is_a_gain_on_the_magnitudes(gain_db):
    picture = 0.9 * random(1024, 4).numpy()
    gained = normalise(denormalise(picture, DETAIL) * 10.0 ** (gain_db / 20.0), DETAIL)
    np.testing.assert_allclose(louder(picture, gain_db, DETAIL), gained, atol=2e-5)


def test_batches_are_half_of_each_end_and_repeat_themselves():
    lines = tiny_vae.corpus().training
    first, second, other = (
        draw(lines, SETTINGS, 6, np.random.default_rng(s), augment=True) for s in (0, 0, 1)
    )
    assert first.end.tolist() == [0, 1] * 3
    assert first.spectrogram.shape == (6, SETTINGS.n_bins, SETTINGS.n_frames)
    assert torch.equal(first.spectrogram, second.spectrogram)
    assert not torch.equal(first.spectrogram, other.spectrogram)


def test_a_lossy_recording_is_not_heard_above_its_codec():
    pictures = 0.5 * np.ones((64, SETTINGS.n_bins))
    lines = [line(pictures, end=0, highest_hz=2000.0), line(pictures, end=1)]
    heard = draw(lines, SETTINGS, 2, np.random.default_rng(0), augment=False).is_recorded
    assert heard.sum(dim=1)[:, 0].tolist() == [
        np.ceil(2000.0 * SETTINGS.n_fft / SETTINGS.sample_rate),
        SETTINGS.n_bins,
    ]


def test_short_sources_are_drawn_more_often_than_their_length_earns():
    quiet = [line(0.1 * (1 + i) * np.ones((n, 4)), source=str(i)) for i, n in enumerate((1600, 100))]
    settings = replace(SETTINGS, n_bins=4)
    windows = draw(quiet, settings, 1000, np.random.default_rng(0), augment=False)
    share = float((windows.spectrogram[:, 0, 0] > 0.15).float().mean())
    assert share == pytest.approx(1.0 / (1.0 + 16.0**0.75), abs=0.03)


def test_one_recording_in_ten_of_a_large_source_is_kept_for_validation():
    lines = [replace(line(np.ones((4, 4)), source="large"), name=str(i)) for i in range(25)]
    lines += [replace(line(np.ones((4, 4)), source="small"), name=f"s{i}") for i in range(9)]
    kept, held = split(lines)
    assert [item.name for item in held] == ["5", "15"]
    assert len(kept) == 32


def test_pictures_are_the_transform_of_conversion_and_are_made_once(tmp_path, monkeypatch):
    (tmp_path / "in").mkdir()
    soundfile.write(tmp_path / "in" / "a.wav", 0.1 * tone(440.0, 0.5), SAMPLE_RATE)
    recordings = list_recordings(tmp_path / "in")
    (made,) = picture_lines(recordings, 1, DETAIL, tmp_path / "cache")
    audio = read_recording(recordings[0], SAMPLE_RATE, peak=PEAK)
    np.testing.assert_allclose(made.picture.T, normalise(np.abs(stft(audio, DETAIL)), DETAIL), atol=5e-4)
    assert (made.end, made.source, made.name) == (1, "a.wav", "a")
    monkeypatch.setattr(corpus, "read_recording", lambda *_, **__: pytest.fail("read again"))
    (again,) = picture_lines(recordings, 1, DETAIL, tmp_path / "cache")
    assert np.array_equal(again.picture, made.picture)


def test_the_axis_leads_from_one_mean_to_the_other_and_the_probe_knows_the_side():
    generator = torch.Generator().manual_seed(0)
    end = torch.arange(200) % 2
    means = torch.randn(200, 4, 8, generator=generator)
    means[end == 1, 2] += 1.5
    axis = latent_axis(means, end)
    torch.testing.assert_close(axis.direction, torch.tensor([0.0, 0.0, 1.5, 0.0]), atol=0.2, rtol=0)
    logits = means.mean(dim=2) @ axis.probe_weight + axis.probe_bias
    assert ((logits > 0.0) == (end == 1)).float().mean() > 0.97


def test_what_is_heard_is_disguised_in_training_and_what_is_drawn_is_the_recording():
    lines, rng = tiny_vae.corpus().training, np.random.default_rng
    plain, hidden = (
        windows_of(draw(lines, SETTINGS, 8, rng(0), augment=False, disguise=disguise), SETTINGS)
        for disguise in (False, True)
    )
    assert torch.equal(plain.heard, plain.spectrogram)
    assert torch.equal(hidden.spectrogram, plain.spectrogram)
    assert torch.equal(hidden.partials, plain.partials)
    assert (hidden.heard - plain.heard).abs().mean() > 0.02


def test_half_the_bytes_hold_the_same_network():
    task = tiny_vae.vae_task()
    graph, _ = task.hybrid(task.network)
    whole = graph_bytes(graph, SETTINGS, is_conditioned=True)
    half = halved(whole)
    assert len(half) < 0.9 * len(whole)
    told = {name: value.numpy() for name, value in tiny_vae.conditioned_inputs(150, 0).items()}
    first, second = (onnxruntime.InferenceSession(b).run(None, told)[0] for b in (whole, half))
    np.testing.assert_allclose(first, second, atol=2e-3)
    assert not np.array_equal(first, second)


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Two folders of two notes each."""
    place = tmp_path_factory.mktemp("recordings")
    for name, slope_db in zip(tiny_vae.NAMES, tiny_vae.DB_PER_OCTAVE, strict=True):
        (place / name).mkdir()
        for f0_hz in (440.0, 660.0):
            audio = tone(f0_hz, 1.5, db_per_octave=slope_db)
            soundfile.write(place / name / f"{f0_hz:.0f}.wav", audio, SAMPLE_RATE)
    return place / tiny_vae.NAMES[0], place / tiny_vae.NAMES[1]


@pytest.mark.parametrize("family", ["vae", "mevae"])
def test_two_folders_become_a_voice_that_plays_and_a_run_that_exports(family, folders, tmp_path):
    out = tmp_path / f"{family}.onnx"
    request = TrainingRequest(source=folders, out=out, names=tiny_vae.NAMES, device="cpu")
    result = train_family(family, request, recipe="tiny")
    assert result.step == 4
    _, card = open_voice_file(out)
    assert (card.family, card.ends, card.sample_rate) == (family, tiny_vae.NAMES, 44_100)
    assert card.settings["spectrogram"] == DETAIL.to_dict()
    audio = tone(500.0, 2.0)
    hybrid = load_voice(out).analyse(audio, SAMPLE_RATE).render(0.5)
    assert hybrid.shape == audio.shape
    assert np.isfinite(hybrid).all()
    assert 0.3 < np.sqrt(np.mean(np.square(hybrid)) / np.mean(np.square(audio))) < 3.0
    assert {path.name for path in (tmp_path / f"{family}-run" / "sounds").iterdir()} == {
        f"{name}-mix{mix}.wav" for name in tiny_vae.NAMES for mix in ("0.00", "0.50", "1.00")
    }
    assert export_run(tmp_path / f"{family}-run", tmp_path / "again.onnx") in (2, 4)
    assert open_voice_file(tmp_path / "again.onnx")[0] == open_voice_file(out)[0]


def test_silence_is_not_learned_from(folders, tmp_path):
    (tmp_path / "silent").mkdir()
    soundfile.write(tmp_path / "silent" / "a.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    request = TrainingRequest(source=(folders[0], tmp_path / "silent"), out=tmp_path / "voice.onnx")
    with pytest.raises(TrainingError, match="recordings of silent are silent"):
        train_family("vae", request, recipe="tiny")
    assert not (tmp_path / "voice.onnx").exists()


def test_families_and_recipes_are_known_by_name():
    assert set(FAMILIES) >= {"ddsp", "vae", "mevae"}
    with pytest.raises(TrainingError, match="there is no family 'gan' to train: name one of ddsp, vae"):
        trained_family("gan")
    with pytest.raises(
        TrainingError, match="there is no recipe 'grand' for mevae: name one of default, small"
    ):
        family_recipe("mevae", "grand")


@pytest.mark.parametrize("name", VAE_RECIPES)
def test_each_loss_of_a_recipe_has_its_weight(name):
    vae, mevae = VAE_RECIPES[name](), MEVAE_RECIPES[name]()
    without = set() if vae.is_conditioned else {"latent/critic"}
    assert set(vae.loss_weights) == set(tiny_vae.VAE_WEIGHTS) - without
    assert set(mevae.loss_weights) == set(tiny_vae.MEVAE_WEIGHTS)
    assert json.dumps(sorted(mevae.loss_weights)) != json.dumps(sorted(vae.loss_weights))
