"""How well a picture family's code of a few numbers draws spectrograms, beside trivial codes."""
