"""The bench: every contender plays every clip, and is measured."""
