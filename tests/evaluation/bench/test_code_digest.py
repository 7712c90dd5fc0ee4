"""What the bench repeats: a change in what plays or measures, and no other, changes the digest."""

import shutil
from pathlib import Path

import pytest

import violute
from violute.evaluation.bench.code_digest import JUDGE, code_digest, digest_of


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The code of the package and the judge, to change."""
    source = Path(violute.__file__).parent
    copy = tmp_path_factory.mktemp("copy") / "violute"
    shutil.copytree(
        source, copy, ignore=lambda folder, names: [n for n in names if "." in n and n[-3:] != ".py"]
    )
    shutil.copy(source / JUDGE, copy / JUDGE)
    return copy


def test_a_copy_has_the_digest_of_what_runs(package):
    assert digest_of(package) == code_digest()


@pytest.mark.parametrize(
    ("name", "repeats"),
    [
        ("families/ddsp/voice.py", True),
        ("families/rave/voice.py", True),
        ("transforms/spectrogram.py", True),
        ("voices/take.py", True),
        ("analysis/analyser.py", True),
        ("audio/loudness.py", True),
        ("evaluation/bench/figures.py", True),
        ("evaluation/metrics/fusion.py", True),
        ("evaluation/baselines/world.py", True),
        ("evaluation/judge/judge.onnx", True),
        ("families/ddsp/network.py", False),
        ("families/ddsp/recipes.py", False),
        ("training/loop.py", False),
        ("evaluation/bench/run.py", False),
        ("evaluation/report/tables.py", False),
        ("cli/bench.py", False),
    ],
)
def test_what_plays_or_measures_is_repeated_and_nothing_else(package, name, repeats):
    before = digest_of(package)
    path = package / name
    content = path.read_bytes()
    path.write_bytes(content + b"\n# changed\n")
    assert (digest_of(package) != before) is repeats
    path.write_bytes(content)


def test_a_module_that_moved_is_named(package):
    moved = package / "families" / "ddsp" / "voice.py"
    content = moved.read_bytes()
    moved.unlink()
    with pytest.raises(FileNotFoundError, match="there is no module violute.families.ddsp.voice"):
        digest_of(package)
    moved.write_bytes(content)
