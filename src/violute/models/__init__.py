"""The networks of the model families: one paper, one file."""
