"""Violute: one voice out of two instruments."""
