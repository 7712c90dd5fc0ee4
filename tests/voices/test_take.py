"""A take gives back the recording's rate, length, channels and loudness, whatever the family does."""

import base64
import io

import numpy as np
import pyloudnorm
import pytest
import soundfile
from fake_voice import SineVoice
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tones import SAMPLE_RATE, tone

from violute.audio.file_source import FileSource
from violute.audio.true_peak import TruePeakMeter
from violute.errors import AudioError, InputError, MixError, VoiceError
from violute.voices import take as take_module
from violute.voices.load import load_voice
from violute.voices.mix import Mix, Output


def noise(n_samples, level=0.05, channels=None, seed=0):
    shape = (n_samples,) if channels is None else (channels, n_samples)
    return (level * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def true_peak_db(audio):
    meter = TruePeakMeter(np.atleast_2d(audio).shape[0])
    meter.push(np.atleast_2d(audio))
    return 20 * np.log10(meter.peak())


def loudness(audio, sample_rate):
    return pyloudnorm.Meter(sample_rate).integrated_loudness(np.atleast_2d(audio).T.astype(np.float64))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 8_000),
    st.sampled_from([8_000, 11_025, 32_000, 44_100, 192_000]),
    st.sampled_from([None, 1, 2, 8]),
    st.sampled_from([101, 1_000, 50_000]),
)
def test_shape_rate_and_type_are_the_recordings(n_samples, sample_rate, channels, block):
    audio = noise(n_samples, channels=channels)
    rendered = SineVoice(block=block).analyse(audio, sample_rate).render(0.5)
    assert rendered.shape == audio.shape
    assert rendered.dtype == np.float32
    assert np.isfinite(rendered).all()


@pytest.mark.parametrize("level", [0.001, 0.02, 0.2])
@pytest.mark.parametrize("voice_level", [0.001, 0.5])
def test_loudness_is_the_recordings(level, voice_level):
    audio = noise(3 * 44_100, level, channels=2)
    audio[1] *= 0.3
    rendered = SineVoice(level=voice_level).analyse(audio, 44_100).render(0.3)
    assert loudness(rendered, 44_100) == pytest.approx(loudness(audio, 44_100), abs=0.2)


def test_channels_keep_their_balance():
    audio = noise(44_100, channels=3)
    audio[1] *= 0.25
    audio[2] = 0.0
    rendered = SineVoice().analyse(audio, 44_100).render(0.0)
    rms = np.sqrt((rendered**2).mean(axis=1))
    assert rms[1] / rms[0] == pytest.approx(0.25, rel=0.02)
    assert rms[2] == 0.0


def test_peaks_stay_below_the_ceiling_and_loudness_holds():
    audio = noise(3 * 44_100, 0.18)
    take = SineVoice(clicks=True).analyse(audio, 44_100)
    rendered = take.render(0.5)
    assert true_peak_db(rendered) <= -1.0
    assert loudness(rendered, 44_100) == pytest.approx(loudness(audio, 44_100), abs=1.0)


def test_a_recording_at_full_scale_comes_back_below_the_ceiling():
    i = np.arange(2 * 44_100)
    audio = np.sign(np.sin(2 * np.pi * 440 * i / 44_100)).astype(np.float32)
    rendered = SineVoice().analyse(audio, 44_100).render(0.0)
    assert true_peak_db(rendered) <= -1.0


def test_the_mix_reaches_the_family():
    take = SineVoice().analyse(noise(44_100), 44_100)
    for mix, f0_hz in (
        (0.0, 440),
        (1.0, 880),
        ([(0.0, 1.0), (1.0, 1.0)], 880),
        (Mix(tone=0.0, noise=1.0), 440),
    ):
        spectrum = np.abs(np.fft.rfft(take.render(mix)))
        assert np.argmax(spectrum) == f0_hz


def test_rendering_repeats_itself():
    take = SineVoice().analyse(noise(20_000), 44_100)
    np.testing.assert_array_equal(take.render(0.25), take.render(0.25))


