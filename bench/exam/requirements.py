"""What is asked of a family on strangers, in each condition: bounds of medians."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from exam.figures import MIXES
from violute.evaluation.metrics.intervals import Interval

Lookup = Callable[[str, str, float | None], Interval]
"""A median by source, figure and mix (None for figures of the whole dial)."""

SOURCES = ("flute", "violin")
ALL_MIXES: tuple[float | None, ...] = MIXES


@dataclass(frozen=True)
class Requirement:
    """A bound on medians.

    Attributes:
        title: What it asks for.
        sources: Instruments that come in.
        figure: Path-like name.
        mixes: Where on the dial; (None,) for a figure of all of it.
        least: Lower bound.
        most: Upper bound.
    """

    title: str
    sources: Sequence[str]
    figure: str
    mixes: Sequence[float | None]
    least: float = -1.0
    most: float = 1.0

    def worst(self, median_of: Lookup) -> tuple[float, bool]:
        """Return the median furthest out, and whether all are within the bounds; a missing one is not."""
        values = [median_of(s, self.figure, mix).estimate for s in self.sources for mix in self.mixes]
        faults = [max(self.least - v, v - self.most) for v in values]
        missing = [v for v in values if v != v]
        if missing:
            return missing[0], False
        furthest = max(faults)
        return values[faults.index(furthest)], furthest <= 0.0


def requirements(family: str) -> list[Requirement]:
    """List what is asked of a family; of NSynth less."""
    far, near, accuracy = (0.7, 0.2, 0.88) if family == "nsynth" else (0.85, 0.1, 0.93)
    posterior, other = "judge/posterior", "judge/other"
    return [
        Requirement(f"flute in, mix 1: violin at least {far:g}", ["flute"], posterior, [1.0], least=far),
        Requirement("flute in, mix 1: neither at most 0.2", ["flute"], other, [1.0], most=0.2),
        Requirement(f"violin in, mix 0: violin at most {near:g}", ["violin"], posterior, [0.0], most=near),
        Requirement("violin in, mix 0: neither at most 0.2", ["violin"], other, [0.0], most=0.2),
        Requirement("flute in, mix 0: violin at most 0.05", ["flute"], posterior, [0.0], most=0.05),
        Requirement("violin in, mix 1: violin at least 0.9", ["violin"], posterior, [1.0], least=0.9),
        Requirement("mix 0.5 within 0.2 to 0.8", SOURCES, posterior, [0.5], least=0.2, most=0.8),
        Requirement("Spearman with the mix at least 0.95", SOURCES, "mix/spearman", [None], least=0.95),
        Requirement(
            f"pitch within 50 cents at least {accuracy:g}",
            SOURCES,
            "pitch/raw_accuracy",
            ALL_MIXES,
            least=accuracy,
        ),
        Requirement("octave errors at most 0.02", SOURCES, "pitch/octave_errors", ALL_MIXES, most=0.02),
    ]
