"""CycleGAN: unpaired translation of spectrogram windows (Zhu et al. 2017)."""
