"""What lies in a file: where its sound is, how long it is, and whether all of it is there."""
