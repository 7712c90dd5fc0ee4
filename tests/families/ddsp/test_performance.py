"""A tiny voice plays: the pitch and loudness of the source, rests in its rests, and every dial."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import tiny_ddsp
from tones import SAMPLE_RATE, at_frames, cents_apart, tone, vibrato

from violute.analysis.analyser import analyse
from violute.analysis.articulation import REST_RANGE_DB, attack_share, harmonic_gate, rest_loudness
from violute.analysis.controls import Controls
from violute.analysis.onsets import pick_onsets
from violute.errors import VoiceError
from violute.families.ddsp import voice as ddsp
from violute.families.ddsp.export import graph_bytes
from violute.families.ddsp.network import VoiceGraph
from violute.families.ddsp.voice import HarmonicPerformance, HarmonicVoice
from violute.voices.card import Card
from violute.voices.mix import DEFAULT_ROOM, Mix, dials

STILL = {"vibrato": 1.0}
"""Vibrato as the second end has it: the source's own."""


@pytest.fixture(scope="module")
def voice():
    return tiny_ddsp.voice()


def perform(voice, audio) -> HarmonicPerformance:
    return HarmonicPerformance(voice.session, voice.settings, analyse(audio))


def play(performance, mix=0.5):
    """Play, dry unless a room is asked for."""
    asked = mix if isinstance(mix, Mix) else Mix.at(mix)
    asked = replace(asked, room=0.0) if asked.room == DEFAULT_ROOM else asked
    laid = dials(asked, performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))


def centroid_hz(audio):
    power = np.square(np.abs(np.fft.rfft(audio)))
    return (np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE) @ power) / power.sum()


def heard_cents(audio, true_hz):
    """Distance of the fundamental from its course, from the turning of its filtered phase."""
    band = scipy.signal.butter(
        4, [true_hz.min() * 0.75, true_hz.max() * 1.4], "bandpass", fs=SAMPLE_RATE, output="sos"
    )
    turning = np.unwrap(np.angle(scipy.signal.hilbert(scipy.signal.sosfiltfilt(band, audio))))
    hop = 441
    rate_hz = (turning[2 * hop :] - turning[: -2 * hop]) / (2.0 * np.pi) * SAMPLE_RATE / (2 * hop)
    return cents_apart(np.maximum(rate_hz, 1.0), true_hz[hop : len(rate_hz) + hop])


