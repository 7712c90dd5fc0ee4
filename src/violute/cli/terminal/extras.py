"""Packages of an extra, such as torch with `violute[train]`: there, or named in one line."""

from __future__ import annotations

from importlib import import_module

from violute.errors import InputError


def require_extra(extra: str, what: str, *modules: str) -> None:
    """Import modules of Violute, and so make sure that the packages of an extra are installed.

    Raises:
        InputError: A package is missing; `what` needs it, as a sentence begins.
    """
    try:
        for module in modules:
            import_module(module)
    except ModuleNotFoundError as error:
        # A module of our own that is missing is a bug, which no extra mends.
        if (error.name or "").partition(".")[0] == "violute":
            raise
        raise InputError(
            f"{what} {error.name}, which is not installed: run pip install 'violute[{extra}]'"
        ) from None
