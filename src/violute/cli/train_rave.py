"""`violute train rave`: a causal autoencoder of sound with two clear ends, in two stages."""

from __future__ import annotations

import warnings
from dataclasses import replace

from violute.cli.terminal.output import complain
from violute.cli.train import require_training, train_and_tell
from violute.cli.training_options import RaveOptions
from violute.errors import InputError, TrainingWarning


def rave(*, options: RaveOptions, recipe: str = "small") -> int:
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
    if options.batch is not None and options.batch < 2:
        raise InputError(f"--batch is {options.batch}: give 2 or more, half of the windows are of each end")
    changes = {} if options.batch is None else {"batch_size": options.batch}
    with warnings.catch_warnings():
        warnings.simplefilter("always", TrainingWarning)
        warnings.showwarning = lambda message, *_: complain(f"warning: {message}")
        return train_and_tell(
            "rave", recipe, options, changes=changes, before=lambda: _tell_plan(options, recipe, changes)
        )


def _tell_plan(options: RaveOptions, recipe: str, changes: dict[str, int]) -> None:
    """Say on standard error when stage two begins, and how long both stages take."""
    if options.quiet:
        return
    require_training()
    from violute.families.rave.stages import plan_stages
    from violute.families.recipes import family_recipe
    from violute.training.processes import choose_device
    from violute.training.run import with_limits

    chosen = family_recipe("rave", recipe)
    loop = with_limits(chosen.loop, steps=options.steps, minutes=options.minutes)
    plan = plan_stages(replace(chosen, loop=loop, **changes), choose_device(options.device))
    complain(plan.sentence())
