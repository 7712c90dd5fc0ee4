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

WAITS_MS = (100, 400, 1600, 6400)
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


def is_drawn(seen, _):
    return np.ptp(seen) > 150


@pytest.fixture
def look(host, screen, tmp_path):
    """Do words with the face open, and return what is seen, `(row, column, colour)`, and what was written.

    Where that is not what `until` waits for, it is done again and the screen given longer, seconds at most.
    """

    def looked(*words, before=(), until=is_drawn):
        path = tmp_path / "seen"
        for wait_ms in WAITS_MS:
            waiting = [f"wait={wait_ms}" if word == "wait" else word for word in ("wait", *words)]
            written = host.run(*before, "face", *waiting, f"shot={path}", "noface", environment=screen)
            size, pixels = path.read_bytes().split(b"\n", 1)
            width, height = map(int, size.split())
            seen = np.frombuffer(pixels, np.uint8).reshape(height, width, 3).astype(int)
            if until(seen, written):
                break
        return seen, written

    return looked


def redness(seen):
    """How red the reddest pixel is, which only what is wrong is in."""
    return (seen[..., 0] - seen[..., 1:].max(axis=2)).max()


def is_told(seen, _):
    return redness(seen[NOTICE]) > 80


def with_voice(host, tmp_path, path):
    return f"load={project(host, tmp_path, path)}"


def test_it_shows_the_dials_as_they_stand(look):
    seen, _ = look()
    turned, _ = look(before=("set=Mix:1",), until=lambda now, _: np.abs(seen - now).max() > 100)
    assert seen.shape == (400, 640, 3)
    assert is_drawn(seen, "")
    assert np.abs(seen - turned).max() > 100


def test_a_dial_that_is_turned_turns_its_parameter(look, tmp_path):
    sound = tmp_path / "silence"
    np.zeros(2 * 512, np.float32).tofile(sound)
    played = f"play={sound}:{tmp_path / 'out'}"

    def is_turned(_, written):
        mix = float(re.search(r"^Mix: (.*)$", written, re.MULTILINE)[1])
        return mix == pytest.approx(0.5 + 36 / 180, abs=0.01)

    def is_bypassed(_, written):
        return "Bypass: 1\n" in written

    assert is_turned(*look("drag={}:{}:36:0".format(*DIAL_BOTTOM), played, "values", until=is_turned))
    assert is_bypassed(*look("drag={}:{}:0:0".format(*BYPASS), played, "values", until=is_bypassed))


def test_it_opens_without_its_voice_and_says_so(look, host, tmp_path):
    plain, _ = look()
    seen, _ = look(before=(with_voice(host, tmp_path, tmp_path / "fort.live"),), until=is_told)
    assert redness(seen[NOTICE]) > 80 > redness(plain[NOTICE])
    assert np.array_equal(seen[NAMES], plain[NAMES])


def test_it_names_the_instruments_of_a_voice_and_is_told_of_a_wrong_one(look, host, tmp_path):
    path = tmp_path / "Zuhause bei Zoë.live"
    path.write_bytes(live_bytes("violute-clarinet-cello"))
    plain, _ = look()

    def is_as_plain(seen, _):
        return np.array_equal(seen[NAMES], plain[NAMES])

    def is_another(seen, _):
        return np.abs(seen[NAMES] - plain[NAMES]).max() > 50

    chosen, _ = look(with_voice(host, tmp_path, path), "wait", until=is_another)
    assert is_another(chosen, "")
    assert not is_told(chosen, "")
    again, _ = look(
        "drag={}:{}:0:0".format(*BUILT_IN), before=(with_voice(host, tmp_path, path),), until=is_as_plain
    )
    assert is_as_plain(again, "")
    path.write_bytes(b"no voice")
    wrong, _ = look(with_voice(host, tmp_path, path), "wait", until=is_told)
    assert is_told(wrong, "")


def test_it_grows_with_its_window_and_opens_again_while_sound_runs(look, tmp_path):
    sound = tmp_path / "sound"
    np.repeat(example("flute")[:20_000], 2).astype(np.float32).tofile(sound)
    played = f"play={sound}:{tmp_path / 'out'}"
    small, _ = look(played, "wait")
    enlarged = small[np.arange(600) * 2 // 3][:, np.arange(960) * 2 // 3]

    def is_enlarged(seen, _):
        return seen.shape == (600, 960, 3) and np.mean(np.abs(seen - enlarged)) < 3.0

    assert is_enlarged(
        *look(played, "wait", "noface", "face", "wait", "resize=960:600", "wait", until=is_enlarged)
    )
