"""A voice of RAVE: exact in blocks, aligned with the recording, as loud, and moved by its dial."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import tiny_rave
import torch
from tones import tone

from violute.audio.source import ArraySource
from violute.errors import VoiceError
from violute.families.rave import voice as rave
from violute.voices.contract import Performance
from violute.voices.file import open_voice_file, seal
from violute.voices.load import load_voice
from violute.voices.loudness_follower import HOP_LENGTH, LoudnessFollower
from violute.voices.mix import dials
from violute.voices.spool import Spool

RATE = 44_100
SECONDS = 1.3


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("rave") / "tiny.onnx"
    task = tiny_rave.task()
    for module in task.modules().values():
        module.eval()
    task.export(path)
    return path


@pytest.fixture
def voice(path):
    return load_voice(path)


def phrase():
    return np.concatenate([0.3 * tone(440.0, 0.6), np.zeros(RATE // 10), 0.05 * tone(660.0, 0.6)]).astype(
        np.float32
    )


def test_blocks_are_the_whole_whatever_their_size(voice, monkeypatch):
    audio = phrase()
    renderings = []
    for samples in (4096, 1 << 24):
        monkeypatch.setattr(rave, "BLOCK_SAMPLES", samples)
        renderings.append(voice.analyse(audio, RATE).render([(0.0, 0.0), (1.0, 1.0)]))
    assert len(audio) / voice.settings.ratio > 64
    assert 20 * np.log10(np.abs(renderings[0] - renderings[1]).max() / np.abs(renderings[1]).max()) < -60.0


def test_the_same_dials_give_the_same_samples_and_others_do_not(voice):
    take = voice.analyse(phrase(), RATE)
    first, again, other = take.render(0.2), take.render(0.2), take.render(0.8)
    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-4)


def test_a_rendering_is_aligned_with_the_recording(voice):
    """Untrained, the shortcut plays the lowest band, the delay taken back."""
    audio = phrase()
    made = voice.analyse(audio, RATE).render(0.5)
    assert made.shape == audio.shape
    likeness = {
        lag: float(audio[400:-400] @ made[400 + lag : len(made) - 400 + lag]) for lag in range(-300, 300)
    }
    assert abs(max(likeness, key=likeness.__getitem__)) <= 1
    envelopes = [np.sqrt(np.convolve(np.square(one), np.ones(441) / 441, "same")) for one in (audio, made)]
    assert np.corrcoef(*envelopes)[0, 1] > 0.98


def test_any_rate_length_and_channels_come_back(voice):
    for n_samples, rate, channels in ((1, 8000, 1), (7, 44_100, 2), (5000, 96_000, 1)):
        audio = 0.2 * np.random.default_rng(0).standard_normal((channels, max(n_samples, 2))).astype(
            np.float32
        )
        made = voice.analyse(audio, rate).render(0.3)
        assert made.shape == audio.shape
        assert np.isfinite(made).all()


def test_the_performance_answers_the_contract_and_says_that_it_has_one_dial(voice):
    take = voice.analyse(phrase(), RATE)
    performance: Performance = take.performance
    assert performance.sample_rate == RATE
    laid = dials(0.5, performance.n_frames, performance.frame_rate_hz)
    assert sum(map(len, performance.blocks(laid))) >= len(phrase())
    assert performance.warnings == ()
    apart = replace(laid, noise=np.ones_like(laid.noise))
    list(performance.blocks(apart))
    assert performance.warnings == performance.warnings_for(laid) == ()
    assert "one dial" in performance.warnings_for(apart)[0]


def test_a_damaged_voice_is_told_in_one_line(path):
    content, card = open_voice_file(path)
    without = replace(card, settings={})
    wrong = replace(card, settings={"rave": {**card.settings["rave"], "latent_size": 3}})
    with pytest.raises(VoiceError, match="is damaged"):
        rave.RaveVoice(content, without)
    with pytest.raises(VoiceError, match="is damaged"):
        rave.RaveVoice(content[:100], card)
    with pytest.raises(VoiceError, match="cannot play"):
        rave.RaveVoice(content, wrong).analyse(phrase(), RATE).render(0.5)
    with pytest.raises(VoiceError, match="is damaged"):
        rave.RaveVoice(content, replace(card, settings={"rave": {**card.settings["rave"], "ratio": 0}}))
    assert seal(content, card)


def test_the_card_says_what_the_voice_is(path):
    card = open_voice_file(path)[1]
    assert card.family == "rave"
    assert card.ends == tiny_rave.NAMES
    assert card.settings["latency_samples"] == 241 + 127
    assert "source-0" in card.training_data[0]


def test_the_file_holds_what_the_task_holds(path):
    task = tiny_rave.task()
    given = tiny_rave.inputs(20, 0)
    with torch.no_grad():
        wanted = tiny_rave.outputs(task, given)
    voice = load_voice(path)
    encoded = voice.encode(given["audio"][0].numpy())
    scale = float(wanted["encoded"].abs().max())
    np.testing.assert_allclose(encoded.T, wanted["encoded"][0].numpy(), atol=2e-3 * scale)  # half precision


@pytest.mark.parametrize("sizes", [[50_000], [100, 7000, 3, 20_000, 22_897], [512] * 97 + [336]])
def test_the_follower_brings_each_moment_to_the_recordings_loudness(sizes):
    recording, made = Spool(), tone(880.0, 2.0)[:50_000].astype(np.float32)
    swell = np.linspace(0.02, 0.5, 50_000).astype(np.float32)
    wanted = tone(880.0, 2.0, level_db=-6.0)[:50_000].astype(np.float32) * swell
    recording.append(wanted)
    follower = LoudnessFollower(recording, RATE)
    edges = np.cumsum([0, *sizes])
    followed = np.concatenate([*(follower.push(made[a:b]) for a, b in pairwise(edges)), follower.flush()])
    assert len(followed) >= 50_000
    levels = [
        np.square(one[4096:45_056]).reshape(-1, HOP_LENGTH * 4).mean(axis=1) for one in (followed, wanted)
    ]
    np.testing.assert_allclose(10 * np.log10(levels[0] / levels[1]), 0.0, atol=0.5)


def test_the_follower_is_the_same_for_any_blocks_and_keeps_silence_silent():
    recording = Spool()
    recording.append(np.concatenate([np.zeros(20_000), 0.3 * tone(440.0, 1.0)]).astype(np.float32))
    made = 0.1 * np.random.default_rng(0).standard_normal(60_000).astype(np.float32)
    whole = LoudnessFollower(recording, RATE)
    first = np.concatenate([whole.push(made), whole.flush()])
    parts = LoudnessFollower(recording, RATE)
    second = np.concatenate([*(parts.push(block) for block in np.split(made, 60)), parts.flush()])
    np.testing.assert_allclose(second[:60_000], first[:60_000], atol=1e-6)
    assert np.abs(first[:15_000]).max() < 1e-4


def test_a_source_may_be_read_in_blocks(voice):
    take = voice.analyse_source(ArraySource(phrase(), RATE))
    assert take.render(0.0).shape == (1, len(phrase()))
