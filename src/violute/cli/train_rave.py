"""`violute train rave`: a causal autoencoder of sound with two clear ends, in two stages."""

from __future__ import annotations

from violute.cli.train import train_and_tell
from violute.cli.training_options import TrainingOptions


def rave(*, options: TrainingOptions, recipe: str = "small") -> int:
    """Train a voice of the family rave: sound through a slow latent, decoded as either instrument.

    Needs `pip install 'violute[train]'`. Plays chords, since it tracks no pitch. Two stages: an
    autoencoder, then its decoder against discriminators; when the second begins and how long both take
    on this machine is said before the first step. A run that was stopped goes on with --resume.

    Parameters
    ----------
    recipe
        small (two CPU cores, an hour), small-two-encoders (an encoder for each instrument), medium (for
        a GPU, half an hour), paper (published sizes; days on a GPU) or tiny (seconds, to try the path).
    """
    return train_and_tell("rave", recipe, options)
