"""What is wrong with the words of a command is said like everything else: what, and what to do."""

import pytest
from cyclopts import CycloptsError

from violute.cli.main import app
from violute.cli.terminal.mistakes import mistake


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
        ("convert a.wav --room big", "--room is 'big': give a number"),
        ("studio --port high", "--port is 'high': give a whole number"),
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
