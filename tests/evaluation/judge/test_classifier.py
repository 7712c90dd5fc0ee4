"""The instrument judge: its front end against librosa, its laws, and what it hears in real recordings."""

from pathlib import Path

import librosa
import numpy as np
import pytest
import soxr
from exam.conditions import CONDITIONS, under
from hypothesis import given, settings
from hypothesis import strategies as st
from judge_training.augmentation import average_spectrum_db, draw_equaliser_db, draw_room
from judge_training.failures import DAMAGES

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.errors import AudioError, InputError, ShapeError
from violute.evaluation.bench.clips import find_clips
from violute.evaluation.judge.classifier import (
    FLUTE,
    HOP_LENGTH,
    MEL_RANGE_HZ,
    N_FFT,
    N_FRAMES,
    N_MELS,
    PATCH_SAMPLES,
    SAMPLE_RATE,
    VIOLIN,
    Judge,
    cut_patches,
    log_mel,
    verdict,
)

ROOT = Path(__file__).parents[3]
DATA = ROOT.parent / "shared" / "data"
EXAM_RATE = 44_100

needs_recordings = pytest.mark.skipif(
    not DATA.is_dir(), reason="the development recordings are not beside the repository"
)


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


@pytest.fixture(scope="module")
def held_out() -> dict[str, list[np.ndarray]]:
    """Clips of at most 6 s that the judge was not trained on, evenly picked."""
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    clips = {}
    for instrument in ("violin", "flute"):
        recordings = list_recordings(DATA / instrument, select=patterns)
        picks = np.linspace(0, len(recordings) - 1, 30).astype(int)
        clips[instrument] = [
            read_recording(recordings[i], SAMPLE_RATE, peak=0.5)[: 6 * SAMPLE_RATE] for i in picks
        ]
    return clips


def balanced_accuracy(judge: Judge, clips: dict[str, list[np.ndarray]]) -> float:
    violin = np.mean([judge.hear(c, SAMPLE_RATE).posterior > 0.5 for c in clips["violin"]])
    flute = np.mean([judge.hear(c, SAMPLE_RATE).posterior < 0.5 for c in clips["flute"]])
    return float(0.5 * violin + 0.5 * flute)


def filtered(audio: np.ndarray, response_db: np.ndarray) -> np.ndarray:
    spectrum = np.fft.rfft(audio) * 10 ** (response_db / 20)
    return np.fft.irfft(spectrum, len(audio)).astype(np.float32)


def test_levels_are_librosas_relative_to_their_mean() -> None:
    audio = np.random.default_rng(0).standard_normal(PATCH_SAMPLES).astype(np.float32)
    power = librosa.feature.melspectrogram(
        y=audio,
        sr=SAMPLE_RATE,
        n_fft=N_FFT,
        hop_length=HOP_LENGTH,
        center=False,
        n_mels=N_MELS,
        fmin=MEL_RANGE_HZ[0],
        fmax=MEL_RANGE_HZ[1],
    )
    assert power.shape == (N_MELS, N_FRAMES)
    np.testing.assert_allclose(log_mel(audio[None])[0], np.log10(power / power.mean()) / 2, atol=1e-4)


@settings(max_examples=10)
@given(gain_db=st.floats(-50.0, 30.0), seed=st.integers(0, 50))
def test_level_cannot_be_heard(judge: Judge, gain_db: float, seed: int) -> None:
    audio = np.random.default_rng(seed).standard_normal(SAMPLE_RATE * 2).astype(np.float32) * 0.1
    loud = judge.hear(audio * np.float32(10 ** (gain_db / 20)), SAMPLE_RATE).posterior
    assert loud == pytest.approx(judge.hear(audio, SAMPLE_RATE).posterior, abs=1e-3)


