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

from violute.errors import TrainingError
from violute.evaluation.judge import N_FRAMES, N_MELS, SAMPLE_RATE
from violute.evaluation.judge_augmentation import (
    TUNING_MARGIN,
    Source,
    augment,
    average_spectrum_db,
    draw_equaliser_db,
    draw_excerpt,
    draw_room,
)
from violute.evaluation.judge_training import (
    JudgeNetwork,
    draw_batch,
    export_judge,
    fit_temperature,
    main,
    train_judge,
)


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
    for is_violin in (False, True):
        clips = [bright_or_dull(is_violin, seed=seed) for seed in range(6)]
        made.append(Source("violin" if is_violin else "flute", is_violin, clips, average_spectrum_db(clips)))
    return made


@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), n_samples=st.integers(11_025, 60_000))
def test_excerpts_have_their_length_and_sound(sources: list[Source], seed: int, n_samples: int) -> None:
    rng = np.random.default_rng(seed)
    excerpt = draw_excerpt(sources[seed % 2], int(np.ceil(n_samples * TUNING_MARGIN)) + 1, rng)
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
    assert -7.0 < ratio_db < 13.0


def test_batches_are_balanced_and_repeat_themselves(sources: list[Source]) -> None:
    patches, labels = draw_batch(sources, 8, np.random.default_rng(3))
    again, _ = draw_batch(sources, 8, np.random.default_rng(3))
    assert patches.shape[1:] == (N_MELS, N_FRAMES)
    assert 0.3 < labels.mean() < 0.7
    np.testing.assert_array_equal(patches, again)


def test_a_short_run_lowers_the_loss_and_every_parameter_moves(sources: list[Source]) -> None:
    losses = []
    network = train_judge(
        sources, n_steps=20, n_excerpts=6, seed=1, on_step=lambda _, loss: losses.append(loss)
    )
    torch.manual_seed(1)
    start = dict(JudgeNetwork().named_parameters())
    assert losses[-1] < losses[0]
    for name, parameter in network.named_parameters():
        assert not torch.equal(parameter, start[name]), name


def test_one_class_is_not_enough(sources: list[Source]) -> None:
    with pytest.raises(TrainingError, match="both instruments"):
        train_judge(sources[:1], n_steps=1)


@pytest.mark.parametrize("temperature", [1.5, 3.0])
def test_temperature_is_recovered(temperature: float) -> None:
    rng = np.random.default_rng(0)
    true_log_odds = rng.normal(0.0, 2.0, 20_000)
    labels = rng.random(20_000) < 1 / (1 + np.exp(-true_log_odds))
    assert fit_temperature(true_log_odds * temperature, labels.tolist()) == pytest.approx(
        temperature, rel=0.1
    )


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
    for instrument in ("violin", "flute"):
        (tmp_path / instrument).mkdir()
        for seed in range(4):
            audio = bright_or_dull(instrument == "violin", seed=seed)
            soundfile.write(tmp_path / instrument / f"{instrument}_{seed}.wav", audio, SAMPLE_RATE)
    (tmp_path / "held_out.txt").write_text("*_2\n*_3\n")
    folders = ["--violin", str(tmp_path / "violin"), "--flute", str(tmp_path / "flute")]
    rest = ["--hold-out", str(tmp_path / "held_out.txt"), "--out", str(tmp_path / "j.onnx"), "--steps", "2"]
    assert main([*folders, *rest]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["n_violin"] == figures["n_flute"] == 1
    assert 0.0 <= figures["balanced_accuracy/clean"] <= 1.0
    assert (tmp_path / "j.onnx").stat().st_size < 2_000_000
    (tmp_path / "held_out.txt").write_text("*\n")
    assert main([*folders, *rest]) == 2
    assert "leave some to train on" in capsys.readouterr().err
