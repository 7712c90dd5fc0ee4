"""From file to file in Python."""

import json

import numpy as np
import pyloudnorm
import pytest
import soundfile
from fake_voice import SinePerformance, SineVoice

import violute
from violute.audio.file_source import FileSource
from violute.audio.span import Span
from violute.errors import AudioError, MixError
from violute.voices.conversion.convert import convert_file
from violute.voices.mix import ONE_DIAL, Mix


@pytest.fixture
def solo(tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "solo.wav"
    soundfile.write(path, 0.05 * rng.standard_normal((24_001, 2)), 16_000, subtype="PCM_16")
    return path


def test_the_hybrid_has_the_recordings_shape_depth_and_loudness(solo):
    done = convert_file(solo, solo.with_name("out.wav"), mix=0.25, voice=SineVoice(warnings=["be warned"]))
    source, hybrid = soundfile.info(solo), soundfile.info(done.destination)
    for name in ("frames", "samplerate", "channels", "subtype"):
        assert getattr(hybrid, name) == getattr(source, name)
    loudness = [
        pyloudnorm.Meter(16_000).integrated_loudness(soundfile.read(path)[0])
        for path in (solo, done.destination)
    ]
    assert loudness[1] == pytest.approx(loudness[0], abs=0.5)
    assert done.seconds == 24_001 / 16_000
    assert done.real_time_factor > 0
    assert done.warnings == ("be warned",)
    assert json.loads(json.dumps(done.as_json()))["destination"] == str(done.destination)


def test_file_to_file_equals_array_to_array(solo):
    voice = SineVoice()
    out = solo.with_name("out.wav")
    convert_file(solo, out, mix=[(0.0, 0.0), (1.0, 1.0)], voice=voice)
    audio, sample_rate = soundfile.read(solo, dtype="float32")
    rendered = voice.analyse(audio.T, sample_rate).render([(0.0, 0.0), (1.0, 1.0)])
    written, _ = soundfile.read(out, dtype="float32")
    np.testing.assert_allclose(written.T, rendered, atol=1 / 32_768)


def test_a_part_is_that_of_the_whole_in_as_many_bits_as_asked(solo):
    for name, options in (("whole", {}), ("part", {"span": Span(0.25, 1.0), "bits": 24})):
        convert_file(solo, solo.with_name(f"{name}.wav"), mix=0.25, voice=SineVoice(), **options)
    whole, part = (soundfile.read(solo.with_name(f"{name}.wav"))[0] for name in ("whole", "part"))
    np.testing.assert_allclose(part, whole[4_000:16_000], atol=2**-16 + 2**-24)
    assert soundfile.info(solo.with_name("part.wav")).subtype == "PCM_24"
    done = convert_file(solo, solo.with_name("part.opus"), voice=SineVoice(), span=Span(0.25, 1.0))
    assert (done.written_seconds, done.seconds) == (0.75, 24_001 / 16_000)
    assert soundfile.info(solo.with_name("part.opus")).frames == 12_000


def test_bits_that_a_format_lacks_and_parts_that_a_recording_lacks_cost_nothing(solo):
    with pytest.raises(AudioError, match=r"out.mp3: .mp3 has no samples of 24 bits: choose .wav"):
        convert_file(solo, solo.with_name("out.mp3"), voice=SineVoice(), bits=24)
    with pytest.raises(AudioError, match="solo.wav: nothing of it lies between 2 and 3 s"):
        convert_file(solo, solo.with_name("out.wav"), voice=SineVoice(), span=Span(2.0, 3.0))
    assert [path.name for path in solo.parent.iterdir()] == ["solo.wav"]


def test_progress_rises_to_one(solo):
    shares = []
    convert_file(solo, solo.with_name("out.flac"), voice=SineVoice(), on_progress=shares.append)
    assert shares == sorted(shares)
    assert shares[0] < 0.2
    assert shares[-1] == pytest.approx(1.0)


def test_an_existing_file_stays_unless_it_may_be_replaced(solo):
    out = solo.with_name("out.wav")
    out.write_bytes(b"precious")
    with pytest.raises(AudioError, match="out.wav exists already"):
        convert_file(solo, out, voice=SineVoice(), overwrite=False)
    assert out.read_bytes() == b"precious"
    convert_file(solo, out, voice=SineVoice())
    assert soundfile.info(out).frames == 24_001


def test_the_second_of_two_runs_with_one_output_loses(solo):
    out = solo.with_name("out.wav")

    class Overtaken(SineVoice):
        def analyse_source(self, source, **options):
            convert_file(solo, out, mix=1.0, voice=SineVoice(), overwrite=False)
            return super().analyse_source(source, **options)

    with pytest.raises(AudioError, match="out.wav exists already"):
        convert_file(solo, out, mix=0.0, voice=Overtaken(), overwrite=False)
    first = out.read_bytes()
    assert {path.name for path in solo.parent.iterdir()} == {"solo.wav", "out.wav"}
    out.unlink()
    convert_file(solo, out, mix=1.0, voice=SineVoice())
    assert out.read_bytes() == first


@pytest.mark.parametrize("rate", [11_025, 44_100, 48_000])
def test_opus_has_a_rate_that_it_knows(tmp_path, rate):
    seconds = np.arange(rate) / rate
    soundfile.write(tmp_path / "solo.wav", 0.3 * np.sin(2 * np.pi * 440 * seconds), rate)
    convert_file(tmp_path / "solo.wav", tmp_path / "out.opus", mix=0.0, voice=SineVoice())
    audio, sample_rate = soundfile.read(tmp_path / "out.opus")
    assert (len(audio), sample_rate) == (48_000, 48_000)
    assert np.argmax(np.abs(np.fft.rfft(audio))) == 440


def test_a_voice_that_fails_leaves_the_old_result_in_place(solo):
    class Stumbling(SineVoice):
        def perform(self, source, measurement, on_progress, lines):
            raise KeyboardInterrupt

    out = solo.with_name("out.wav")
    out.write_bytes(b"precious")
    with pytest.raises(KeyboardInterrupt):
        convert_file(solo, out, voice=Stumbling())
    assert out.read_bytes() == b"precious"
    assert {path.name for path in solo.parent.iterdir()} == {"solo.wav", "out.wav"}


def test_a_mix_out_of_range_costs_nothing(solo):
    with pytest.raises(MixError, match="mix is 2"):
        convert_file(solo, solo.with_name("out.wav"), mix=2.0, voice=SineVoice())
    assert [path.name for path in solo.parent.iterdir()] == ["solo.wav"]


def test_the_package_offers_its_names_and_no_others():
    for name in violute.__all__:
        assert getattr(violute, name) is not None
    assert violute.convert_file is convert_file
    with pytest.raises(AttributeError, match="no attribute 'transmogrify'"):
        violute.transmogrify  # noqa: B018


def test_dials_that_a_voice_lacks_are_warned_of_though_its_takes_stay_as_they_are(solo):
    """What a rendering ignores is known from its dials alone, before and after any other rendering."""

    class OneDial(SinePerformance):
        has_one_dial = True

    class OneDialVoice(SineVoice):
        def perform(self, source, measurement, on_progress, lines):
            sines = super().perform(source, measurement, on_progress, lines)
            return OneDial(sines.sample_rate, sines.n_samples, warnings=("be warned",))

    apart = Mix(tone=0.3, noise=0.9)
    done = convert_file(solo, solo.with_name("out.wav"), mix=apart, voice=OneDialVoice())
    assert done.warnings == ("be warned", ONE_DIAL)
    take = OneDialVoice().analyse_source(FileSource(solo))
    assert take.warnings_for(apart) == ("be warned", ONE_DIAL)
    take.render(apart)
    assert take.warnings == take.warnings_for(0.3) == ("be warned",)
