"""`Layout`: what of a file libsndfile is given to decode, and what its user should know."""

from __future__ import annotations

from dataclasses import dataclass

from violute.audio.containers.pieces import Piece

Part = tuple[Piece, ...]
"""One recording within a file; without pieces, the file as it is."""

UNKNOWN_BYTES = 0x7FFF0000
"""Programs that write into a pipe put sizes of this order in the header: length unknown."""
NO_LENGTH = "its header gives no length, as after a crash or from a pipe"


@dataclass(frozen=True)
class Layout:
    """Where the sound of a file is.

    Attributes:
        parts: One after the other; none where libsndfile knows no sound in it.
        warnings: What the user should know, such as "its header gives no length".
    """

    parts: tuple[Part, ...] = ((),)
    warnings: tuple[str, ...] = ()


def truncated_message(name: str) -> str:
    """Say that a file is cut, and what to do."""
    return f"{name} is damaged or truncated, it ends before its declared length: copy or download it again"


def is_slip(declared: int, held: int) -> bool:
    """Tell whether a size is a few bytes too long by a careless program, rather than that of a cut file."""
    return declared - held <= min(4096, held // 10)


def slipped_warning(n_bytes: int) -> str:
    """Say that a header promises a little more than there is."""
    return f"its header promises {n_bytes} byte{'s' * (n_bytes != 1)} more than there are"
