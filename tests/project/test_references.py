"""What the documents and docstrings name is there: files of the repository, and modules of the package."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import violute

ROOT = Path(__file__).parents[2]
PACKAGE = Path(violute.__file__).parent
TEXTS = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/**/*.md",
    "voices/*.md",
    "bench/*.md",
    "src/**/*.[pmj]*",
)
KINDS = (".py", ".md", ".json", ".onnx", ".txt")
ROOTS = {"violute", *(path.name for path in PACKAGE.iterdir() if path.is_dir())}

NOT_OURS = {"voices/NAME.onnx", "violin/2241.wav.json", "/openapi.json", "violute.room"}
"""What users write, what a server answers, and an example."""

SCHEMAS = {"violute.bench", "violute.listening", "violute.card", "violute.sha256"}
"""Names of documents and of entries in files, not of modules."""


def ends_of_tracked_paths() -> set[str]:
    if not (git := shutil.which("git")):
        pytest.skip("no git to list files by")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no repository to list the files of")
    parts = [file.split("/") for file in listed.stdout.splitlines()]
    return {"/".join(path[i:]) for path in parts for i in range(len(path))}


def is_module_or_name(word: str) -> bool:
    """Whether a dotted name leads to a module, or to a name that a module's text has."""
    *parents, name = word.removeprefix("violute.").split(".")
    owner = PACKAGE.joinpath(*parents)
    files = [path for path in (owner.with_suffix(".py"), owner / "__init__.py") if path.is_file()]
    is_module = (owner / f"{name}.py").is_file() or (owner / name).is_dir()
    return is_module or any(re.search(rf"\b{name}\b", path.read_text("utf-8")) for path in files)


def is_there(word: str, ends: set[str]) -> bool:
    """Whether a word names no file or module of ours, or one that exists."""
    if not re.fullmatch(r"[\w./-]+", word) or word in NOT_OURS | SCHEMAS:
        return True
    if word.endswith(KINDS):
        return word in ends or ("/" not in word and not word.endswith(".py"))
    return "/" in word or "." not in word or word.split(".")[0] not in ROOTS or is_module_or_name(word)


def test_what_is_named_exists() -> None:
    ends = ends_of_tracked_paths()
    paths = [path for pattern in TEXTS for path in ROOT.glob(pattern) if path.suffix in {".py", ".md", ".js"}]
    for path in paths:
        for quoted in re.findall(r"`([^`\n]+)`", path.read_text("utf-8")):
            missing = [w for part in quoted.split() if not is_there(w := part.strip(",;:()"), ends)]
            assert not missing, path
