"""Chords played: every note of them, as loud as they were, and one line exactly as ever."""

import hashlib
import json

import numpy as np
import pytest
import soundfile
import tiny_ddsp
from chord_sounds import chord, hz, line, rest
from command_line import complaint_of, put_voice, violute, violute_here
from fake_voice import SineVoice
from tones import SAMPLE_RATE

from violute.analysis.analyser import analyse
from violute.analysis.controls import FRAME_RATE_HZ, Controls
from violute.analysis.polyphony.separate_lines import separate_lines
from violute.errors import InputError
from violute.evaluation.metrics.loudness import frame_loudness_db, loudness_l1_db
from violute.families.ddsp.chords import FADE_FRAMES, ChordPerformance, cross_fades
from violute.families.ddsp.voice import HarmonicPerformance
from violute.rates import HOP_LENGTH
from violute.studio.limits import Limits
from violute.studio.work.jobs import AnalyseJob, RenderJob
from violute.studio.work.worker import Worker
from violute.synthesis.room import room
from violute.voices.conversion.convert import convert_file
from violute.voices.family import ONE_SOUND
from violute.voices.load import DEFAULT_VOICE, load_voice
from violute.voices.mix import Mix, dials


@pytest.fixture(scope="module")
def voice():
    return load_voice()


@pytest.fixture(scope="module")
def audio():
    """A line, then chords for more than a block of the synthesiser, then a line."""
    chords = [chord((60 + i, 67 + i, 76 + i), 1.2) for i in (0, 2, 4, 5, 7)]
    return np.concatenate([line((60, 64, 67), 0.5), *chords, line((72, 71, 69), 0.5)])


