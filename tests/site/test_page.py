"""The page without a server in a real browser: what it plays, saves, says, and that it needs no net."""

import json

import numpy as np
import pytest
import soundfile
from browser import Browser, find_chromium
from live_core import SAMPLE_RATE, difference_db, example
from studio_page import axe_source
from studio_site import serve

from violute import load_voice
from violute.families.ddsp.live_file import live_bytes
from violute.families.ddsp.stream import LATENCY_SAMPLES
from violute.site.write import write_site
from violute.voices.mix import Mix

PROMISED_DB = -60.0
LOW_VOICE = "violute-clarinet-cello"
UPDATE = """
navigator.serviceWorker.getRegistration().then(async (one) => {
  await one.update();
  globalThis.registered = one;
})
"""

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="no Chromium")


def solo():
    return example("violin")[: 3 * SAMPLE_RATE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A site, and recordings beside it."""
    folder = tmp_path_factory.mktemp("page")
    write_site(folder / "site")
    soundfile.write(folder / "solo.wav", solo(), SAMPLE_RATE, subtype="FLOAT")
    soundfile.write(folder / "microphone.wav", solo(), SAMPLE_RATE, subtype="PCM_16")
    soundfile.write(folder / "stereo.wav", np.stack([solo(), 0.5 * solo()], axis=1)[:48_001], 48_000)
    (folder / "low.live").write_bytes(live_bytes(LOW_VOICE))
    (folder / "damaged.live").write_bytes(live_bytes(LOW_VOICE)[:100_000])
    (folder / "text.wav").write_text("no sound")
    return folder


@pytest.fixture(scope="module")
def address(folder):
    with serve(folder / "site", policy=None) as url:
        yield f"{url}/"


@pytest.fixture(scope="module")
def browser(folder):
    with Browser(folder / "browser", microphone=folder / "microphone.wav") as browser:
        yield browser


@pytest.fixture
def page(browser, address):
    browser.resize(1280, 860)
    opened(browser, address)
    yield browser
    assert browser.errors == []


def opened(browser, address):
    browser.errors.clear()
    browser.visit(address)
    browser.wait_for("'isReady' in document.body.dataset")


def wait_for_state(page, state):
    page.wait_for(f"document.body.dataset.state === '{state}'")


def choose(page, path):
    """Choose a recording and play it: a browser gives no sound before a press."""
    page.choose_file("#file", path)
    wait_for_state(page, "ready")
    page.click("#play")
    wait_for_state(page, "playing")


def text(page, selector):
    return page.evaluate(f"document.querySelector({json.dumps(selector)}).textContent.trim()")


def wait_for_failure(page, part):
    page.wait_for(f"document.querySelector('#failure').textContent.includes({json.dumps(part)})")
    assert not page.evaluate("document.querySelector('#failure').hidden")


def download(page, pattern):
    for _ in range(400):
        found = [path for path in page.downloads.glob(pattern) if path.suffix == ".wav"]
        if found:
            return found[0]
        page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
    raise AssertionError(f"nothing named {pattern} was saved")


def streamed(mix, room, n_samples):
    stream = load_voice().stream(Mix.at(mix, room=room))
    audio = np.concatenate([solo(), np.zeros(LATENCY_SAMPLES, np.float32)])
    return stream.push(audio)[LATENCY_SAMPLES:][:n_samples]


def offline(page, samples, settings, sample_rate=SAMPLE_RATE):
    """Play samples, an expression in JavaScript, through the page's node as fast as it goes."""
    return page.evaluate(
        f"""(async () => {{
          const {{ LiveNode }} = await import("./live_node.js");
          const bytes = async (file) => (await fetch(file)).arrayBuffer();
          const samples = {samples};
          const context = new OfflineAudioContext(2, samples.length, {sample_rate});
          const voice = await bytes("violin-flute.live");
          const node = await LiveNode.open(context, voice, {json.dumps(settings)}, {{ isWatched: true }});
          const memory = [];
          const note = ({{ peaks, memoryBytes }}) => {{ if (peaks) memory.push(memoryBytes); }};
          node.port.onmessage = ({{ data }}) => note(data);
          const buffer = new AudioBuffer({{ length: samples.length, sampleRate: {sample_rate} }});
          buffer.copyToChannel(Float32Array.from(samples), 0);
          const source = new AudioBufferSourceNode(context, {{ buffer }});
          source.connect(node.audio).connect(context.destination);
          source.start();
          const played = await context.startRendering();
          return [Array.from(played.getChannelData(0)), Array.from(new Set(memory)), memory.length];
        }})()"""
    )


def settings(mix=0.5, room=0.2, wet=1.0):
    return {"dials": {"tone": mix, "noise": mix, "attack": mix, "room": room, "wet": wet}, "levelDb": 0}


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_what_comes_in_comes_out_so_many_samples_later_as_the_page_says(page, sample_rate):
    click = "Float32Array.from({ length: 8000 }, (_, i) => Number(i === 1000))"
    played, *_ = offline(page, click, settings(wet=0.0), sample_rate)
    late = int(np.argmax(np.abs(played))) - 1000
    assert late == {44_100: LATENCY_SAMPLES, 48_000: 1030}[sample_rate]
    assert played[1000 + late] == pytest.approx(1.0, abs=0.01)


def test_the_audio_thread_plays_the_python_stream_and_takes_no_memory_meanwhile(page, folder):
    audio = solo()
    samples = f"({json.dumps([float(sample) for sample in audio])})"
    played, memory, n_reports = offline(page, samples, settings(0.3, 0.2))
    wanted = load_voice().stream(Mix.at(0.3, room=0.2)).push(audio)
    assert difference_db(np.array(played), wanted) < PROMISED_DB
    assert n_reports > 40
    assert len(memory) == 1


def test_a_whole_recording_is_saved_as_the_python_stream_plays_it(page, folder):
    choose(page, folder / "solo.wav")
    page.evaluate("document.querySelector('#dial').focus()")
    page.press("End")
    assert page.evaluate("document.querySelector('#dial').getAttribute('aria-valuetext')") == "violin"
    page.click("#save")
    made, sample_rate = soundfile.read(download(page, "solo_hybrid.wav"), dtype="float32")
    assert sample_rate == SAMPLE_RATE
    assert made.shape == solo().shape
    # Sixteen bits are what a file holds, so what is compared is rounded as well.
    wanted = np.round(streamed(1.0, 0.2, len(made)) * 32_767.0) / 32_767.0
    assert difference_db(made * 32_768.0 / 32_767.0, wanted) < PROMISED_DB


def test_a_stereo_recording_stays_stereo_at_its_own_rate_and_length(page, folder):
    choose(page, folder / "stereo.wav")
    page.click("#save")
    made, sample_rate = soundfile.read(download(page, "stereo_hybrid.wav"))
    assert made.shape == (48_001, 2)
    assert sample_rate == 48_000
    assert not np.array_equal(made[:, 0], made[:, 1])
    assert "stereo" in text(page, "#saved")


def test_the_microphone_is_heard_as_hybrid_and_recorded(page):
    page.click("#microphone")
    assert page.evaluate("document.querySelector('#headphones').open"), "howling is warned of first"
    page.press("Enter")
    wait_for_state(page, "live")
    page.wait_for("document.querySelector('#played').ariaValueNow > 5")
    assert page.evaluate("document.querySelector('#device').options.length") > 0
    assert int(text(page, "#delay").split()[0]) >= 20
    page.click("#record")
    page.wait_for("document.querySelector('#record').getAttribute('aria-pressed') === 'true'")
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 1500))")
    page.click("#record")
    made, sample_rate = soundfile.read(download(page, "Violute *.wav"))
    assert made.shape[1] == 2
    assert len(made) > 0.5 * sample_rate
    assert np.std(made) > 0.01
    page.click("#play")
    wait_for_state(page, "ready")


