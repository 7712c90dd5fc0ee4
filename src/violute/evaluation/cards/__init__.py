"""Model cards of spectrogram voices: figures of their codes, and pictures."""
