"""Spectra, spectrograms and their inverse, mu-law, mel, and small array tools."""
