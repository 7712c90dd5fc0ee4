"""What a page keeps, takes back and hands on: nothing that somebody made is lost."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
from command_line import MODEL
from fake_voice import CARD
from hostile_files import encoded
from studio_server import wait_until
from tones import tone

from violute.voices.file import seal

pytest.importorskip("fastapi", reason="the studio's extra is not installed")

N_POINTS = "document.querySelectorAll('#curve circle').length"
IS_STALE = "document.querySelector('#panel-hybrid').hasAttribute('data-stale')"
SHOWN = "document.querySelector('#dial').getAttribute('aria-valuenow')"


@pytest.fixture(scope="module")
def chord(tmp_path_factory):
    """Twelve seconds of three notes at once."""
    path = tmp_path_factory.mktemp("chord") / "chord.wav"
    path.write_bytes(encoded(sum(tone(f0_hz, 12.0, level_db=-24.0) for f0_hz in (440.0, 554.4, 659.3))))
    return path


def turn_and_draw(page):
    """A course, a held dial."""
    page.browser.drag("#lane", [(0.1, 0.9), (0.3, 0.5), (0.5, 0.1)])
    page.focus("#slider-room")
    page.browser.press("End")
    page.focus("#slider-vibrato")
    page.browser.press("End")
    page.wait_for_command("--vibrato 1.0")
    page.rest()


def come_back(page):
    """Wait until the page stands where it was left."""
    page.wait_for("ready")
    page.wait_for_command("--automation mix.csv --vibrato 1.0 --room 1.0")
    assert page.browser.evaluate(N_POINTS) >= 2
    assert page.text("#piece") == "clip.wav"
    assert page.attribute("#slider-vibrato", "aria-valuetext") == "Vibrato violin"


def test_a_reload_and_back_lose_nothing(page, clip, server):
    page.open(clip)
    turn_and_draw(page)
    page.settle()
    before = page.browser.evaluate("performance.timeOrigin")
    page.browser.call("Page.reload")
    page.browser.wait_for(f"performance.timeOrigin !== {before} && document.body !== null")
    come_back(page)
    page.browser.visit("about:blank")
    page.browser.call("Page.navigateToHistoryEntry", entryId=page.browser.history_before())
    page.browser.wait_for("location.protocol === 'http:'")
    come_back(page)
    # The studio has forgotten it: the page has it still.
    with server.client() as client:
        for take in {path.split("/")[1] for path in server.stored()}:
            client.delete(f"/takes/{take}")
    wait_until(lambda: server.stored() == [])
    page.settle()
    page.enter()
    come_back(page)
    page.browser.click("#another")
    page.browser.click("#forget")
    assert page.state == "empty"
    page.settle()
    page.enter()
    page.settle()
    assert page.state == "empty"


def test_everything_can_be_undone(page, clip):
    page.open(clip)
    page.focus("#dial")
    page.browser.press("End")
    page.settle()
    page.browser.drag("#lane", [(0.1, 0.9), (0.3, 0.5), (0.5, 0.1)])
    page.settle()
    page.browser.click("#presets button:nth-child(2)")
    page.settle()
    page.browser.evaluate("document.querySelector('input[name=voice][value=sines]').click()")
    page.wait_for("working")
    page.wait_for("ready")
    assert page.browser.evaluate(N_POINTS) >= 2, "another voice leaves the course"
    page.settle()
    page.rest()
    page.browser.press("z", ctrl=True)
    page.browser.wait_for("document.querySelector('#voice-name').textContent === 'violin-flute'")
    page.wait_for("ready")
    page.browser.press("z", ctrl=True)
    assert page.attribute("#slider-room", "aria-valuetext") == "Room 20 %"
    page.browser.press("z", ctrl=True)
    assert page.browser.evaluate(N_POINTS) == 0
    assert page.browser.evaluate(SHOWN) == "100"
    page.browser.click("#undo")
    assert page.browser.evaluate(SHOWN) == "50"
    assert page.browser.evaluate("document.querySelector('#undo').disabled")
    page.browser.press("y", ctrl=True)
    assert page.browser.evaluate(SHOWN) == "100"
    page.browser.press("z", ctrl=True, shift=True)
    assert page.browser.evaluate(N_POINTS) >= 2


def test_a_recording_of_ones_own_can_be_saved_and_is_not_left_unasked(page):
    page.browser.click("#record")
    page.wait_for("recording")
    page.browser.wait_for("document.querySelector('#recorded').textContent === '0:01'")
    page.browser.dialogs.clear()
    page.browser.visit("about:blank")
    assert page.browser.dialogs == ["beforeunload"]
    page.enter()
    page.browser.click("#record")
    page.wait_for("recording")
    page.browser.wait_for("document.querySelector('#recorded').textContent === '0:02'")
    page.browser.click("#record-stop")
    page.wait_for("ready")
    page.browser.click("#save-recording")
    saved = page.download(page.text("#piece"))
    assert soundfile.info(saved).duration == pytest.approx(float(page.attribute("#seek", "max")), abs=0.01)
    page.browser.dialogs.clear()
    page.enter()
    page.wait_for("ready")
    assert page.browser.dialogs == [], "what is kept may be left"


def test_files_that_come_together_wait_in_line(page, clip, tmp_path):
    others = [shutil.copy(clip, tmp_path / name) for name in ("second.wav", "third.wav")]
    page.choose(clip, *others)
    page.wait_for("ready")
    assert page.text("#piece") == "clip.wav"
    assert page.texts("#queue button") == ["second.wav", "third.wav"]
    page.settle()
    page.enter()
    page.wait_for("ready")
    page.browser.click("#queue li:nth-child(2) button")
    page.browser.wait_for("document.querySelector('#piece').textContent === 'third.wav'")
    assert page.texts("#queue button") == ["second.wav"]


def test_a_voice_file_is_added_and_chosen(page, clip, tmp_path):
    page.open(clip)
    groups = page.texts("#voice-list legend")
    assert groups == ["Ready to play", "Models to study"]
    path = tmp_path / "reeds.onnx"
    path.write_bytes(
        seal(MODEL, replace(CARD, ends=("reed", "string"), description="My own. It has two ends."))
    )
    page.choose(path)
    page.browser.wait_for("document.querySelector('[data-listen=end1]').textContent === 'String'")
    page.wait_for("ready")
    assert page.texts("#voice-list legend") == ["Your own", *groups]
    assert page.text("#voice-list label") == "reedsrenderedMy own."
    (tmp_path / "none.onnx").write_text("no voice")
    page.choose(tmp_path / "none.onnx")
    page.browser.wait_for("/not a Violute voice/.test(document.querySelector('#notice').textContent)")
    page.browser.errors.clear()  # the refusal
    assert page.state == "ready"


def test_keys_look_through_the_voices_before_one_is_chosen(page, clip):
    page.open(clip)
    page.browser.click("#voice-button")
    page.focus("#voices input:checked")
    for name in ("violute-clarinet-cello", "sines"):
        page.browser.press("ArrowDown")
        assert page.browser.evaluate("document.activeElement.value") == name
    assert (page.state, page.text("#voice-name")) == ("ready", "violin-flute")
    page.browser.press("Enter")
    page.browser.wait_for("document.querySelector('#voice-name').textContent === 'sines'")
    page.wait_for("ready")
    assert not page.browser.evaluate("document.querySelector('#voices').matches(':popover-open')")


def test_held_dials_stay_and_each_has_a_course_of_its_own(page, clip):
    page.open(clip)
    page.focus("#slider-tone")
    page.browser.press("Home")
    page.browser.drag("#lane", [(0.1, 0.9), (0.5, 0.1)])
    page.wait_for_command("--automation mix.csv --tone 0.0")
    assert page.text("#held") == "Tone held at 0"
    assert page.texts("#dial .marks text") == ["T"]
    n_points = page.browser.evaluate(N_POINTS)
    # A stray click is no point: it goes there.
    page.browser.drag("#lane", [(0.75, 0.5)])
    assert page.browser.evaluate(N_POINTS) == n_points
    assert float(page.browser.evaluate("document.querySelector('#seek').value")) > 2.0
    page.browser.evaluate(
        "(() => { const dial = document.querySelector('#lane-dial'); dial.value = 'noise';"
        " dial.dispatchEvent(new Event('change')); })()"
    )
    assert page.browser.evaluate(N_POINTS) == 0
    page.browser.drag("#lane", [(0.0, 0.1), (0.2, 0.9), (0.9, 0.5)])
    assert page.text("#about-lane") == "Mix moving, too"
    assert page.texts("#dial .marks text") == ["T", "N"]
    page.wait_for_command("--automation mix.csv --tone 0.0 --noise noise.csv")
    page.rest()
    page.browser.press("c")
    assert page.download("noise.csv").read_text().startswith("seconds,noise\n")
    page.browser.press("s")
    saved = page.download("*tone0.00-noise-moving*.wav")
    assert soundfile.info(saved).duration == pytest.approx(3.0)


def test_chords_are_live_and_can_be_heard_as_one_line(page, chord):
    page.open(chord)
    assert page.browser.evaluate("document.querySelector('#lines').hidden") is False
    assert page.attribute("[data-lines=auto]", "aria-checked") == "true"
    page.focus("#dial")
    page.browser.press("End")
    assert not page.browser.evaluate(IS_STALE), "nothing is asked of the server"
    page.browser.press(" ")
    power = np.square(np.abs(np.fft.rfft(page.listen(1.0))))
    for f0_hz in (440.0, 554.4, 659.3):
        assert power[round(f0_hz) - 4 : round(f0_hz) + 5].sum() > 0.01 * power.sum()
    page.browser.press(" ")
    page.browser.click("[data-lines='1']")
    page.wait_for("working")
    page.wait_for("ready")
    assert page.attribute("[data-lines='1']", "aria-checked") == "true"
    page.wait_for_command("--lines 1")


def test_a_loop_of_24_bits_is_saved(page, clip):
    page.open(clip)
    assert page.browser.evaluate("document.querySelector('#loop-only').disabled")
    page.browser.drag("#panel-source .view", [(0.25, 0.5), (0.5, 0.5), (0.75, 0.5)])
    page.browser.click("#loop-only")
    page.browser.evaluate("(document.querySelector('#bits').value = '24', 0)")
    page.browser.click("#save")
    saved = soundfile.info(page.download("*s-*s.wav"))
    assert saved.subtype == "PCM_24"
    assert saved.duration == pytest.approx(1.5, abs=0.02)


def test_another_voice_keeps_the_loop_and_the_place(page, clip):
    page.open(clip)
    page.rest()
    page.browser.drag("#panel-source .view", [(0.25, 0.5), (0.5, 0.5), (0.75, 0.5)])
    page.browser.click("#loop-only")
    now = page.text("#now")
    assert now != "0:00.0"
    page.browser.evaluate("document.querySelector('input[name=voice][value$=clarinet-cello]').click()")
    page.wait_for_command("clarinet-cello")
    assert "--from 0.7" in page.text("#command")
    assert (page.text("#now"), page.attribute("#loop", "aria-pressed")) == (now, "true")
    page.browser.press(" ")
    page.browser.wait_for("Number(document.querySelector('#seek').value) > 1.5")
    page.browser.wait_for("Number(document.querySelector('#seek').value) < 1.2")  # round the loop
    page.rest()


def test_the_list_of_keys_opens_at_its_top(page, clip):
    page.browser.resize(360, 640)
    page.open(clip)
    page.browser.press("?")
    assert page.browser.evaluate("document.querySelector('#keys').scrollTop") == 0
    assert page.browser.evaluate("document.activeElement.id") == "title-keys"


@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_has_tabs_large_targets_and_nothing_cut(page, clip, width):
    page.browser.resize(width, 640)
    page.browser.call("Emulation.setTouchEmulationEnabled", enabled=True)
    try:
        page.open(clip)
        for tab in ("picture", "dials", "save"):
            page.browser.click(f"#tabs [data-tab={tab}]")
            assert page.browser.evaluate("document.documentElement.scrollWidth") <= width
            small = page.browser.evaluate(
                "[...document.querySelectorAll('button, select, input, summary')].filter((one) => {"
                " const { width, height } = one.getBoundingClientRect();"
                " return one.checkVisibility() && width > 0 && one.type !== 'checkbox'"
                " && (height < 43.5 || width < 24); }).map((one) => one.id || one.className)"
            )
            assert small == [], tab
    finally:
        page.browser.call("Emulation.setTouchEmulationEnabled", enabled=False)
        page.browser.resize(1366, 768)


def test_what_runs_is_not_read_out_and_sliders_say_what_they_are(page, clip):
    assert page.attribute("#seek", "aria-valuetext") == "No recording"
    page.open(clip)
    assert page.attribute("#seek", "aria-valuetext") == "0:00 of 0:03"
    assert page.attribute("#slider-tone", "aria-valuetext") == "Tone 50 % violin"
    live = "document.querySelector('{}').closest('output, [aria-live], [role=status], [role=alert]') === null"
    for selector in ("#now", "#recorded", "#sliders .value"):
        assert page.browser.evaluate(live.format(selector)), selector
    assert np.isclose(float(page.attribute("#seek", "max")), 3.0)