def heard_midi(audio, at_seconds, n_peaks):
    """The strongest partials below 1 kHz over half a second."""
    start = round(at_seconds * SAMPLE_RATE)
    piece = audio[start : start + SAMPLE_RATE // 2]
    spectrum = np.abs(np.fft.rfft(piece * np.hanning(len(piece)), 1 << 17))
    hertz = np.fft.rfftfreq(1 << 17, 1.0 / SAMPLE_RATE)
    inside = (hertz > 150.0) & (hertz < 1000.0)
    peak = np.r_[False, (spectrum[1:-1] > spectrum[:-2]) & (spectrum[1:-1] >= spectrum[2:]), False] & inside
    best = sorted(np.flatnonzero(peak), key=lambda i: -spectrum[i])[:n_peaks]
    return 69.0 + 12.0 * np.log2(hertz[best] / 440.0)


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_every_note_of_a_chord_is_played(voice, audio, mix):
    take = voice.analyse(audio, SAMPLE_RATE)
    assert isinstance(take.performance, ChordPerformance)
    assert take.performance.n_lines == 3
    heard = heard_midi(take.render(mix), 1.5 + 0.4, 8)
    for midi in (60, 67, 76):
        assert np.abs(heard - midi).min() < 0.1, heard


def test_one_voice_plays_one_note_of_it(voice, audio):
    take = voice.analyse(audio, SAMPLE_RATE, lines=1)
    assert isinstance(take.performance, HarmonicPerformance)


@pytest.mark.parametrize("mix", [0.0, 1.0])
def test_chords_are_as_loud_as_they_were(voice, audio, mix):
    output = voice.analyse(audio, SAMPLE_RATE).render(mix)
    source_db, output_db = (frame_loudness_db(sound, SAMPLE_RATE) for sound in (audio, output))
    assert loudness_l1_db(source_db, output_db) < 1.0


def test_the_same_dials_give_the_same_samples(voice, audio):
    take = voice.analyse(audio, SAMPLE_RATE)
    mix = Mix(tone=0.3, noise=0.8, attack=0.5, vibrato=0.2, room=0.4)
    first = take.render(mix)
    np.testing.assert_array_equal(take.render(mix), first)
    np.testing.assert_array_equal(voice.analyse(audio, SAMPLE_RATE).render(mix), first)


def test_all_voices_stand_in_one_room(voice, audio):
    """Block by block the sum sounds as the whole dry sum does in the room of that size."""
    performance = voice.analyse(audio, SAMPLE_RATE).performance
    dry, wet = (
        np.concatenate(
            list(performance.blocks(dials(Mix.at(0.5, room=size), performance.n_frames, FRAME_RATE_HZ)))
        )
        for size in (0.0, 0.6)
    )
    expected = room(dry, 0.6)
    np.testing.assert_allclose(wet, expected, atol=1e-4 * np.abs(expected).max())
    assert np.abs(wet - dry).max() > 0.01 * np.abs(dry).max()


def test_line_pieces_come_out_the_same_byte_for_byte(voice):
    audio = np.concatenate([rest(), line((60, 64, 67, 72, 71, 69, 65, 62)), rest()])
    digests = {
        hashlib.sha256(voice.analyse(audio, SAMPLE_RATE, lines=voices).render(0.5).tobytes()).hexdigest()
        for voices in ("auto", 1)
    }
    assert len(digests) == 1


def dry(performance, mix=0.5):
    settings = dials(Mix.at(mix, room=0.0), performance.n_frames, FRAME_RATE_HZ)
    return np.concatenate(list(performance.blocks(settings)))


@pytest.mark.parametrize("mix", [0.0, 0.6])
def test_the_passages_of_one_line_are_as_without_chords(voice, audio, mix):
    """Over several blocks: chords stand in the middle, and a line that leads on for 12 s comes after."""
    audio = np.concatenate([audio, line((72, 74, 76) * 8, 0.5)])
    performance = voice.analyse(audio, SAMPLE_RATE).performance
    several, one = (dry(voice.analyse(audio, SAMPLE_RATE, lines=n).performance, mix) for n in ("auto", 1))
    near = np.convolve(performance.controls.in_chords, np.ones(2 * (FADE_FRAMES + 1) + 1), "same") > 0.0
    is_line = np.repeat(~near, HOP_LENGTH)[: len(one)]
    assert 0.5 < is_line.mean() < 0.8
    np.testing.assert_allclose(several[is_line], one[is_line], atol=1e-6)
    assert np.abs(several - one)[~is_line].max() > 0.01


def test_line_and_chords_fade_at_equal_power():
    in_chords = np.zeros(100, bool)
    in_chords[[*range(20, 40), *range(45, 60), *range(90, 100)]] = True
    one, chords = (10.0 ** (gain_db / 20.0) for gain_db in cross_fades(in_chords))
    np.testing.assert_allclose(np.square(one) + np.square(chords), 1.0, rtol=1e-5)
    np.testing.assert_allclose(one[[0, 17, 60, 87]], 1.0)
    np.testing.assert_allclose(chords[[20, 57, 90, 99]], 1.0)
    np.testing.assert_allclose(chords[40:45], 1.0)  # a stretch of 50 ms is no line
    assert ((chords > 0.1) & (one > 0.1)).sum() == 6


def test_a_line_that_rests_is_silent_and_costs_no_network():
    """Its first half rests: nothing of it is asked of the network, and nothing is heard."""
    voice = tiny_ddsp.voice()
    n_frames = 3_000
    piece = Controls(
        np.full((1, n_frames), 440.0, np.float32),
        np.ones((1, n_frames), np.float32),
        np.full((1, n_frames), -20.0, np.float32),
        np.zeros(n_frames, np.float32),
    )
    presence_db = np.where(np.arange(n_frames) < n_frames // 2, -200.0, 0.0)
    asked = []

    class Counting:
        def run(self, outputs, inputs):
            asked.append(len(inputs["f0_hz"]))
            return voice.session.run(outputs, inputs)

    whole = dry(HarmonicPerformance(voice.session, voice.settings, piece))
    audio = dry(HarmonicPerformance(Counting(), voice.settings, piece, presence_db=presence_db))
    sounding = (n_frames // 2 - 1) * HOP_LENGTH
    assert not audio[: 1_024 * HOP_LENGTH].any()
    assert np.abs(audio[:sounding]).max() < 1e-6
    after = slice(sounding + 2 * HOP_LENGTH, None)
    np.testing.assert_allclose(audio[after], whole[after], atol=1e-6)
    assert sum(asked) < 0.8 * n_frames


def test_onsets_belong_to_the_voices_whose_notes_begin():
    controls = analyse(np.concatenate([chord((60, 67), 0.5), chord((60, 69), 0.5)]), lines=2)
    onset = np.zeros(controls.n_frames, np.float32)
    f0_hz = np.full((2, controls.n_frames), 262.0, np.float32)
    f0_hz[1, :50], f0_hz[1, 50:] = 392.0, 440.0
    periodicity = np.ones_like(f0_hz)
    onset[[50, 80]] = 1.0
    held, moving = separate_lines(Controls(f0_hz, periodicity, periodicity * -20.0, onset))
    assert held.onset_strength[50] == 0.0
    assert moving.onset_strength[50] == 1.0
    assert held.onset_strength[80] == moving.onset_strength[80] == 1.0


@pytest.mark.parametrize("holds_chords", [True, False])
def test_the_studio_plays_chords_live_as_it_does_lines(audio, tmp_path, holds_chords):
    played = audio if holds_chords else line((60, 64, 67), 0.5)
    soundfile.write(tmp_path / "piece.wav", played, SAMPLE_RATE)
    worker = Worker(Limits())
    takes = {"take": "a", "source": tmp_path / "piece.wav", "name": "piece.wav", "voice": DEFAULT_VOICE}
    takes["lines"] = "auto"
    analysed = worker.analyse(
        AnalyseJob(**takes, preview=tmp_path / "preview.wav", parameters=tmp_path / "live"), lambda _: None
    )
    assert (analysed.n_lines > 1) is holds_chords
    assert analysed.live_gains.gain[2] > 0.0
    content = (tmp_path / "live").read_bytes()
    header = json.loads(content[4 : 4 + int.from_bytes(content[:4], "little")])
    assert (len(header["lines"]) > 1) is holds_chords
    worker.render(RenderJob(**takes, mix=Mix.at(0.5), destination=tmp_path / "out.wav"), lambda _: None)
    assert soundfile.info(tmp_path / "out.wav").frames == len(played)


def test_voices_that_play_the_whole_sound_say_that_the_number_changes_nothing():
    audio = chord((60, 67), 0.3)
    assert SineVoice().analyse(audio, SAMPLE_RATE, lines=4).warnings == (ONE_SOUND,)
    assert SineVoice().analyse(audio, SAMPLE_RATE).warnings == ()


@pytest.mark.unchecked
def test_other_numbers_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(InputError, match="give auto"):
        SineVoice().analyse(chord((60, 67), 0.2), SAMPLE_RATE, lines=7)
    soundfile.write(tmp_path / "a.wav", chord((60, 67), 0.2), SAMPLE_RATE)
    with pytest.raises(InputError, match="give auto"):
        convert_file(tmp_path / "a.wav", tmp_path / "b.wav", lines=0)
    assert not (tmp_path / "b.wav").exists()


def test_the_command_line_plays_chords_and_lines(tmp_path):
    soundfile.write(tmp_path / "chord.wav", chord((60, 67, 76), 2.0), SAMPLE_RATE)
    soundfile.write(tmp_path / "line.wav", line((60, 64, 67, 72), 0.5), SAMPLE_RATE)
    for name, voices in (("auto", "auto"), ("one", "1"), ("four", "4")):
        done = violute("convert", "chord.wav", "line.wav", name, "--voices", voices, "--quiet", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
    made = {path.parent.name + path.name[:5]: path.read_bytes() for path in tmp_path.glob("*/*.wav")}
    assert made["autoline-"] == made["oneline-"]
    assert made["autochord"] == made["fourchord"]
    assert made["autochord"] != made["onechord"]
    audio, _ = soundfile.read(next((tmp_path / "auto").glob("chord*")))
    heard = heard_midi(audio, 0.7, 8)
    for midi in (60, 67, 76):
        assert np.abs(heard - midi).min() < 0.1, (heard, hz(midi))


@pytest.mark.parametrize("option", ["--lines=5", "--lines=0", "--lines=many", "--voices=-1", "--voices=2.5"])
def test_a_wrong_number_is_one_line_and_exit_code_2(tmp_path, option):
    soundfile.write(tmp_path / "solo.wav", line((60,), 0.3), SAMPLE_RATE)
    complaint = complaint_of(violute_here("convert", "solo.wav", "out.wav", option, cwd=tmp_path))
    assert complaint.startswith("the number of notes at once is ")
    assert "give auto, or 1 to 4" in complaint
    assert not (tmp_path / "out.wav").exists()


def test_the_command_line_warns_where_the_number_changes_nothing(tmp_path):
    put_voice(tmp_path)
    soundfile.write(tmp_path / "solo.wav", line((60,), 0.3), SAMPLE_RATE)
    done = violute(
        "convert", "solo.wav", "out.wav", "--voice", "sines", "--voices", "4", "--quiet", cwd=tmp_path
    )
    assert done.returncode == 0
    done = violute(
        "convert", "solo.wav", "out.wav", "--voice", "sines", "--voices", "4", "--force", cwd=tmp_path
    )
    assert ONE_SOUND in done.stderr


def test_voices_is_still_understood_for_lines(voice, audio):
    assert voice.analyse(audio, SAMPLE_RATE, voices=1).n_lines == 1
    assert SineVoice().analyse(audio, SAMPLE_RATE, voices=4).warnings == (ONE_SOUND,)
