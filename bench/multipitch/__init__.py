"""The network that hears chords, in training; `violute.analysis.polyphony.multipitch` plays it."""
