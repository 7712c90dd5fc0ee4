"""Playing along: the worklet plays what the Python stream does, and the page a microphone through it."""

import base64
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, find_chromium
from live_core import SAMPLE_RATE, difference_db, example
from studio_site import serve

import violute.studio
from violute import load_voice
from violute.families.ddsp.live_file import live_bytes
from violute.families.ddsp.stream import LATENCY_SAMPLES
from violute.voices.load import DEFAULT_VOICE
from violute.voices.mix import Mix

PROMISED_DB = -60.0

pytestmark = pytest.mark.skipif(find_chromium() is None, reason="Chromium is not installed")

PLAY = """
(async () => {
  const { liveModule } = await import("/page/instance.js");
  const fetched = async (path) => (await fetch(path)).arrayBuffer();
  const [module, voice] = [await liveModule(), await fetched("/voice.live")];
  const samples = new Float32Array(await fetched("/sound.f32"));
  const context = new OfflineAudioContext(2, samples.length, SAMPLE_RATE);
  await context.audioWorklet.addModule("/page/live_processor.js");
  const buffer = new AudioBuffer({ length: samples.length, sampleRate: SAMPLE_RATE });
  buffer.copyToChannel(samples, 0);
  const source = new AudioBufferSourceNode(context, { buffer });
  const node = new AudioWorkletNode(context, "violute-live", {
    outputChannelCount: [2], processorOptions: { module, voice, roomSize: ROOM },
  });
  const told = await new Promise((resolve) => { node.port.onmessage = ({ data }) => resolve(data); });
  if (told.problem) return told;
  node.port.postMessage({ dials: DIALS });
  source.connect(node).connect(context.destination);
  source.start();
  const heard = (await context.startRendering()).getChannelData(0);
  const bytes = new Uint8Array(heard.buffer);
  let text = "";
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return { ...told, heard: btoa(text) };
})()
"""


def piece():
    return example("violin")[: 3 * SAMPLE_RATE]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(Path(violute.studio.__file__).parent / "page", folder / "page")
    (folder / "voice.live").write_bytes(live_bytes(DEFAULT_VOICE))
    piece().tofile(folder / "sound.f32")
    (folder / "index.html").write_text(
        "<!doctype html><title>Monitor</title><link rel=icon href=/page/icon.svg>"
    )
    with serve(folder) as address, Browser(tmp_path_factory.mktemp("alone")) as browser:
        browser.call("Page.navigate", url=f"{address}/index.html")
        browser.wait_for("document.readyState === 'complete' && location.protocol === 'http:'")
        yield folder, browser


def play(site, *, room=0.0, sample_rate=SAMPLE_RATE, **dials):
    wanted = {"SAMPLE_RATE": sample_rate, "ROOM": room, "DIALS": {"room": room, **dials}}
    script = PLAY
    for name, value in wanted.items():
        script = script.replace(name, json.dumps(value))
    told = site[1].evaluate(script)
    if "heard" in told:
        told["heard"] = np.frombuffer(base64.b64decode(told["heard"]), np.float32)
    return told


@pytest.mark.parametrize("room", [0.0, 0.4])
def test_the_worklet_plays_what_the_python_stream_plays(site, room):
    told = play(site, room=room, tone=0.2, noise=0.9, attack=0.5)
    assert told["latencySamples"] == LATENCY_SAMPLES
    wanted = load_voice().stream(Mix(tone=0.2, noise=0.9, attack=0.5, room=room)).push(piece())
    assert difference_db(told["heard"], wanted) < PROMISED_DB


@pytest.mark.parametrize("sample_rate", [44_100, 48_000])
def test_it_is_as_late_as_it_says(site, sample_rate):
    """What came, which dry/wet leaves alone, comes out after so many samples."""
    told = play(site, sample_rate=sample_rate, wet=0.0)
    late = told["latencySamples"]
    np.testing.assert_allclose(told["heard"][late + 2000 :], piece()[2000:-late], atol=1e-5)


def test_a_damaged_voice_is_told_in_one_line(site):
    folder, _ = site
    whole = (folder / "voice.live").read_bytes()
    try:
        (folder / "voice.live").write_bytes(whole[:-1])
        told = play(site)
    finally:
        (folder / "voice.live").write_bytes(whole)
    assert "damaged" in told["problem"]
    assert "\n" not in told["problem"]


def rms(page):
    """Of some beeps."""
    return float(np.sqrt(np.mean(np.square(page.listen(3.0)))))


def about(page):
    return page.text("#about-monitor")


@pytest.fixture
def recording(page):
    """The page while it records from the microphone, which hears a beep twice a second."""
    page.browser.click("#record")
    page.wait_for("recording")
    yield page
    page.browser.click("#record-cancel")
    page.wait_for("empty")


def test_one_hears_the_microphone_in_the_voice_and_turns_its_dials(recording):
    page = recording
    assert about(page) == "Wear headphones, or the microphone hears the hybrid, too."
    assert page.browser.evaluate("document.querySelector('#panel').inert")
    page.browser.click("#monitor")
    page.browser.wait_for("document.querySelector('#about-monitor').textContent.includes(' later')")
    told = re.match(
        r"You hear yourself (\d+) ms later, (\d+) ms of them for the voice\. Wear head", about(page)
    )
    assert told is not None
    assert 20 <= int(told[2]) <= 23
    assert int(told[2]) <= int(told[1]) < 500
    assert not page.browser.evaluate("document.querySelector('#panel').inert")
    before = rms(page)
    assert before > 1e-3
    page.browser.evaluate(
        "(() => { const level = document.querySelector('#output-level_db'); level.value = -12;"
        " level.dispatchEvent(new Event('input')); })()"
    )
    assert rms(page) == pytest.approx(before * 10.0 ** (-12.0 / 20.0), rel=0.4)
    page.browser.click("#monitor")
    assert about(page).startswith("Wear headphones")
    assert page.browser.evaluate("document.querySelector('#panel').inert")
    assert "0:0" in page.text("#recorded")


def test_what_was_played_along_to_is_recorded_as_it_was_played(page):
    page.browser.click("#record")
    page.wait_for("recording")
    page.browser.click("#monitor")
    page.browser.wait_for("document.querySelector('#about-monitor').textContent.includes(' later')")
    page.browser.wait_for("document.querySelector('#recorded').textContent >= '0:02'")
    page.browser.click("#record-stop")
    page.wait_for("ready")
    assert re.fullmatch(r"Recording \d\d\.\d\d\.wav", page.text("#piece"))
    assert not page.browser.evaluate("document.body.hasAttribute('data-monitor')")


def test_a_voice_that_is_rendered_cannot_be_played_along_with(recording):
    page = recording
    page.browser.click("#monitor")
    page.browser.wait_for("document.querySelector('#about-monitor').textContent.includes(' later')")
    page.browser.evaluate("document.querySelector('[name=voice][value=sines]').click()")
    page.browser.wait_for("document.querySelector('#monitor').disabled")
    assert about(page) == "sines is rendered: choose a live voice to hear it while you play."
    assert not page.browser.evaluate("document.querySelector('#monitor').checked")
    name = f"[name=voice][value={DEFAULT_VOICE}]"
    page.browser.evaluate(f"document.querySelector('{name}').click()")
    page.browser.wait_for("!document.querySelector('#monitor').disabled")
