"""The differentiable twins of the synthesis, and losses on spectra: pure functions, batch first."""
