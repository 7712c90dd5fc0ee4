"""A digest of the code that plays and measures: where it is the same, so are the figures."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import violute
from violute.families.table import FAMILIES

MEASURING_MODULES = (
    "violute.evaluation.bench.figures",
    "violute.evaluation.bench.contenders",
    "violute.evaluation.baselines.lineup",
)
"""What these and the families' voices import, also through others, decides every figure."""

JUDGE = Path("evaluation", "judge", "judge.onnx")


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest the code that runs here."""
    return digest_of(Path(violute.__file__).parent)


def digest_of(package: Path) -> str:
    """Digest what decides the figures; training, tables and pages may change without a repeat.

    Args:
        package: Folder of `violute`, or of a copy of it.

    Raises:
        FileNotFoundError: A module that is named here or in the table of families has moved.
    """
    voices = {family.voice.partition(":")[0] for family in FAMILIES.values()}
    waiting = [*MEASURING_MODULES, *(name for name in voices if name.startswith("violute."))]
    files: dict[str, Path] = {}
    while waiting:
        name = waiting.pop()
        if name not in files:
            files[name] = _file_of(package, name)
            waiting += _imported(package, files[name])
    digest = hashlib.sha256((package / JUDGE).read_bytes())
    for _, path in sorted(files.items()):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _file_of(package: Path, name: str) -> Path:
    """Return the file of a module."""
    stem = package.joinpath(*name.split(".")[1:])
    path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no module {name}: name it where it is now")
    return path


def _imported(package: Path, path: Path) -> Iterator[str]:
    """Return the modules of the package that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("violute."))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("violute."):
            assert node.module is not None
            folder = package.joinpath(*node.module.split(".")[1:])
            yield node.module
            # `from violute.room import module` names a file, too.
            for alias in node.names:
                if folder.is_dir() and (
                    (folder / f"{alias.name}.py").is_file() or (folder / alias.name).is_dir()
                ):
                    yield f"{node.module}.{alias.name}"
