"""Blended pairs of a teacher, and the conditional model that learns from them."""
