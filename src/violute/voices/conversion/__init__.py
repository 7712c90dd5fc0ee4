"""Files in, hybrids out: one, a list of them, and where each goes."""
