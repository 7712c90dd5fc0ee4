"""What a conditioned RAVE hears is in tune, and the same in blocks; its network keeps it in tune."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_rave
import torch
from tones import SAMPLE_RATE, tone

from violute.analysis.analyser import analyse
from violute.analysis.controls import Controls
from violute.data.recordings import list_recordings
from violute.dsp.causal import set_streaming
from violute.dsp.sines import pulses as torch_pulses
from violute.errors import ShapeError, TrainingError
from violute.families.rave import voice as rave_voice
from violute.families.rave.conditioning import FRAME_SAMPLES, Conditioning, tracks_at
from violute.families.rave.config import CONDITIONS, RaveConfig
from violute.families.rave.data import SoundLine, draw
from violute.families.rave.network import Rave
from violute.families.rave.task import RaveTask, driving
from violute.families.task import Corpus
from violute.synthesis.sines import HIGHEST_HZ, pulses
from violute.voices.load import load_voice

CONFIG = RaveConfig(
    channels=(6, 8, 10, 12),
    strides=(4, 4, 2),
    dilations=(1, 2),
    latent_size=6,
    n_heard_bands=2,
    condition_size=3,
    has_shortcut=False,
    conditions=CONDITIONS,
)


def controls(*f0_hz, n_frames=200, loudness_db=-20.0):
    shape = (len(f0_hz), n_frames)
    return Controls(
        np.broadcast_to(np.array(f0_hz, np.float32)[:, None], shape),
        np.ones(shape, np.float32),
        np.full(shape, loudness_db, np.float32),
        np.zeros(n_frames, np.float32),
    )


def peaks_hz(audio, least_db=-20.0):
    """Frequencies of the partials that are not far below the strongest."""
    spectrum = np.abs(np.fft.rfft(audio * np.hanning(len(audio))))
    is_peak = (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] >= spectrum[2:])
    loud = np.flatnonzero(is_peak & (spectrum[1:-1] > spectrum.max() * 10 ** (least_db / 20))) + 1
    return loud * SAMPLE_RATE / len(audio)


def test_pulses_are_all_harmonics_alike_up_to_the_limit_and_as_dense_as_noise():
    f0_hz = 441.0
    time = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    played = pulses(f0_hz * time % 1.0, np.full(SAMPLE_RATE, f0_hz))
    levels = np.abs(np.fft.rfft(played))[np.arange(1, 50) * 441] / (SAMPLE_RATE / 2)
    n_whole = int(HIGHEST_HZ // f0_hz)
    np.testing.assert_allclose(levels[:n_whole], levels[0], rtol=1e-3)
    assert levels[n_whole] == pytest.approx(levels[0] * (HIGHEST_HZ / f0_hz - n_whole), rel=0.01)
    assert levels[n_whole + 1 :].max() < 1e-3 * levels[0]
    assert np.square(played).mean() == pytest.approx(HIGHEST_HZ / (SAMPLE_RATE / 2), rel=0.01)


def test_the_twins_agree_also_at_a_pulse():
    cycles = np.concatenate([np.linspace(0.0, 3.0, 1000), [1e-9, 1.0 - 1e-9]])
    f0_hz = np.linspace(200.0, 3000.0, len(cycles))
    made = torch_pulses(torch.from_numpy(cycles)[None], torch.from_numpy(f0_hz)[None])[0]
    np.testing.assert_allclose(made.numpy(), pulses(cycles, f0_hz), atol=1e-4)


def test_an_excitation_is_in_tune_and_silent_where_there_is_no_pitch():
    given = controls(660.0)
    given.periodicity[:, 100:] = 0.0
    conditioning = Conditioning(given, 6.0).between(0, 65_536)
    played = conditioning[:FRAME_SAMPLES].T.ravel()
    cents = 1200 * np.log2(peaks_hz(played[:32_768])[:10] / (660.0 * np.arange(1, 11)))
    assert np.abs(cents).max() < 5.0
    assert np.abs(played[46_000:]).max() == 0.0
    assert conditioning[FRAME_SAMPLES, 0] == pytest.approx(np.log2(1.5), abs=1e-4)
    assert conditioning[FRAME_SAMPLES + 2, 0] == pytest.approx(-14.0)


def test_blocks_of_an_excitation_are_the_whole():
    rng = np.random.default_rng(0)
    glide = replace(
        controls(300.0), f0_hz=(300.0 * 2.0 ** rng.uniform(-0.02, 0.02, (1, 200))).astype(np.float32)
    )
    conditioning = Conditioning(glide, 0.0)
    whole = conditioning.between(0, 64 * 1024)
    parts = [conditioning.between(at, at + 4096) for at in range(0, 64 * 1024, 4096)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-4)


def test_lines_of_a_chord_sound_together_the_louder_the_louder():
    chord = controls(400.0, 500.0)
    chord.loudness_db[1] = -32.0
    conditioning = Conditioning(chord, 0.0).between(0, SAMPLE_RATE // 16 * 16)
    spectrum = np.abs(np.fft.rfft(conditioning[:FRAME_SAMPLES].T.ravel()))
    n = len(conditioning[0]) * 16 / SAMPLE_RATE
    levels_db = 20 * np.log10([spectrum[round(hz * n)] / np.sqrt(hz) for hz in (400.0, 500.0)])
    assert levels_db[0] - levels_db[1] == pytest.approx(12.0, abs=0.5)
    assert conditioning[FRAME_SAMPLES, 0] == pytest.approx(np.log2(400.0 / 440.0), abs=1e-4)


def test_nothing_glides_from_note_to_note():
    f0_hz = np.array([220.0] * 5 + [440.0] * 5)
    octaves = tracks_at(np.linspace(0, 9, 91), f0_hz, np.ones(10), np.zeros(10))[0]
    assert set(np.round(octaves, 3)) == {-1.0, 0.0}


def network(config=CONFIG, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Rave(config).eval().requires_grad_(False)


def drive(n_steps, f0_hz=660.0, config=CONFIG, noise=1.0):
    generator = torch.Generator().manual_seed(1)
    conditioning = Conditioning(controls(f0_hz, n_frames=1000), 0.0).between(0, n_steps * config.ratio)
    drawn = noise * torch.randn(1, 16, n_steps * config.n_frames, generator=generator)
    return torch.cat([drawn, torch.from_numpy(conditioning)[None]], dim=1)


def test_a_conditioned_decoder_that_learned_nothing_is_in_tune_whatever_the_latent_says():
    rave = network()
    n_steps = 128
    latent = 3.0 * torch.randn(1, CONFIG.latent_size, n_steps, generator=torch.Generator().manual_seed(2))
    made = rave.decode(latent, torch.full((1, n_steps), 0.5), drive(n_steps))[0, 4096:].numpy()
    partials = peaks_hz(made)
    off = partials / 660.0 - np.rint(partials / 660.0)
    assert len(partials) > 10
    assert np.abs(off).max() < 0.02


def test_a_told_network_remembers_no_more_steps_than_it_says_and_streams():
    for config in (CONFIG, replace(CONFIG, channels=(6, 8, 10), strides=(4, 2)), replace(CONFIG, n_taps=3)):
        rave, n_steps = network(config), 60
        latent = torch.randn(1, config.latent_size, n_steps, generator=torch.Generator().manual_seed(2))
        mix, driven = (
            torch.rand(1, n_steps, generator=torch.Generator().manual_seed(3)),
            drive(n_steps, config=config),
        )
        whole = rave.decode(latent, mix, driven)
        first, frames = 40 - config.decoder_steps, config.n_frames
        part = rave.decode(latent[:, :, first:], mix[:, first:], driven[:, :, first * frames :])
        torch.testing.assert_close(
            part[:, config.decoder_steps * config.ratio :],
            whole[:, 40 * config.ratio :],
            atol=1e-5,
            rtol=1e-4,
        )
        set_streaming(rave, on=True)
        blocks = [
            rave.decode(
                latent[:, :, at : at + 5], mix[:, at : at + 5], driven[:, :, at * frames : (at + 5) * frames]
            )
            for at in range(0, n_steps, 5)
        ]
        torch.testing.assert_close(torch.cat(blocks, dim=1), whole, atol=1e-5, rtol=1e-4)


def test_no_tone_stands_at_the_edge_of_a_band():
    """A waveform that never moves within its band would be heard at the band's edge."""
    rave, n_steps = network(), 60
    with torch.no_grad():
        rave.decoder.waveform.conv.weight.zero_()
        rave.decoder.waveform.conv.bias.fill_(5.0)
        rave.decoder.loudness.conv.weight.zero_()
    silent = drive(n_steps, noise=0.0)
    silent[:, 16:32] = 0.0
    latent = torch.zeros(1, CONFIG.latent_size, n_steps)
    made = rave.decode(latent, torch.zeros(1, n_steps), silent)[0, 4096:]
    assert float(made.abs().max()) < 1e-5


