"""`TrainingRequest`: what whoever starts a training run asks for, whichever family is trained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from violute.training.progress import OnTrainingProgress
from violute.training.settings import LoopSettings
from violute.worklist.engine import HERE, Engine

Source = Sequence[str | Path] | str | Path
"""Folders of recordings, for mix 0 and mix 1, or one store of `violute prepare` with both."""


def run_path(out: Path, run_dir: Path | None) -> Path:
    """Return the run folder that was named, or the one beside the voice to write."""
    return out.with_name(f"{out.stem}-run") if run_dir is None else run_dir


@dataclass(frozen=True, kw_only=True)
class TrainingRequest:
    """What to learn from, where to write, how long, and whom to report to; also under `torchrun`.

    Attributes:
        source: Folders of recordings of the instruments at mix 0 and mix 1, or a prepared store.
        out: File to write; it appears only when it is whole.
        names: Of the two ends, instruments of the store; None is the folder's, or the store's instrument.
        hold_out: Glob patterns of recordings to leave out of training; a store has its own.
        run_dir: Folder for metrics and checkpoints; None puts it beside `out`, as NAME-run.
        cache: Folder for what is measured in recordings, which several runs may share; None is in the run's.
        engine: Who measures the recordings.
        steps: Instead of the recipe's; alone, they lift its limit of minutes.
        minutes: Instead of the recipe's limit, restarts counted together.
        seed: Instead of the recipe's, or of the one that the resumed run has.
        resume: Continue the run in the run folder; without one there, start.
        device: `auto`, `cpu` or `cuda`.
        card: Entries of the voice's card, as `read_card_entries` reads them; not kept in the run folder.
        on_begin: Called in the first process when what is asked for can be done, before it is.
        on_prepare: Called with the share of the recordings measured so far, rising from 0 to 1.
        on_progress: Called with the losses and the time left.
        on_warning: Called with a line where the run goes on, but not as it should; the run folder keeps it.
        on_forecast: Called with a line that says how long a recipe of stages will take; timing costs seconds.
    """

    source: Source
    out: Path
    names: tuple[str | None, str | None] = (None, None)
    hold_out: Sequence[str] = ()
    run_dir: Path | None = None
    cache: Path | None = None
    engine: Engine = HERE
    steps: int | None = None
    minutes: float | None = None
    seed: int | None = None
    resume: bool = False
    device: str = "auto"
    card: Mapping[str, Any] = field(default_factory=dict)
    on_begin: Callable[[], None] | None = None
    on_prepare: Callable[[float], None] | None = None
    on_progress: OnTrainingProgress | None = None
    on_warning: Callable[[str], None] | None = None
    on_forecast: Callable[[str], None] | None = None

    @property
    def run_path(self) -> Path:
        """The run folder."""
        return run_path(self.out, self.run_dir)

    @property
    def cache_path(self) -> Path:
        """The folder for what is measured."""
        return self.run_path / "features" if self.cache is None else self.cache

    @property
    def folders(self) -> tuple[str | Path, ...]:
        """The folders of the source; a store is one."""
        return (self.source,) if isinstance(self.source, str | Path) else tuple(self.source)

    def limited(self, loop: LoopSettings, *, seed: int | None = None) -> LoopSettings:
        """Return a recipe's loop with the steps, minutes and seed asked for; `seed` is a resumed run's."""
        if self.steps is not None:
            loop = replace(loop, n_steps=self.steps, minutes=None)
        if self.minutes is not None:
            loop = replace(loop, minutes=self.minutes)
        chosen = seed if self.seed is None else self.seed
        return loop if chosen is None else replace(loop, seed=chosen)
