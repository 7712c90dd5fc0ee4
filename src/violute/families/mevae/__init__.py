"""The multi-encoder variational autoencoder: one encoder an instrument, one decoder (Ternes 2022)."""
