"""Graphs made by hand play: what goes in comes out where they change nothing, and nothing clicks."""

import dataclasses
import threading

import numpy as np
import pytest
import scipy.signal
import spectrogram_graphs
from hypothesis import given, settings
from hypothesis import strategies as st
from tones import SAMPLE_RATE, tone, vibrato

from violute.audio.channels import measure
from violute.audio.source import ArraySource
from violute.errors import VoiceError
from violute.families.pictures import voice as spectrogram
from violute.families.pictures.voice import SpectrogramVoice
from violute.families.pictures.windows import WindowJoiner, Windows
from violute.transforms.spectrogram import ASSIGNMENT, DETAIL
from violute.voices import recording
from violute.voices.card import Card
from violute.voices.file import seal
from violute.voices.load import load_voice
from violute.voices.mix import ONE_DIAL, Mix, dials
from violute.voices.spool import Spool


def card(transform=DETAIL, **entries):
    return Card(
        name="by-hand",
        family="vae",
        ends=("dull", "bright"),
        sample_rate=transform.sample_rate,
        settings={"spectrogram": transform.to_dict()} | entries,
    )


def voice(graph=None, transform=DETAIL, **entries):
    return SpectrogramVoice(graph or spectrogram_graphs.identity(), card(transform, **entries))


def perform(player, audio, sample_rate=SAMPLE_RATE):
    source = ArraySource(audio, sample_rate)
    return player.perform(source, measure(source), lambda _: None)


def play(performance, mix=0.5):
    laid = dials(mix, performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))


def phrase(seconds=3.0):
    """Two notes, the second one moving, with a rest between them."""
    n_samples = round(seconds / 2 * SAMPLE_RATE)
    notes = np.concatenate([tone(440.0, seconds / 2), tone(vibrato(660.0, 30.0, 5.0, seconds / 2))])
    notes[n_samples - 4410 : n_samples + 4410] = 0.0
    return notes


def snr_db(audio, wanted):
    """Signal to noise, after one gain for all."""
    gain = np.dot(audio, wanted) / np.dot(audio, audio)
    return 10.0 * np.log10(np.sum(np.square(wanted)) / np.sum(np.square(gain * audio - wanted)))


def centroid_hz(audio, sample_rate=SAMPLE_RATE):
    power = np.square(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))))
    return (np.fft.rfftfreq(len(audio), 1.0 / sample_rate) @ power) / power.sum()


@pytest.mark.parametrize("transform", [ASSIGNMENT, DETAIL], ids=["assignment", "detail"])
def test_a_graph_that_changes_nothing_gives_the_source_back(transform):
    audio = scipy.signal.resample_poly(phrase(), transform.sample_rate, SAMPLE_RATE).astype(np.float32)
    audio += 1e-3 * np.random.default_rng(0).standard_normal(len(audio)).astype(np.float32)
    played = play(perform(voice(transform=transform), audio, transform.sample_rate), 0.3)
    assert len(played) == len(audio)
    inside = slice(transform.n_fft, -transform.n_fft)
    assert snr_db(played[inside], audio[inside]) > 60.0
    # To the first and last samples, where windows and frames hang over the piece's ends.
    assert snr_db(played, audio) > 40.0


