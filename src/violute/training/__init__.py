"""Training: one loop for every family, resumable at any moment, in one process or several."""
