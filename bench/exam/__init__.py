"""The strangers exam: conditions, figures, what is asked; `bench/strangers.py` runs it."""
