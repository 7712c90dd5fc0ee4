"""What the page reckons, in Node: its synthesis against the renderer, and its spectrogram.

The built-in voice plays the shipped violin.
"""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import soxr
from chord_sounds import chord, line

import violute.studio
from violute.analysis.controls import Controls
from violute.audio.file_source import FileSource
from violute.examples import example_paths
from violute.families.ddsp.voice import HarmonicPerformance
from violute.synthesis.harmonics import crosses_nyquist
from violute.synthesis.noise import N_BANDS, N_FFT, band_weights, noise_bands, white_spectra
from violute.synthesis.room import PLACES, room_response, rt60_seconds
from violute.voices.live_parameters import live_parameters
from violute.voices.load import load_voice
from violute.voices.mix import Mix, dials

PAGE = Path(violute.studio.__file__).parent / "page"
RUNNER = Path(__file__).parents[1] / "support" / "studio_node.mjs"
SAMPLE_RATE = 44_100
HOP_LENGTH = 441

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


@pytest.fixture(scope="module")
def performance():
    """The first six seconds: more than one block."""
    voice = load_voice()
    whole = voice.analyse_source(FileSource(example_paths()["violin"])).performance
    return HarmonicPerformance(voice.session, voice.settings, whole.controls.frames(0, 600))


@pytest.fixture(scope="module")
def swinging():
    """Three seconds of one note with vibratos in pitch and in loudness; the shipped piece has none."""
    voice = load_voice()
    seconds = np.arange(300) / 100.0
    f0_hz = 440.0 * 2.0 ** (25.0 / 1200.0 * np.sin(2.0 * np.pi * 5.5 * seconds))
    loudness_db = -20.0 + 2.0 * np.sin(2.0 * np.pi * 6.0 * seconds)
    still = np.ones((1, 300), np.float32)
    controls = Controls(
        f0_hz.astype(np.float32)[None],
        still,
        loudness_db.astype(np.float32)[None],
        (seconds == 0.0) * still[0],
    )
    return HarmonicPerformance(voice.session, voice.settings, controls)


@pytest.fixture(scope="module")
def folder(tmp_path_factory, performance, swinging):
    folder = tmp_path_factory.mktemp("modules")
    for path in PAGE.glob("*.js"):
        shutil.copy(path, folder)
    # Without it older versions of Node take modules for scripts.
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "parameters.bin").write_bytes(live_parameters(performance.live_tracks()))
    (folder / "swinging.bin").write_bytes(live_parameters(swinging.live_tracks()))
    spectra = white_spectra(0, performance.n_frames + 1)
    np.concatenate([spectra.real.ravel(), spectra.imag.ravel()]).astype(np.float32).tofile(
        folder / "spectra.f32"
    )
    return folder


