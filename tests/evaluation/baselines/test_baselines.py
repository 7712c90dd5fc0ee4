"""Baselines: sums, filters and borrowed frames of synthetic sounds whose outcome is known beforehand."""

import numpy as np
import ot
import pytest
import scipy.signal
from fake_voice import SineVoice
from hypothesis import given
from hypothesis import strategies as st
from tones import cents_apart, tone

from violute.audio.level import bring_to_loudness
from violute.audio.loudness import LoudnessMeter
from violute.errors import AudioError, InputError, MixError
from violute.evaluation.baselines import spectral_masses
from violute.evaluation.baselines.eq_match import GRID_HZ, LARGEST_CHANGE_DB, EqMatch, average_spectrum_db
from violute.evaluation.baselines.layering import (
    CrossFade,
    Layering,
    SourceItself,
    cross_fade_gains,
    layering_gains,
)
from violute.evaluation.baselines.lineup import BASELINE_NAMES, all_baselines
from violute.evaluation.baselines.reference_frames import Course, ReferenceFrames
from violute.evaluation.baselines.spectral_masses import N_FFT
from violute.evaluation.baselines.transport import OptimalTransport, transport_plan
from violute.evaluation.metrics.loudness import frame_loudness_db, loudness_l1_db
from violute.evaluation.metrics.pitch import judge_f0

RATE = 44_100
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)


def notes(db_per_octave: float, *, seed: int) -> np.ndarray:
    """Two notes with a rest between them, of one colour."""
    rest = np.zeros(RATE // 10, np.float32)
    low = tone(440.0, 0.5, db_per_octave=db_per_octave, noise_db=-60.0, seed=seed)
    high = tone(660.0, 0.5, db_per_octave=db_per_octave, noise_db=-60.0, seed=seed + 1)
    return np.concatenate([rest, low, rest, high, rest])


@pytest.fixture(scope="module")
def references() -> dict[str, list[tuple[np.ndarray, int]]]:
    """A dark and a bright instrument."""
    return {"low": [(notes(-18.0, seed=5), RATE)], "high": [(notes(-3.0, seed=7), RATE)]}


@pytest.fixture(scope="module")
def contenders(references: dict) -> dict:
    return all_baselines(SineVoice(), references)


@pytest.fixture(scope="module")
def source() -> np.ndarray:
    # Soft enough for every colour at this loudness to stay below the ceiling.
    return 0.25 * notes(-9.0, seed=1)


@pytest.fixture(scope="module")
def renderings(contenders: dict, source: np.ndarray) -> dict[str, list[np.ndarray]]:
    takes = {name: contender.analyse(source, RATE) for name, contender in contenders.items()}
    return {name: [take.render(mix=mix) for mix in MIXES] for name, take in takes.items()}


def centroid_hz(audio: np.ndarray) -> float:
    frequency_hz, power = scipy.signal.welch(audio, RATE, nperseg=4096)
    return float(np.sqrt(power) @ frequency_hz / np.sqrt(power).sum())


def lufs(audio: np.ndarray) -> float:
    meter = LoudnessMeter(RATE, 1)
    meter.push(audio[None].astype(np.float32))
    return meter.integrated_lufs()


def test_the_registry_names_every_baseline_in_order(references: dict) -> None:
    assert tuple(all_baselines(SineVoice(), references)) == BASELINE_NAMES
    backwards = dict(reversed(references.items()))
    assert tuple(all_baselines(SineVoice(), backwards)) == BASELINE_NAMES
    assert tuple(all_baselines(SineVoice())) == BASELINE_NAMES[:3]


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_renderings_have_length_and_loudness_of_the_source(
    name: str, renderings: dict, source: np.ndarray
) -> None:
    for rendering in renderings[name]:
        assert rendering.shape == source.shape
        assert np.isfinite(rendering).all()
        assert lufs(rendering) == pytest.approx(lufs(source), abs=0.3)


@pytest.mark.parametrize("name", BASELINE_NAMES[1:])
def test_the_dial_brightens_step_by_step(name: str, renderings: dict) -> None:
    centroids = [centroid_hz(rendering) for rendering in renderings[name]]
    assert np.all(np.diff(centroids) > 0.0)
    assert centroids[-1] > 1.3 * centroids[0]


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_a_rendering_repeats_itself(
    name: str, contenders: dict, source: np.ndarray, renderings: dict
) -> None:
    again = contenders[name].analyse(source, RATE).render(mix=0.5)
    np.testing.assert_array_equal(again, renderings[name][2])


@pytest.mark.parametrize("name", BASELINE_NAMES)
@pytest.mark.parametrize(("sample_rate", "n_channels"), [(48_000, 2), (22_050, 1)])
def test_rate_and_channels_are_those_of_the_source(
    name: str, sample_rate: int, n_channels: int, contenders: dict
) -> None:
    n_samples = 30_011
    line = 0.1 * np.sin(2 * np.pi * 500.0 * np.arange(n_samples) / sample_rate)
    audio = np.stack([line, 0.5 * line][:n_channels]).astype(np.float32)
    rendering = contenders[name].analyse(audio, sample_rate).render(mix=0.5)
    assert rendering.shape == audio.shape
    if n_channels == 2:
        np.testing.assert_allclose(np.std(rendering[1]) / np.std(rendering[0]), 0.5, rtol=1e-3)


@pytest.mark.parametrize("name", BASELINE_NAMES)
def test_silence_is_refused_as_a_voice_refuses_it(name: str, contenders: dict) -> None:
    with pytest.raises(AudioError, match="silent"):
        contenders[name].analyse(np.zeros(RATE, np.float32), RATE)


@pytest.mark.parametrize("name", ["source", "layering", "eq_match"])
@pytest.mark.parametrize("mix", [-0.1, 1.5, float("nan")])
def test_a_mix_out_of_range_is_refused(name: str, mix: float, contenders: dict, source: np.ndarray) -> None:
    with pytest.raises(MixError, match="from 0 to 1"):
        contenders[name].analyse(source, RATE).render(mix=mix)


def test_references_that_cannot_serve_are_refused(references: dict) -> None:
    with pytest.raises(InputError, match="two instruments"):
        EqMatch({"low": references["low"]})
    with pytest.raises(InputError, match="recordings of high"):
        ReferenceFrames({"low": references["low"], "high": []})
    with pytest.raises(InputError, match="none for"):
        all_baselines(SineVoice(), {"low": references["low"], "oboe": references["high"]})
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32) * 0.1
    with pytest.raises(InputError, match="references of high"):
        _ = ReferenceFrames({"low": references["low"], "high": [(noise, RATE)]}).ends


