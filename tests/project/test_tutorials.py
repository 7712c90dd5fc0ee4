"""The tutorials do what they say: every line of the musician's and the sound designer's, at toy sizes.

Those of the researcher's are run by test_research_chain.py, test_translation_chain.py and the families' own.
"""

import importlib.util
import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import violute_here
from tones import SAMPLE_RATE, tone

from violute.examples import example_paths
from violute.voices.file import open_voice_file

DOCS = Path(__file__).resolve().parents[2] / "docs"


def page(name):
    return (DOCS / "tutorials" / f"{name}.md").read_text(encoding="utf-8")


def blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def violute_lines(name):
    """The words after `violute` of each line."""
    lines = [line for block in blocks(page(name), "sh") for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("violute ")]


def test_every_line_of_the_musician_s_makes_its_file(tmp_path):
    audio, sample_rate = soundfile.read(example_paths()["violin"], stop=2 * 44100)
    soundfile.write(tmp_path / "solo.wav", audio, sample_rate)
    (printed,) = re.findall(r"^printf '(.*)' > crossing.csv$", page("musician"), re.MULTILINE)
    (tmp_path / "crossing.csv").write_text(printed.replace("\\n", "\n"))
    for words in violute_lines("musician"):
        done = violute_here(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.iterdir()} - {"crossing.csv"}
    assert made == {
        "solo.wav",
        "solo-violute-mix0.50.wav",
        "hybrid.flac",
        "breathy.wav",
        "crossing.wav",
        "solo.mid",
    }
    plain, moving = (soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("breathy", "crossing"))
    assert not np.allclose(plain, moving, atol=1e-3)


def test_the_notebook_is_the_page_and_its_cells_run(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("notebook", DOCS / "notebook.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = script.NOTEBOOK.read_text(encoding="utf-8")
    assert written == script.notebook(page("musician")), "run python docs/notebook.py"
    audio, sample_rate = soundfile.read(example_paths()["violin"], stop=2 * 44100)
    soundfile.write(tmp_path / "short.wav", audio, sample_rate)
    monkeypatch.setattr("violute.examples.example_paths", lambda: {"violin": tmp_path / "short.wav"})
    monkeypatch.chdir(tmp_path)
    names = {}
    cells = ["".join(cell["source"]) for cell in json.loads(written)["cells"] if cell["cell_type"] == "code"]
    assert cells == [block.strip() for block in blocks(page("musician"), "python")]
    for cell in cells:
        exec(compile(cell, "musician.ipynb", "exec"), names)
    assert names["take"]._repr_png_().startswith(b"\x89PNG")
    assert names["crossing"]._repr_html_().startswith("<audio ")
    assert {"hybrid.wav", "notes.mid", "controls.csv"} <= {path.name for path in tmp_path.iterdir()}


@pytest.fixture(scope="module")
def designed(tmp_path_factory):
    """A folder in which every line of the sound designer's was run, with recipes that take seconds."""
    place = tmp_path_factory.mktemp("designer")
    for name, slope_db in (("flute", -18.0), ("violin", -6.0)):
        (place / "recordings" / name).mkdir(parents=True)
        for f0_hz in (440.0, 660.0):
            audio = tone(f0_hz, 0.6, db_per_octave=slope_db)
            soundfile.write(place / "recordings" / name / f"{f0_hz:.0f}.wav", audio, SAMPLE_RATE)
    soundfile.write(place / "solo.wav", 0.3 * tone(523.3, 0.6), SAMPLE_RATE)
    text = page("sound_designer")
    (recipe,), (card,) = blocks(text, "toml"), blocks(text, "json")
    (place / "mine.toml").write_text(recipe.replace('"quick"', '"tiny"'))
    (place / "card.json").write_text(card)
    for words in violute_lines("sound_designer"):
        small = ["tiny" if word == "quick" else word for word in words]
        if words[0] == "train" and "--recipe" not in words:
            small += ["--recipe", "tiny"]
        done = violute_here(*small, cwd=place)
        assert done.returncode == 0, done.stderr
    return place


def test_every_voice_of_the_sound_designer_s_is_there(designed):
    cards = {path.stem: open_voice_file(path)[1] for path in designed.glob("*.onnx")}
    assert set(cards) == {"quick", "so-far", "voice", "wide", "rate", "named", "refitted"}
    assert cards["named"].name == "reed and string"
    assert all(card.ends == ("flute", "violin") for card in cards.values())


def test_the_recipe_file_and_set_were_heeded(designed):
    config = json.loads((designed / "wide-run" / "config.json").read_text())
    assert (config["settings"]["channels"], config["loop"]["minutes"]) == (224, 20)
    config = json.loads((designed / "rate-run" / "config.json").read_text())
    assert config["settings"]["learning_rate"] == 5e-4


def test_what_the_run_folder_is_said_to_hold_is_there(designed):
    table = re.search(r"^\| in the run folder \|.*?\n\n", page("sound_designer"), re.MULTILINE | re.DOTALL)[0]
    for name in re.findall(r"`([\w./]+)`", table):
        assert (designed / "quick-run" / name).exists(), name
    assert (designed / "flute.json").is_file()
    assert not list((designed / "recordings").rglob("*.json"))
