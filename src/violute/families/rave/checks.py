"""What goes wrong when people train RAVE: one line before or while it does.

Too little sound, files too short for a window, silence, another rate, stereo, a latent that collapses, memory
that runs out: each is an error that says what to do, or a warning where training can go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from violute.audio.file_source import FileSource
from violute.errors import TrainingError
from violute.families.ends import ADVISED_SECONDS, TwoEnds
from violute.families.rave.data import SoundLine, sound_lines
from violute.families.rave.recipes import RaveRecipe
from violute.rates import SAMPLE_RATE

LEAST_WINDOWS = 4
"""Of sound an end must hold: less is not worth a step."""

ACTIVE_VARIANCE = 0.01
"""A number of the latent whose mean varies more over the data is in use (Burda et al., IWAE, 2016)."""

LEAST_ACTIVE = 2


def check_sources(ends: TwoEnds) -> None:
    """Say, once for each end, which files are resampled and which are mixed to mono."""
    for name, members in zip(ends.names, ends.recordings, strict=True):
        paths = sorted({recording.path for recording in members})
        rates, n_stereo = set(), 0
        for path in paths:
            source = FileSource(path)
            if source.sample_rate != SAMPLE_RATE:
                rates.add(source.sample_rate)
            n_stereo += source.n_channels > 1
        if rates:
            found = ", ".join(str(rate) for rate in sorted(rates))
            ends.warn(f"{name}: files at {found} Hz are resampled to {SAMPLE_RATE} Hz")
        if n_stereo:
            ends.warn(
                f"{name}: {n_stereo} of {len(paths)} files have several channels, which are mixed to mono"
            )


def sounding_lines(
    ends: TwoEnds, end: int, recipe: RaveRecipe, on_progress: Callable[[float], None] | None
) -> list[SoundLine]:
    """Read the recordings of an end and make sure that there is something to learn from.

    Raises:
        TrainingError: All are silent, too short, or too few together.
    """
    name, recordings = ends.names[end], ends.recordings[end]
    lines = sound_lines(recordings, end, ends.cache, engine=ends.engine, on_progress=on_progress)
    if not lines:
        return []
    window_seconds = recipe.n_samples / SAMPLE_RATE
    seconds = sum(line.seconds for line in lines)
    n_short = sum(line.seconds < window_seconds for line in lines)
    if seconds < LEAST_WINDOWS * window_seconds:
        raise TrainingError(
            f"the recordings of {name} last {seconds:.1f} s together: "
            f"give {LEAST_WINDOWS * window_seconds:.1f} s at least, better {ADVISED_SECONDS / 60:.0f} minutes"
        )
    if not ends.is_training:
        return lines
    if n_short:
        ends.warn(
            f"{name}: {n_short} of {len(lines)} recordings are shorter than a window of "
            f"{window_seconds:.2f} s and are filled up with silence"
        )
    return lines


@contextmanager
def memory_errors(batch_size: int) -> Iterator[None]:
    """Raise `TrainingError` where torch runs out of memory, in one line with the flag that helps."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        is_memory = not isinstance(error, RuntimeError) or "memory" in str(error).lower()
        if not (isinstance(error, torch.OutOfMemoryError) or is_memory):
            raise
        raise TrainingError(
            f"the memory does not hold a batch of {batch_size} windows: "
            f"give --batch {max(batch_size // 2, 2)}, or a smaller recipe"
        ) from None
