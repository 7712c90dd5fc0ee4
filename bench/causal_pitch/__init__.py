"""The network that follows pitch in a stream, in training; `violute.analysis.causal_pitch` plays it."""
