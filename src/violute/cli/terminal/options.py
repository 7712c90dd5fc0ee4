"""Kinds of options that several verbs share."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
"""Something that is off unless it is named; there is no `--no-` form."""

Patterns = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)]
"""Any number of glob patterns after one flag."""
