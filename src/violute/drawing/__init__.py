"""Pictures with NumPy and zlib alone: PNG, lettering, spectrogram sheets, rainbowgrams."""
