"""Moving codes between two instruments by codes of each: by their means, or to their nearest neighbours.

A voice with instrument embeddings moves between its ends by those alone. A network without them, such as the
paper's, has the code for it; and with them a code can be moved further. What a moved code says of the pitch
is of little use, so that is the recording's own (`NsynthPerformance`).

Source:
    Engel et al., Neural audio synthesis of musical notes with WaveNet autoencoders (ICML 2017), section 4.2,
    for hybrids on the line between codes; Baas et al., Voice conversion with just nearest neighbors
    (Interspeech 2023), for frames replaced by the mean of those most alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Float32

from violute.errors import InputError

N_NEAREST = 4
BLOCK_FRAMES = 256
"""Frames whose distances are in memory at once."""

Code = Float32[np.ndarray, "frame size"]
Others = Float32[np.ndarray, "_frame _size"]
Towards = tuple[Others, Others]
"""Codes of the first instrument and of the second: any recordings, the longer the better."""


def moved_by_means(code: Code, towards: Towards, mix: Float32[np.ndarray, " frame"]) -> Code:
    """Move every frame alike: the mean comes to lie between the instruments' means."""
    first, second = (other.mean(axis=0) for other in towards)
    wanted = first + mix[:, None] * (second - first)
    return _bounded(code + wanted - code.mean(axis=0))


def moved_to_nearest(code: Code, towards: Towards, mix: Float32[np.ndarray, " frame"]) -> Code:
    """Replace every frame by what lies between the frames of each instrument that are most like it.

    Notes that an instrument's codes do not hold turn into those they do hold.
    """
    first, second = (_nearest(code, other) for other in towards)
    return _bounded(first + mix[:, None] * (second - first))


CODE_MOVES: Mapping[str, Callable[[Code, Towards, Float32[np.ndarray, " frame"]], Code]] = {
    "means": moved_by_means,
    "nearest": moved_to_nearest,
}


def moved(code: Code, towards: Towards, mix: Float32[np.ndarray, " frame"], method: str) -> Code:
    """Move the code of a piece between instruments, by codes of both: by their `means` or to the `nearest`.

    Raises:
        InputError: There is no such method, or the codes are of different voices.
    """
    if method not in CODE_MOVES:
        raise InputError(f"there is no method {method!r}: name one of {', '.join(CODE_MOVES)}")
    sizes = [code.shape[1], *(other.shape[1] for other in towards)]
    if len(set(sizes)) > 1:
        raise InputError(
            f"the codes have {', '.join(map(str, sizes))} numbers a frame: encode all of them with one voice"
        )
    return CODE_MOVES[method](code, towards, mix)


def _nearest(code: Code, others: Others) -> Code:
    """Return the mean of the `N_NEAREST` frames of others that lie nearest to each frame."""
    n_nearest = min(N_NEAREST, len(others))
    lengths = np.square(others).sum(axis=1)
    found = np.empty_like(code)
    for start in range(0, len(code), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        distances = lengths - 2.0 * code[block] @ others.T
        nearest = np.argpartition(distances, n_nearest - 1, axis=1)[:, :n_nearest]
        found[block] = others[nearest].mean(axis=1)
    return found


def _bounded(code: Code) -> Code:
    """Keep numbers where an encoder's lie."""
    return np.clip(code, -1.0, 1.0).astype(np.float32)
