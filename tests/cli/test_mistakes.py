"""What is wrong with the words of a command is said like everything else: what, and what to do."""

import subprocess
import sys

import pytest
from command_line import complaint_of, violute_here
from cyclopts import CycloptsError

from violute.cli.main import app
from violute.cli.terminal.mistakes import mistake

HEAVY = ("torch", "scipy", "numba", "matplotlib", "onnx", "fastapi")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("encode a.wav b.npz", "--voice is missing: violute encode needs it (`violute encode --help`)"),
        ("decode a.npz", "OUT is missing: violute decode needs it (`violute decode --help`)"),
        (
            "prepare invert",
            "PICTURE is missing: violute prepare invert needs it (`violute prepare invert --help`)",
        ),
        ("export run out --tilt 3", "--tilt needs 2 values after it (`violute export --help`)"),
        ("convert a.wav --room", "--room needs a value after it (`violute convert --help`)"),
        ("convert a.wav --room big", "--room is 'big': give a number from 0 to 1, or a CSV file"),
        ("studio --port high", "--port is 'high': give a whole number"),
        ("voices a b", "'a b' is too much: violute voices takes no such words (`violute voices --help`)"),
    ],
)
def test_a_mistake_is_one_line_of_ours(command, line):
    with pytest.raises(CycloptsError) as caught:
        app(command.split(), exit_on_error=False, print_error=False)
    assert mistake(caught.value) == line


def test_others_are_said_in_the_words_of_cyclopts():
    with pytest.raises(CycloptsError) as caught:
        app(["convert", "--mixx", "0.5"], exit_on_error=False, print_error=False)
    assert mistake(caught.value) == str(caught.value)


@pytest.mark.parametrize(
    ("command", "lines"),
    [
        (
            "convert a.wav --mixx 0.5 --tone high --room",
            ["--room needs a value", "Unknown option: --mixx. Did you mean --mix?", "--tone is 'high'"],
        ),
        (
            "encode --voce x",
            ["Unknown option: --voce", "IN is missing", "OUT.npz is missing", "--voice is missing"],
        ),
        ("train ddsp --seed x", ["--out is missing", "--seed is 'x'"]),
        ("convrt a.wav", ['Unknown command "convrt". Did you mean "convert"?']),
    ],
)
def test_all_that_is_wrong_is_said_at_once(tmp_path, command, lines):
    done = violute_here(*command.split(), cwd=tmp_path)
    said = done.stderr.splitlines()
    assert done.returncode == 2
    assert len(said) == len(lines)
    for line in lines:
        assert any(one.startswith(f"violute: {line}") for one in said), (line, said)


@pytest.mark.parametrize(
    "command",
    [
        "convert nowhere.wav",
        "convert a.wav --voice nobody",
        "bench --data nowhere",
        "bench compare old.json new.json",
        "bench listen answers.json",
        "data folder nowhere",
        "encode a.wav b.npz --voice nobody",
        "export nowhere out.onnx",
        "notes nowhere.wav",
        "pairs --data nowhere --voice nobody --out pairs",
        "prepare nowhere --out snippets",
        "refit nowhere.onnx --a a --b b --out out.onnx",
        "train ddsp --a nowhere --b nowhere --out out.onnx",
        "train vae --prepared nowhere --out out.onnx",
        "train rave --recipe huge --a . --b . --out out.onnx",
        "train paired --pairs nowhere --out out.onnx",
        "train ddsp --set width=3 --a a --b b --out out.onnx",
    ],
)
def test_what_cannot_begin_says_so_before_anything_heavy_is_imported(tmp_path, command):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "note.wav").touch()
    code = (
        "import sys\nfrom violute.cli.main import main\ntry: main()\n"
        f"finally: print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *command.split()], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    "command",
    [
        "notes s3://bucket/solo.wav",
        "site gs://bucket/page",
        "data folder s3://bucket/recordings",
        "convert solo.wav --tone s3://bucket/tone.csv",
        "train ddsp --a s3://bucket/flute --b b --out out.onnx",
    ],
)
def test_a_url_is_no_path_of_this_machine(tmp_path, command):
    (url,) = (word for word in command.split() if "://" in word)
    line = complaint_of(violute_here(*command.split(), cwd=tmp_path))
    assert line == f"{url}: only recordings of `violute convert` may be URLs: name a file or folder here"
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_while_the_command_is_loading_is_one_line_too():
    """Loading takes a part of a second; whoever presses Ctrl-C then sees no traceback."""
    code = (
        "import runpy, sys\nclass Hand:\n    def find_spec(self, name, *_):\n"
        "        if name == 'violute.cli.main': raise KeyboardInterrupt\n"
        "sys.meta_path.insert(0, Hand())\nrunpy.run_module('violute', run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (130, "violute: interrupted\n")
