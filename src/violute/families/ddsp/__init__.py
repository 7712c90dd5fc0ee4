"""The default voice: levels of harmonics and noise, after DDSP (Engel et al. 2020)."""
