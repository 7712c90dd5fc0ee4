"""The errors that Violute raises on purpose: one root, a few leaves.

A message says what came, what is allowed and what to do, in one line. The command line prints
that line and exits with code 2; anything that is not a `VioluteError` is a bug.
"""


class VioluteError(Exception):
    """Root of every error that the user can mend."""


class InputError(VioluteError):
    """A file, folder or setting that the user gave cannot be used."""


class AudioError(InputError):
    """A recording cannot be read, holds no usable sound, or cannot be written."""


class SilentError(AudioError):
    """A recording holds no sound at all."""


class MixError(InputError):
    """A mix, a dial or an automation is malformed or out of range."""


class VoiceError(InputError):
    """A voice is unknown, damaged, or made for another version of Violute."""


class DataError(InputError):
    """A data set cannot be fetched or stored, or is not what it should be."""


class TrainingError(InputError):
    """A training run cannot start or continue with what it was given."""


class ShapeError(VioluteError, ValueError):
    """Arrays disagree in shape."""
