"""The network that hears chords, in training: labels that are true, runs that resume, a file that agrees."""

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import soundfile
import torch
from chord_sounds import hz, line, note, rest
from multipitch.lines import OFF, SURE, load_lines
from multipitch.mixtures import CLIP_FRAMES, FULL, IGNORED, Mixer
from multipitch.network import (
    HARMONICS,
    N_PITCHES,
    SHIFTS,
    MultipitchConfig,
    MultipitchNetwork,
    stacked,
)
from multipitch.pool import Pool, build_pool
from multipitch.task import (
    CARD_KEY,
    MultipitchTask,
    found_pitches,
    graph_bytes,
    pitch_loss,
)
from tones import SAMPLE_RATE
from train_multipitch import main, train_multipitch

from violute.analysis.polyphony.log_spectrum import N_BINS, hz_bin
from violute.analysis.polyphony.multipitch import CONTEXT_FRAMES, NETWORK_PATH
from violute.data.recordings import Recording, list_recordings
from violute.errors import TrainingError
from violute.training.request import TrainingRequest

LARGEST_BYTES = 2_000_000


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """Single notes and a melody."""
    folder = tmp_path_factory.mktemp("recordings")
    for midi in range(57, 93, 4):
        audio = np.concatenate([rest(0.1), note(midi, 1.0, seed=midi), rest(0.1)])
        soundfile.write(folder / f"note-{midi}.wav", audio, SAMPLE_RATE)
    soundfile.write(folder / "melody.wav", line((60, 64, 67, 72, 71, 69) * 4, 0.5), SAMPLE_RATE)
    return folder


@pytest.fixture(scope="module")
def lines(recordings, tmp_path_factory):
    return load_lines(list_recordings(recordings), tmp_path_factory.mktemp("cache"))


def test_a_recording_of_one_note_is_known_as_such(lines):
    by_name = {item.name: item for item in lines}
    assert by_name["melody"].note_midi is None
    single = by_name["note-69"]
    assert single.note_midi == pytest.approx(69.0, abs=0.05)
    assert single.state[0] == OFF
    assert (single.state[8:50] == SURE).all()


