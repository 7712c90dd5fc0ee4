"""The instrument judge, in training; `violute.evaluation.judge.classifier` is what judges."""