def test_a_microphone_that_is_not_allowed_is_one_line(page):
    # The browser of the tests allows every microphone by itself.
    refusal = "Promise.reject(new DOMException('', 'NotAllowedError'))"
    page.evaluate(f"navigator.mediaDevices.getUserMedia = () => {refusal}; 0")
    page.click("#microphone")
    page.press("Enter")
    wait_for_failure(page, "The microphone is not allowed here")
    assert page.evaluate("document.body.dataset.state") == "empty"


def test_a_voice_of_ones_own_names_its_ends_and_what_is_none_is_one_line(page, folder):
    page.choose_file("#voice-file", folder / "low.live")
    page.wait_for("document.querySelector('.end1 span').textContent === 'Cello'")
    assert text(page, "#voice option:checked") == "low.live"
    page.choose_file("#voice-file", folder / "damaged.live")
    wait_for_failure(page, "the voice file is damaged")
    assert text(page, ".end1 span") == "Cello"
    page.choose_file("#file", folder / "text.wav")
    wait_for_failure(page, "text.wav is no recording that this browser reads")
    page.click("[data-example=violin]")
    wait_for_state(page, "playing")
    page.wait_for("document.querySelector('#played').ariaValueNow > 5")


def test_a_voice_that_is_missing_leaves_the_one_before_in_the_choice_too(page):
    page.evaluate(
        "(() => { const voice = document.querySelector('#voice'); voice.append(new Option('', 'gone.live'));"
        " voice.value = 'gone.live'; voice.dispatchEvent(new Event('change')); })()"
    )
    wait_for_failure(page, "gone.live is missing on this site")
    assert page.evaluate("document.querySelector('#voice').value") == "violin-flute.live"
    page.errors.clear()  # the browser tells of the missing file itself


def test_the_microphone_leaves_the_recording_where_it_stood(page, folder):
    choose(page, folder / "solo.wav")
    page.wait_for("Number(document.querySelector('#seek').value) > 0.2")
    page.click("#play")
    wait_for_state(page, "ready")
    place = page.evaluate("document.querySelector('#seek').value")
    page.click("#microphone")
    page.press("Enter")
    wait_for_state(page, "live")
    page.wait_for("document.querySelector('#played').ariaValueNow > 5")
    page.click("#play")
    wait_for_state(page, "ready")
    assert page.evaluate("document.querySelector('#seek').value") == place