def test_loudness_is_what_is_given():
    rave, n_steps = network(), 60
    latent, mix = torch.zeros(1, CONFIG.latent_size, n_steps), torch.zeros(1, n_steps)
    driven = drive(n_steps)
    softer = driven.clone()
    rave.decoder.first.conv.weight.zero_()
    for part in rave.decoder.modules():  # the tracks may change the colour too: not here
        if type(part).__name__ == "ConditionedModulation":
            part.layers[0].conv.weight.zero_()
    softer[:, -1] -= 20.0
    loud, soft = (rave.decode(latent, mix, one) for one in (driven, softer))
    torch.testing.assert_close(soft, 0.1 * loud, atol=1e-6, rtol=1e-3)


def test_only_pitch_and_loudness_are_told_and_without_a_shortcut():
    for wrong in ({"conditions": ("pitch",)}, {"has_shortcut": True, "latent_size": 100}):
        with pytest.raises(ShapeError, match="no shortcut"):
            replace(CONFIG, **wrong)


def corpus():
    """Two instruments of a formula, with what the analysis says of them."""
    lines = []
    for line in tiny_rave.corpus().training:
        found = analyse(line.audio / np.float32(32_767))
        f0_hz = found.f0_hz[0]
        cycles = np.cumsum(f0_hz.astype(np.float64)) / 100.0
        voiced = (found.periodicity[0] > 0).astype(np.float32)
        lines.append(
            replace(line, f0_hz=f0_hz, is_voiced=voiced, loudness_db=found.loudness_db[0], cycles=cycles)
        )
    return Corpus(tiny_rave.NAMES, lines, [], torch.device("cpu"), {})


