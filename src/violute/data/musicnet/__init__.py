"""MusicNet's solo recordings: fetched as a stream, resumed, verified and selected."""
