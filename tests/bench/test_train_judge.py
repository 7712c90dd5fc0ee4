"""Training the judge: excerpts and augmentation keep their promises, a tiny run learns and exports."""

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_training.augmentation import (
    TUNING_MARGIN,
    Source,
    augment,
    average_spectrum_db,
    draw_equaliser_db,
    draw_excerpt,
    draw_room,
    through_codec,
)
from judge_training.figures import MOST_CLIPS, calibration_error, conditions, evenly, fit_temperature
from judge_training.training import (
    JudgeNetwork,
    Pool,
    draw_batch,
    equalised,
    export_judge,
    judge_loss,
    train_judge,
)
from train_judge import main

from violute.errors import TrainingError
from violute.evaluation.judge.classifier import INSTRUMENTS, N_FRAMES, N_MELS, SAMPLE_RATE


def struck(seed: int, seconds: float = 2.5) -> np.ndarray:
    """Inharmonic partials that die away, again and again: neither of the two."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    decay = np.exp(-8.0 * (time % 0.5))
    tone = sum(np.sin(2 * np.pi * rng.uniform(300, 3000) * time) for _ in range(4))
    return (0.1 * tone * decay).astype(np.float32)


def sound(instrument: str, seed: int) -> np.ndarray:
    return struck(seed) if instrument == "other" else bright_or_dull(instrument == "violin", seed=seed)


def bright_or_dull(is_violin: bool, seconds: float = 2.5, seed: int = 0) -> np.ndarray:
    """A buzz with vibrato, or a steady pair of partials with breath: easy for any ear."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    vibrato = 0.3 * np.sin(2 * np.pi * 6 * time) if is_violin else 0.0
    f0_hz = rng.uniform(300, 900) * 2 ** (vibrato / 12 * np.ones_like(time))
    phase = 2 * np.pi * np.cumsum(f0_hz) / SAMPLE_RATE
    partials = range(1, 14) if is_violin else (1, 2)
    tone = sum(np.sin(k * phase) / k for k in partials)
    breath = 0.0 if is_violin else 0.05
    return (0.2 * tone + breath * rng.standard_normal(len(time))).astype(np.float32)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    made = []
    for instrument in INSTRUMENTS:
        clips = [sound(instrument, seed) for seed in range(6)]
        made.append(Source(instrument, instrument, clips, average_spectrum_db(clips)))
    return made


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), n_samples=st.integers(11_025, 60_000))
def test_excerpts_have_their_length_and_sound(sources: list[Source], seed: int, n_samples: int) -> None:
    rng = np.random.default_rng(seed)
    excerpt = draw_excerpt(sources[seed % 3], int(np.ceil(n_samples * TUNING_MARGIN)) + 1, rng)
    spectra = {"spectrum_db": sources[0].spectrum_db, "target_spectrum_db": sources[1].spectrum_db}
    changed = augment(excerpt, n_samples, rng, **spectra)
    assert changed.shape == (n_samples,)
    assert np.all(np.isfinite(changed))
    assert np.sqrt(np.mean(np.square(changed))) == pytest.approx(0.1, rel=1e-3)


@given(seed=st.integers(0, 10_000))
def test_equalisers_stay_in_their_range(seed: int) -> None:
    frequencies = np.geomspace(80.0, 11_000.0, 500)
    curve = draw_equaliser_db(frequencies, np.random.default_rng(seed))
    assert np.all(np.abs(curve) <= 12.0 + 2.5 * np.abs(np.log2(frequencies / 1000.0)) + 0.5)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000))
def test_rooms_begin_with_the_direct_sound_and_decay(seed: int) -> None:
    room = draw_room(np.random.default_rng(seed))
    assert room[0] >= 0.5
    tail = room[1:]
    third = len(tail) // 3
    assert np.sum(np.square(tail[-third:])) < np.sum(np.square(tail[:-third]))
    ratio_db = -10 * np.log10(np.sum(np.square(tail)))
    assert -3.0 < ratio_db < 16.0


def test_batches_are_balanced_and_repeat_themselves(sources: list[Source]) -> None:
    patches, labels = draw_batch(sources, 9, np.random.default_rng(3))
    again, _ = draw_batch(sources, 9, np.random.default_rng(3))
    assert patches.shape[1:] == (N_MELS, N_FRAMES)
    assert min(np.bincount(labels, minlength=3)) >= 4
    np.testing.assert_array_equal(patches, again)


def test_a_short_run_lowers_the_loss_and_every_parameter_moves(sources: list[Source]) -> None:
    losses = []
    network = train_judge(
        sources,
        n_steps=20,
        n_fresh_excerpts=6,
        n_patches=12,
        seed=1,
        on_step=lambda _, loss: losses.append(loss),
    )
    torch.manual_seed(1)
    start = dict(JudgeNetwork().named_parameters())
    assert losses[-1] < losses[0]
    for name, parameter in network.named_parameters():
        assert not torch.equal(parameter, start[name]), name


def test_every_class_is_needed(sources: list[Source]) -> None:
    with pytest.raises(TrainingError, match="flute, violin, other"):
        train_judge(sources[:2], n_steps=1)


