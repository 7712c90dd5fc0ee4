"""What the studio's page plays in a real browser is what the renderer plays, and what its command makes."""

import shlex
import shutil

import numpy as np
import pytest
import soundfile
from command_line import violute as run_violute
from tones import SAMPLE_RATE

import violute
from violute.audio.read import read
from violute.examples import example_paths
from violute.voices.mix import Mix

pytest.importorskip("fastapi", reason="the studio's extra is not installed")


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


def test_a_command_that_is_copied_at_once_is_of_what_was_just_set(page, clip):
    page.open(clip)
    page.wait_for_command("--mix 0.5")
    page.browser.evaluate(
        "(navigator.clipboard.writeText = async (text) => { globalThis.copied = text; }, 0)"
    )
    page.browser.evaluate(
        "(() => { const bits = document.querySelector('#bits'); bits.value = '24';"
        " bits.dispatchEvent(new Event('change')); document.querySelector('#copy').click(); })()"
    )
    assert page.browser.wait_for("globalThis.copied") == page.text("#command")
    assert "--bits 24" in page.text("#command")


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