def test_dials_turn_by_keyboard_while_an_example_plays(page):
    page.click("[data-example=flute]")
    wait_for_state(page, "playing")
    for selector, name in (("#slider-room", "Room"), ("#slider-tone", "Tone"), ("#output-wet", "Dry/wet")):
        page.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        page.press("Home")
        told = page.evaluate(f"document.querySelector({json.dumps(selector)}).getAttribute('aria-valuetext')")
        assert told.startswith(name)
    page.wait_for("Number(document.querySelector('#seek').value) > 0.3")
    page.evaluate("document.querySelector('#play').focus()")
    page.press(" ")
    wait_for_state(page, "ready")
    assert page.evaluate("document.querySelector('#play').getAttribute('aria-label')") == "Play"


@pytest.mark.parametrize("stats", ["null", "{ underrunDuration: lost }"])
def test_gaps_are_counted_by_the_browser_or_by_the_clocks_but_not_while_a_voice_opens(page, stats):
    counted = page.evaluate(
        f"""(async () => {{
          const {{ Gaps }} = await import("./gaps.js");
          const gaps = new Gaps();
          const counted = [];
          let [now, played, lost] = [100, 0, 0];
          const go = (wall, sound) => {{
            now += wall;
            played += sound;
            lost += wall - sound;
            counted.push(gaps.see(now, played, {stats}));
          }};
          for (let i = 0; i < 4; i += 1) go(0.25, 0.25);
          go(0.75, 0.25);
          go(0.25, 0.25);
          gaps.calm(now);
          go(1.25, 0.25);
          go(2, 2);
          go(0.75, 0.5);
          return counted;
        }})()"""
    )
    assert counted == pytest.approx([0, 0, 0, 0, 0.5, 0.5, 0.5, 0.5, 0.75])


@pytest.mark.parametrize(
    ("width", "height", "is_dark"),
    [(320, 640, True), (390, 844, False), (1366, 768, True), (1366, 768, False)],
)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_screen(page, folder, width, height, is_dark):
    axe = axe_source()
    if axe is None:
        pytest.skip("axe-core is not installed: pip install axe-playwright-python")
    page.resize(width, height, is_dark=is_dark)
    page.evaluate(f"{axe};0")
    look = (
        "axe.run().then(({ violations }) => violations.map(({ id, nodes }) =>"
        " [id, ...nodes.map((node) => node.target.join(' '))]))"
    )
    found = page.evaluate(look)
    choose(page, folder / "solo.wav")
    found += page.evaluate(look)
    page.click("#microphone")
    found += page.evaluate(look)
    assert found == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_from_disk_it_says_that_it_needs_a_server(browser, folder):
    browser.open(folder / "site" / "index.html")
    wait_for_failure(browser, "python -m http.server")


@pytest.fixture
def visited(tmp_path):
    """A site in `tmp_path` that was written anew, with another voice, since a browser was there: both."""
    write_site(tmp_path / "site")
    with serve(tmp_path / "site", policy=None) as url, Browser(tmp_path / "browser") as browser:
        opened(browser, f"{url}/")
        browser.evaluate("navigator.serviceWorker.ready.then(() => true)")
        write_site(tmp_path / "site", [LOW_VOICE])
        yield browser, f"{url}/"


def test_a_site_that_was_written_anew_comes_when_the_old_one_is_closed(visited):
    browser, address = visited
    opened(browser, address)
    assert text(browser, ".end1 span") == "Violin"
    browser.evaluate(UPDATE)
    browser.wait_for("registered.waiting !== null")
    # The new one takes over once nobody needs the old one, which is a moment after a page was left.
    for _ in range(20):
        browser.visit("about:blank")
        opened(browser, address)
        if text(browser, ".end1 span") == "Cello":
            break
    assert text(browser, ".end1 span") == "Cello"


def test_what_is_half_uploaded_is_not_kept(visited, tmp_path):
    browser, _ = visited
    late = tmp_path / "site" / "main.js"
    content = late.read_bytes()
    late.write_bytes(b"// of yesterday\n" + content)
    browser.evaluate(UPDATE)
    browser.wait_for("registered.installing === null")
    assert browser.evaluate("registered.waiting === null")
    late.write_bytes(content)
    browser.evaluate(UPDATE)
    browser.wait_for("registered.waiting !== null")


def test_it_can_be_installed_and_plays_without_a_net_after_the_first_visit(folder, tmp_path):
    with Browser(tmp_path / "browser") as browser:
        with serve(folder / "site", policy=None) as url:
            opened(browser, f"{url}/")
            browser.evaluate("navigator.serviceWorker.ready.then(() => true)")
            manifest = browser.call("Page.getAppManifest")
            assert manifest["errors"] == []
            assert browser.call("Page.getInstallabilityErrors")["installabilityErrors"] == []
        opened(browser, f"{url}/")
        browser.click("[data-example=violin]")
        wait_for_state(browser, "playing")
        browser.wait_for("document.querySelector('#played').ariaValueNow > 5")
        assert browser.errors == []
