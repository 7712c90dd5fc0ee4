"""How good a voice is: metrics, the instrument judge, and reports over whole recordings."""
