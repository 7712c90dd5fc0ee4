"""The studio's page in a real browser: what it shows and says of recordings, good and bad, on any screen."""

import re
from importlib.resources import files

import numpy as np
import pytest
import soundfile
from studio_page import axe_source
from studio_server import wait_until
from tones import tone

from violute.examples import example_paths

pytest.importorskip("fastapi", reason="the studio's extra is not installed")

PAGE = files("violute.studio") / "page"


def test_a_damaged_recording_gets_its_sentence_and_costs_nothing(page, clip, tmp_path):
    page.open(clip)
    damaged = tmp_path / "half a take.flac"
    damaged.write_bytes(example_paths()["flute"].read_bytes()[:60_000] + b"\0" * 60_000)
    page.choose(damaged)
    page.wait_for("failed")
    assert re.fullmatch(r"half a take\.flac .*: .*\.", page.text("#failure"))
    page.browser.click("#back")
    assert page.state == "ready"
    assert page.text("#piece") == "clip.wav"


HUGE_PARAMETERS = """
(() => {
  const ask = globalThis.fetch;
  const headers = { "Content-Length": "2000000000", "Violute-Live-Gains": "{}" };
  const body = new ReadableStream({ cancel() { globalThis.cancelled = true; } });
  globalThis.fetch = (path, options) =>
    path.includes("/parameters") ? new Response(body, { headers }) : ask(path, options);
})()
"""


def test_a_piece_that_no_page_can_hold_is_refused_before_it_is_fetched(page, clip):
    page.open(clip)
    page.browser.evaluate(HUGE_PARAMETERS)
    page.browser.evaluate("document.querySelector('input[name=voice][value$=clarinet-cello]').click()")
    page.wait_for("failed")
    assert "play it by `violute convert`" in page.text("#failure")
    assert page.browser.evaluate("globalThis.cancelled")
    page.browser.click("#back")
    page.wait_for("ready")
    page.browser.click("#play")
    assert np.abs(page.listen(0.5)).max() > 0.01, "what was there plays still"


def test_a_cancelled_recording_leaves_nothing_behind(page, server, tmp_path):
    before = set(server.stored())
    soundfile.write(tmp_path / "long.wav", np.tile(tone(440.0, 1.0), 120), 44_100)
    page.choose(tmp_path / "long.wav")
    page.wait_for("working")
    assert page.text("#working-title") == "long.wav"
    page.browser.click("#cancel")
    assert page.state == "empty"
    # What was sent is on its way still, becomes a take, and goes.
    page.browser.wait_for("removals === 1")
    wait_until(lambda: set(server.stored()) <= before)


COLOURS_OF_THE_LEVEL = """
(() => {
  const canvas = document.querySelector("#input-level");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255 && data[i] - data[i + 2] > 60) n += 1;
  return n;
})()
"""
"""Pixels that are rather red than blue, as the violin is."""


def test_the_microphone_is_recorded(page):
    page.browser.click("#record")
    page.wait_for("recording")
    page.browser.wait_for("document.querySelector('#recorded').textContent === '0:02'")
    assert page.browser.evaluate(COLOURS_OF_THE_LEVEL) > 0, "bars in a colour, not in black"
    page.browser.click("#record-stop")
    page.wait_for("ready")
    assert re.fullmatch(r"Recording \d\d\.\d\d\.wav", page.text("#piece"))
    assert 1.9 < float(page.attribute("#seek", "max")) < 4.0


def test_the_pictures_of_a_cello_begin_an_octave_deeper(page):
    def marks():
        return page.texts("#panel-source .scale span")

    page.open_example("violin")
    assert marks() == ["5 kHz", "2 kHz", "1 kHz", "500", "200"]
    page.browser.evaluate("document.querySelector('[name=voice][value=violute-clarinet-cello]').click()")
    page.browser.wait_for("document.body.dataset.state === 'ready'")
    page.browser.click("#another")
    page.open_example("cello")
    assert marks() == ["5 kHz", "2 kHz", "1 kHz", "500", "200", "100"]
    assert "50 Hz to 10 kHz" in page.attribute("#panel-hybrid .spectrogram", "aria-label")


