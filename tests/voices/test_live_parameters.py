"""Live parameters hold all that a rendering needs: read as described, they mix as `blocks` does."""

import json

import numpy as np
import pytest
from fake_voice import SinePerformance
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from tones import SAMPLE_RATE, tone, vibrato

from violute.analysis.analyser import analyse
from violute.analysis.controls import SILENCE_DB
from violute.errors import VoiceError
from violute.families.ddsp.levels import harmonic_weights, heard_power, mixed, power_terms
from violute.families.ddsp.voice import BLOCK_FRAMES, HarmonicPerformance
from violute.synthesis.noise import N_BANDS
from violute.voices.live_parameters import live_parameters
from violute.voices.load import load_voice
from violute.voices.mix import Mix, dials

ROOTS = hnp.arrays(
    np.float32, (2, 3, N_BANDS), elements=st.floats(np.float32(1e-3), np.float32(3.0), width=32)
)


@pytest.fixture(scope="module")
def performance():
    """Longer than one block, with a vibrato and a rest."""
    voice = load_voice()
    rest = np.zeros(SAMPLE_RATE // 2, np.float32)
    audio = np.concatenate(
        [tone(vibrato(440.0, 30.0, 5.5, 3.0), 3.0), rest, tone(660.0, 3.0, db_per_octave=-9.0)]
    )
    return HarmonicPerformance(voice.session, voice.settings, analyse(audio))


def parse(content):
    """Read header and first line of a file as its description says, without the code that wrote it."""
    length = int.from_bytes(content[:4], "little")
    header = json.loads(content[4 : 4 + length])
    arrays = {}
    for name, entry in header["lines"][0]["arrays"].items():
        kind = np.dtype({"float16": "<f2", "float32": "<f4", "int32": "<i4"}[entry["dtype"]])
        assert (4 + length) % 8 == 0
        assert entry["offset"] % 8 == 0
        array = np.frombuffer(content, kind, int(np.prod(entry["shape"])), 4 + length + entry["offset"])
        arrays[name] = array.reshape(entry["shape"]).astype(np.float64)
    return header, arrays


def bernstein(terms, weight):
    return sum(
        binomial * (1 - weight) ** (4 - j) * weight**j * terms[:, j]
        for j, binomial in enumerate((1, 4, 6, 4, 1))
    )


@given(ROOTS, st.floats(0.0, 1.0))
def test_the_power_of_a_mixture_follows_from_five_terms(roots, weight):
    weights = harmonic_weights(np.array([220.0, 440.0, 880.0], np.float32), N_BANDS)
    chosen = mixed(roots[0], roots[1], np.full((3, 1), weight, np.float32))
    wanted = heard_power(chosen, np.zeros((3, N_BANDS), np.float32), weights)
    np.testing.assert_allclose(bernstein(power_terms(roots, weights), weight), wanted, rtol=1e-4)


def test_the_header_tells_every_length(performance):
    content = live_parameters(performance.live_tracks())
    header, arrays = parse(content)
    assert header["format"] == "violute-live"
    assert header["version"] == 4
    assert len(header["lines"]) == 1
    np.testing.assert_array_equal(arrays["row"], np.arange(performance.n_frames))
    assert header["n_frames"] == performance.n_frames > BLOCK_FRAMES
    assert (header["frame_rate_hz"], header["sample_rate"]) == (100.0, 44100)
    for name, array in arrays.items():
        assert performance.n_frames in array.shape, name
        assert np.isfinite(array).all(), name
    assert arrays["harmonic_root"].shape[2] == header["n_harmonics"]
    assert arrays["noise_root"].shape[2] == header["n_bands"]
    assert header["lines"][0]["n_rows"] == performance.n_frames
    last = header["lines"][0]["arrays"]["noise_power"]
    assert len(content) >= 4 + last["offset"] + 4 * np.prod(last["shape"])


@pytest.mark.parametrize(
    "mix", [0.0, 0.37, Mix(tone=0.2, noise=0.9, attack=1.0, vibrato=0.1), [(0, 0), (6, 1)]]
)
def test_what_is_read_back_mixes_as_a_rendering_does(performance, mix, monkeypatch):
    header, arrays = parse(live_parameters(performance.live_tracks()))
    laid = dials(mix, performance.n_frames, performance.frame_rate_hz)
    heard = {"f0_hz": [], "amplitudes": [], "noise_db": []}

    class Harmonics:
        def block(self, f0_hz, amplitudes):
            heard["f0_hz"].append(f0_hz[:-1])
            heard["amplitudes"].append(amplitudes[:-1])
            return np.zeros(441 * (len(f0_hz) - 1), np.float32)

    class Noise:
        def __init__(self, *, seed, first_frame):
            assert seed == first_frame == 0

        def block(self, noise_db):
            heard["noise_db"].append(noise_db[:-1])
            return np.zeros(441 * (len(noise_db) - 1), np.float32)

    monkeypatch.setattr("violute.families.ddsp.voice.HarmonicSynth", Harmonics)
    monkeypatch.setattr("violute.families.ddsp.voice.FilteredNoise", Noise)
    list(performance.blocks(laid))

    def weight(dial):
        chosen = dial + arrays["attack_share"] * (laid.attack - dial)
        dial = header["dial"]
        curves = [np.interp(chosen, dial["mixes"], places) for places in dial["places"]]
        at = np.interp(np.log2(arrays["f0_hz"]), np.log2(dial["hz"]), np.arange(len(curves)))
        above = np.minimum(at.astype(int) + 1, len(curves) - 1)
        return np.choose(at.astype(int), curves) * (1.0 - at % 1.0) + np.choose(above, curves) * (at % 1.0)

    def between(pair, share):
        return pair[0] + share * (pair[1] - pair[0])

    tone_weight, noise_weight = weight(laid.tone), weight(laid.noise)
    power = bernstein(arrays["harmonic_power"], tone_weight) + bernstein(arrays["noise_power"], noise_weight)
    loudness_db = arrays["loudness_db"] + between(arrays["vibrato_db"], laid.vibrato)
    gain = 10.0 ** (loudness_db / 20.0) / np.sqrt(power)
    harmonic_root = between(arrays["harmonic_root"], tone_weight[:, None])
    noise_root = between(arrays["noise_root"], noise_weight[:, None])
    np.testing.assert_allclose(
        arrays["f0_hz"] * 2.0 ** (between(arrays["vibrato_cents"], laid.vibrato) / 1200.0),
        np.concatenate(heard["f0_hz"]),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        harmonic_root**2 * (gain * arrays["gate"])[:, None],
        np.vstack(heard["amplitudes"]),
        rtol=1e-3,
        atol=1e-7,
    )
    np.testing.assert_allclose(
        20.0 * np.log10(noise_root**2 * gain[:, None]), np.vstack(heard["noise_db"]), atol=0.01
    )


def test_live_tracks_leave_renderings_as_they_were(performance):
    voice = load_voice()
    laid = dials(0.3, performance.n_frames, performance.frame_rate_hz)
    fresh = HarmonicPerformance(voice.session, voice.settings, performance.controls)
    before = np.concatenate(list(fresh.blocks(laid)))
    live_parameters(fresh.live_tracks())
    np.testing.assert_array_equal(np.concatenate(list(fresh.blocks(laid))), before)


def test_a_line_has_levels_of_the_frames_in_which_it_sounds(performance):
    voice, n_frames = load_voice(), performance.n_frames
    is_away = np.arange(n_frames) // 40 % 3 == 1
    part = HarmonicPerformance(
        voice.session, voice.settings, performance.controls, presence_db=np.where(is_away, -240.0, 0.0)
    )
    _, whole = parse(live_parameters(performance.live_tracks()))
    _, arrays = parse(live_parameters(part.live_tracks()))
    is_away |= performance.controls.loudness_db[0] <= SILENCE_DB
    np.testing.assert_array_equal(arrays["row"] < 0, is_away)
    rows = arrays["row"][~is_away].astype(int)
    np.testing.assert_array_equal(rows, np.arange((~is_away).sum()))
    for name in ("harmonic_root", "noise_root"):
        np.testing.assert_array_equal(arrays[name][:, rows], whole[name][:, ~is_away])
    np.testing.assert_array_equal(arrays["noise_power"][rows], whole["noise_power"][~is_away])


def test_a_piece_without_pitch_has_finite_parameters():
    voice = load_voice()
    hiss = np.random.default_rng(0).normal(0.0, 0.05, SAMPLE_RATE).astype(np.float32)
    _, arrays = parse(
        live_parameters(HarmonicPerformance(voice.session, voice.settings, analyse(hiss)).live_tracks())
    )
    assert all(np.isfinite(array).all() for array in arrays.values())
    assert (arrays["f0_hz"] > 0.0).all()


def test_a_voice_without_live_parameters_says_so():
    performance = SinePerformance(SAMPLE_RATE, SAMPLE_RATE)
    assert not performance.is_live
    with pytest.raises(VoiceError, match="no live parameters: render it"):
        live_parameters(performance.live_tracks())
