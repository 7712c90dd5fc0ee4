"""The house keeps its order: no import circle, no folder with too many files, no file too long to read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import violute

PACKAGE = Path(violute.__file__).parent
MODULES = {
    ".".join(
        (path.parent if path.stem == "__init__" else path.with_suffix("")).relative_to(PACKAGE.parent).parts
    ): path
    for path in PACKAGE.rglob("*.py")
}
MOST_FILES, MOST_LINES = 18, 350


def imports(tree: ast.AST) -> Iterator[str]:
    """Yield what code imports when it runs, inside functions too; imports for types alone don't count."""
    if isinstance(tree, ast.If) and ast.unparse(tree.test) == "TYPE_CHECKING":
        return
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom) and tree.module:
        for alias in tree.names:
            module = f"{tree.module}.{alias.name}"
            yield module if module in MODULES else tree.module
    for child in ast.iter_child_nodes(tree):
        yield from imports(child)


def test_no_module_imports_itself_through_others() -> None:
    graph = {
        name: {module for module in imports(ast.parse(path.read_text("utf-8"))) if module in MODULES} - {name}
        for name, path in MODULES.items()
    }
    assert sum(map(len, graph.values())) > len(MODULES), "the imports were not found"
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_folder_holds_more_files_than_one_remembers() -> None:
    folders = {path.parent for path in MODULES.values()}
    crowded = {
        str(f.relative_to(PACKAGE)): n for f in folders if (n := len(list(f.glob("*.py")))) > MOST_FILES
    }
    assert not crowded


def test_no_file_is_longer_than_one_reads() -> None:
    long = {
        name: n
        for name, path in MODULES.items()
        if (n := len(path.read_text("utf-8").splitlines())) > MOST_LINES
    }
    assert not long
