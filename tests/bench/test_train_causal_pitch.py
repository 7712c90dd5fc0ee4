"""The network that follows pitch in a stream, in training: labels that are true, weights that play alike."""

import sys

import numpy as np
import pytest
import soundfile
import torch
from causal_pitch.clips import BYTES, CLIP_FRAMES, ClipMaker, line_of
from causal_pitch.network import CausalPitchNetwork
from chord_sounds import line, note, rest
from tones import SAMPLE_RATE
from train_causal_pitch import main

from violute.analysis import causal_pitch as causal
from violute.data.recordings import list_recordings
from violute.rates import HOP_LENGTH


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Single notes and a melody."""
    folder = tmp_path_factory.mktemp("recordings")
    for midi in range(60, 90, 6):
        audio = np.concatenate([rest(0.1), note(midi, 0.8, seed=midi), rest(0.1)])
        soundfile.write(folder / f"note-{midi}.wav", audio, SAMPLE_RATE)
    soundfile.write(folder / "melody.wav", line((60, 64, 67, 72, 71, 69), 0.5), SAMPLE_RATE)
    return folder


def test_clips_of_notes_and_passages_name_the_pitch_that_sounds(folder):
    lines = [line_of(recording) for recording in list_recordings(folder)]
    assert sum(not item.is_note for item in lines) == 1
    maker, rng = ClipMaker([lines]), np.random.default_rng(0)
    n_near = n_all = 0
    for _ in range(6):
        clip = maker.draw(rng)
        assert len(clip.f0_hz) == CLIP_FRAMES
        fundamental = sum(len(m) for row, m in causal.MULTIPLES.items() if row < causal.LONGEST)
        levels = clip.own[:, fundamental].astype(float)  # of the long window at each candidate
        for frame in np.flatnonzero(clip.is_voiced)[::7]:
            place = round(causal.BINS_PER_OCTAVE * np.log2(clip.f0_hz[frame] / causal.LOWEST_HZ))
            n_near += levels[frame, max(place - 4, 0) : place + 5].max() > levels[frame].max() - 0.6 * BYTES
            n_all += 1
    assert n_near > 0.85 * n_all


def test_what_is_learned_plays_the_same_frame_by_frame():
    torch.manual_seed(0)
    network = CausalPitchNetwork()
    weights = {name: 0.5 * value for name, value in network.stored().items()}
    weights |= {name: network.stored()[name] for name in ("glide", "salience")}
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.mul_(1.0 if name == "glide" else 0.5)
    rng = np.random.default_rng(1)
    audio = 0.1 * rng.standard_normal(20 * HOP_LENGTH + causal.N_FFT).astype(np.float32)
    audio += 0.3 * np.sin(2.0 * np.pi * 523.3 / SAMPLE_RATE * np.arange(len(audio))).astype(np.float32)
    describing, playing = causal.CausalPitch(weights), causal.CausalPitch(weights)
    own, shared, beliefs = [], [], []
    for start in range(0, 20 * HOP_LENGTH, HOP_LENGTH):
        heard = audio[start : start + causal.N_FFT]
        known, frame = describing.described(heard)
        own.append(known.copy())
        shared.append(frame)
        playing.push(heard)
        beliefs.append(playing.belief.copy())
    with torch.no_grad():
        belief = network(torch.from_numpy(np.stack(own)[None]), torch.from_numpy(np.stack(shared)[None]))
    np.testing.assert_allclose(belief[0].exp().numpy(), np.stack(beliefs), atol=1e-5)


def test_training_writes_what_plays_and_says_how_well(folder, tmp_path, monkeypatch, capsys):
    (tmp_path / "none.txt").write_text("", encoding="utf-8")
    out = tmp_path / "weights.npz"
    options = ["--data", folder, "--hold-out", tmp_path / "none.txt", "--out", out]
    options += ["--clips", 6, "--steps", 2]
    monkeypatch.setattr(sys, "argv", ["train_causal_pitch.py", *map(str, options)])
    main()
    assert "within 50 cents" in capsys.readouterr().out
    with np.load(out) as stored:
        assert {name: stored[name].shape for name in stored.files} == {
            name: value.shape for name, value in causal.weights().items()
        }