@pytest.fixture(scope="module")
def conditioned_corpus():
    return corpus()


def conditioned_task(stage, corpus):
    weights = {**tiny_rave.WEIGHTS[stage], "waveform/heard_bands": 0.0}
    recipe = replace(
        tiny_rave.RECIPE,
        network=CONFIG,
        stage_two_from_step=0 if stage == 2 else None,
        batch_size=5,
        loss_weights=weights,
    )
    return RaveTask(corpus, recipe)


def descended(task, n_steps):
    from violute.training.seeds import seed_everything
    from violute.training.task import StepContext

    optimizers = task.optimizers()
    losses = []

    def descend(name, loss):
        optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[name].step()

    with torch.random.fork_rng(devices=[]):
        for i in range(n_steps):
            generator = seed_everything(i)
            losses.append(task.step(task.batch(generator), StepContext(i, n_steps, generator, descend)))
    return losses


@pytest.mark.parametrize("stage", [1, 2])
def test_a_gradient_reaches_every_conditioned_parameter(stage, conditioned_corpus):
    task = conditioned_task(stage, conditioned_corpus)
    descended(task, 1)
    reached = [
        name
        for name, parameter in task.network.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.abs().sum() > 0)
    ]
    assert not [name for name in reached if "encoders" not in name or stage == 1]