def test_the_source_is_the_source(source: np.ndarray, renderings: dict) -> None:
    for rendering in renderings["source"]:
        np.testing.assert_array_equal(rendering, source)
    take = SourceItself().analyse(source, RATE)
    take.render()[:] = 0.0
    np.testing.assert_array_equal(take.render(), source)


@given(mix=st.floats(0.0, 1.0))
def test_laws_of_the_dial(mix: float) -> None:
    first, second = cross_fade_gains(mix)
    assert first**2 + second**2 == pytest.approx(1.0)
    assert max(layering_gains(mix)) == 1.0
    assert layering_gains(mix) == pytest.approx(layering_gains(1.0 - mix)[::-1])


def test_layers_are_the_ends_of_the_voice(source: np.ndarray) -> None:
    take = SineVoice().analyse(source, RATE)
    low, high = take.render(0.0), take.render(1.0)
    for baseline in (Layering(SineVoice()), CrossFade(SineVoice())):
        ours = baseline.analyse(source, RATE)
        np.testing.assert_allclose(ours.render(0.0), low, atol=1e-4)
        np.testing.assert_allclose(ours.render(1.0), high, atol=1e-4)
        # A mixture is nothing but a sum of both: what a least-squares fit leaves over is nothing.
        mixed = ours.render(0.3)
        ends = np.stack([low, high], axis=1)
        gains, *_ = np.linalg.lstsq(ends, mixed, rcond=None)
        assert np.abs(mixed - ends @ gains).max() < 1e-4
        assert gains[0] > gains[1] > 0.0


def test_loudness_is_reached_or_the_ceiling_holds() -> None:
    quiet = tone(1_000.0, 1.0, level_db=-40.0)
    assert lufs(bring_to_loudness(quiet, -20.0, RATE)) == pytest.approx(-20.0, abs=0.05)
    loud = bring_to_loudness(quiet, 10.0, RATE)
    meter = LoudnessMeter(RATE, 1)
    meter.push(loud[None])
    assert meter.true_peak_db() <= -1.0
    assert not bring_to_loudness(np.zeros(RATE, np.float32), -20.0, RATE).any()


