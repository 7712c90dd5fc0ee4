"""The third stage of the default voice: its levels against critics of sound."""
