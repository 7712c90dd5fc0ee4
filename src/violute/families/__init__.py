"""The model families: one paper, one folder, with what plays (no torch) and what learns."""
