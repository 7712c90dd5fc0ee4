"""Converting starts light: no training library is loaded, whatever an import drags along."""

import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "librosa", "scipy", "numba", "matplotlib", "onnx", "sklearn")
BASE_ROOMS = ("audio", "transforms", "analysis", "synthesis", "drawing", "voices", "cli", "examples")
PACKAGE = Path(__file__).resolve().parents[2] / "src" / "violute"


def loaded_by(code):
    report = f"import sys\n{code}\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_command_line_starts_without_the_training_libraries():
    assert loaded_by("import violute, violute.cli.main") == []


@pytest.mark.parametrize("room", BASE_ROOMS)
def test_every_module_of_a_base_room_does(room):
    files = sorted((PACKAGE / room).rglob("*.py"))
    assert files, f"room {room} is empty"
    modules = [path.relative_to(PACKAGE.parent).with_suffix("").parts for path in files]
    names = [".".join(parts).removesuffix(".__init__") for parts in modules]
    assert loaded_by("\n".join(f"import {name}" for name in names)) == []


def test_settings_of_all_recipes_are_read_without_the_training_libraries():
    code = """
from violute.families.recipes import family_recipe
from violute.families.table import FAMILIES
for name, family in FAMILIES.items():
    for recipe in family.recipe_names:
        family_recipe(name, recipe, {"learning_rate": "1e-3"})
"""
    assert loaded_by(code) == []


def test_the_check_sees_what_it_looks_for():
    assert "scipy" in loaded_by("import scipy")
