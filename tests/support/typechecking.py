"""The type checker of the tests: beartype, with `int` welcome where `float` is written (PEP 484)."""

import sys
from typing import Any, Protocol, Self, runtime_checkable

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))


def decorate(function: Any) -> Any:
    """Check a function's arguments and result; jaxtyping calls this for every function of the package."""
    # beartype wants protocols marked as checkable, which the package itself never needs.
    for value in list(vars(sys.modules[function.__module__]).values()):
        if isinstance(value, type) and value is not Protocol and getattr(value, "_is_protocol", False):
            runtime_checkable(value)
    # It cannot know what Self is when it sees one method instead of the class.
    for name, annotation in list(function.__annotations__.items()):
        if annotation in ("Self", Self):
            function.__annotations__[name] = Any
    return check(function)
