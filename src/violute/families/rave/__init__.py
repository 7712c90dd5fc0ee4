"""RAVE with two clear ends (Caillon & Esling 2021), and its TorchScript files."""
