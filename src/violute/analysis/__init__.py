"""Pitch, loudness and onsets of a performance: `Controls`."""
