"""The dials of the studio's page in a real browser: by hand and keys, recorded, called after the voice."""

import re

import pytest

from violute.examples import example_paths

pytest.importorskip("fastapi", reason="the studio's extra is not installed")

HELD_PARAMETERS = """
(() => {
  const ask = globalThis.fetch;
  globalThis.asked = [];
  globalThis.fetch = async (path, options) => {
    if (!path.includes("/parameters")) return ask(path, options);
    globalThis.asked.push(path.split("?")[1] ?? "");
    if (globalThis.asked.length === 1) await new Promise((resolve) => { globalThis.letGo = resolve; });
    return ask(path, options);
  };
})()
"""


def test_a_pitch_that_is_turned_while_a_voice_is_fetched_gets_its_colours(page, clip):
    page.open(clip)
    page.browser.evaluate(HELD_PARAMETERS)
    page.browser.evaluate("document.querySelector('input[name=voice][value$=clarinet-cello]').click()")
    page.browser.wait_for("globalThis.asked.length === 1")
    page.focus("#output-transpose")
    page.browser.press("ArrowUp")
    page.browser.wait_for("globalThis.asked.length === 2")
    page.browser.evaluate("globalThis.letGo()")
    page.wait_for("ready")
    page.browser.wait_for("globalThis.asked.length === 3")
    assert page.browser.evaluate("globalThis.asked") == ["", "transpose=1", "transpose=1"]


def test_a_voice_is_called_after_its_instruments_and_offers_pieces_for_them(page):
    shown = (
        "[...document.querySelectorAll('#examples li:not([hidden]) button')].map((b) => b.dataset.example)"
    )
    page.browser.wait_for(f"{shown}.join() === 'flute,violin'")
    page.browser.evaluate("document.querySelector('input[name=voice][value$=clarinet-cello]').click()")
    page.browser.wait_for(f"{shown}.join() === 'clarinet,cello'")
    assert "cello\u2060–\u2060clarinet" in page.browser.evaluate(
        "document.querySelector('#intake h2').textContent"
    )
    assert page.texts("#presets button")[2:] == [
        "Cello, clarinet noise",
        "Clarinet, cello vibrato",
        "Clarinet, cello attack",
    ]


def test_every_voice_has_its_article(page):
    named = "import('/page/dials.js').then(({ hybridName }) => hybridName(['flute', 'oboe']))"
    assert page.browser.evaluate(named) == "An oboe\u2060–\u2060flute that does not exist"


def test_a_piece_that_is_too_low_for_its_voice_is_played_in_another_by_a_press(page):
    page.open(example_paths()["cello"])
    assert page.text("#about-hybrid").endswith("violute-clarinet-cello plays down to 65 Hz.")
    assert page.text("#other-voice") == "Play it in clarinet-cello"
    # What is said hides no button that one may want now.
    page.browser.evaluate("(document.querySelector('#notice').hidden = false)")  # it was said a while ago
    bottom = sum(page.boxes("#voice-button")["#voice-button"][1::2])
    assert page.boxes("#notice")["#notice"][1] > bottom
    page.browser.click("#other-voice")
    page.browser.wait_for("document.querySelector('#other-voice').hidden", 60)
    assert page.text("#voice-name") == "clarinet-cello"
    assert page.text("#about-hybrid") == ""


