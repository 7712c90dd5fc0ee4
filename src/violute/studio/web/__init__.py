"""The HTTP side of the studio: routes, gate, uploads, events."""
