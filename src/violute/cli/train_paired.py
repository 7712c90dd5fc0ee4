"""`violute train paired`: a conditional voice from the pairs of a teacher."""

from __future__ import annotations

from dataclasses import fields

from violute.cli.train import require_training, train_and_tell
from violute.cli.training_options import PairedOptions, RunOptions, TrainingOptions


def paired(*, options: PairedOptions, recipe: str = "vae") -> int:
    """Train a voice of the family paired: source and mix in, hybrid out, learned from a teacher's pairs.

    Needs `pip install 'violute[train]'`, and a set that `violute pairs` made. A model to study: the
    family ddsp sounds better. A run that was stopped goes on with --resume.

    Parameters
    ----------
    recipe
        vae or gan (two CPU cores, 45 minutes), paper (gan with nine residual blocks, for a GPU), tiny
        or tiny-gan (seconds, to try the path).
    """
    require_training()
    from violute.families.paired.pairs import SOURCES, read_pairs

    names = read_pairs(options.pairs)[0]["ends"]
    a, b = (options.pairs / SOURCES / name for name in names)
    given = {field.name: getattr(options, field.name) for field in fields(RunOptions)}
    return train_and_tell(
        "paired", recipe, TrainingOptions(a=a, b=b, a_name=names[0], b_name=names[1], **given)
    )
