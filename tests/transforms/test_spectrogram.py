"""The transform of training and conversion: librosa's frames, and sound that comes back."""

from itertools import pairwise

import librosa
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import InputError, ShapeError
from violute.transforms.spectrogram import (
    ASSIGNMENT,
    DETAIL,
    PEAK,
    PRESETS,
    SpectrogramSettings,
    denormalise,
    istft,
    istft_blocks,
    normalise,
    stft,
    with_phase,
)

SMALL = SpectrogramSettings(sample_rate=8000, n_fft=64, hop_length=27, n_bins=32, n_frames=8)
EVERY_PRESET = pytest.mark.parametrize("settings", PRESETS.values(), ids=PRESETS)


def noise(n_samples, seed=0, level=0.1):
    return (level * np.random.default_rng(seed).standard_normal(n_samples)).astype(np.float32)


def snr_db(heard, true):
    true = true.astype(np.float64)
    return 10 * np.log10(np.sum(true**2) / np.sum((heard - true) ** 2))


@EVERY_PRESET
def test_frames_are_those_of_librosa(settings):
    audio = noise(settings.sample_rate)
    expected = librosa.stft(audio, n_fft=settings.n_fft, hop_length=settings.hop_length, pad_mode="constant")
    ours = stft(audio, settings)
    assert ours.shape == expected.shape
    np.testing.assert_allclose(
        ours * librosa.filters.get_window("hann", settings.n_fft).sum() / 2, expected, atol=1e-4
    )


@EVERY_PRESET
def test_sound_from_changed_frames_is_that_of_librosa(settings):
    spectrum = stft(noise(settings.sample_rate), settings)
    spectrum = (spectrum * np.abs(noise(spectrum.size, 1, 1.0).reshape(spectrum.shape))).astype(np.complex64)
    ours = istft(spectrum, settings)
    expected = librosa.istft(
        spectrum / np.float32(2 / librosa.filters.get_window("hann", settings.n_fft).sum()),
        hop_length=settings.hop_length,
    )
    assert len(ours) == len(expected)
    assert snr_db(ours, expected) > 80