def phrase():
    """Notes, a crescendo and rests."""
    rest = np.zeros(SAMPLE_RATE // 4, np.float32)
    swell = tone(523.3, 0.8, db_per_octave=-12.0) * np.linspace(0.03, 1.0, 35_280, dtype=np.float32)
    return np.concatenate(
        [rest, tone(440.0, 0.4, db_per_octave=-12.0), tone(659.3, 0.4, db_per_octave=-9.0), rest, swell, rest]
    )


@pytest.mark.parametrize("n_samples", [441, 1000, 44_100, 44_101, 6 * SAMPLE_RATE])
def test_it_lasts_as_long_as_the_source(voice, n_samples):
    performance = perform(voice, tone(440.0, n_samples / SAMPLE_RATE))
    audio = play(performance)
    assert audio.dtype == np.float32
    assert len(audio) == performance.n_frames * 441 >= n_samples
    assert len(audio) <= n_samples + 2 * 441
    assert np.isfinite(audio).all()


def test_the_same_dials_give_the_same_sound(voice):
    performance = perform(voice, phrase())
    mix = Mix(tone=0.2, noise=0.9, attack=0.1, vibrato=0.4, room=0.5)
    first = play(performance, mix)
    assert np.array_equal(play(performance, mix), play(performance, mix))
    # The first time levels come from the network itself, later from half precision.
    error = play(perform(voice, phrase()), mix) - play(performance, mix)
    assert np.sqrt(np.mean(np.square(error)) / np.mean(np.square(first))) < 1e-3


def test_how_a_piece_is_cut_into_blocks_does_not_matter(voice, monkeypatch):
    audio = tone(vibrato(500.0, 20.0, 5.0, 3.0), db_per_octave=-9.0)
    whole = play(perform(voice, audio))
    monkeypatch.setattr(ddsp, "BLOCK_FRAMES", 77)
    cut = play(perform(voice, audio))
    assert np.sqrt(np.mean(np.square(cut - whole)) / np.mean(np.square(whole))) < 1e-3


def test_long_pieces_do_without_the_cache(voice, monkeypatch):
    performance = perform(voice, phrase())
    cached = [play(performance) for _ in range(2)][1]
    monkeypatch.setattr(ddsp, "CACHED_FRAMES", 0)
    other = perform(voice, phrase())
    fresh = [play(other) for _ in range(2)]
    assert np.array_equal(*fresh)
    assert np.sqrt(np.mean(np.square(fresh[0] - cached)) / np.mean(np.square(cached))) < 1e-3


def test_the_dial_leads_from_the_mellow_to_the_bright_end(voice):
    performance = perform(voice, tone(600.0, 1.0))
    centroids_hz = [centroid_hz(play(performance, mix)) for mix in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(centroids_hz) > 0).all()
    assert centroids_hz[-1] > 1.5 * centroids_hz[0]


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("centre_hz", [220.0, 440.0, 1000.0])
def test_the_pitch_is_the_sources_at_every_mix(voice, mix, centre_hz):
    true_hz = vibrato(centre_hz, 25.0, 5.5, 1.5)
    performance = perform(voice, tone(true_hz, db_per_octave=-9.0))
    audio = play(performance, Mix(tone=mix, noise=mix, attack=mix, **STILL))[: len(true_hz)]
    cents = heard_cents(audio, true_hz)[SAMPLE_RATE // 5 : -SAMPLE_RATE // 5]
    assert np.median(np.abs(cents)) < 3.0
    assert np.abs(cents).max() < 15.0


def test_all_mixes_sound_at_one_pitch(voice):
    true_hz = vibrato(440.0, 25.0, 5.5, 1.5)
    performance = perform(voice, tone(true_hz))
    courses = [
        heard_cents(play(performance, Mix(tone=mix, **STILL))[: len(true_hz)], true_hz)
        for mix in (0.0, 0.5, 1.0)
    ]
    inside = slice(SAMPLE_RATE // 5, -SAMPLE_RATE // 5)
    assert np.abs(courses[1][inside] - courses[0][inside]).max() < 3.0
    assert np.abs(courses[2][inside] - courses[0][inside]).max() < 3.0


@pytest.mark.parametrize("mix", [0.0, 0.5, 1.0])
def test_loudness_is_the_sources_frame_by_frame(voice, mix):
    source = phrase()
    performance = perform(voice, source)
    wanted_db = performance.controls.loudness_db[0]
    got_db = analyse(play(performance, Mix(tone=mix, noise=mix, attack=mix, **STILL))).loudness_db[0]
    is_steady = (
        scipy.ndimage.minimum_filter1d(performance.controls.periodicity[0] > 0, 9)
        & (performance.controls.periodicity[0] > 0)
        & (wanted_db > -50.0)
    )
    assert is_steady.sum() > 100
    error_db = got_db[: len(wanted_db)][is_steady] - wanted_db[is_steady]
    assert np.abs(np.median(error_db)) < 0.5
    assert np.percentile(np.abs(error_db), 95) < 1.0


def test_a_louder_source_is_the_same_sound_louder(voice):
    quiet = play(perform(voice, 0.1 * phrase()), 0.7)
    loud = play(perform(voice, phrase()), 0.7)
    error = 10.0 * quiet - loud
    assert np.sqrt(np.mean(np.square(error)) / np.mean(np.square(loud))) < 0.03


def test_rests_are_silent(voice):
    audio = play(perform(voice, phrase()), Mix(tone=0.5, noise=1.0))
    starts = np.array([0.05, 1.15, 2.2])  # in the middle of each rest
    for start in starts:
        rest = audio[int(start * SAMPLE_RATE) :][: SAMPLE_RATE // 10]
        assert 10.0 * np.log10(np.mean(np.square(rest)) + 1e-20) < -80.0
    assert np.abs(audio).max() > 0.05


def test_the_room_rings_on_in_a_rest_and_is_silent_at_0(voice):
    performance = perform(voice, phrase())
    energy = []
    for room in (0.0, 0.3, 1.0):
        audio = play(performance, Mix(room=room))
        energy.append(float(np.mean(np.square(audio[int(1.15 * SAMPLE_RATE) : int(1.28 * SAMPLE_RATE)]))))
    assert energy[0] < 1e-8 < energy[1] < energy[2]


def test_a_flat_automation_is_a_number(voice):
    performance = perform(voice, phrase())
    moving = Mix.at([(0.0, 0.3), (1.0, 0.3), (2.0, 0.3)], room=[(0.0, 0.4), (1.5, 0.4)])
    play(performance)  # so that both come from the cache
    assert np.array_equal(play(performance, moving), play(performance, Mix.at(0.3, room=0.4)))


def test_an_automation_starts_and_ends_where_it_says(voice):
    performance = perform(voice, tone(600.0, 2.0))
    moving = play(performance, [(0.5, 0.0), (1.5, 1.0)])
    edge = int(0.4 * SAMPLE_RATE)
    ends = [play(performance, mix) for mix in (0.0, 1.0)]
    assert centroid_hz(moving[4410:edge]) == pytest.approx(centroid_hz(ends[0][4410:edge]), rel=0.02)
    late = slice(int(1.6 * SAMPLE_RATE), int(1.95 * SAMPLE_RATE))
    assert centroid_hz(moving[late]) == pytest.approx(centroid_hz(ends[1][late]), rel=0.02)


@pytest.mark.parametrize("dial", ["tone", "noise"])
def test_each_dial_moves_its_own(voice, dial):
    performance = perform(voice, tone(441.0, 1.0))
    low, high = (
        play(performance, Mix(**{"tone": 0.0, "noise": 0.0, "attack": 0.0, dial: at})) for at in (0.0, 1.0)
    )
    inside = slice(SAMPLE_RATE // 2, SAMPLE_RATE // 2 + 22_000)
    window = np.hanning(22_000)
    number = np.rint(np.arange(1, 7) * 441.0 * 22_000 / SAMPLE_RATE).astype(int)
    spectra = [np.square(np.abs(np.fft.rfft(audio[inside] * window))) for audio in (low, high)]
    partials_db = [10.0 * np.log10(s[number]) for s in spectra]
    between_db = [10.0 * np.log10(np.mean(s[number[:-1] + 110])) for s in spectra]
    slope = np.ptp(partials_db[0] - partials_db[1])
    if dial == "tone":
        assert slope > 6.0
    else:
        assert slope < 1.0
        assert abs(between_db[0] - between_db[1]) > 3.0


def test_the_attack_dial_moves_the_beginning_of_notes_only(voice):
    performance = perform(voice, np.concatenate([np.zeros(22_050, np.float32), tone(500.0, 1.0)]))
    plain, attacked = (play(performance, Mix(tone=0.0, noise=0.0, attack=at)) for at in (0.0, 1.0))
    difference = np.abs(plain - attacked)
    assert difference[22_050 : 22_050 + 4000].max() > 0.01
    assert difference[22_050 + 11_025 :].max() < 1e-3


@pytest.mark.parametrize("true_hz", [196.0, 2637.0, 3520.0])
def test_notes_out_of_an_ends_range_are_played(voice, true_hz):
    """The voice heard 300 to 1200 Hz."""
    lowest, highest = voice.card.pitch_range_hz["mellow"]
    assert not lowest <= true_hz <= highest
    performance = perform(voice, tone(true_hz, 0.6, db_per_octave=-12.0))
    wanted_db = performance.controls.loudness_db[0]
    for mix in (0.0, 1.0):
        heard = analyse(play(performance, mix))
        inside = slice(20, 45)
        assert np.abs(cents_apart(heard.f0_hz[0, inside], true_hz)).max() < 15
        assert np.abs(heard.loudness_db[0, inside] - wanted_db[inside]).max() < 2.0


def test_noise_is_warned_of_and_played_without_a_pitch(voice):
    noise = (0.05 * np.random.default_rng(0).standard_normal(2 * SAMPLE_RATE)).astype(np.float32)
    performance = perform(voice, noise)
    assert performance.warnings == (ddsp.NO_PITCH,)
    audio = play(performance)
    assert np.sqrt(np.mean(np.square(audio))) > 0.005
    assert (analyse(audio).periodicity > 0).mean() < 0.1
    assert perform(voice, phrase()).warnings == ()


def test_silence_stays_silent(voice):
    audio = play(perform(voice, np.zeros(SAMPLE_RATE, np.float32)))
    assert np.abs(audio).max() < 1e-4


def test_vibrato_moves_by_its_dial_and_the_note_stays(voice):
    true_hz = vibrato(440.0, 40.0, 5.5, 2.0)
    performance = perform(voice, tone(true_hz))
    centre_hz = np.full(len(true_hz), 440.0)
    inside = slice(int(0.4 * SAMPLE_RATE), int(1.4909 * SAMPLE_RATE))  # six whole periods
    depth = []
    for dial in (0.0, 0.5, 1.0):
        audio = play(performance, Mix(vibrato=dial))[: len(true_hz)]
        cents = heard_cents(audio, centre_hz)[inside]
        depth.append(np.sqrt(2.0 * np.mean(np.square(cents - cents.mean()))))
        assert abs(cents.mean()) < 2.5
    assert depth[0] < depth[1] < depth[2]
    assert depth[2] == pytest.approx(40.0, abs=4.0)


def test_the_calibrated_dial_reaches_both_ends(voice):
    mix = np.linspace(0.0, 1.0, 101, dtype=np.float32)
    weight = voice.settings.dial.place(mix)
    assert (weight[0], weight[-1]) == (0.0, 1.0)
    assert (np.diff(weight) >= 0).all()


def test_gates_open_for_notes_and_close_in_rests():
    is_voiced = np.zeros(100, bool)
    is_voiced[10:40] = is_voiced[44:70] = True
    gate = harmonic_gate(is_voiced, np.where(is_voiced, -20.0, -90.0))
    assert (gate[12:68] == 1.0).all()  # a gap of 40 ms is played through
    assert not gate[:8].any()
    assert not gate[73:].any()
    assert ((gate >= 0.0) & (gate <= 1.0)).all()


@pytest.mark.parametrize(("murmur_db", "is_played"), [(-45.0, True), (-55.0, False)])
def test_attacks_and_endings_without_a_sure_pitch_are_played_unless_far_softer(murmur_db, is_played):
    is_voiced = np.zeros(100, bool)
    is_voiced[30:60] = True
    loudness_db = np.where(is_voiced, -20.0, -90.0)
    loudness_db[24:30] = loudness_db[60:70] = murmur_db
    gate = harmonic_gate(is_voiced, loudness_db)
    assert (gate[31:59] == 1.0).all()
    assert (gate[[25, 28, 61, 68]] == float(is_played)).all()
    assert not gate[:23].any()
    assert not gate[71:].any()


def test_noise_that_goes_on_is_no_attack_and_no_ending():
    is_voiced = np.zeros(100, bool)
    is_voiced[40:60] = True
    away = np.maximum(40 - np.arange(100), np.arange(100) - 59)
    gate = harmonic_gate(is_voiced, np.where(is_voiced, -20.0, -30.0 - 0.1 * away))
    assert (gate[40:60] == 1.0).all()
    assert not gate[:29].any()
    assert not gate[81:].any()


def test_rests_are_as_loud_as_they_were_and_coughs_are_softer_than_the_notes_beside_them():
    gate = np.zeros(300)
    gate[50:100] = 1.0
    loudness_db = np.where(gate > 0.0, -20.0, -50.0)
    loudness_db[120:130] = -12.0
    expected = loudness_db.copy()
    expected[120:130] = -20.0 - REST_RANGE_DB
    np.testing.assert_array_equal(rest_loudness(loudness_db, gate), expected)
    before_any_note = rest_loudness(np.where(gate > 0.0, -20.0, -50.0), np.zeros(300))
    np.testing.assert_array_equal(before_any_note[51:], np.where(gate > 0.0, -20.0, -50.0)[51:])


def test_a_note_does_not_swell_out_of_the_rest_before_it():
    gate = np.r_[np.zeros(50), np.full(1, 0.25), np.ones(49)]
    loudness_db = np.r_[np.full(49, -60.0), -40.0, -20.0, np.full(49, -10.0)]
    played_db = rest_loudness(loudness_db, gate)
    np.testing.assert_allclose(played_db[48:53], [-60.0, -50.0, -30.0, -10.0, -10.0])
    np.testing.assert_array_equal(rest_loudness(loudness_db[::-1], gate[::-1]), loudness_db[::-1])


@pytest.mark.parametrize("mix", [0.0, 1.0])
@pytest.mark.parametrize("breath_db", [-30.0, -45.0])
def test_between_notes_the_breath_of_the_source_is_played_as_noise_at_its_level(voice, mix, breath_db):
    rest = slice(SAMPLE_RATE, SAMPLE_RATE + SAMPLE_RATE // 2)
    breath = 10.0 ** (breath_db / 20.0) * np.random.default_rng(0).standard_normal(5 * SAMPLE_RATE // 2)
    audio = 0.1 * breath
    audio[: rest.start] += 0.3 * tone(440.0, 1.0)
    audio[rest.stop :] += 0.3 * tone(440.0, 1.0)
    played = play(perform(voice, audio.astype(np.float32)), mix)
    middle = slice(rest.start + SAMPLE_RATE // 4, rest.stop - SAMPLE_RATE // 20)
    before, after = (analyse(x[middle].astype(np.float32)).loudness_db[0] for x in (audio, played))
    assert abs(float(np.median(after) - np.median(before))) < 2.0
    power = np.square(np.abs(np.fft.rfft(played[middle] * np.hanning(middle.stop - middle.start))))
    assert power.max() < 0.1 * power.sum(), "no partial sounds on"


def test_an_attack_is_whole_at_its_onset_and_over_soon():
    strength = np.zeros(100)
    strength[30] = 1.0
    share = attack_share(pick_onsets(strength), len(strength))
    assert not share[:30].any()
    assert share[30] == 1.0
    assert (np.diff(share[30:]) <= 0).all()
    assert not share[55:].any()


@pytest.mark.parametrize("settings", [{}, {"loudness_quantiles": {"mellow": [0.0]}}])
def test_a_card_without_its_settings_is_a_damaged_voice(voice, settings):
    card = Card(name="x", family="ddsp", ends=tiny_ddsp.NAMES, sample_rate=SAMPLE_RATE, settings=settings)
    with pytest.raises(VoiceError, match="voice x is damaged"):
        HarmonicVoice(graph_bytes(VoiceGraph(tiny_ddsp.task().decoder)), card)


def test_bytes_that_are_no_network_are_a_damaged_voice(voice):
    with pytest.raises(VoiceError, match="is damaged .* export or download it again"):
        HarmonicVoice(b"no network", voice.card)


def test_a_performance_of_no_pitch_at_all_has_no_harmonics(voice):
    n = 100
    controls = Controls(np.zeros((1, n)), np.zeros((1, n)), np.full((1, n), -20.0), np.zeros(n))
    audio = play(HarmonicPerformance(voice.session, voice.settings, controls))
    assert analyse(audio).loudness_db[0, 10:-10].mean() == pytest.approx(-20.0, abs=1.5)


def test_the_course_of_the_source_is_what_analysis_reports(voice):
    """So that the tests above judge the synthesis and not the tracker."""
    true_hz = vibrato(440.0, 25.0, 5.5, 1.0)
    controls = perform(voice, tone(true_hz)).controls
    assert np.abs(cents_apart(controls.f0_hz[0], at_frames(true_hz, controls.n_frames))[5:-5]).max() < 5
