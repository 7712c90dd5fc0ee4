"""NSynth's WaveNet autoencoder (Engel et al. 2017)."""