@given(n_samples=st.integers(2, 70_000), n_lead=st.sampled_from([0, 1, 431, 13_000]))
@settings(max_examples=12, deadline=None)
def test_it_lasts_as_long_as_the_source_and_gives_it_back_at_any_length(n_samples, n_lead):
    audio = np.random.default_rng(n_samples).uniform(-0.5, 0.5, n_samples).astype(np.float32)
    audio[: min(n_lead, n_samples // 2)] = 0.0
    performance = perform(voice(), audio)
    played = play(performance)
    assert played.dtype == np.float32
    assert len(played) == n_samples
    assert snr_db(played, audio - audio.mean()) > 40.0


def test_a_piece_that_starts_later_sounds_the_same_later():
    """By whole windows exactly, for networks hear windows; the piece's edges fade like any window's."""
    audio = phrase()
    audio -= audio.mean()  # an offset is taken out, and that of a longer piece is another
    n_later = Windows(128, 32).stride * DETAIL.hop_length
    later = np.concatenate([np.zeros(n_later, np.float32), audio])
    player = voice(spectrogram_graphs.tilt())
    now, then = (play(perform(player, sound), 0.9) for sound in (audio, later))
    assert np.abs(then[n_later:] - now).max() < 1e-3 * np.abs(now).max()
    assert np.abs(then[: n_later - DETAIL.n_fft]).max() < 1e-4 * np.abs(now).max()


def test_how_many_windows_are_heard_at_a_time_does_not_matter(monkeypatch):
    performance = perform(voice(spectrogram_graphs.tilt()), phrase(5.0))
    mix = [(0.5, 0.0), (4.0, 1.0)]
    played = play(performance, mix)
    monkeypatch.setattr(spectrogram, "BATCH_WINDOWS", 1)
    np.testing.assert_allclose(play(performance, mix), played, atol=1e-5)


def test_the_same_dials_give_the_same_sound_in_two_threads_too():
    performance = perform(voice(spectrogram_graphs.tilt()), phrase())
    expected = [play(performance, mix) for mix in (0.1, 0.8)]
    found = {}
    threads = [
        threading.Thread(target=lambda i=i, mix=mix: found.update({i: play(performance, mix)}))
        for i, mix in enumerate((0.1, 0.8))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i, sound in enumerate(expected):
        assert np.array_equal(found[i], sound)


def test_the_dial_leads_from_end_to_end():
    performance = perform(voice(spectrogram_graphs.tilt()), tone(440.0, 2.0, db_per_octave=-9.0))
    centroids_hz = [centroid_hz(play(performance, mix)) for mix in (0.0, 0.25, 0.5, 0.75, 1.0)]
    assert (np.diff(centroids_hz) > 0).all()
    assert centroids_hz[-1] > 1.3 * centroids_hz[0]


def test_a_level_that_the_network_moves_is_moved_by_the_scale_of_the_pictures():
    """An eighth of the range is a tenth of 80 dB and a quarter: loudness apart, partials differ by it."""
    audio = tone(441.0, 2.0, harmonic_db=[0.0, *[-200.0] * 38, 0.0])
    played = [
        play(perform(voice(spectrogram_graphs.tilt()), audio), mix)[22_050:66_150] for mix in (0.5, 1.0)
    ]
    number = [441, 40 * 441]
    levels_db = [20.0 * np.log10(np.abs(np.fft.rfft(sound * np.hanning(44_100)))[number]) for sound in played]
    moved_db = np.diff(levels_db[1] - levels_db[0])[0]
    bins = np.array(number) * DETAIL.n_fft / SAMPLE_RATE
    slope = 0.5 * 2.0 * spectrogram_graphs.TILT * np.diff(bins)[0] / 1023
    assert moved_db == pytest.approx(slope * -DETAIL.floor_db, rel=0.03)


def test_an_automation_moves_without_a_click():
    audio = tone(500.0, 6.0, db_per_octave=-9.0)
    performance = perform(voice(spectrogram_graphs.tilt()), audio)
    moving = play(performance, [(1.0, 0.0), (5.0, 1.0)])
    ends = [play(performance, mix) for mix in (0.0, 1.0)]
    early, late = slice(4410, 22_050), slice(int(5.8 * SAMPLE_RATE), int(5.95 * SAMPLE_RATE))
    assert centroid_hz(moving[early]) == pytest.approx(centroid_hz(ends[0][early]), rel=0.02)
    assert centroid_hz(moving[late]) == pytest.approx(centroid_hz(ends[1][late]), rel=0.02)
    # A step in a partial would sound between the partials, where a still rendering has nothing.
    between = scipy.signal.butter(6, [620.0, 880.0], "bandpass", fs=SAMPLE_RATE, output="sos")
    inside = slice(SAMPLE_RATE // 2, -SAMPLE_RATE // 2)
    still, moved = (np.abs(scipy.signal.sosfilt(between, sound)[inside]).max() for sound in (ends[1], moving))
    assert moved < still + 1e-4


def test_dynamics_and_rests_are_the_sources_whatever_the_network_draws():
    audio = phrase() * np.linspace(0.1, 1.0, 3 * SAMPLE_RATE, dtype=np.float32)
    played = play(perform(voice(spectrogram_graphs.constant(0.4)), audio))
    rest = slice(round(1.5 * SAMPLE_RATE) - 2000, round(1.5 * SAMPLE_RATE) + 2000)
    assert np.abs(played[rest]).max() < 1e-4
    blocks_db = [
        10.0 * np.log10(np.mean(np.square(sound.reshape(-1, 4410)), axis=1) + 1e-12)
        for sound in (audio, played)
    ]
    is_note = blocks_db[0] > -40.0
    gained_db = (blocks_db[1] - blocks_db[0])[is_note]
    assert np.ptp(gained_db[: is_note.sum() // 2]) < 4.0


@pytest.mark.parametrize("sample_rate", [8_000, 48_000])
@pytest.mark.parametrize("n_channels", [0, 1, 2])
def test_a_take_has_the_recordings_shape_rate_and_loudness(sample_rate, n_channels):
    # Nothing near the top of its band, which changing the rate would take away.
    low_pass = scipy.signal.butter(8, 3_000.0, fs=sample_rate, output="sos")
    mono = scipy.signal.resample_poly(phrase(), sample_rate, SAMPLE_RATE)
    mono = scipy.signal.sosfilt(low_pass, mono).astype(np.float32)
    audio = mono if n_channels == 0 else np.stack([mono, 0.5 * mono][:n_channels])
    rendered = voice().analyse(audio, sample_rate).render(0.5)
    assert rendered.shape == audio.shape
    assert snr_db(rendered.ravel(), audio.ravel()) > 40.0
    assert np.sqrt(np.mean(np.square(rendered)) / np.mean(np.square(audio))) == pytest.approx(1.0, abs=0.05)


def test_what_nothing_taught_a_network_above_16_khz_is_not_heard():
    """Neither in the sound nor in its loudness: the top would take what belongs to the notes."""
    audio = tone(440.0, 2.0)
    quiet, loud = (
        play(perform(voice(spectrogram_graphs.partials_and_a_top(first_bin), told=["pitch"]), audio))
        for first_bin in (1024, 760)
    )
    np.testing.assert_allclose(loud, quiet, atol=1e-4)
    power = np.abs(np.fft.rfft(loud * np.hanning(len(loud)))) ** 2
    assert power[round(16_500 * len(loud) / SAMPLE_RATE) :].sum() < 1e-8 * power.sum()
    assert np.std(loud) > 0.1 * np.std(audio)


def test_dials_that_it_lacks_are_warned_of_where_they_are_turned_apart():
    take = voice().analyse(phrase(1.0), SAMPLE_RATE)
    for mix in (0.3, Mix.at(0.3), [(0.0, 0.1), (0.5, 0.9)]):
        assert take.warnings_for(mix) == ()
    for dial in ("noise", "attack", "vibrato", "room"):
        mix = Mix.at(0.3)
        turned = dataclasses.replace(mix, **{dial: 0.8})
        assert take.warnings_for(turned) == (ONE_DIAL,)
        np.testing.assert_array_equal(take.render(turned), take.render(mix))
        assert take.warnings == take.warnings_for(mix) == ()


def test_a_long_recording_waits_on_disk_and_sounds_the_same(monkeypatch):
    in_memory = play(perform(voice(), phrase()))
    monkeypatch.setattr(recording, "SPOOL_BYTES", 1_000)
    np.testing.assert_array_equal(play(perform(voice(), phrase())), in_memory)


def test_a_piece_is_synthesised_in_blocks_of_some_seconds():
    performance = perform(voice(), np.tile(phrase(), 10))
    laid = dials(0.5, performance.n_frames, performance.frame_rate_hz)
    longest = max(len(block) for block in performance.blocks(laid))
    assert longest <= spectrogram.BATCH_WINDOWS * 128 * DETAIL.hop_length


@pytest.mark.parametrize("family", ["vae", "mevae"])
def test_it_is_found_by_its_family(tmp_path, family):
    path = tmp_path / "voice.onnx"
    path.write_bytes(seal(spectrogram_graphs.identity(), dataclasses.replace(card(), family=family)))
    assert isinstance(load_voice(path), SpectrogramVoice)


@pytest.mark.parametrize(
    ("graph", "entries", "complaint"),
    [
        (b"\x08\x08", {}, "voice by-hand is damaged"),
        (None, {"told": ["pitch"]}, "its network takes mix, spectrogram"),
        (None, {"dial": [[0.0, 0.0], [0.0, 1.0]]}, "its dial doesn't rise"),
        (None, {"spectrogram": {"sample_rate": 44_100}}, "spectrogram settings are damaged"),
    ],
)
def test_a_voice_that_cannot_play_is_refused_in_one_line(graph, entries, complaint):
    with pytest.raises(VoiceError, match=complaint) as caught:
        voice(graph, **entries)
    assert "\n" not in str(caught.value)


def test_a_network_with_other_inputs_is_refused():
    other = spectrogram_graphs.identity().replace(b"mix", b"mux")
    with pytest.raises(VoiceError, match="its network takes mux, spectrogram"):
        voice(other)


@pytest.mark.parametrize("shape", [(1, 1024, 64), (1, 512, 128)])
def test_a_network_that_answers_in_another_shape_is_refused(shape):
    performance = perform(voice(spectrogram_graphs.constant(0.4, shape)), phrase(1.0))
    with pytest.raises(VoiceError, match="voice by-hand cannot play .* came out.: export"):
        play(performance)


@given(
    n_window=st.integers(1, 40), n_frames=st.integers(1, 200), n_at_a_time=st.integers(1, 5), data=st.data()
)
@settings(max_examples=40, deadline=None)
def test_windows_that_agree_are_joined_without_a_trace(n_window, n_frames, n_at_a_time, data):
    windows = Windows(n_window, data.draw(st.integers(0, n_window // 2)))
    starts = windows.starts(n_frames)
    frames = np.random.default_rng(0).random((3, windows.n_covered(len(starts)))).astype(np.float32)
    cut = windows.cut(frames)
    assert len(cut) == len(starts)
    joiner = WindowJoiner(windows, 3)
    joined = np.concatenate(
        [joiner.push(cut[at : at + n_at_a_time]) for at in range(0, len(cut), n_at_a_time)], axis=1
    )
    inside = slice(windows.n_overlap, windows.n_overlap + n_frames)
    assert joined[:, inside].shape == (3, n_frames)
    np.testing.assert_allclose(joined[:, inside], frames[:, inside], atol=1e-6)


@given(level=st.floats(0.0, 1.0, width=32), n_frames=st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_a_still_course_is_still_in_every_window(level, n_frames):
    windows = Windows(128, 32)
    spread = windows.spread(np.full(n_frames, level, np.float32), windows.starts(n_frames))
    assert (spread == np.float32(level)).all()


def test_a_rising_course_rises_from_window_to_window():
    windows = Windows(128, 32)
    spread = windows.spread(np.linspace(0.0, 1.0, 1000, dtype=np.float32), windows.starts(1000))
    assert (np.diff(spread) > 0.0).all()
    assert 0.0 <= spread[0] < 0.05
    assert 0.95 < spread[-1] <= 1.0


@pytest.mark.parametrize("most_bytes", [100, 10_000])
def test_a_spool_is_read_anywhere_and_silent_outside(most_bytes):
    sound = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    with Spool(most_bytes) as spool:
        for at in range(0, 1000, 300):
            spool.append(sound[at : at + 300])
            np.testing.assert_array_equal(spool.read(0, at), sound[:at])
        padded = np.concatenate([np.zeros(500, np.float32), sound, np.zeros(500, np.float32)])
        for start, stop in [(0, 1000), (-500, 1500), (-300, -100), (1100, 1200), (990, 1010), (5, 5)]:
            np.testing.assert_array_equal(spool.read(start, stop), padded[start + 500 : stop + 500])
        np.testing.assert_array_equal(np.concatenate(list(spool.blocks()), axis=1)[0], sound)
