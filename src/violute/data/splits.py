"""Splits: what training may see, and what it must not; and what of MusicNet is held out."""

from __future__ import annotations

TRAIN, HELD_OUT = "train", "held_out"
SPLITS = (TRAIN, HELD_OUT)

VIOLIN_TEST_ID = 2191
"""The only solo violin of MusicNet's official test set."""

FLUTE_TEST_ID = 2204
"""The official test set has no flute; Violute holds this recording out."""

HOLD_OUT = (str(FLUTE_TEST_ID), str(VIOLIN_TEST_ID))
"""Glob patterns of what `violute prepare` holds out unless others are given."""
