"""A piece in segments side by side: seams and batches change nothing of what each segment's queues draw."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_nsynth
import torch
from naive_wavenet import naive_levels

from violute.dsp.sines import sines_of
from violute.families.nsynth import voice as nsynth
from violute.families.nsynth.codes import Codes
from violute.families.nsynth.export import SteeringGraph
from violute.families.nsynth.sampler import HIGHEST_SINE_HZ
from violute.families.nsynth.voice import NsynthPerformance, NsynthVoice
from violute.transforms.mu_law import from_levels
from violute.voices.file import open_voice_file
from violute.voices.mix import dials

HOP = tiny_nsynth.NETWORK.hop_length
N_FRAMES, N_MOMENTS = 14, 6


@pytest.fixture(scope="module")
def task():
    made = tiny_nsynth.task()
    with torch.no_grad():
        made.network.decoder.last.weight *= 4.0
        made.network.decoder.driven.weight *= 2.0
    made.network.eval()
    return made


@pytest.fixture
def voice(task, tmp_path, monkeypatch):
    monkeypatch.setattr(nsynth, "SEGMENT_FRAMES", 5)
    task.export(tmp_path / "tiny.onnx")
    voice = NsynthVoice(*open_voice_file(tmp_path / "tiny.onnx"))
    voice.temperature = 0.0
    return voice


def performance(voice):
    """Random codes, so that notes change all the time."""
    code = np.random.default_rng(7).uniform(-1.0, 1.0, (N_FRAMES, voice.code_size)).astype(np.float32)
    level_db = np.full(N_FRAMES, -20.0, np.float32)
    f0_hz = 330.0 * 2.0 ** (np.arange(N_MOMENTS, dtype=np.float32) / 12.0)
    loudness_db = np.linspace(-30.0, -20.0, N_MOMENTS, dtype=np.float32)
    return NsynthPerformance(voice, Codes(code, level_db, f0_hz, loudness_db, N_FRAMES * HOP, 16_000, HOP))


def blocks(voice, mix=((0.0, 0.0), (0.05, 1.0))):
    played = performance(voice)
    return list(played.blocks(dials(mix, played.n_frames, played.frame_rate_hz)))


def test_a_whole_piece_equals_one_drawn_the_naive_way_seams_and_all(task, voice, monkeypatch):
    fast = np.concatenate(blocks(voice))
    calls = []

    def draw(code, mix, f0_hz, loudness_db, cycles, chance):
        calls.append(len(code))
        with torch.no_grad():
            codes = torch.from_numpy(np.ascontiguousarray(code.transpose(0, 2, 1)))
            codes = np.float32(voice.code_share) * codes
            told = [torch.from_numpy(track) for track in (mix, f0_hz, loudness_db)]
            leads = nsynth.PARTIAL_LEADS[: task.recipe.network.n_harmonics]
            noisiness = torch.full_like(told[0], voice.noisiness)
            conditions = SteeringGraph(task.network)(codes, *told, noisiness)
            sines = sines_of(
                torch.from_numpy(cycles).float(),
                torch.from_numpy(f0_hz),
                task.recipe.network.n_harmonics,
                HIGHEST_SINE_HZ,
                torch.from_numpy(leads).float().expand(*cycles.shape, -1).transpose(1, 2),
            )
            levels = naive_levels(
                task.network.decoder, conditions, sines, torch.from_numpy(chance), temperature=0.0
            )
        return from_levels(levels.numpy())

    monkeypatch.setattr(voice, "draw", draw)
    naive = np.concatenate(blocks(voice))
    assert calls == [3], "two seams"
    assert len(np.unique(fast)) > 50, "a sound that stands still proves nothing"
    assert np.array_equal(fast, naive)


def test_batches_change_nothing(voice, monkeypatch):
    together = np.concatenate(blocks(voice))
    monkeypatch.setattr(nsynth, "BATCH_SEGMENTS", 1)
    apart = blocks(voice)
    assert len(apart) == 3
    assert len(together) == N_FRAMES * HOP
    # Products of more rows may round otherwise, and a level on the edge falls to the other side.
    assert np.mean(np.concatenate(apart) == together) > 0.9


def test_what_is_drawn_is_heard_after_its_code_alone(voice):
    """A change of the code is heard from the frame before it on, which the conditioner hears, not earlier."""
    before = performance(voice)
    after = performance(voice)
    changed = 9
    after.codes.code[changed:] *= -1.0
    laid = dials(0.5, N_FRAMES, before.frame_rate_hz)
    index = np.arange(N_FRAMES)[None]
    chance = np.full((1, N_FRAMES * HOP, 2), 0.5, np.float32)
    drawn = []
    for played in (before, after):
        told = (np.full(index.shape, level, np.float32) for level in (330.0, -20.0))
        sines = before.cycles(0, N_FRAMES * HOP)[None]
        drawn.append(voice.draw(played.codes.code[index], laid.tone[index], *told, sines, chance)[0])
    differs = np.flatnonzero(drawn[0] != drawn[1])
    reach = 2
    assert differs.size
    assert differs[0] >= (changed - reach) * HOP
