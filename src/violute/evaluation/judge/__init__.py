"""The instrument judge: violin, flute or neither."""
