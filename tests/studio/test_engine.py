"""The page's engine in a browser: what comes out of its audio graph, and when."""

import base64
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, find_chromium
from studio_site import serve

import violute.studio
from violute.audio.file_source import FileSource
from violute.examples import example_paths
from violute.families.ddsp.voice import HarmonicPerformance
from violute.voices.live_parameters import live_parameters
from violute.voices.load import load_voice
from violute.voices.mix import Mix, dials

SAMPLE_RATE = 44_100
N_FRAMES = 600
EDGE = 1200
"""Samples after which what fades in or out has done so."""

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def performance():
    voice = load_voice()
    whole = voice.analyse_source(FileSource(example_paths()["violin"])).performance
    return HarmonicPerformance(voice.session, voice.settings, whole.controls.frames(0, N_FRAMES))


@pytest.fixture(scope="module")
def page(tmp_path_factory, performance):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(Path(violute.studio.__file__).parent / "page", folder / "page")
    shutil.copy(Path(__file__).parents[1] / "support" / "studio_player.js", folder)
    (folder / "parameters.bin").write_bytes(live_parameters(performance.live_tracks()))
    (folder / "index.html").write_text(
        "<!doctype html><title>Engine</title><link rel=icon href=/page/icon.svg>"
    )
    with serve(folder) as address, Browser(tmp_path_factory.mktemp("browser")) as browser:
        browser.call("Page.navigate", url=f"{address}/index.html")
        browser.wait_for("document.readyState === 'complete' && location.protocol === 'http:'")
        yield browser


def play(page, **scene):
    heard = page.evaluate(f"import('/studio_player.js').then((player) => player.scene({json.dumps(scene)}))")
    heard["sides"] = [np.frombuffer(base64.b64decode(side), np.float32) for side in heard["sides"]]
    return heard


def rendered(performance, mix):
    laid = dials(mix, performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))


def level_db(audio):
    return 10.0 * np.log10(np.mean(np.square(audio, dtype=np.float64)) + 1e-20)


