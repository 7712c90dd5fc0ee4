"""README is short; its Python and that of the docs runs, and every command in them parses."""

import re
import shlex
from pathlib import Path

import pytest
import soundfile
from command_line import violute_here

from violute.examples import example_paths

ROOT = Path(__file__).resolve().parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGES[page], re.MULTILINE | re.DOTALL)


def command_lines():
    """Return the words after `violute` of every line in the pages that calls it."""
    found = []
    for block in (block for page in PAGES for block in blocks(page, "sh")):
        for line in block.splitlines():
            for part in re.split(r"&&|\|", line):
                words = shlex.split(part, comments=True)
                if words and words[0].rsplit("/", 1)[-1] == "violute":
                    found.append(tuple(words[1:]))
    return found


def options_of(verbs):
    asked = violute_here(*verbs, "--help", cwd=ROOT)
    assert asked.returncode == 0, asked.stderr
    return set(re.findall(r"--[a-z][a-z-]*", asked.stdout))


def test_readme_fits_on_a_few_screens():
    assert len(PAGES["README.md"].splitlines()) < 120


def test_the_pages_show_the_main_verbs():
    assert {words[0] for words in command_lines()} >= {"convert", "demo", "notes", "train", "voices", "bench"}


def test_every_option_in_the_pages_is_offered():
    wanted: dict[tuple[str, ...], set[str]] = {}
    for words in command_lines():
        verbs = words[:2] if words[0] in ("data", "train") else words[:1]
        verbs = words[:2] if words[:2] in (("bench", "compare"), ("bench", "listen")) else verbs
        wanted.setdefault(verbs, set()).update(word for word in words if word.startswith("--"))
    for verbs, options in wanted.items():
        assert options <= options_of(verbs), verbs


def test_no_command_parses_by_accident():
    """The check above would be empty if every verb had help."""
    assert violute_here("transmogrify", "--help", cwd=ROOT).returncode != 0


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_python_blocks_run_one_after_the_other(page, tmp_path, monkeypatch):
    audio, sample_rate = soundfile.read(example_paths()["violin"], stop=2 * 44100)
    soundfile.write(tmp_path / "solo.wav", audio, sample_rate)
    monkeypatch.chdir(tmp_path)
    names = {}
    for block in blocks(page, "python"):
        exec(compile(block, page, "exec"), names)
    for name in {"hybrid", "bowed_flute", "crossing"} & set(names):
        assert names[name].shape == (1, len(audio))
    written, written_rate = soundfile.read(tmp_path / "hybrid.wav")
    assert (len(written), written_rate) == (len(audio), sample_rate)
