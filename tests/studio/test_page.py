"""The studio's page in a real browser, against a real server: what is heard, saved, shown and said."""

import re
import shlex
import shutil
from importlib.resources import files

import numpy as np
import pytest
import soundfile
from command_line import violute as run_violute
from studio_page import axe_source
from studio_server import wait_until
from tones import SAMPLE_RATE, tone

import violute
from violute.audio.read import read
from violute.examples import example_paths
from violute.voices.mix import Mix

pytest.importorskip("fastapi", reason="the studio's extra is not installed")

PAGE = files("violute.studio") / "page"


@pytest.fixture(scope="module")
def example_take():
    audio, sample_rate = read(example_paths()["violin"])
    return violute.load_voice().analyse(audio, sample_rate)


def band_levels_db(loop):
    """Levels of third octaves from 250 Hz to 8 kHz of a sound that repeats, wherever it was begun."""
    size = 2048
    around = np.concatenate([loop, loop[:size]])
    frames = np.lib.stride_tricks.sliding_window_view(around, size)[::256] * np.hanning(size)
    power = np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)
    band = np.digitize(np.fft.rfftfreq(size, 1 / 44_100), 250.0 * 2 ** ((np.arange(17) - 0.5) / 3))
    return 10 * np.log10([power[band == i].sum() + 1e-12 for i in range(1, 17)])


def heard_as(page, wanted_db, seconds):
    """Hear the loop until it is as wanted, and return its levels as they were at last.

    A busy machine makes a browser miss blocks, which are clicks; the same loop comes again and again.
    """
    for _ in range(8):
        levels_db = band_levels_db(page.listen(seconds))
        apart = np.abs(levels_db - wanted_db)[wanted_db > wanted_db.max() - 30]
        if apart.max() < 1.0:
            break
    assert len(apart) > 8
    assert apart.max() < 1.0
    return levels_db


def test_the_dial_is_heard_as_the_renderer_plays_it(page, example_take):
    page.open_example()
    # A loop by mouse: from here on the same second and a half is heard over and over.
    start, stop = 0.4, 0.5
    page.browser.drag("#panel-source .view", [(start, 0.5), (start + 0.05, 0.5), (stop, 0.5)])
    seconds = (stop - start) * float(page.attribute("#seek", "max"))
    # Walls colour a sound by chance, and the page draws its own.
    page.focus("#slider-room")
    page.browser.press("Home")
    page.focus("#dial")
    page.browser.press("Home")
    page.browser.press(" ")
    page.browser.wait_for("document.querySelector('#play').getAttribute('aria-label') === 'Pause'")
    heard = []
    for key, mix in (("Home", 0.0), ("End", 1.0)):
        page.browser.press(key)
        page.listen(0.3)
        rendered = np.ravel(example_take.render(Mix.at(mix, room=0.0)))
        first = round(start * len(rendered))
        wanted_db = band_levels_db(rendered[first : first + round(seconds * SAMPLE_RATE)])
        heard.append(heard_as(page, wanted_db, seconds))
    page.browser.press(" ")
    # Flute and violin differ by far more than that.
    assert np.abs(heard[1] - heard[0]).max() > 8.0


def test_what_is_saved_is_what_the_command_makes(page, clip, tmp_path):
    page.open(clip)
    page.focus("#dial")
    for _ in range(3):
        page.browser.press("PageUp")
    page.focus("#slider-noise")
    page.browser.press("Home")
    for name, key in (("wet", "PageDown"), ("level_db", "ArrowDown"), ("transpose", "ArrowUp")):
        page.focus(f"#output-{name}")
        page.browser.press(key)
    assert page.texts("#output .value") == ["90 %", "−1 dB", "+1"]
    page.browser.click("[data-format=flac]")
    page.wait_for_command("flac --mix 0.8 --noise 0.0 --wet 0.9 --level -1 --transpose 1")
    command = shlex.split(page.text("#command"))
    page.browser.click("#save")
    saved = page.download("*.flac")
    assert (
        saved.name
        == command[3]
        == ("clip-violute-tone0.80-noise0.00-attack0.80-vibrato0.80-transpose1-wet0.9-level-1.flac")
    )
    assert command[:2] == ["violute", "convert"]
    shutil.copy(clip, tmp_path / command[2])
    done = run_violute(*command[1:], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / command[3]).read_bytes() == saved.read_bytes()


def test_the_command_makes_the_loop_alone_in_the_bits_that_were_chosen(page, clip):
    page.open(clip)
    page.browser.drag("#panel-source .view", [(0.25, 0.5), (0.3, 0.5), (0.75, 0.5)])
    page.browser.evaluate("document.querySelector('#loop-only').click()")
    page.browser.evaluate(
        "(() => { const bits = document.querySelector('#bits'); bits.value = '24';"
        " bits.dispatchEvent(new Event('change')); })()"
    )
    page.wait_for_command("--bits 24")
    words = shlex.split(page.text("#command"))
    start, end = (float(words[words.index(name) + 1]) for name in ("--from", "--to"))
    seconds = float(page.attribute("#seek", "max"))
    assert (start / seconds, end / seconds) == pytest.approx((0.25, 0.75), abs=0.01)
    page.browser.click("#save")
    saved = page.download(words[3])
    assert soundfile.info(saved).subtype == "PCM_24"
    page.rest()
    page.browser.press("Escape")  # ends the loop
    page.browser.wait_for("!document.querySelector('#command').textContent.includes('--from')")


def test_another_pitch_is_heard_at_once_and_can_be_undone(page, example_take):
    page.open_example()
    page.focus("#slider-room")
    page.browser.press("Home")
    start, stop = 0.4, 0.5
    page.browser.drag("#panel-source .view", [(start, 0.5), (start + 0.05, 0.5), (stop, 0.5)])
    page.focus("#output-transpose")
    for _ in range(5):
        page.browser.press("ArrowUp")
    page.wait_for_command("--transpose 5")
    page.settle()
    page.rest()
    page.browser.press(" ")
    page.listen(0.3)
    rendered = np.ravel(example_take.render(Mix.at(0.5, room=0.0), output=violute.Output(transpose=5.0)))
    seconds = (stop - start) * len(rendered) / SAMPLE_RATE
    first = round(start * len(rendered))
    heard_as(page, band_levels_db(rendered[first : first + round(seconds * SAMPLE_RATE)]), seconds)
    page.browser.press(" ")
    page.browser.press("z", ctrl=True)
    assert page.texts("#output .value")[2] == "0"


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
    page.browser.wait_for("globalThis.asked.length === 1", 40)
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


def test_a_drawn_course_is_saved_with_its_file(page, clip):
    page.open(clip)
    page.browser.drag("#lane", [(0.1, 0.9), (0.3, 0.5), (0.5, 0.1)])
    page.wait_for_command("--automation mix.csv")
    page.rest()
    page.browser.press("c")
    csv = page.download("mix.csv").read_text()
    points = [tuple(map(float, line.split(","))) for line in csv.splitlines()[1:]]
    assert points[0][1] < 0.1
    assert points[-1][1] > 0.9
    page.browser.press("s")
    saved = page.download("*moving*.wav")
    audio, rate = read(clip)
    course = violute.load_voice().analyse(audio, rate).render(mix=points)
    # The file holds 24 bits or fewer of the same samples.
    assert np.abs(soundfile.read(saved)[0] - course).max() < 1e-4
    # A hand on the dial takes over from the course.
    page.browser.press("ArrowLeft")
    assert page.attribute("#lane-toggle", "aria-pressed") == "false"
    page.wait_for_command("--mix")


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
    wait_until(lambda: set(server.stored()) <= before, 10)


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
