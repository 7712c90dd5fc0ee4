"""README's Python runs and its commands parse."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from violute.examples import example_paths

README = (Path(__file__).resolve().parents[2] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def command_lines():
    """Return the words after `violute` of every line in README that calls it."""
    found = []
    for block in blocks("sh"):
        for line in block.splitlines():
            for part in line.split("&&"):
                words = shlex.split(part, comments=True)
                if words and words[0].rsplit("/", 1)[-1] == "violute":
                    found.append(tuple(words[1:]))
    return found


def run_violute(*arguments):
    code = "from violute.cli.main import main; main()"
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_readme_shows_the_main_verbs():
    assert {words[0] for words in command_lines()} >= {"convert", "demo", "train", "voices"}


@pytest.mark.parametrize("words", sorted(set(command_lines())), ids=" ".join)
def test_command_parses(words):
    verbs = [words[0]]
    if words[0] in ("data", "train"):
        verbs.append(words[1])
    asked = run_violute(*verbs, "--help")
    assert asked.returncode == 0, asked.stderr
    offered = set(re.findall(r"--[a-z][a-z-]*", asked.stdout))
    assert {word for word in words if word.startswith("--")} <= offered


def test_no_command_parses_by_accident():
    """The check above would be empty if every verb had help."""
    assert run_violute("transmogrify", "--help").returncode != 0


def test_python_blocks_run_one_after_the_other(tmp_path, monkeypatch):
    audio, sample_rate = soundfile.read(example_paths()["violin"], stop=2 * 44100)
    soundfile.write(tmp_path / "solo.wav", audio, sample_rate)
    monkeypatch.chdir(tmp_path)
    names = {}
    assert len(blocks("python")) >= 3
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    for name in ("hybrid", "bowed_flute", "crossing"):
        assert names[name].shape == names["audio"].shape
    written, written_rate = soundfile.read(tmp_path / "hybrid.wav")
    assert (len(written), written_rate) == (len(audio), sample_rate)
