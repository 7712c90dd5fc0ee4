"""Voices that the page cannot play live: the server renders them, and tells what a rendering passes over."""

import json

import numpy as np
from studio_server import settled

from violute.voices.mix import ONE_DIAL

SLOW_RENDERINGS = """
(() => {
  const ask = globalThis.fetch;
  globalThis.fetch = async (path, options) => {
    if (path.endsWith("/render")) await new Promise((resolve) => setTimeout(resolve, 2000));
    return ask(path, options);
  };
})()
"""
IS_STALE = "document.querySelector('#panel-hybrid').hasAttribute('data-stale')"


def test_the_warnings_are_those_of_the_rendering(client):
    answer = client.post("/takes", json={"example": "flute"}, params={"voice": "sines"})
    state = settled(client, answer.json())
    assert state["warnings"] == []

    def warnings(**query):
        rendered = client.get(f"/takes/{state['id']}/render", params=query)
        assert rendered.status_code == 200
        return json.loads(rendered.headers["Violute-Warnings"])

    assert warnings(mix=0.5) == []
    assert warnings(mix=0.5, noise=0.9) == [ONE_DIAL]
    assert warnings(mix=0.5, room=0.4) == [ONE_DIAL]
    assert warnings(mix=0.5, room=0.2) == [], "a small room is where all voices play"
    # The take is kept from one rendering to the next; what one was warned of is nothing to the next.
    assert warnings(mix=0.9) == []
    assert client.get(f"/takes/{state['id']}").json()["warnings"] == []


def choose_sines(page, clip):
    """Open a recording in the voice of sines."""
    page.open(clip)
    page.browser.evaluate("document.querySelector('input[name=voice][value=sines]').click()")
    page.wait_for("working")
    page.wait_for("ready")


def test_the_page_says_which_dials_the_voice_passes_over(page, clip):
    choose_sines(page, clip)
    assert page.text("#about-hybrid") == ""
    about = "document.querySelector('#about-hybrid').textContent"
    page.focus("#slider-noise")
    page.browser.press("Home")
    page.browser.wait_for(f"{about}.startsWith('This voice has one dial')")
    assert "one dial" in page.text("#notice")
    page.browser.press("End")
    page.rest()
    page.focus("#dial")
    page.browser.press("End")
    page.browser.wait_for(f"{about} === ''")


def test_a_voice_without_live_parameters_is_rendered_and_heard(page, clip):
    choose_sines(page, clip)
    assert page.text("[data-listen=end1]") == "High"
    page.rest()
    page.browser.press("l")
    page.browser.press("4")
    page.browser.press(" ")
    for expected_hz, key in ((880.0, "4"), (440.0, "2")):
        page.browser.press(key)
        strongest_hz = 0.0
        for _ in range(40):
            sound = page.listen(0.25)
            strongest_hz = np.argmax(np.abs(np.fft.rfft(sound))) / 0.25
            if abs(strongest_hz - expected_hz) < 8 and np.abs(sound).max() > 1e-3:
                break
        assert abs(strongest_hz - expected_hz) < 8
    page.browser.press(" ")


def test_until_the_hybrid_is_rendered_anew_the_picture_does_not_pretend(page, clip):
    choose_sines(page, clip)
    page.browser.evaluate(SLOW_RENDERINGS)
    page.focus("#dial")
    page.browser.press("End")
    page.browser.wait_for(IS_STALE)
    assert page.text("#making").startswith("The hybrid is being rendered")
    page.browser.wait_for(f"!{IS_STALE}")
