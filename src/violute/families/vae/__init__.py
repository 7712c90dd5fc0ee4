"""The variational autoencoder of spectrogram windows."""