def test_nothing_jumps_from_state_to_state(page, clip, tmp_path):
    standing = ("#dial", "#pad", "#save", "#play", "#listen", ".screen", "#theme")
    empty = page.boxes(*standing)
    page.choose(clip)
    page.wait_for("working")
    assert page.boxes(*standing) == empty
    page.wait_for("ready")
    assert page.boxes(*standing) == empty
    (tmp_path / "text.wav").write_text("no sound")
    page.choose(tmp_path / "text.wav")
    page.wait_for("failed")
    assert page.boxes(*standing) == empty


@pytest.mark.parametrize(
    ("width", "height", "is_dark"),
    [(320, 640, True), (390, 844, False), (1366, 768, True), (1920, 1080, False)],
)
def test_axe_finds_nothing_serious(page, clip, width, height, is_dark):
    axe = axe_source()
    if axe is None:
        pytest.skip("axe-core is not installed: pip install axe-playwright-python")
    page.browser.resize(width, height, is_dark=is_dark)
    try:
        found = [page.complaints(axe)]
        page.open(clip)
        page.browser.drag("#lane", [(0.1, 0.9), (0.5, 0.1)])
        page.focus("#slider-noise")
        page.browser.press("End")
        found.append(page.complaints(axe))
        for tab in ("dials", "save", "picture") if width < 800 else ():
            page.browser.click(f"#tabs [data-tab={tab}]")
            found.append(page.complaints(axe))
        page.browser.click("#voice-button")
        found.append(page.complaints(axe))
        page.browser.click("#voice-button")
        page.browser.click("#help")
        found.append(page.complaints(axe))
        # Nothing is wider than the screen.
        assert page.browser.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.browser.resize(1366, 768)
    assert [complaint for complaints in found for complaint in complaints] == []


def test_the_page_keeps_to_itself(page):
    text = (PAGE / "index.html").read_text()
    assert set(re.findall(r'(?:src|href)="(/?)', text)) == {"/"}
    assert not re.search(r"<style|style=|<script(?! type=\"module\" src)| on[a-z]+=", text)
    for path in PAGE.iterdir():
        if path.suffix in {".js", ".css", ".html"}:
            assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", path.read_text()), path.name
    # Scripts of the page are modules: they leave no name behind but the test's own ear.
    names = page.browser.evaluate(
        "(() => { const frame = document.createElement('iframe'); document.body.append(frame);"
        " const plain = new Set(Object.getOwnPropertyNames(frame.contentWindow)); frame.remove();"
        " return Object.getOwnPropertyNames(window).filter((name) => !plain.has(name)); })()"
    )
    named = page.browser.evaluate("[...document.querySelectorAll('[id]')].map(({ id }) => id)")
    assert set(names) - set(named) - {"heard", "connect", "removals", "ask"} == set()


@pytest.mark.parametrize("refused", ["parameters", "module"])
def test_a_picture_that_cannot_be_drawn_says_so_in_one_line(page, refused):
    """Of a panel beside the page's own, where what is sent is wrong, or the core cannot be had."""
    said = page.browser.evaluate(
        f"""(async () => {{
          const {{ Panel }} = await import("/page/panel.js");
          const {{ Timeline }} = await import("/page/timeline.js");
          const box = document.querySelector("#panel-source").cloneNode(true);
          const post = Worker.prototype.postMessage;
          Worker.prototype.postMessage = function (message, ...rest) {{
            const isRefused = message.type === "module" && "{refused}" === "module";
            const module = isRefused ? new ArrayBuffer(8) : message.module;
            return post.call(this, {{ ...message, module }}, ...rest);
          }};
          try {{
            return await new Promise((resolve) => {{
              const panel = new Panel(box, new Timeline(), {{ mixAt: () => null, say: resolve }});
              panel.load({{ type: "parameters", buffer: new ArrayBuffer(64) }});
            }});
          }} finally {{
            Worker.prototype.postMessage = post;
          }}
        }})()"""
    )
    assert said.startswith("the picture cannot be drawn, for ")
    assert "\n" not in said
