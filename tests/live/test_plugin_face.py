"""The plug-in's face on a screen of its own: it opens with any voice or none, and turns the parameters."""

import os
import re
import subprocess

import numpy as np
import pytest
from live_core import example
from live_plugin import clap_host, needs, project

from violute.families.ddsp.live_file import live_bytes

DIAL_BOTTOM, BYPASS, BUILT_IN = (170, 302), (590, 30), (196, 366)
NOTICE = np.s_[350:390, 250:628]
"""Rows and columns in which the line stands that says what is wrong."""

NAMES = np.s_[298:326, 20:320]
"""And those in which the instruments are named."""


@pytest.fixture(scope="module")
def screen():
    needs("Xvfb")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "1300x900x24", "-noreset", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    with os.fdopen(read) as lines:
        number = lines.readline().strip()
    # The drivers of the screen keep what they were given, which is no leak of ours, and DPF lets go of a
    # queue by another function than it took it with.
    yield {
        **os.environ,
        "DISPLAY": f":{number}",
        "LIBGL_ALWAYS_SOFTWARE": "1",
        "ASAN_OPTIONS": "detect_leaks=0:alloc_dealloc_mismatch=0",
    }
    server.terminate()
    server.wait()


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    return clap_host(tmp_path_factory.mktemp("face"))


@pytest.fixture
def look(host, screen, tmp_path):
    """Do words with the face open, and return what is seen, `(row, column, colour)`, and what was written."""

    def looked(*words, before=()):
        path = tmp_path / "seen"
        written = host.run(*before, "face", "wait=400", *words, f"shot={path}", "noface", environment=screen)
        size, pixels = path.read_bytes().split(b"\n", 1)
        width, height = map(int, size.split())
        return np.frombuffer(pixels, np.uint8).reshape(height, width, 3).astype(int), written

    return looked


def redness(seen):
    """How red the reddest pixel is, which only what is wrong is in."""
    return (seen[..., 0] - seen[..., 1:].max(axis=2)).max()


def with_voice(host, tmp_path, path):
    return f"load={project(host, tmp_path, path)}"


def test_it_shows_the_dials_as_they_stand(look):
    seen, _ = look()
    turned, _ = look(before=("set=Mix:1",))
    assert seen.shape == (400, 640, 3)
    assert np.ptp(seen) > 150
    assert np.abs(seen - turned).max() > 100


def test_a_dial_that_is_turned_turns_its_parameter(look, tmp_path):
    sound = tmp_path / "silence"
    np.zeros(2 * 512, np.float32).tofile(sound)
    played = f"play={sound}:{tmp_path / 'out'}"
    _, written = look("drag={}:{}:36:0".format(*DIAL_BOTTOM), played, "values")
    assert float(re.search(r"^Mix: (.*)$", written, re.MULTILINE)[1]) == pytest.approx(
        0.5 + 36 / 180, abs=0.01
    )
    _, written = look("drag={}:{}:0:0".format(*BYPASS), played, "values")
    assert "Bypass: 1\n" in written


def test_it_opens_without_its_voice_and_says_so(look, host, tmp_path):
    plain, _ = look()
    seen, _ = look(before=(with_voice(host, tmp_path, tmp_path / "fort.live"),))
    assert redness(seen[NOTICE]) > 80 > redness(plain[NOTICE])
    assert np.array_equal(seen[NAMES], plain[NAMES])


def test_it_names_the_instruments_of_a_voice_and_is_told_of_a_wrong_one(look, host, tmp_path):
    path = tmp_path / "Zuhause bei Zoë.live"
    path.write_bytes(live_bytes("violute-clarinet-cello"))
    plain, _ = look()
    chosen, _ = look(with_voice(host, tmp_path, path), "wait=200")
    assert np.abs(chosen[NAMES] - plain[NAMES]).max() > 50
    assert redness(chosen[NOTICE]) < 80
    again, _ = look("drag={}:{}:0:0".format(*BUILT_IN), before=(with_voice(host, tmp_path, path),))
    assert np.array_equal(again[NAMES], plain[NAMES])
    path.write_bytes(b"no voice")
    wrong, _ = look(with_voice(host, tmp_path, path), "wait=200")
    assert redness(wrong[NOTICE]) > 80


def test_it_grows_with_its_window_and_opens_again_while_sound_runs(look, tmp_path):
    sound = tmp_path / "sound"
    np.repeat(example("flute")[:20_000], 2).astype(np.float32).tofile(sound)
    played = f"play={sound}:{tmp_path / 'out'}"
    seen, _ = look(played, "wait=100", "noface", "face", "wait=200", "resize=960:600", "wait=300")
    small, _ = look(f"play={sound}:{tmp_path / 'out'}", "wait=100")
    assert seen.shape == (600, 960, 3)
    enlarged = small[np.arange(600) * 2 // 3][:, np.arange(960) * 2 // 3]
    assert np.mean(np.abs(seen - enlarged)) < 3.0
