"""Controls to sound with NumPy alone: harmonics, filtered noise and a room, block by block."""
