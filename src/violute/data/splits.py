"""Splits: what training may see, and what it must not; and what of MusicNet is held out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

TRAIN, HELD_OUT = "train", "held_out"
SPLITS = (TRAIN, HELD_OUT)

VIOLIN_TEST_ID = 2191
"""The only solo violin of MusicNet's official test set."""

FLUTE_TEST_ID = 2204
"""The official test set has no flute; Violute holds this recording out."""

HOLD_OUT = (str(FLUTE_TEST_ID), str(VIOLIN_TEST_ID))
"""Glob patterns of what preparing and training hold out unless others are given."""

_MOST_NAMES = 6


def held_out_line(names: Iterable[str], patterns: Sequence[str]) -> str:
    """Say which recordings are held out, by the patterns that found them."""
    found = sorted(set(names))
    if not found and tuple(patterns) == HOLD_OUT:
        return "held out: nothing; what is by default, MusicNet's 2204 and 2191, is not here"
    if not found:
        return "held out: nothing" + (f", no recording is named {' or '.join(patterns)}" if patterns else "")
    more = f" and {len(found) - _MOST_NAMES} more" if len(found) > _MOST_NAMES else ""
    return f"held out: {', '.join(found[:_MOST_NAMES])}{more}"
