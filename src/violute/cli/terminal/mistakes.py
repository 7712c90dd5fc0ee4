"""What is wrong with the words of a command, in the manner of every other message: what, and what to do."""

from __future__ import annotations

from cyclopts import CoercionError, CycloptsError, MissingArgumentError

_NUMBERS: dict[object, str] = {float: "a number", int: "a whole number"}


def mistake(error: CycloptsError) -> str:
    """Say in one line what is missing or cannot be read; anything else in cyclopts' own words."""
    verb = " ".join(("violute", *(error.command_chain or ())))
    argument = error.argument
    if isinstance(error, MissingArgumentError) and argument is not None:
        given = error.keyword or next((token.keyword for token in argument.tokens if token.keyword), None)
        if given is not None:
            n_values, _ = argument.token_count()
            wanted = "a value" if n_values == 1 else f"{n_values} values"
            return f"{given} needs {wanted} after it (`{verb} --help`)"
        return f"{argument.name} is missing: {verb} needs it (`{verb} --help`)"
    if isinstance(error, CoercionError) and error.token is not None and error.msg is None:
        number = _NUMBERS.get(error.target_type)
        name = error.token.keyword or (argument.name if argument is not None else None)
        if number is not None and name is not None:
            return f"{name} is {error.token.value!r}: give {number}"
    return str(error)