def frame_levels_db(audio):
    """Level of every tenth of a second."""
    return np.array([level_db(piece) for piece in np.array_split(audio, len(audio) // 4410)])


PLAY = [0, "play"]


def test_it_plays_what_the_renderer_renders(page, performance):
    moved = {"tone": 0.2, "noise": 0.9, "attack": 1.0, "vibrato": 0.1}
    (audio,) = play(page, seconds=5, steps=[[0, "setDials", moved], PLAY])["sides"]
    wanted = rendered(performance, Mix(**moved, room=0.0))[: len(audio)]
    assert level_db((audio - wanted)[EDGE:]) < level_db(wanted) - 60.0


def test_dials_moved_while_it_plays_are_heard_at_once(page):
    still = {"tone": 0.0, "noise": 0.0, "attack": 0.0, "vibrato": 0.0}
    (before,) = play(page, seconds=2, steps=[[0, "setDials", still], PLAY])["sides"]
    moved_at = 128 * 345  # a context stops at whole blocks only
    steps = [[0, "setDials", still], PLAY, [moved_at / SAMPLE_RATE, "setDials", {"tone": 1.0, "attack": 1.0}]]
    (after,) = play(page, seconds=2, steps=steps)["sides"]
    np.testing.assert_array_equal(after[:moved_at], before[:moved_at])
    changed = np.flatnonzero(np.abs(after - before) > 1e-3 * np.abs(before).max())
    assert 0 < changed[0] - moved_at < 0.02 * SAMPLE_RATE


def test_the_room_adds_a_tail_and_no_loudness(page):
    steps = [[0, "setDials", {"room": 0.8}], PLAY]
    (wet,) = play(page, seconds=7.5, steps=steps)["sides"]
    (dry,) = play(page, seconds=7.5, steps=[PLAY])["sides"]
    ended = N_FRAMES * SAMPLE_RATE // 100
    assert level_db(wet[EDGE:ended]) == pytest.approx(level_db(dry[EDGE:ended]), abs=1.5)
    assert not dry[ended:].any()
    tail_db = frame_levels_db(wet[ended:])
    assert tail_db[0] > level_db(dry[:ended]) - 25.0
    assert tail_db[-1] < tail_db[0] - 20.0


def test_the_source_is_heard_as_it_is_at_the_same_place(page):
    steps = [PLAY, [0, "listenTo", "source"], [1.0, "listenTo", "hybrid"], [2.0, "listenTo", "source"]]
    heard = play(page, seconds=3, nChannels=2, steps=steps, source=[6.0, 1000.0, 0.5, 2])
    sine = 0.5 * np.sin(2.0 * np.pi * 1000.0 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    alone = np.r_[EDGE : SAMPLE_RATE - 128, 2 * SAMPLE_RATE + EDGE : 3 * SAMPLE_RATE]
    for side, share in zip(heard["sides"], (1.0, 0.5), strict=True):
        np.testing.assert_allclose(side[alone], share * sine[alone], atol=1e-4)
    (voice,) = play(page, seconds=2, steps=[PLAY])["sides"]
    between = slice(SAMPLE_RATE + 4 * EDGE, 2 * SAMPLE_RATE - 128)
    np.testing.assert_allclose(heard["sides"][0][between], voice[between], atol=1e-4)
    assert heard["durationSeconds"] == pytest.approx(6.0)


def test_the_recording_stays_beside_the_hybrid_as_loud_as_asked(page):
    (voice,) = play(page, seconds=1, steps=[PLAY])["sides"]
    steps = [[0, "setOutput", {"wet": 0.5, "dry": 0.25}], PLAY]
    (both,) = play(page, seconds=1, steps=steps, source=[6.0, 1000.0, 0.5])["sides"]
    sine = 0.5 * np.sin(2.0 * np.pi * 1000.0 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    np.testing.assert_allclose(both[EDGE:], (0.5 * voice + 0.25 * sine)[EDGE:], atol=1e-4)
    (alone,) = play(page, seconds=1, steps=[[0, "listenTo", "source"], *steps], source=[6.0, 1000.0, 0.5])[
        "sides"
    ]
    np.testing.assert_allclose(alone[EDGE:], sine[EDGE:], atol=1e-4)


def test_transposed_it_plays_the_same_notes_at_another_pitch(page, performance):
    (octave,) = play(page, seconds=5, steps=[[0, "setTranspose", 12], PLAY])["sides"]
    heard = load_voice().analyse(octave, SAMPLE_RATE).controls
    played_hz = performance.controls.f0_hz[0, : heard.n_frames]
    is_sure = (heard.periodicity[0] > 0.8) & (performance.controls.periodicity[0, : heard.n_frames] > 0.8)
    assert is_sure.sum() > 200
    apart = 12.0 * np.log2(heard.f0_hz[0] / played_hz)[is_sure]
    assert np.median(np.abs(apart - 12.0)) < 0.1


@pytest.mark.parametrize(("end", "mix"), [("end0", 0.0), ("end1", 1.0)])
def test_an_end_is_the_dials_all_the_way(page, end, mix):
    names = ("tone", "noise", "attack", "vibrato")
    (there,) = play(page, seconds=2, steps=[[0, "setDials", dict.fromkeys(names, mix)], PLAY])["sides"]
    (held,) = play(page, seconds=2, steps=[[0, "listenTo", end], PLAY])["sides"]
    np.testing.assert_allclose(held, there, atol=1e-6)


def test_automation_moves_the_dials_and_the_dials_come_back(page):
    points = [[0.5, 0.0], [1.5, 1.0]]
    (moving,) = play(page, seconds=2, steps=[[0, "setAutomation", points], PLAY])["sides"]
    for mix, piece in ((0.0, slice(0, 22_000)), (1.0, slice(67_000, 88_000))):
        still = dict.fromkeys(("tone", "noise", "attack"), mix)
        steps = [[0, "setAutomation", points], [0, "setAutomation", None], [0, "setDials", still], PLAY]
        (wanted,) = play(page, seconds=2, steps=steps)["sides"]
        np.testing.assert_allclose(frame_levels_db(moving[piece]), frame_levels_db(wanted[piece]), atol=2.0)


def test_gains_make_the_synthesis_louder(page):
    (plain,) = play(page, seconds=1, steps=[PLAY])["sides"]
    (half,) = play(page, seconds=1, steps=[PLAY], gains={"mixes": [0, 1], "gain": [0.5, 0.5]})["sides"]
    np.testing.assert_allclose(half, 0.5 * plain, atol=1e-5)


def test_seeking_jumps_without_a_click(page):
    (audio,) = play(page, seconds=2, steps=[PLAY, [1.0, "seek", 4.0]])["sides"]
    (whole,) = play(page, seconds=6, steps=[PLAY])["sides"]
    np.testing.assert_allclose(audio[:44_000], whole[:44_000], atol=1e-6)
    # The jump is made after a fade out of some blocks; from there on it is the piece from the fourth second.
    start = 4 * SAMPLE_RATE
    lags = range(44_032, 45_056, 128)
    errors = [
        np.abs(audio[lag + EDGE :] - whole[start + EDGE : start + len(audio) - lag]).max() for lag in lags
    ]
    assert min(errors) < 1e-4
    lag = lags[int(np.argmin(errors))]
    assert np.abs(audio[lag - 64 : lag + 64]).min() < 1e-3


def test_a_loop_goes_round_and_can_be_left(page):
    steps = [[0, "setLoop", 1.0, 1.5], [0, "seek", 1.0], PLAY, [1.6, "setLoop", None]]
    (audio,) = play(page, seconds=3, steps=steps)["sides"]
    (whole,) = play(page, seconds=4, steps=[PLAY])["sides"]
    first = slice(SAMPLE_RATE + EDGE, SAMPLE_RATE + 20_000)
    # Rounds turn back at whole blocks, so their length is one too.
    periods = range(21_760, 22_400, 128)
    errors = [
        np.abs(audio[first.start - SAMPLE_RATE + lag :][:18_800] - whole[first]).max() for lag in periods
    ]
    period = periods[int(np.argmin(errors))]
    assert min(errors) < 1e-4
    for n_rounds in (0, 2, 3):
        piece = audio[EDGE + n_rounds * period :][:18_800]
        np.testing.assert_allclose(piece, whole[first], atol=1e-4)
    # The fourth round is never closed: the piece goes on beyond the loop.
    beyond = audio[3 * period + EDGE : 3 * SAMPLE_RATE]
    np.testing.assert_allclose(beyond, whole[first.start :][: len(beyond)], atol=1e-4)


def test_it_stops_at_the_end_and_begins_again(page):
    steps = [[0, "seek", 5.5], PLAY, [1.0, "play"]]
    heard = play(page, seconds=1.2, steps=steps)
    types = [event["type"] for event in heard["events"]]
    assert types.count("ended") == 1
    (audio,) = heard["sides"]
    (start,) = play(page, seconds=0.2, steps=[PLAY])["sides"]
    stop = int(0.5 * SAMPLE_RATE) + EDGE
    assert not audio[stop : SAMPLE_RATE - 128].any()
    again = audio[-len(start) :]
    assert level_db(again) == pytest.approx(level_db(start), abs=3.0)


def test_a_pause_is_silent_and_holds_the_place(page):
    heard = play(page, seconds=2, steps=[PLAY, [1.0, "pause"]])
    (audio,) = heard["sides"]
    assert np.abs(audio[:44_000]).max() > 0.01
    assert not audio[SAMPLE_RATE + EDGE :].any()
    assert heard["currentSeconds"] == pytest.approx(1.0, abs=0.02)
    assert not heard["isPlaying"]


CANNOT_COPY = """
(() => {
  const Given = globalThis.AudioWorkletNode;
  globalThis.AudioWorkletNode = class extends Given {
    constructor(context, name, options) {
      if (options.processorOptions.module instanceof WebAssembly.Module) {
        globalThis.nRefused = (globalThis.nRefused ?? 0) + 1;
        throw new DOMException("The object can not be cloned.", "DataCloneError");
      }
      super(context, name, options);
    }
  };
  globalThis.copyAgain = () => { globalThis.AudioWorkletNode = Given; };
})();0
"""
"""As Safari says where it cannot hand a module over."""


def test_a_browser_that_cannot_copy_the_module_gets_its_bytes(page):
    (wanted,) = play(page, seconds=0.5, steps=[PLAY])["sides"]
    page.evaluate(CANNOT_COPY)
    try:
        (audio,) = play(page, seconds=0.5, steps=[PLAY])["sides"]
        assert page.evaluate("nRefused") == 1
    finally:
        page.evaluate("copyAgain(), delete globalThis.nRefused, delete globalThis.copyAgain, 0")
    np.testing.assert_array_equal(audio, wanted)


def test_another_piece_begins_anew_in_the_middle_of_one(page):
    another = [[0.5, method] for method in ("clear", "load", "play")]
    heard = play(page, seconds=2, steps=[PLAY, *another], source=[6.0, 1000.0, 0.5])
    (whole,) = play(page, seconds=2, steps=[PLAY])["sides"]
    (audio,) = heard["sides"]
    starts = range(22_016, 23_040, 128)
    errors = [np.abs(audio[at + EDGE :] - whole[EDGE : len(audio) - at]).max() for at in starts]
    assert min(errors) < 1e-4
    assert heard["durationSeconds"] == pytest.approx((N_FRAMES - 1) / 100)


def test_a_rendering_takes_the_place_of_synthesis(page):
    steps = [PLAY]
    heard = play(page, seconds=1, load=False, steps=steps, rendering=[2.0, 500.0, 0.25])
    sine = 0.25 * np.sin(2.0 * np.pi * 500.0 * np.arange(SAMPLE_RATE) / SAMPLE_RATE)
    np.testing.assert_allclose(heard["sides"][0][EDGE:], sine[EDGE:], atol=1e-4)
    assert heard["durationSeconds"] == 2.0


def test_a_newer_rendering_fades_in_over_the_older(page):
    newer = [0.5, "loadRendering", 2.0, 300.0, 0.25]
    heard = play(page, seconds=1, load=False, steps=[PLAY, newer], rendering=[2.0, 500.0, 0.25])
    seconds = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    for hz, piece in ((500.0, slice(EDGE, 22_000)), (300.0, slice(22_050 + EDGE, SAMPLE_RATE))):
        sine = 0.25 * np.sin(2.0 * np.pi * hz * seconds)
        np.testing.assert_allclose(heard["sides"][0][piece], sine[piece], atol=1e-4)
    steepest = 0.25 * 2.0 * np.pi * 500.0 / SAMPLE_RATE
    assert np.abs(np.diff(heard["sides"][0][EDGE:])).max() < 1.2 * steepest


def test_a_rendering_replaced_in_silence_is_gone(page):
    newer = [0, "loadRendering", 2.0, 300.0, 0.25]
    heard = play(page, seconds=0.1, load=False, steps=[newer, PLAY], rendering=[2.0, 500.0, 1.0])
    alone = play(page, seconds=0.1, load=False, steps=[PLAY], rendering=[2.0, 300.0, 0.25])
    np.testing.assert_array_equal(heard["sides"][0], alone["sides"][0])


def test_too_loud_is_bent_and_not_clipped(page):
    heard = play(page, seconds=1, load=False, steps=[PLAY], rendering=[2.0, 500.0, 1.0])
    assert 0.89 < np.abs(heard["sides"][0]).max() < 1.0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("engine.setDials({ tone: 1.5 })", "tone is 1.5: give a number from 0 to 1"),
        ("engine.setDials({ colour: 1 })", "there is no dial colour"),
        ("engine.listenTo('end2')", "there is no end2 to listen to"),
        ("engine.setAutomation([[1, 0], [1, 1]])", "break-point 2: put times in rising order"),
        ("engine.load(new ArrayBuffer(100))", "no live parameters"),
        (
            "engine.ask('begin', { number: 1, nBytes: 3e9 })",
            "more memory than a page has: send a shorter one",
        ),
        ("Engine.create(new OfflineAudioContext(1, 128, 48000))", "runs at 48000 Hz: give it 44100 Hz"),
        ("engine.loadSource(new AudioBuffer({ length: 9, sampleRate: 8000 }))", "runs at 8000 Hz"),
    ],
)
def test_what_makes_no_sense_is_refused(page, call, sentence):
    said = page.evaluate(
        "(async () => { const { Engine } = await import('/page/engine.js');"
        "const engine = await Engine.create(new OfflineAudioContext(1, 128, 44100));"
        f"try {{ await {call}; return ''; }} catch (error) {{ return error.message; }} }})()"
    )
    assert sentence in said


def test_nothing_went_wrong_on_the_way(page):
    assert page.errors == []
    assert page.evaluate("Object.keys(window).filter((name) => /engine|violute/i.test(name))") == []
