"""A studio, a client of it, and its page in a browser."""

import pytest
import soundfile
from browser import Browser, find_chromium
from studio_page import EAR, StudioPage
from studio_server import StudioServer

from violute.examples import example_paths


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with StudioServer(tmp_path_factory.mktemp("studio")) as started:
        yield started


@pytest.fixture(scope="module")
def client(server):
    with server.client() as client:
        yield client


@pytest.fixture(scope="module")
def browser(server, tmp_path_factory):
    if find_chromium() is None:
        pytest.skip("no chromium is installed: apt-get install chromium")
    with Browser(tmp_path_factory.mktemp("browser") / "b") as started:
        started.call("Page.addScriptToEvaluateOnNewDocument", source=EAR)
        started.resize(1366, 768)
        yield started


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Three seconds of an example, for what does not depend on the piece."""
    audio, sample_rate = soundfile.read(example_paths()["flute"], stop=3 * 44_100)
    path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, audio, sample_rate)
    return path


@pytest.fixture
def page(browser, server):
    opened = StudioPage(browser, server)
    yield opened
    assert browser.errors == []