@pytest.mark.parametrize("temperature", [1.5, 3.0])
def test_temperature_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(0.0, 2.0, (20_000, 3))
    chances = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    labels = [INSTRUMENTS[rng.choice(3, p=chance)] for chance in chances]
    assert fit_temperature(scores * temperature, labels) == pytest.approx(temperature, rel=0.1)
    assert fit_temperature(np.zeros((0, 3)), []) == 1.0


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    sure = np.tile([20.0, 0.0, 0.0], (100, 1))
    assert calibration_error(sure, np.zeros(100, dtype=int)) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(sure, np.repeat([0, 1], 50)) == pytest.approx(0.5, abs=1e-6)


def test_the_loss_falls_with_the_right_answer_and_counts_violin_against_flute_once_more() -> None:
    right = judge_loss(torch.eye(3) * 4.0, torch.arange(3))
    wrong = judge_loss(torch.eye(3).roll(1, 0) * 4.0, torch.arange(3))
    assert right < 1.0 < wrong
    # Only the third class is wrong: nothing about violin against flute.
    alone = torch.nn.functional.cross_entropy(torch.eye(3)[2:], torch.tensor([0]), label_smoothing=0.04)
    both = judge_loss(torch.eye(3)[2:], torch.tensor([0]))
    assert float(both) == pytest.approx(float(alone) + np.log(2.0), rel=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_codecs_keep_the_sound_but_not_all_of_it(seed: int) -> None:
    tone = bright_or_dull(True, seconds=1.0, seed=seed)
    coded = through_codec(tone, np.random.default_rng(seed))
    assert coded.shape == tone.shape
    assert not np.array_equal(coded, tone)
    level_db = 10.0 * np.log10(np.mean(np.square(coded)) / np.mean(np.square(tone)))
    assert abs(level_db) < 3.0


def test_conditions_change_the_sound_and_keep_its_length() -> None:
    tone = bright_or_dull(True, seconds=1.0)
    for name, change in conditions(np.random.default_rng(0)).items():
        changed = change(tone)
        assert len(changed) == pytest.approx(len(tone), abs=0.02 * SAMPLE_RATE), name
        assert np.all(np.isfinite(changed))
        assert (name == "clean") == (len(changed) == len(tone) and np.array_equal(changed, tone)), name


def test_onnx_equals_torch_at_other_numbers_of_patches(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = JudgeNetwork().eval()
    network.temperature.fill_(1.7)
    export_judge(network, tmp_path / "judge.onnx", figures={"balanced_accuracy/clean": 0.5})
    session = onnxruntime.InferenceSession(tmp_path / "judge.onnx")
    figures = json.loads(session.get_modelmeta().custom_metadata_map["figures"])
    assert figures == {"balanced_accuracy/clean": 0.5}
    for n_patches in (1, 3, 17):
        patches = torch.randn(n_patches, N_MELS, N_FRAMES)
        with torch.no_grad():
            expected = network(patches).numpy()
        (ours,) = session.run(None, {"log_mel": patches.numpy()})
        np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_the_command_trains_measures_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for instrument in INSTRUMENTS:
        (tmp_path / instrument).mkdir()
        for seed in range(4):
            audio = sound(instrument, seed)
            soundfile.write(tmp_path / instrument / f"{instrument}_{seed}.wav", audio, SAMPLE_RATE)
    (tmp_path / "held_out.txt").write_text("*_2\n*_3\n")
    folders = [word for name in INSTRUMENTS for word in (f"--{name}", str(tmp_path / name))]
    rest = ["--hold-out", str(tmp_path / "held_out.txt"), "--out", str(tmp_path / "j.onnx"), "--steps", "2"]
    assert main([*folders, *rest]) == 0
    figures = json.loads(capsys.readouterr().out)
    # Each file is a source of its own here, so training heard none of them and all are measured.
    assert [figures[f"n/{name}"] for name in INSTRUMENTS] == [2, 2, 2]
    assert 0.0 <= figures["balanced_accuracy/unheard/clean"] == figures["balanced_accuracy/all/clean"] <= 1.0
    assert (tmp_path / "j.onnx").stat().st_size < 2_000_000
    (tmp_path / "held_out.txt").write_text("*\n")
    assert main([*folders, *rest]) == 2
    assert "leave some to train on" in capsys.readouterr().err


def test_a_pool_draws_the_classes_alike_and_levels_what_it_equalises(sources: list[Source]) -> None:
    pool = Pool(sources, np.random.default_rng(0), n_kept=8)
    for _ in range(3):
        patches, labels = pool.draw(6, 12)
    assert np.bincount(labels).tolist() == [4, 4, 4]
    assert patches.shape == (12, N_MELS, N_FRAMES)
    plain = np.zeros((2, N_MELS, N_FRAMES), np.float32)
    changed = equalised(plain, np.random.default_rng(1))
    assert not np.allclose(changed[0], changed[1])
    power = 10.0 ** (2.0 * changed)
    np.testing.assert_allclose(power.mean(axis=(1, 2)), 1.0, rtol=1e-3)


def test_no_source_is_judged_more_often_than_another() -> None:
    clips = [("long", "violin", np.zeros(1, np.float32))] * 100 + [
        ("short", "flute", np.zeros(1, np.float32))
    ]
    assert [len([c for c in evenly(clips) if c[0] == name]) for name in ("long", "short")] == [MOST_CLIPS, 1]
