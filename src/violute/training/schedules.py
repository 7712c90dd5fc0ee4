"""Learning rate as a pure function of the step and the time: nothing to save, nothing to restore."""

from __future__ import annotations

import math

from violute.training.settings import LoopSettings


def learning_rate_factor(step: int, settings: LoopSettings, *, time_share: float = 0.0) -> float:
    """Return the share of the base learning rate to use in a step.

    It rises in a line over the warm-up. Then `constant` stays at 1, `cosine` falls as half a cosine
    to `final_factor` at the last step, and `linear` stays at 1 for the first half of the steps and
    falls in a line; all hold their last value beyond it. Where time runs out before the steps do, both
    fall with the time.

    Args:
        step: Number of steps done before; 0 at the first.
        settings: Gives `schedule`, `warmup_steps`, `n_steps` and `final_factor`.
        time_share: Share of the run's minutes that is spent; 0 where they are not limited.

    Returns:
        In (0, 1], or 0 at the very end when `final_factor` is 0.

    Source:
        Loshchilov and Hutter, SGDR (ICLR 2017), equation 5, without restarts; Zhu et al., CycleGAN
        (ICCV 2017), appendix, for the line.
    """
    if step < settings.warmup_steps:
        return (step + 1) / (settings.warmup_steps + 1)
    if settings.schedule == "constant":
        return 1.0
    n_falling = max(settings.n_steps - 1 - settings.warmup_steps, 1)
    share = min(max((step - settings.warmup_steps) / n_falling, time_share), 1.0)
    if settings.schedule == "linear":
        return 1.0 - (1.0 - settings.final_factor) * max(2.0 * share - 1.0, 0.0)
    return settings.final_factor + (1.0 - settings.final_factor) * 0.5 * (1.0 + math.cos(math.pi * share))