def test_a_line_played_faster_is_higher_and_shorter(lines):
    single = next(item for item in lines if item.name == "note-69")
    high = single.cut(0, 1_000, 2.0)
    assert high.n_frames == pytest.approx(single.n_frames / 2, abs=2)
    assert np.median(high.f0_hz) == pytest.approx(880.0, rel=1e-3)
    middle = high.audio[len(high.audio) // 4 : len(high.audio) // 2]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)), 1 << 16))
    assert spectrum.argmax() * SAMPLE_RATE / (1 << 16) == pytest.approx(880.0, abs=3.0)


def test_what_is_asked_for_is_what_sounds(lines):
    """Where a clip asks for a pitch its spectrum has power there, far above where nothing is asked for."""
    mixer = Mixer(lines)
    asked, other = [], []
    for i in range(12):
        clip = mixer.draw(np.random.default_rng((1, i)))
        assert clip.spectra.shape == (CLIP_FRAMES, N_BINS, 2)
        assert clip.target.shape == (CLIP_FRAMES, N_PITCHES)
        here = clip.spectra[:, :N_PITCHES, 0].astype(float)
        asked.append(here[clip.target == FULL])
        other.append(here[clip.target == 0])
    asked, other = np.concatenate(asked), np.concatenate(other)
    assert len(asked) > 500
    assert np.median(asked) > np.median(other) + 60.0


def test_the_same_seed_draws_the_same_clip(lines):
    mixer = Mixer(lines)
    one, same, other = (mixer.draw(np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(one.spectra, same.spectra)
    np.testing.assert_array_equal(one.target, same.target)
    assert (one.spectra != other.spectra).any()


def test_lines_without_a_single_note_still_make_clips(lines):
    melodies = [item for item in lines if item.note_midi is None]
    assert (Mixer(melodies).draw(np.random.default_rng(0)).target == FULL).any()


def test_clips_move_on_the_grid_as_one(lines, tmp_path):
    pool = build_pool(Mixer(lines), 2, tmp_path / "clips.npy", seed=0)
    still, moved = (pool.batch(np.array([1]), np.array([shift])) for shift in (0, 5))
    torch.testing.assert_close(moved[0][:, :, 5:], still[0][:, :, :-5])
    torch.testing.assert_close(moved[1][:, :, 5:], still[1][:, :, :-5])
    assert not moved[2][:, :, :5].any()


def test_a_pool_is_built_once_and_again_where_its_size_differs(lines, tmp_path):
    path = tmp_path / "clips.npy"
    build_pool(Mixer(lines), 2, path, seed=0)
    built = path.stat().st_mtime_ns
    assert len(build_pool(Mixer(lines), 2, path, seed=0)) == 2
    assert path.stat().st_mtime_ns == built
    assert len(build_pool(Mixer(lines), 3, path, seed=0)) == 3


def test_each_pitch_is_shown_its_own_harmonics():
    grid = torch.zeros(1, 1, N_BINS, 2)
    pitch = round(float(hz_bin(hz(62.0))))
    for number in HARMONICS[1:]:
        place = round(float(hz_bin(number * hz(62.0))))
        if place < N_BINS:
            grid[0, 0, place] = 1.0
    shown = stacked(grid)[0, :, 0, pitch].reshape(len(HARMONICS), 2)
    inside = torch.tensor([0 <= pitch + shift < N_BINS for shift in SHIFTS])
    assert shown[1:][inside[1:]].all()
    assert not shown[0].any()


def test_every_parameter_learns():
    network = MultipitchNetwork(MultipitchConfig(channels=4, coarse_channels=6))
    logits = network(torch.rand(2, 20, N_BINS, 2))
    assert logits.shape == (2, 20, N_PITCHES)
    pitch_loss(logits, torch.rand_like(logits), torch.ones_like(logits)).backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0.0 for p in network.parameters())


def test_no_loss_is_taken_from_what_is_not_asked():
    logits, target = torch.randn(1, 3, N_PITCHES), torch.zeros(1, 3, N_PITCHES)
    weight = torch.ones_like(logits)
    weight[..., 7] = 0.0
    changed = logits.clone()
    changed[..., 7] += 9.0
    assert pitch_loss(logits, target, weight) == pitch_loss(changed, target, weight)


def test_found_pitches_are_counted_once_each():
    target, probability = np.zeros((1, 1, N_PITCHES)), np.zeros((1, 1, N_PITCHES))
    target[0, 0, [20, 50, 90]] = 1.0
    probability[0, 0, [21, 50, 110]] = 0.9  # near, right, and wrong; 90 is missed
    is_asked = np.ones(target.shape, bool)
    assert found_pitches(probability, target, is_asked) == (3, 3, 2)
    is_asked[..., 110] = False
    assert found_pitches(probability, target, is_asked) == (2, 3, 2)


@pytest.mark.parametrize("n_frames", [1, 7, 64, 300])
def test_the_exported_graph_agrees_at_lengths_that_were_not_traced(n_frames):
    torch.manual_seed(0)
    network = MultipitchNetwork(MultipitchConfig(channels=4, coarse_channels=6)).eval()
    session = onnxruntime.InferenceSession(graph_bytes(network), providers=["CPUExecutionProvider"])
    levels = np.random.default_rng(0).random((n_frames, N_BINS, 2), dtype=np.float32)
    (answer,) = session.run(None, {"levels": levels})
    with torch.no_grad():
        wanted = torch.sigmoid(network(torch.from_numpy(levels)[None])[0]).numpy()
    np.testing.assert_allclose(answer, wanted, atol=1e-5)


def test_the_network_looks_no_further_than_its_context():
    network = MultipitchNetwork(MultipitchConfig()).eval()
    levels = torch.rand(1, 80, N_BINS, 2)
    changed = levels.clone()
    changed[:, 40 + CONTEXT_FRAMES + 1 :] = 0.0
    changed[:, : 40 - CONTEXT_FRAMES] = 0.0
    with torch.no_grad():
        torch.testing.assert_close(network(levels)[:, 40], network(changed)[:, 40])


def test_the_shipped_network_is_small_and_says_what_it_learned_from():
    assert NETWORK_PATH.stat().st_size < LARGEST_BYTES
    model = onnx.load(NETWORK_PATH)
    card = json.loads({entry.key: entry.value for entry in model.metadata_props}[CARD_KEY])
    assert "CC BY" in str(card["training_data"])
    assert card["command"].startswith("python bench/train_multipitch.py ")
    assert card["frame_f1"] > 0.8


def test_a_run_that_was_stopped_ends_where_another_ends(recordings, tmp_path, monkeypatch):
    def run(name, *, resume=False):
        request = TrainingRequest(source=[recordings], out=tmp_path / f"{name}.onnx", resume=resume)
        train_multipitch(request, recipe="tiny")
        return onnx.load(tmp_path / f"{name}.onnx").graph

    whole = run("whole")
    step = MultipitchTask.step

    def stopping(task, batch, context):
        if context.step == 3:
            raise KeyboardInterrupt
        return step(task, batch, context)

    monkeypatch.setattr(MultipitchTask, "step", stopping)
    with pytest.raises(KeyboardInterrupt):
        run("parts")
    monkeypatch.undo()
    assert not (tmp_path / "parts.onnx").exists()
    parts = run("parts", resume=True)
    for one, other in zip(whole.initializer, parts.initializer, strict=True):
        np.testing.assert_array_equal(onnx.numpy_helper.to_array(one), onnx.numpy_helper.to_array(other))


def test_training_lowers_the_loss(recordings, tmp_path):
    shares: list[float] = []
    request = TrainingRequest(
        source=[recordings], out=tmp_path / "a.onnx", steps=30, on_prepare=shares.append
    )
    result = train_multipitch(request, recipe="tiny")
    rows = [json.loads(row) for row in (tmp_path / "a-run" / "metrics.jsonl").read_text().splitlines()]
    losses = [row["total"] for row in rows if "total" in row]
    assert losses[-1] < 0.9 * losses[0]
    assert result.step == 30
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_bad_input_is_one_line_and_exit_code_2(recordings, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    patterns = Path("patterns.txt")
    patterns.write_text("nothing\n")
    Path("file").touch()
    data = ["--data", str(recordings), "--hold-out", str(patterns), "--recipe", "tiny"]
    wrong = [
        ([*data, "--out", "file/a.onnx"], "cannot be written"),
        (["--data", "missing", *data[2:], "--out", "a.onnx"], "missing: there is no such folder"),
        ([*data, "--out", "a.onnx", "--card", str(recordings / "melody.wav")], "melody.wav: cannot be read"),
    ]
    for arguments, reason in wrong:
        assert main(arguments) == 2
        written = capsys.readouterr().err
        assert reason in written
        assert written.count("\n") == 1
    assert not Path("a.onnx").exists()


def test_noise_teaches_nothing(tmp_path):
    noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE) * 0.1
    soundfile.write(tmp_path / "noise.wav", noise, SAMPLE_RATE)
    with pytest.raises(TrainingError, match="steady pitch"):
        load_lines([Recording("noise", tmp_path / "noise.wav")], tmp_path / "cache")


def test_the_stored_value_for_nothing_asked_is_no_target():
    assert IGNORED > FULL
    clips = np.full((1, 4, 2 * N_BINS + N_PITCHES), IGNORED, np.uint8)
    _, target, weight = Pool(clips).batch(np.array([0]), np.array([0]))
    assert not target.any()
    assert not weight.any()
