"""For each recording, do this, write that: one list of work, on cores or a cluster."""