def test_dials_follow_until_they_are_moved_apart(page, clip):
    page.open(clip)

    def stand():
        names = ("tone", "noise", "attack", "vibrato", "room")
        return [
            int(page.browser.evaluate(f"document.querySelector('#slider-{name}').value")) for name in names
        ]

    page.focus("#dial")
    page.browser.press("ArrowRight", shift=True)
    assert page.attribute("#dial", "aria-valuetext") == "60 % violin"
    assert stand() == [60, 60, 60, 60, 20]
    page.focus("#pad")
    page.browser.press("ArrowLeft", shift=True)
    page.browser.press("ArrowUp")
    assert page.attribute("#pad", "aria-valuetext") == "tone 50 % violin, noise 61 % violin"
    page.focus("#dial")
    page.browser.press("Home")
    assert page.attribute("#dial", "aria-valuetext") == "flute; tone held at 50, noise held at 61"
    assert stand() == [50, 61, 0, 0, 20]
    page.browser.click("#sliders .slider:first-child .follow")
    assert stand() == [0, 61, 0, 0, 20]
    page.browser.drag("#pad", [(0.5, 0.5), (1.0, 0.0)])
    assert stand() == [100, 100, 0, 0, 20]
    # The dial by mouse: a press on its right end, a wheel back.
    page.browser.drag("#dial svg", [(0.94, 0.5)])
    mix = int(page.attribute("#dial", "aria-valuenow"))
    assert 80 < mix < 90
    where = page.boxes("#dial")["#dial"]
    wheel = {"x": where[0] + 90, "y": where[1] + 90, "deltaX": 0, "deltaY": 100}
    page.browser.call("Input.dispatchMouseEvent", type="mouseWheel", **wheel)
    page.browser.wait_for(f"document.querySelector('#dial').getAttribute('aria-valuenow') === '{mix - 1}'")


def test_the_dial_is_recorded_while_it_plays(page):
    page.open_example()  # long enough for a busy machine to turn the dial before the end
    page.rest()
    page.browser.press("r")
    page.browser.press(" ")
    page.browser.wait_for("document.querySelector('#seek').value > 0.2")
    for _ in range(4):
        page.browser.press("ArrowRight", shift=True)
        page.listen(0.12)
    page.browser.press("r")
    assert page.attribute("#lane-toggle", "aria-pressed") == "true"
    assert page.browser.evaluate("document.querySelectorAll('#curve circle').length") >= 3
    # Played again, the dial moves by itself.
    page.browser.press("Home")
    page.browser.wait_for("document.querySelector('#dial').getAttribute('aria-valuenow') === '50'")
    page.browser.wait_for("document.querySelector('#dial').getAttribute('aria-valuenow') === '90'")
    page.browser.press(" ")


def test_every_part_answers_to_keys(page, clip):
    page.open(clip)
    page.rest()
    listened = "document.querySelector('#listen [aria-checked=true]').dataset.listen"
    for key, expected in (("1", "source"), ("2", "end0"), ("4", "end1"), ("3", "hybrid"), ("a", "source")):
        page.browser.press(key)
        assert page.browser.evaluate(listened) == expected
    page.browser.press(".")
    assert page.text("#now") == "0:02.0"
    page.browser.press("]")
    assert page.attribute("#loop", "aria-pressed") == "true"
    page.browser.press("l")
    assert page.attribute("#loop", "aria-pressed") == "false"
    # The moving dial: a point at the play-head, moved up and on, taken away again.
    page.focus("#curve")
    page.browser.press("Enter")
    page.browser.press("ArrowUp", shift=True)
    page.browser.press("ArrowRight")
    seconds = float(page.attribute("#seek", "max"))
    assert page.browser.evaluate("document.querySelectorAll('#curve circle').length") == 1
    assert re.fullmatch(r"Point at 0:0[0-2]\.\d: 60 % violin\.", page.text("#notice"))
    assert seconds == pytest.approx(3.0)
    page.browser.press("Delete")
    assert page.browser.evaluate("document.querySelectorAll('#curve circle').length") == 0
    page.rest()
    page.browser.press("?")
    assert page.browser.evaluate("document.querySelector('#keys').open")
    page.browser.press("t")
    page.browser.press("Enter")
    theme = "document.documentElement.dataset.theme ?? 'system'"
    assert page.browser.evaluate(theme) == "system"
    page.browser.evaluate("document.querySelector('#keys').close()")
    page.rest()
    page.browser.press("t")
    assert page.browser.evaluate(theme) == "dark"
    page.browser.evaluate("localStorage.clear()")