def test_some_steps_lower_the_loss(conditioned_corpus):
    losses = descended(conditioned_task(1, conditioned_corpus), 40)
    first, last = (
        np.mean([float(one["spectral/multi_resolution"].detach()) for one in part])
        for part in (losses[:5], losses[-5:])
    )
    assert last < 0.9 * first


def test_windows_tell_the_pitch_that_they_play_also_transposed(conditioned_corpus):
    windows = draw(
        conditioned_corpus.training, 16_384, 8, np.random.default_rng(3), augment=True, duet_share=0.0
    )
    sounds = driving(windows.cycles, windows.tracks)[:, :FRAME_SAMPLES].transpose(1, 2).flatten(1)
    for audio, excitation, tracks in zip(
        windows.audio.numpy(), sounds.numpy(), windows.tracks.numpy(), strict=True
    ):
        partials, played = peaks_hz(audio, -12.0), peaks_hz(excitation)
        assert np.abs(played[:, None] - partials[0]).min() < 4.0
        assert np.abs(1200 * np.log2(partials[0] / 440.0) - 1200 * np.median(tracks[0])) < 25.0


@pytest.fixture(scope="module")
def voice(tmp_path_factory, conditioned_corpus):
    path = tmp_path_factory.mktemp("told") / "told.onnx"
    conditioned_task(1, conditioned_corpus).export(path)
    return load_voice(path)


def test_a_told_voice_says_so_plays_in_tune_and_in_blocks(voice, monkeypatch):
    audio = (0.3 * tone(523.25, 1.0)).astype(np.float32)
    assert voice.card.settings["told"] == ["pitch", "loudness"]
    renderings = []
    for samples in (4096, 1 << 24):
        monkeypatch.setattr(rave_voice, "BLOCK_SAMPLES", samples)
        renderings.append(voice.analyse(audio, SAMPLE_RATE).render([(0.0, 0.0), (1.0, 1.0)]))
    assert np.abs(renderings[0] - renderings[1]).max() < 1e-3 * np.abs(renderings[1]).max()
    assert peaks_hz(renderings[1][8192:-8192], -6.0) == pytest.approx(
        523.25 * np.rint(peaks_hz(renderings[1][8192:-8192], -6.0) / 523.25), rel=0.005
    )


def test_what_is_told_is_not_exported_to_nn_tilde(conditioned_corpus, tmp_path):
    with pytest.raises(TrainingError, match="train --recipe live"):
        conditioned_task(1, conditioned_corpus).export(tmp_path / "voice.ts")


def test_chords_keep_their_notes(voice):
    audio = (0.2 * (tone(392.0, 1.0) + tone(587.33, 1.0))).astype(np.float32)
    made = voice.analyse(audio, SAMPLE_RATE, lines=2).render(0.5)[8192:-8192]
    strongest = peaks_hz(made, -12.0)
    assert min(abs(strongest - 392.0)) < 4.0
    assert min(abs(strongest - 587.33)) < 4.0


def test_the_measurement_is_kept_with_the_sound(tmp_path):
    import soundfile

    from violute.families.rave.data import sound_lines

    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "one.wav", 0.3 * tone(440.0, 0.5), SAMPLE_RATE)
    (line,) = sound_lines(list_recordings(tmp_path / "a"), 0, tmp_path / "cache")
    assert isinstance(line, SoundLine)
    assert np.median(line.f0_hz) == pytest.approx(440.0, rel=0.005)
    assert np.diff(line.cycles)[5:-5] == pytest.approx(4.4, abs=0.01)
    assert len(line.is_voiced) == len(line.loudness_db) == len(line.f0_hz)
