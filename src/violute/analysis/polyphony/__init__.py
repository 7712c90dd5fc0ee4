"""Several notes at once: a network hears them, tracks follow them, lines lead them."""
