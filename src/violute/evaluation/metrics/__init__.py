"""The metrics: pitch, loudness, timing, notes, spectra, timbre, fusion, and the path of the dial.

Conventions: `audio` is `(sample,)` or `(channel, sample)`, whose channels are averaged; rates are in Hz.
Sound that is empty or not finite raises `AudioError`, tracks or sounds that differ in shape `ShapeError`.
"""