def test_a_file_holds_what_render_returns(tmp_path):
    audio = noise(30_000, channels=2)
    soundfile.write(tmp_path / "in.wav", audio.T, 48_000, subtype="FLOAT")
    take = SineVoice().analyse_source(FileSource(tmp_path / "in.wav"))
    take.render_to(tmp_path / "out.wav", 0.5, subtype="FLOAT")
    written, sample_rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert sample_rate == 48_000
    np.testing.assert_array_equal(written.T, take.render(0.5))
    np.testing.assert_array_equal(written.T, SineVoice().analyse(audio, 48_000).render(0.5))


def test_a_long_rendering_waits_on_disk_and_sounds_the_same(monkeypatch):
    take = SineVoice().analyse(noise(44_100), 44_100)
    in_memory = take.render(0.5)
    monkeypatch.setattr(take_module, "SPOOL_BYTES", 1_000)
    np.testing.assert_array_equal(take.render(0.5), in_memory)


def test_progress_rises_to_one():
    shares = []
    voice = SineVoice()
    take = voice.analyse(noise(100_000), 44_100, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    shares.clear()
    take.render(0.5, on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_warnings_of_the_family_reach_the_user():
    take = SineVoice(warnings=["no steady pitch was found"]).analyse(noise(1_000), 44_100)
    assert take.warnings == ("no steady pitch was found",)


def test_a_recording_below_the_range_is_told_with_the_voice_that_plays_it():
    low, high = (
        np.concatenate([tone(hz * ratio, 0.4, noise_db=-60.0) for hz in (440.0, 493.9, 523.3)])
        for ratio in (0.25, 1.0)
    )
    (warning,) = load_voice().analyse(low, SAMPLE_RATE).warnings
    share, said = warning.split(" %", 1)
    assert int(share) > 80
    assert said == (
        " of it lies below 185 Hz, too low for this voice: violute-clarinet-cello plays down to 65 Hz "
        "(--voice violute-clarinet-cello)"
    )
    assert load_voice().analyse(high, SAMPLE_RATE).warnings == ()
    assert load_voice("violute-clarinet-cello").analyse(low, SAMPLE_RATE).warnings == ()


def test_a_silent_family_gives_silence():
    rendered = SineVoice(level=0.0).analyse(noise(10_000), 44_100).render(0.5)
    assert not rendered.any()


@pytest.mark.parametrize("audio", [np.zeros(1_000), np.zeros(0), np.ones(1), np.array([0.0, np.nan])])
def test_unusable_audio_is_refused(audio):
    with pytest.raises(AudioError):
        SineVoice().analyse(audio.astype(np.float32), 44_100)


def test_a_mix_out_of_range_is_refused_before_any_work():
    take = SineVoice().analyse(noise(1_000), 44_100)
    with pytest.raises(MixError, match="mix is 1.5"):
        take.blocks(1.5)


def test_a_voice_that_plays_no_numbers_is_damaged():
    seconds = np.arange(44_100) / 44_100
    take = SineVoice(level=np.nan).analyse(0.1 * np.sin(2 * np.pi * 440.0 * seconds), 44_100)
    with pytest.raises(VoiceError, match="no finite sound, its file is damaged"):
        take.render(0.5)


def test_a_path_is_analysed_as_its_samples_are(tmp_path):
    audio = noise(8_000, channels=2)
    soundfile.write(tmp_path / "x.wav", audio.T, 16_000, subtype="FLOAT")
    from_path = SineVoice().analyse(tmp_path / "x.wav").render(0.3)
    assert np.array_equal(from_path, SineVoice().analyse(audio, 16_000).render(0.3))
    with pytest.raises(InputError, match="without its sample rate"):
        SineVoice().analyse(audio)


def test_takes_and_voices_say_what_they_are():
    take = SineVoice().analyse(noise(12_000, channels=2), 8_000)
    assert repr(take) == "<Take: 1.5 s, 2 channels at 8000 Hz>"
    assert repr(SineVoice()) == "<SineVoice sines: low (mix 0) to high (mix 1), family sines, 32000 Hz>"


def test_what_a_family_does_not_measure_is_said():
    take = SineVoice().analyse(noise(8_000), 8_000)
    assert take._repr_png_() is None
    for asked in (take.notes, lambda: take.f0_hz, lambda: take.times):
        with pytest.raises(VoiceError, match="measures no pitch"):
            asked()


def test_a_notebook_plays_a_rendering_and_shows_a_take():
    rendered = SineVoice().analyse(noise(8_000, channels=2), 8_000).render(0.5)
    page = rendered._repr_html_()
    content = base64.b64decode(page.partition("base64,")[2].partition('"')[0])
    played, sample_rate = soundfile.read(io.BytesIO(content))
    assert sample_rate == rendered.sample_rate == 8_000
    assert np.allclose(played.T, rendered, atol=1e-4)
    assert rendered[0].sample_rate == 8_000, "a channel of a rendering is one"
    assert rendered[:, :0]._repr_html_() is None


def test_a_take_gives_its_pitch_loudness_and_notes(tmp_path):
    audio = np.concatenate([tone(440.0, 0.5), tone(660.0, 0.5)])
    take = load_voice().analyse(audio, SAMPLE_RATE, lines=1)
    assert take.f0_hz.shape == take.loudness_db.shape == take.times.shape
    assert take.times[30] == pytest.approx(0.3)
    assert take.f0_hz[30] == pytest.approx(440.0, rel=0.005)
    assert [round(note.f0_hz / 10) for note in take.notes()] == [44, 66]
    take.save_midi(tmp_path / "x.mid")
    take.save_controls(tmp_path / "x.csv")
    assert (tmp_path / "x.mid").read_bytes()[:4] == b"MThd"
    assert len((tmp_path / "x.csv").read_text().splitlines()) == 1 + len(take.times)
    with Image.open(io.BytesIO(take._repr_png_())) as picture:
        assert picture.width == 960


def test_level_is_in_decibels_above_the_recording():
    audio = noise(3 * 44_100, 0.02, channels=2)
    take = SineVoice().analyse(audio, 44_100)
    for level_db in (-20.0, 6.0):
        rendered = take.render(0.5, output=Output(level_db=level_db))
        assert loudness(rendered, 44_100) == pytest.approx(loudness(audio, 44_100) + level_db, abs=0.2)


def test_wet_and_dry_are_hybrid_and_recording_at_equal_power():
    audio = noise(90_000, 0.02, channels=2)
    take = SineVoice().analyse(audio, 44_100)
    hybrid = take.render(0.5)
    both = take.render(0.5, output=Output(wet=0.36))
    np.testing.assert_allclose(both, 0.6 * hybrid + 0.8 * audio, atol=1e-6)
    np.testing.assert_allclose(take.render(0.5, output=Output(wet=0.0)), audio, atol=1e-6)
    loud = take.render(0.5, output=Output(wet=0.5, level_db=24.0))
    assert true_peak_db(loud) <= -0.9


def test_any_family_is_transposed():
    take = SineVoice().analyse(noise(44_100), 44_100)
    for semitones in (-12.0, 7.0):
        rendered = take.render(0.0, output=Output(transpose=semitones))
        spectrum = np.abs(np.fft.rfft(rendered))
        assert np.argmax(spectrum) == pytest.approx(440 * 2 ** (semitones / 12), abs=1)


def test_the_built_in_voice_plays_the_notes_at_another_pitch_and_its_chords_too():
    audio = np.concatenate([tone(220.0, 1.0), tone(330.0, 1.0)]).astype(np.float32)
    for lines in (1, 2):
        take = load_voice().analyse(audio, SAMPLE_RATE, lines=lines)
        higher = take.render(0.5, output=Output(transpose=5.0))
        heard = load_voice().analyse(np.asarray(higher), SAMPLE_RATE, lines=1).f0_hz
        places = np.round(np.array([0.5, 1.5]) * 100).astype(int)
        wanted = np.array([220.0, 330.0]) * 2 ** (5 / 12)
        np.testing.assert_allclose(heard[places], wanted, rtol=0.01)
    assert take.render(0.5, output=Output(transpose=5.0)).tobytes() == higher.tobytes()


@pytest.mark.parametrize("fields", [{"wet": 1.2}, {"level_db": 30.0}, {"transpose": float("nan")}])
def test_an_output_out_of_range(fields):
    with pytest.raises(MixError):
        Output(**fields)
