"""Recordings as pictures of five seconds: snippets, arrays, images, and back."""
