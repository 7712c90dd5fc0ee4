"""What the families of spectrogram windows share, playing and learning."""
