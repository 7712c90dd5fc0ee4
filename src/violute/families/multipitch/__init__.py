"""Training the network that hears chords; what plays it is `violute.analysis.polyphony.multipitch`."""