def test_the_posterior_leaves_the_third_answer_out(judge: Judge) -> None:
    sure_of_violin = verdict(np.array([0.0, 3.0, 0.0]))
    third_is_likelier = verdict(np.array([0.0, 3.0, 9.0]))
    assert sure_of_violin.posterior == third_is_likelier.posterior == pytest.approx(1 / (1 + np.exp(-3.0)))
    assert sure_of_violin.other == pytest.approx(1 / (2 + np.exp(3.0)))
    assert third_is_likelier.other > 0.99
    tone = 0.3 * np.sin(2 * np.pi * 880 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    scores = judge.scores(tone, SAMPLE_RATE)
    log_odds = np.mean(scores[:, VIOLIN] - scores[:, FLUTE])
    assert judge.hear(tone, SAMPLE_RATE).posterior == pytest.approx(1 / (1 + np.exp(-log_odds)))
    assert 0.0 <= judge.hear(tone, SAMPLE_RATE).other <= 1.0
    assert np.isnan(judge.hear(np.zeros(SAMPLE_RATE), SAMPLE_RATE).posterior)


def test_noise_and_clicks_are_neither(judge: Judge) -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal(3 * SAMPLE_RATE).astype(np.float32)
    clicks = noise * (np.arange(len(noise)) % (SAMPLE_RATE // 4) < 200)
    assert judge.hear(noise, SAMPLE_RATE).other > 0.5
    assert judge.hear(clicks, SAMPLE_RATE).other > 0.5


def test_silent_seconds_are_not_heard(judge: Judge) -> None:
    tone = 0.3 * np.sin(2 * np.pi * 880 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE).astype(np.float32)
    rest = np.zeros(10 * SAMPLE_RATE, dtype=np.float32)
    assert len(cut_patches(tone)) == 5
    assert len(cut_patches(np.concatenate([rest, tone, rest]))) <= 7
    assert len(cut_patches(rest)) == 0
    assert judge.scores(rest, SAMPLE_RATE).size == 0


@given(n_samples=st.integers(1, 4 * PATCH_SAMPLES))
def test_every_loud_sample_is_in_a_patch(n_samples: int) -> None:
    audio = np.ones(n_samples, dtype=np.float32)
    patches = cut_patches(audio)
    covered = (len(patches) - 1) * PATCH_SAMPLES // 2 + PATCH_SAMPLES
    assert covered >= n_samples or n_samples < PATCH_SAMPLES
    assert patches.max() == 1.0


def test_errors(judge: Judge, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no samples"):
        judge.hear(np.zeros(0), 44_100)
    assert np.isnan(judge.hear(np.zeros(44_100), 44_100).posterior)
    with pytest.raises(AudioError, match="not finite"):
        judge.hear(np.full(44_100, np.inf), 44_100)
    with pytest.raises(InputError, match="there is no such judge"):
        Judge(tmp_path / "none.onnx")
    (tmp_path / "bad.onnx").write_bytes(b"not a network")
    with pytest.raises(InputError, match="not a judge"):
        Judge(tmp_path / "bad.onnx")
    with pytest.raises(ShapeError, match="give \\(patch"):
        log_mel(np.zeros((2, 100), dtype=np.float32))


def test_the_file_is_small() -> None:
    assert ROOT.joinpath("src/violute/evaluation/judge/judge.onnx").stat().st_size < 2_000_000


@needs_recordings
def test_recordings_held_out_are_told_apart(judge: Judge, held_out: dict[str, list[np.ndarray]]) -> None:
    assert balanced_accuracy(judge, held_out) >= 0.95
    others = [judge.hear(clip, SAMPLE_RATE).other for clips in held_out.values() for clip in clips]
    assert np.mean(np.array(others) < 0.5) >= 0.9


@needs_recordings
@pytest.mark.parametrize("change", ["equaliser", "room", "rate"])
def test_tone_controls_rooms_and_rates_do_not_fool_it(
    judge: Judge, held_out: dict[str, list[np.ndarray]], change: str
) -> None:
    rng = np.random.default_rng(7)

    def changed(audio: np.ndarray) -> np.ndarray:
        if change == "equaliser":
            return filtered(audio, draw_equaliser_db(np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE), rng))
        if change == "room":
            return np.convolve(audio, draw_room(rng)[:8000]).astype(np.float32)
        return np.asarray(librosa.resample(audio, orig_sr=SAMPLE_RATE, target_sr=16_000))

    rate = 16_000 if change == "rate" else SAMPLE_RATE
    right = [
        (judge.hear(changed(clip), rate).posterior > 0.5) == (instrument == "violin")
        for instrument, clips in held_out.items()
        for clip in clips[::2]
    ]
    assert np.mean(right) >= 0.93


@needs_recordings
def test_the_average_spectrum_of_the_other_does_not_make_an_instrument(
    judge: Judge, held_out: dict[str, list[np.ndarray]]
) -> None:
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    (kim,) = list_recordings(DATA / "violin", select=["minji-kim_bwv1003_mov4*"])
    phrases = [r for r in list_recordings(DATA / "flute", select=patterns) if "phrases" in r.source]
    violin = read_recording(kim, SAMPLE_RATE)[: 40 * SAMPLE_RATE]
    flutes = [read_recording(r, SAMPLE_RATE) for r in phrases]
    to_flute = average_spectrum_db(flutes) - average_spectrum_db([violin])
    centres = np.geomspace(80.0, SAMPLE_RATE / 2, len(to_flute))

    def given_spectrum(audio: np.ndarray, change_db: np.ndarray) -> np.ndarray:
        frequencies = np.maximum(np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE), 1.0)
        return filtered(audio, np.interp(np.log(frequencies), np.log(centres), np.clip(change_db, -25, 25)))

    assert judge.hear(given_spectrum(violin, to_flute), SAMPLE_RATE).posterior > 0.5
    back = [judge.hear(given_spectrum(flute, -to_flute), SAMPLE_RATE).posterior for flute in flutes]
    assert np.mean(np.array(back) < 0.5) > 0.8


@pytest.fixture(scope="module")
def held_out_pieces() -> dict[str, list[np.ndarray]]:
    """Phrases and stretches of a performance, of 5 s, at the exam's rate."""
    patterns = read_patterns(ROOT / "bench" / "held_out_pieces.txt")
    pieces = {}
    for instrument in ("violin", "flute"):
        clips = find_clips(DATA, [instrument], select=patterns, clip_seconds=5.0, clips_per_recording=8)
        pieces[instrument] = [clip.read(EXAM_RATE) for clip in clips[:8]]
    return pieces


@needs_recordings
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_real_instrument_stays_one_in_every_condition_of_the_exam(
    judge: Judge, held_out_pieces: dict[str, list[np.ndarray]], condition: str
) -> None:
    for instrument, pieces in held_out_pieces.items():
        heard = [
            judge.hear(*under(condition, piece, EXAM_RATE, name=f"{instrument}{i}"))
            for i, piece in enumerate(pieces)
        ]
        own = [one.posterior if instrument == "violin" else 1.0 - one.posterior for one in heard]
        assert min(own) > 0.5
        assert np.median(own) > 0.9
        assert np.median([one.other for one in heard]) < 0.15


@needs_recordings
def test_what_failed_models_make_is_neither(
    judge: Judge, held_out_pieces: dict[str, list[np.ndarray]]
) -> None:
    damaged, real = [], []
    for number, damage in enumerate(DAMAGES.values()):
        for pieces in held_out_pieces.values():
            piece = soxr.resample(pieces[number % len(pieces)], EXAM_RATE, SAMPLE_RATE)
            broken = damage(piece, np.random.default_rng(number))
            damaged.append(judge.hear(broken, SAMPLE_RATE).other)
            real.append(judge.hear(piece, SAMPLE_RATE).other)
    assert np.mean(real) < 0.1
    assert np.median(damaged) > 0.5
    assert np.mean(np.array(damaged) > 0.2) > 0.75
