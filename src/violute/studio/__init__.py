"""The page on which the hybrid turns under the hand, and the server of one machine behind it."""