def run(folder, task, **job):
    """Run one task in Node; its samples and what it said."""
    given = {"task": task, "parameters": str(folder / "parameters.bin"), "sampleRate": SAMPLE_RATE, **job}
    (folder / "job.json").write_text(json.dumps(given))
    command = ["node", str(RUNNER), str(folder), str(folder / "job.json"), str(folder / "out.f32")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return np.fromfile(folder / "out.f32", np.float32), done.stdout


def play(folder, *steps, part="harmonics", **job):
    job = {"hasHarmonics": part != "noise", "hasNoise": part != "harmonics", **job}
    return run(folder, "play", steps=list(steps), **job)[0]


def rendered(performance, mix, monkeypatch, part="harmonics"):
    """One part of a rendering: the other's synthesis is silent."""

    class Silence:
        def __init__(self, **settings):
            """Take the seed of noise; silence needs none."""

        def skip(self, f0_hz):
            """Pass over a stretch in which the line is silent."""

        def block(self, first, *_):
            return np.zeros(HOP_LENGTH * (len(first) - 1), np.float32)

    other = "FilteredNoise" if part == "harmonics" else "HarmonicSynth"
    with monkeypatch.context() as patched:
        patched.setattr(f"violute.families.ddsp.voice.{other}", Silence)
        dry = replace(mix if isinstance(mix, Mix) else Mix.at(mix), room=0.0)
        laid = dials(dry, performance.n_frames, performance.frame_rate_hz)
        return np.concatenate(list(performance.blocks(laid)))


def error_db(played, wanted):
    assert played.shape == wanted.shape
    error, power = (np.sum(np.square(x, dtype=np.float64)) for x in (played - wanted, wanted))
    return 10.0 * np.log10(error / power)


def all_at(mix):
    return {"dials": dict.fromkeys(("tone", "noise", "attack", "vibrato"), mix)}


MOVED = {"tone": 0.2, "noise": 0.9, "attack": 1.0, "vibrato": 0.1}
POINTS = [(1.0, 0.0), (3.0, 1.0), (5.0, 0.3)]
SETTINGS = [
    pytest.param(0.0, all_at(0.0), id="first end"),
    pytest.param(0.5, {}, id="middle"),
    pytest.param(1.0, {"hold": 1}, id="second end, held"),
    pytest.param(Mix(**MOVED), {"dials": MOVED}, id="dials apart"),
    pytest.param(POINTS, {"automation": POINTS}, id="automation"),
]


@pytest.mark.parametrize(("mix", "step"), SETTINGS)
def test_harmonics_equal_the_renderers(folder, performance, monkeypatch, mix, step):
    assert error_db(play(folder, step), rendered(performance, mix, monkeypatch)) < -100.0


def test_harmonics_leap_over_nyquist_in_this_piece(performance):
    f0_hz = performance.live_tracks()[0].f0_hz.astype(np.float64)
    loud = np.ones((len(f0_hz) - 1, 100))
    assert crosses_nyquist(f0_hz[:-1], f0_hz[1:], loud, loud, SAMPLE_RATE / 2).any()


@pytest.mark.parametrize(("mix", "step"), SETTINGS[2:4])
def test_noise_of_the_same_draws_equals_the_renderers(folder, performance, monkeypatch, mix, step):
    played = play(folder, step, part="noise", spectra=str(folder / "spectra.f32"), nBins=N_FFT // 2 + 1)
    assert error_db(played, rendered(performance, mix, monkeypatch, "noise")) < -100.0


def band_levels_db(audio):
    _, density = scipy.signal.welch(audio, SAMPLE_RATE, nperseg=N_FFT)
    weights = band_weights(noise_bands(N_BANDS))
    return 10.0 * np.log10((weights @ density) / weights.sum(axis=1))


def test_noise_of_its_own_draws_has_the_same_level_in_every_band(folder, performance, monkeypatch):
    played, wanted = play(folder, {}, part="noise"), rendered(performance, 0.5, monkeypatch, "noise")
    assert error_db(played, wanted) > 0.0  # other noise indeed
    np.testing.assert_allclose(band_levels_db(played), band_levels_db(wanted), atol=1.5)
    assert np.mean(np.abs(band_levels_db(played) - band_levels_db(wanted))) < 0.5


def test_a_dial_is_heard_from_the_next_frame_on(folder, performance, monkeypatch):
    """Moved in the middle of hop 300, the tone begins to change at frame 301 and has changed at 302."""
    before, after = {**all_at(0.0)["dials"], "tone": 0.0}, {**all_at(0.0)["dials"], "tone": 1.0}
    n_before = 300 * HOP_LENGTH + 200
    played = play(folder, {"dials": before, "play": n_before}, {"dials": after})
    mix = Mix(tone=[(3.01, 0.0), (3.02, 1.0)], noise=0.0, attack=0.0, vibrato=0.0)
    assert error_db(played, rendered(performance, mix, monkeypatch)) < -100.0


def test_seeking_is_exact(folder):
    whole = play(folder, {"dials": MOVED}, part="both")
    places = [260_001, 3 * HOP_LENGTH, 0, 123_456]
    pieces = play(folder, {"dials": MOVED}, *({"seek": at, "play": 3000} for at in places), part="both")
    pieces = pieces[len(whole) :].reshape(len(places), 3000)
    for at, piece in zip(places, pieces, strict=True):
        np.testing.assert_allclose(piece, whole[at : at + 3000], atol=1e-6)


@pytest.fixture(scope="module")
def chords(folder):
    """A line, chords of three notes, and a line."""
    audio = np.concatenate(
        [line((60, 64)), chord((60, 67, 76), 1.5), chord((62, 69, 77), 1.5), line((72, 71))]
    )
    performance = load_voice().analyse(audio, SAMPLE_RATE).performance
    (folder / "chords.bin").write_bytes(live_parameters(performance.live_tracks()))
    return performance


def test_chords_sound_as_the_renderers_do(folder, chords, monkeypatch):
    assert chords.n_lines == 3
    given = {"parameters": str(folder / "chords.bin")}
    whole = play(folder, {}, **given)
    assert error_db(whole, rendered(chords, 0.5, monkeypatch)) < -100.0
    noise = play(folder, {}, part="noise", **given)
    wanted = rendered(chords, 0.5, monkeypatch, "noise")
    assert np.mean(np.abs(band_levels_db(noise) - band_levels_db(wanted))) < 0.7
    places = [100_000, 40_000, 150_000]
    pieces = play(folder, *({"seek": at, "play": 3000} for at in places), **given).reshape(len(places), 3000)
    for at, piece in zip(places, pieces, strict=True):
        np.testing.assert_allclose(piece, whole[at : at + 3000], atol=1e-6)


@pytest.mark.parametrize("dial", [0.0, 0.3, 1.0])
def test_vibrato_moves_as_the_renderers_does(folder, swinging, monkeypatch, dial):
    played = play(folder, {"dials": {"vibrato": dial}}, parameters=str(folder / "swinging.bin"))
    assert error_db(played, rendered(swinging, Mix(vibrato=dial), monkeypatch)) < -100.0
    assert error_db(played, rendered(swinging, Mix(vibrato=abs(dial - 0.1)), monkeypatch)) > -40.0


def test_seeking_after_the_vibrato_moved_finds_its_phase(folder, swinging, monkeypatch):
    before = {"dials": {"vibrato": 0.0}, "seek": 90_000, "play": 10_000}
    after = {"dials": {"vibrato": 1.0}, "seek": 50_000}
    played = play(folder, before, after, parameters=str(folder / "swinging.bin"))
    wanted = rendered(swinging, Mix(vibrato=1.0), monkeypatch)
    assert error_db(played[10_000:], wanted[50_000:]) < -100.0


def test_another_rate_makes_the_same_sound(folder):
    at_44100, at_48000 = play(folder, {}), play(folder, {}, sampleRate=48_000)
    assert error_db(at_48000, soxr.resample(at_44100, 44_100, 48_000, quality="VHQ")) < -60.0
    noise = soxr.resample(play(folder, {}, part="noise", sampleRate=48_000), 48_000, 44_100)
    # The last bands lie where resampling has begun to filter.
    wanted_db = band_levels_db(play(folder, {}, part="noise"))
    differences_db = (band_levels_db(noise) - wanted_db)[:-3]
    assert np.abs(differences_db).max() < 2.0
    assert np.abs(np.mean(differences_db[20:])) < 0.2


def test_above_a_low_nyquist_nothing_folds_back(folder):
    low = play(folder, {}, sampleRate=16_000)
    full = soxr.resample(play(folder, {}), 44_100, 16_000, quality="VHQ")
    sos = scipy.signal.butter(8, 6000.0, fs=16_000, output="sos")
    heard, wanted = scipy.signal.sosfiltfilt(sos, low), scipy.signal.sosfiltfilt(sos, full)
    assert error_db(heard, wanted) < -50.0


def test_gains_follow_the_tone(folder):
    plain = play(folder, {**all_at(0.25), "play": 50_000})
    louder = play(
        folder, {**all_at(0.25), "gains": {"mixes": [0.0, 0.5], "gain": [1.0, 4.0]}, "play": 50_000}
    )
    np.testing.assert_allclose(louder, 2.5 * plain, atol=1e-6)


def test_a_rate_without_whole_frames_is_refused(folder):
    with pytest.raises(AssertionError, match="runs at 22050 Hz: give it a multiple of 100 Hz"):
        play(folder, {}, sampleRate=22_050)


@pytest.mark.parametrize("length", [4, 64, 1024])
def test_the_inverse_transform_is_numpys(folder, length):
    rng = np.random.default_rng(length)
    spectrum = rng.normal(size=length // 2 + 1) + 1j * rng.normal(size=length // 2 + 1)
    np.concatenate([spectrum.real, spectrum.imag]).astype(np.float32).tofile(folder / "input.f32")
    samples, _ = run(folder, "fft", input=str(folder / "input.f32"), length=length)
    np.testing.assert_allclose(samples, np.fft.irfft(spectrum), atol=1e-6)


def test_half_precision_is_read_as_numpy_reads_it(folder):
    values, _ = run(folder, "halves")
    np.testing.assert_array_equal(
        values, np.arange(65_536, dtype=np.uint16).view(np.float16).astype(np.float32)
    )


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda content: content[:2], "no live parameters"),
        (lambda content: b"\xff" * 64 + content, "no live parameters"),
        (lambda content: b"RIFF" + content[4:], "no live parameters"),
        (lambda content: content[:-40_000], "cut short"),
        (lambda content: content.replace(b'"version":3', b'"version":9'), "version 9"),
        (lambda content: content.replace(b'"gate"', b'"gaet"'), "gate is missing"),
        (
            lambda content: content.replace(b'"n_harmonics":100', b'"n_harmonics":999'),
            "harmonic_root is missing or not",
        ),
    ],
)
def test_damaged_parameters_get_a_sentence(folder, damage, sentence):
    path = folder / "damaged.bin"
    path.write_bytes(damage((folder / "parameters.bin").read_bytes()))
    _, said = run(folder, "refusal", parameters=str(path))
    assert sentence in said
    assert "\n" not in said


