"""The plug-in: built once a session beside the real-time core, and small hosts that play it."""

import shutil
import subprocess
from pathlib import Path

import live_core
import numpy as np
import pytest
from once_a_run import made_once

from violute.families.ddsp.live_file import live_bytes
from violute.voices.load import DEFAULT_VOICE

DPF = Path("/usr/share/dpf")
NEEDED = (DPF, Path("/usr/include/GL/gl.h"), Path("/usr/include/X11/Xlib.h"), Path("/usr/include/lilv-0"))
LV2_URI = "urn:violute:plugin"
PARAMETERS = (
    "Mix",
    "Tone beside mix",
    "Noise beside mix",
    "Attack beside mix",
    "Room",
    "Dry/wet",
    "Level",
    "Bypass",
    "Peak",
)


def built(*, sanitized=False):
    """Build VST3 and LV2, or with sanitizers CLAP and its host, and return the folder."""
    if not all(path.exists() for path in NEEDED):
        pytest.skip("dpf-source, libgl-dev, libx11-dev and liblilv-dev build the plug-in and its hosts")
    formats, targets = (
        ("clap", ["Violute-clap", "clap_host"])
        if sanitized
        else ("vst3;lv2", ["Violute-vst3", "Violute-lv2", "Violute-lv2-ui", "lv2_host"])
    )
    folder = live_core.built(sanitized=sanitized)

    def make(made):
        voice = made / "voice.live"
        voice.write_bytes(live_bytes(DEFAULT_VOICE))
        options = ["-DVIOLUTE_PLUGIN=ON", f"-DVIOLUTE_VOICE={voice}", f"-DVIOLUTE_FORMATS={formats}"]
        live_core.build(folder, options, targets)

    made_once(f"{folder.name}-plugin", make)
    return folder


class Host:
    """Runs a host of `tests/live` with the sounds of a folder."""

    def __init__(self, folder, *command):
        self._folder, self._command = folder, command

    def path(self, name):
        """Return where a file lies beside the sounds."""
        return self._folder / name

    def run(self, *words, environment=None):
        """Do words one after the other, and return what was written."""
        command = list(map(str, (*self._command, *words)))
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=300, env=environment, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout

    def values(self, *words):
        """Do words, of which the last ones print values, and return these by name."""
        lines = (line.split(": ") for line in self.run(*words).splitlines())
        return {name: float(value) for name, value in lines}

    def play(self, audio, *words, block=512):
        """Play a sound of one channel or two after these words; `(2, sample)`."""
        (played,) = self.play_together([audio], *words, block=block)
        return played

    def play_together(self, sounds, *words, block=512):
        """Play sounds side by side, each by an instance of its own."""
        paths = []
        for i, sound in enumerate(sounds):
            stereo = np.broadcast_to(np.asarray(sound, np.float32), (2, np.shape(sound)[-1]))
            np.ascontiguousarray(stereo.T).tofile(self._folder / f"in{i}.f32")
            paths += [self._folder / f"in{i}.f32", self._folder / f"out{i}.f32"]
        self.run(*words, f"block={block}", "play=" + ":".join(map(str, paths)))
        return [
            np.fromfile(self._folder / f"out{i}.f32", np.float32).reshape(-1, 2).T for i in range(len(sounds))
        ]


def clap_host(folder):
    """Return the host of CLAP, which runs under sanitizers, as the plug-in in it does."""
    made = built(sanitized=True)
    return Host(folder, made / "plugin" / "clap_host", made / "bin" / "Violute.clap")


def project(host, folder, voice, *words):
    """Save what a project keeps in the host of CLAP, with the path of a voice, and return the file."""
    state = folder / "state"
    host.run(*words, f"save={state}")
    state.write_bytes(state.read_bytes().replace(b"voice\0\0", b"voice\0" + str(voice).encode() + b"\0", 1))
    return state


def lv2_host(folder):
    """Return the host of LV2 by lilv."""
    made = built()
    (folder / "lv2").mkdir()
    (folder / "lv2" / "Violute.lv2").symlink_to(made / "bin" / "Violute.lv2")
    return Host(folder, made / "plugin" / "lv2_host", folder / "lv2", LV2_URI)


def needs(*programs):
    """Skip a test where a program of Debian's is absent."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
