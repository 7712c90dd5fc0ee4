"""The rates that analysis, synthesis and training share."""

SAMPLE_RATE = 44100
"""Of everything that Violute hears and plays, in Hz, where a family names no other."""

HOP_LENGTH = 441
"""Samples between frames: 10 ms."""