def early_places(response, rt60):
    """Where the early reflections stand out of the tail."""
    spread = HOP_LENGTH + int(0.06 * rt60 / 2.2 * SAMPLE_RATE)
    return set(np.argsort(-np.abs(response[:spread]))[:4])


def decay_seconds(response, low_hz, high_hz):
    """RT60 of a band: from -5 to -30 dB of Schroeder's backward integral."""
    sos = scipy.signal.butter(2, [low_hz, high_hz], "bandpass", fs=SAMPLE_RATE, output="sos")
    energy = np.cumsum(np.square(scipy.signal.sosfilt(sos, response))[::-1])[::-1]
    level_db = 10.0 * np.log10(energy / energy[0])
    return 60.0 / 25.0 * (np.argmax(level_db < -30.0) - np.argmax(level_db < -5.0)) / SAMPLE_RATE, energy[0]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("size", [0.3, 1.0])
def test_a_room_decays_as_the_renderers_does(folder, size, side):
    response, _ = run(folder, "room", size=size, side=side)
    wanted = room_response(size, seed=PLACES[side])
    assert response.shape == wanted.shape
    assert np.sum(np.square(response)) == pytest.approx(1.0, abs=1e-4)
    assert not response[:HOP_LENGTH].any()
    assert len(early_places(response, rt60_seconds(size)) & early_places(wanted, rt60_seconds(size))) >= 3
    for low_hz, high_hz in ((400.0, 1600.0), (1600.0, 6400.0), (6400.0, 16_000.0)):
        (decay, energy), (wanted_decay, wanted_energy) = (
            decay_seconds(one, low_hz, high_hz) for one in (response, wanted)
        )
        assert decay == pytest.approx(wanted_decay, rel=0.1)
        assert 10.0 * np.log10(energy / wanted_energy) == pytest.approx(0.0, abs=1.5)


def test_a_column_of_the_spectrogram_has_the_levels_of_its_sound(folder):
    samples = (0.1 * np.random.default_rng(5).standard_normal(4096)).astype(np.float32)
    samples.tofile(folder / "samples.f32")
    n_rows, centre, sample_rate = 60, 2000, 22_000
    job = {"input": str(folder / "samples.f32"), "nRows": n_rows, "centre": centre, "sampleRate": sample_rate}
    found = run(folder, "column", **job)[0]
    size, levels_db = int(found[0]), found[1:] / 2 - 120
    piece = samples[centre - size // 2 : centre + size // 2] * scipy.signal.windows.hann(size, sym=False)
    power = (4 / size * np.abs(np.fft.rfft(piece))) ** 2
    edges = 100 * 100 ** (1 - np.arange(n_rows + 1) / n_rows) * size / sample_rate
    checked = 0
    for row in range(n_rows):
        low, high = edges[row + 1], min(edges[row], size / 2 - 2)
        bins = np.arange(np.ceil(low), np.floor(high) + 1).astype(int)
        if len(bins):
            assert abs(levels_db[row] - 10 * np.log10(power[bins].max())) <= 0.26
            checked += 1
    assert checked > 30