def filtered_noise(tilt: float, seed: int) -> np.ndarray:
    """Noise with a power slope of `tilt` dB an octave."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(4 * RATE))
    frequency_hz = np.maximum(np.fft.rfftfreq(4 * RATE, 1 / RATE), 20.0)
    shaped = np.fft.irfft(spectrum * (frequency_hz / 1000.0) ** (tilt / 6.02))
    return (0.05 * shaped / np.std(shaped)).astype(np.float32)


def test_average_spectrum_reads_slopes_and_ignores_gain_and_rate() -> None:
    middle = (GRID_HZ > 100.0) & (GRID_HZ < 10_000.0)
    for tilt in (-6.0, 0.0, 3.0):
        curve_db = average_spectrum_db(filtered_noise(tilt, 1), RATE)
        slope = np.polyfit(np.log2(GRID_HZ[middle]), curve_db[middle], 1)[0]
        assert slope == pytest.approx(tilt, abs=0.25)
        quiet = 0.01 * filtered_noise(tilt, 1)
        np.testing.assert_allclose(average_spectrum_db(quiet, RATE), curve_db, atol=1e-3)


def test_eq_match_lands_on_the_average_spectrum_of_its_target() -> None:
    ends = {"dark": [(filtered_noise(-6.0, 2), RATE)], "bright": [(filtered_noise(3.0, 3), RATE)]}
    take = EqMatch(ends).analyse(filtered_noise(0.0, 4), RATE)
    curves = [average_spectrum_db(recordings[0][0], RATE) for recordings in ends.values()]
    middle = (GRID_HZ > 100.0) & (GRID_HZ < 10_000.0)
    for mix in MIXES:
        target_db = (1 - mix) * curves[0] + mix * curves[1]
        error_db = (average_spectrum_db(take.render(mix), RATE) - target_db)[middle]
        assert np.abs(error_db - error_db.mean()).max() < 1.0


def test_eq_match_delays_nothing_and_bounds_its_gain() -> None:
    click = np.zeros(RATE, np.float32)
    click[20_000] = 0.5
    ends = {"dark": [(filtered_noise(-6.0, 2), RATE)], "bright": [(tone(440.0, 1.0), RATE)]}
    for mix in MIXES:
        rendering = EqMatch(ends).analyse(click, RATE).render(mix)
        assert np.argmax(np.abs(rendering)) == 20_000
        gain_db = 20 * np.log10(np.abs(np.fft.rfft(rendering)) + 1e-12)
        assert np.ptp(gain_db) <= 2 * LARGEST_CHANGE_DB + 1.0


@pytest.mark.parametrize(
    ("name", "mixes"),
    # Half way, transport splits a strong fundamental among the partials of the other end: no pitch is due.
    [("world_envelope_swap", (0.0, 0.5, 1.0)), ("optimal_transport", (0.0, 1.0))],
)
def test_borrowed_frames_sound_at_the_pitch_of_the_source(
    name: str, mixes: tuple[float, ...], contenders: dict
) -> None:
    # A third of a semitone from what the references play, so that it cannot come from them.
    true_hz = 440.0 * 2.0 ** (0.35 / 12)
    take = contenders[name].analyse(tone(true_hz, 1.0, db_per_octave=-9.0), RATE)
    for mix in mixes:
        f0_hz = judge_f0(take.render(mix), RATE)[20:-20]
        assert abs(np.median(cents_apart(f0_hz[f0_hz > 0.0], true_hz))) < 8.0
        assert np.mean(f0_hz > 0.0) > 0.9


@pytest.mark.parametrize("name", ["world_envelope_swap", "optimal_transport"])
def test_ends_have_the_slope_of_their_recordings(name: str, contenders: dict) -> None:
    take = contenders[name].analyse(tone(440.0, 1.0, db_per_octave=-9.0), RATE)
    for mix, db_per_octave in ((0.0, -18.0), (1.0, -3.0)):
        frequency_hz, power = scipy.signal.welch(take.render(mix)[8000:-8000], RATE, nperseg=8192)
        second, fourth = (
            10 * np.log10(power[np.abs(frequency_hz - number * 440.0) < 60.0].sum()) for number in (2, 4)
        )
        assert fourth - second == pytest.approx(db_per_octave, abs=4.0)


@pytest.mark.parametrize("name", ["world_envelope_swap", "optimal_transport"])
def test_dynamics_are_those_of_the_source(name: str, contenders: dict) -> None:
    swell = tone(440.0, 1.5, level_db=-26.0) * np.linspace(0.05, 1.0, int(1.5 * RATE), dtype=np.float32)
    for mix in (0.0, 0.6):
        rendering = contenders[name].analyse(swell, RATE).render(mix)
        ours, theirs = (frame_loudness_db(x, RATE) for x in (rendering, swell))
        assert np.ptp(theirs[10:-10]) > 15.0
        assert loudness_l1_db(theirs, ours) < 1.0


def test_the_nearest_frame_is_nearest_in_pitch_then_in_loudness() -> None:
    step = np.where(np.arange(RATE) < RATE // 2, 0.1, 1.0)
    recordings = [tone(440.0, 1.0) * step, tone(880.0, 1.0) * step]
    ends = [(audio.astype(np.float32), RATE) for audio in recordings]
    end = ReferenceFrames({"a": ends, "b": ends}).ends[0]
    asked = Course(np.array([450.0, 450.0, 860.0]), np.ones(3), np.array([-20.0, 0.0, 0.0]))
    chosen = end.nearest(asked)
    assert end.recording[chosen].tolist() == [0, 0, 1]
    assert end.frame[chosen[0]] < 52
    assert end.frame[chosen[1]] > 48
    np.testing.assert_allclose(end.f0_hz[chosen], [440.0, 440.0, 880.0], rtol=5e-3)


shares = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=8).map(lambda x: np.array(x) / np.sum(x))


@given(one=shares, other=shares, seed=st.integers(0, 99))
def test_a_plan_moves_everything_at_the_lowest_cost(one: np.ndarray, other: np.ndarray, seed: int) -> None:
    rng = np.random.default_rng(seed)
    here, there = (np.sort(rng.uniform(0.0, 100.0, share.size)) for share in (one, other))
    plan = transport_plan(one, here, other, there)
    np.testing.assert_allclose(np.bincount(plan.source, plan.share, one.size), one, atol=1e-9)
    np.testing.assert_allclose(np.bincount(plan.target, plan.share, other.size), other, atol=1e-9)
    cost = plan.share @ np.square(here[plan.source] - there[plan.target])
    # The general solver knows nothing of one dimension.
    best = ot.emd2(one, other, np.square(here[:, None] - there[None, :]))
    assert cost == pytest.approx(best, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("frequency_hz", [200.0, 1_234.5, 9_000.0])
def test_a_sine_is_one_lump_at_its_frequency(frequency_hz: float) -> None:
    audio = np.sin(2 * np.pi * frequency_hz * np.arange(RATE) / RATE)
    (masses,) = spectral_masses.masses_of(spectral_masses.windows_at(audio, np.array([RATE // 2])))
    loudest = int(np.argmax(masses.share))
    assert masses.share[loudest] > 0.95
    assert masses.frequency_bins[loudest] * RATE / N_FFT == pytest.approx(frequency_hz, abs=0.1)
    assert masses.share.sum() == pytest.approx(1.0)
    assert masses.edges[0] == 0
    assert masses.edges[-1] == N_FFT // 2 + 1


def test_transport_slides_a_lone_partial_half_way() -> None:
    # A sine an octave and a half apart from end to end: half way it is one sine in between, not two.
    low, high = (tone(f, 1.0, harmonic_db=[0.0], level_db=-12.0) for f in (600.0, 600.0))
    overtone = tone(1_800.0, 1.0, harmonic_db=[0.0], level_db=-12.0, seed=3)
    ends = {"low": [(low, RATE)], "high": [((0.02 * high + overtone).astype(np.float32), RATE)]}
    frames = ReferenceFrames(ends)
    f0_hz = frames.ends[1].f0_hz
    take = OptimalTransport(frames).analyse(low, RATE)
    ratio = float(600.0 / np.median(f0_hz))
    spectrum = np.abs(np.fft.rfft(take.render(0.5)[10_000:-10_000] * np.hanning(RATE - 20_000)))
    peak_hz = np.argmax(spectrum) * RATE / (RATE - 20_000)
    assert peak_hz == pytest.approx(0.5 * (600.0 + ratio * 1_800.0), rel=0.02)
