"""The metrics: pitch, loudness, timing, notes, spectra, timbre, fusion, and the path of the dial."""