@EVERY_PRESET
def test_a_sine_of_amplitude_one_reads_one(settings):
    frequency_hz = 100 * settings.sample_rate / settings.n_fft
    sine = np.sin(2 * np.pi * frequency_hz * np.arange(settings.sample_rate) / settings.sample_rate)
    frames = np.abs(stft(sine, settings))
    assert frames[100, frames.shape[1] // 2] == pytest.approx(1, abs=1e-4)
    assert normalise(frames, settings)[100, frames.shape[1] // 2] == pytest.approx(1, abs=1e-4)


def test_five_seconds_are_one_picture_of_the_assignment_and_four_of_detail():
    for settings, n_pictures in ((ASSIGNMENT, 1), (DETAIL, 4)):
        n_samples = 5 * settings.sample_rate
        assert settings.count_frames(n_samples) == n_pictures * settings.n_frames
        assert 0 <= n_pictures * settings.n_samples - n_samples < settings.hop_length


@EVERY_PRESET
def test_frames_give_the_sound_back_to_its_last_sample(settings):
    audio = noise(5 * settings.sample_rate)
    assert snr_db(istft(stft(audio, settings), settings, n_samples=len(audio)), audio) > 100


@EVERY_PRESET
def test_picture_with_phase_gives_the_sound_back(settings):
    # Noise has as much in the Nyquist bin as anywhere, so that bin is put back beside the picture.
    audio = noise(5 * settings.sample_rate, level=0.05)
    spectrum = stft(audio, settings)
    magnitude = denormalise(normalise(np.abs(spectrum), settings), settings)
    magnitude[-1] = np.abs(spectrum[-1])
    heard = istft(with_phase(magnitude, spectrum), settings, n_samples=len(audio))
    assert snr_db(heard, audio) > 100


@given(st.integers(0, 400), st.integers(0, 1000))
def test_any_length_comes_back(n_samples, seed):
    audio = noise(n_samples, seed)
    heard = istft(stft(audio, SMALL), SMALL, n_samples=n_samples)
    np.testing.assert_allclose(heard, audio, atol=1e-5)


@given(st.integers(0, 300), st.integers(0, 12))
def test_a_piece_equals_the_frames_of_the_whole(start_frame, n_frames):
    audio = noise(2000)
    start = start_frame * SMALL.hop_length
    whole = stft(np.pad(audio, (0, 20_000)), SMALL)
    piece = stft(audio, SMALL, start=start, n_frames=n_frames)
    np.testing.assert_array_equal(piece, whole[:, start_frame : start_frame + n_frames])


def test_long_sound_is_transformed_in_groups_that_leave_no_trace(monkeypatch):
    audio = noise(3000)
    whole = stft(audio, SMALL)
    monkeypatch.setattr("violute.transforms.spectrogram.FRAMES_PER_GROUP", 7)
    np.testing.assert_array_equal(stft(audio, SMALL), whole)


@given(st.lists(st.integers(0, 9), max_size=8), st.one_of(st.none(), st.integers(0, 2500)))
def test_blocks_of_any_size_give_the_sound_of_the_whole(sizes, n_samples):
    spectrum = stft(noise(sum(sizes) * SMALL.hop_length), SMALL)
    edges = np.cumsum([0, *sizes, 1])
    blocks = [spectrum[:, a:b] for a, b in pairwise(edges)]
    heard = np.concatenate(list(istft_blocks(blocks, SMALL, n_samples=n_samples)))
    whole = istft(spectrum, SMALL, n_samples=n_samples)
    assert len(heard) == len(whole) == (sum(sizes) * SMALL.hop_length if n_samples is None else n_samples)
    np.testing.assert_allclose(heard, whole, atol=1e-5)


@given(st.integers(0, 200), st.one_of(st.none(), st.integers(0, 1500)))
def test_start_means_the_same_on_the_way_back(start, n_samples):
    audio = noise(1200)
    reach = SMALL.n_fft // 2
    spectrum = stft(audio, SMALL, start=start, n_frames=30)
    heard = istft(spectrum, SMALL, start=start, n_samples=n_samples)
    assert len(heard) == (start + 29 * SMALL.hop_length if n_samples is None else n_samples)
    # The last samples that a window reaches are weighted with next to nothing.
    first, last = max(start - reach + 3, 0), min(len(heard), start + 29 * SMALL.hop_length + reach - 3)
    np.testing.assert_allclose(heard[first:last], audio[first:last], atol=1e-4)
    assert not heard[: max(start - reach, 0)].any()


def test_blocks_are_given_out_as_soon_as_they_are_final():
    spectrum = stft(noise(10_000), SMALL)
    given = istft_blocks((spectrum[:, i : i + 10] for i in range(0, 100, 10)), SMALL)
    assert len(next(given)) == 10 * SMALL.hop_length - SMALL.n_fft // 2
    assert len(next(given)) == 10 * SMALL.hop_length


@given(st.floats(-140, 0))
def test_the_scale_is_undone_at_every_level(level_db):
    magnitude = np.full((1, 1025, 1), 10 ** (level_db / 20))
    picture = normalise(magnitude, ASSIGNMENT)
    assert picture.shape == (1, 1024, 1)
    assert picture.min() >= 0
    assert picture.max() <= 1
    back = denormalise(picture, ASSIGNMENT)
    np.testing.assert_allclose(back[0, :1024], magnitude[0, :1024], rtol=1e-5)
    assert back[0, 1024, 0] == 0


def test_silence_is_zero_and_zero_is_silence():
    assert not normalise(np.zeros((1025, 3)), ASSIGNMENT).any()
    assert not denormalise(np.zeros((1024, 3)), ASSIGNMENT).any()


def test_slips_of_a_network_are_clipped():
    picture = np.tile(np.array([-0.5, 0.0, 1.0, 1.5]), (1024, 1))
    assert denormalise(picture, ASSIGNMENT)[0] == pytest.approx([0, 0, 1, 1], abs=1e-5)


@pytest.mark.parametrize("sound", ["constant", "square", "sine"])
def test_sound_at_the_stated_peak_is_never_clipped(sound):
    n = np.arange(8000)
    audio = {"constant": np.ones(8000), "square": np.sign(np.sin(0.1 * n + 0.01)), "sine": np.sin(0.3 * n)}
    assert np.abs(stft(PEAK * audio[sound], ASSIGNMENT)).max() <= 1 + 1e-5


@EVERY_PRESET
def test_settings_survive_a_file(settings):
    assert SpectrogramSettings.from_dict(settings.to_dict(), source="card") == settings


@pytest.mark.unchecked
@pytest.mark.parametrize(
    "change",
    [
        {"n_fft": 2047},
        {"hop_length": 1025},
        {"hop_length": 0},
        {"n_bins": 1026},
        {"n_frames": 0},
        {"sample_rate": 0},
        {"floor_db": 0.0},
        {"floor_db": "nan"},
        {"n_fft": None},
        {"n_fft": "many"},
        {"windows": 3},
    ],
)
def test_damaged_settings_are_refused_in_one_line(change):
    with pytest.raises(InputError, match="voice.onnx: ") as told:
        SpectrogramSettings.from_dict(ASSIGNMENT.to_dict() | change, source="voice.onnx")
    assert "\n" not in str(told.value)


def test_missing_settings_are_refused():
    with pytest.raises(InputError, match="damaged"):
        SpectrogramSettings.from_dict({"n_fft": 2048}, source="card")


@pytest.mark.unchecked
def test_wrong_numbers_of_bins_are_refused():
    with pytest.raises(ShapeError, match="1025"):
        istft(np.zeros((1024, 4), np.complex64), ASSIGNMENT)
    with pytest.raises(ShapeError, match="1024"):
        normalise(np.zeros((1000, 4)), ASSIGNMENT)
    with pytest.raises(ShapeError, match="1024"):
        denormalise(np.zeros((1025, 4)), ASSIGNMENT)
