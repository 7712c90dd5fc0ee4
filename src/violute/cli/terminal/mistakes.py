"""What is wrong with the words of a command, in the manner of every other message: what, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from cyclopts import (
    App,
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

MOST_MISTAKES = 8

_NUMBERS: dict[object, str] = {float: "a number", int: "a whole number"}


def mistakes(app: App, words: Sequence[str], first: CycloptsError) -> list[str]:
    """Say what is wrong with a command, all of it at once, a line for each mistake.

    Each is mended in turn, and the command is read again, until nothing is wrong or a mistake has no mend.
    """
    lines: list[str] = []
    mended, error = list(words), first
    while len(lines) < MOST_MISTAKES:
        line = mistake(error)
        if line in lines:
            break
        lines.append(line)
        if not _mend(mended, error):
            break
        try:
            app.parse_args(mended, exit_on_error=False, print_error=False)
        except CycloptsError as next_error:
            error = next_error
            continue
        break
    return lines


def _mend(words: list[str], error: CycloptsError) -> bool:
    """Take a wrong option out of a command, or put a missing one in; return whether that could be done."""
    token = getattr(error, "token", None)
    if isinstance(error, MissingArgumentError) and error.keyword is None and error.argument is not None:
        name = error.argument.name
        words += [name, "1"] if name.startswith("-") else ["1"]
        return True
    if isinstance(error, MissingArgumentError):
        option = error.keyword
    elif isinstance(error, UnknownOptionError | CoercionError) and token is not None:
        option = token.keyword or token.value
    else:
        return False
    place = next((i for i, word in enumerate(words) if word.partition("=")[0] == option), None)
    if place is None:
        return False
    has_value = not isinstance(error, MissingArgumentError) and words[place] == option
    has_value &= place + 1 < len(words) and not words[place + 1].startswith("-")
    del words[place : place + 1 + has_value]
    return True


def mistake(error: CycloptsError) -> str:
    """Say in one line what is missing, too much or cannot be read; anything else in cyclopts' own words."""
    verb = " ".join(("violute", *(error.command_chain or ())))
    if isinstance(error, UnusedCliTokensError):
        words = " ".join(error.unused_tokens or ())
        return f"{words!r} is too much: {verb} takes no such words (`{verb} --help`)"
    argument = error.argument
    if isinstance(error, MissingArgumentError) and argument is not None:
        given = error.keyword or next((token.keyword for token in argument.tokens if token.keyword), None)
        if given is not None:
            n_values, _ = argument.token_count()
            wanted = "a value" if n_values == 1 else f"{n_values} values"
            return f"{given} needs {wanted} after it (`{verb} --help`)"
        return f"{argument.name} is missing: {verb} needs it (`{verb} --help`)"
    if isinstance(error, ValidationError):
        return str(error.exception_message)
    token = argument.tokens[0] if argument is not None and argument.tokens else None
    if isinstance(error, CoercionError) and (token := error.token or token) is not None:
        number = _NUMBERS.get(error.target_type)
        remedy = error.msg or (number and f"give {number}")
        name = token.keyword or (argument.name if argument is not None else None)
        if remedy is not None and name is not None:
            return f"{name} is {token.value!r}: {remedy}"
    return str(error)
