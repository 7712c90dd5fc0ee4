"""Recordings to learn from: listed, cut, measured and cached."""
