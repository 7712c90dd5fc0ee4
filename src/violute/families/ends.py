"""What a voice learns from: the recordings of two instruments, or a store of their pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from violute.data.instrument_folders import instrument_name
from violute.data.measured import content_digest
from violute.data.pictures.store import Store, open_store
from violute.data.recordings import Recording, list_recordings
from violute.data.sampling import Sourced
from violute.errors import TrainingError
from violute.families.pictures.prepared import prepared_recordings
from violute.training.request import TrainingRequest
from violute.training.run import RunContext

USUAL_NAMES = ("flute", "violin")
"""Instruments of a store that are taken where none are named."""

ADVISED_SECONDS = 300.0
"""Of sound of each end; with less a voice learns these recordings by heart."""


@dataclass(frozen=True, kw_only=True)
class Ends:
    """What a voice is to learn from, before a run is under way.

    Attributes:
        names: Of mix 0 and mix 1.
        recordings: Of mix 0 and mix 1, without those held out.
        store: Pictures of the recordings, which need not be there themselves then; its instruments are
            called as the ends are.
    """

    names: tuple[str, str]
    recordings: tuple[list[Recording], list[Recording]]
    store: Store | None = None


@dataclass(frozen=True, kw_only=True)
class TwoEnds(Ends, RunContext):
    """What a family makes a task of: what there is to learn from, and what the run lends.

    Attributes:
        is_training: Whether there will be steps; what only they need is left out otherwise.
    """

    is_training: bool = True


def open_ends(request: TrainingRequest) -> Ends:
    """List the recordings of both ends, or open the store.

    Raises:
        TrainingError: A folder or name cannot be used, or nothing is left to learn from.
    """
    if not isinstance(request.source, str | Path):
        if len(request.source) != 2:
            raise TrainingError(
                f"{len(request.source)} of folders to learn from: give two folders of recordings"
            )
        first, second = (_recordings(folder, request.hold_out) for folder in request.source)
        names = _checked(request.names, [instrument_name(Path(folder)) for folder in request.source])
        return Ends(names=names, recordings=(first, second))
    if request.hold_out:
        raise TrainingError(
            f"{request.source}: has its held-out recordings already: name others to violute prepare"
        )
    store = open_store(request.source)
    is_usual = set(USUAL_NAMES) <= set(store.instruments) or len(store.instruments) != 2
    names = _checked(request.names, USUAL_NAMES if is_usual else store.instruments)
    return Ends(names=names, recordings=prepared_recordings(store, names), store=store)


def read_both_ends(
    ends: TwoEnds,
    read: Callable[[int, list[Recording], Callable[[float], None]], list[Sourced]],
    seconds_of: Callable[[Sourced], float],
) -> list[list[Sourced]]:
    """Read the recordings of one end after the other, and warn of silent ones and of little sound.

    Args:
        ends: What there is to read, and what is called with the progress and with warnings.
        read: Called with an end, its recordings, and what to call with the share done of them; leaves
            out silent recordings.
        seconds_of: Length of what was read of a recording.

    Raises:
        TrainingError: All recordings of an end are silent.
    """

    def report(end: int, share: float) -> None:
        if ends.on_prepare is not None:
            ends.on_prepare((end + share) / len(ends.recordings))

    read_ends = []
    for end, (name, recordings) in enumerate(zip(ends.names, ends.recordings, strict=True)):
        items = read(end, recordings, partial(report, end))
        if not items:
            raise TrainingError(f"the recordings of {name} are silent: give recordings with sound")
        if ends.on_warning is not None:
            sounding = {(item.name, item.source) for item in items}
            for one in recordings:
                if (one.name, one.source) not in sounding:
                    ends.on_warning(f"{one.path}: {one.name} is silent and is left out")
            seconds = sum(map(seconds_of, items))
            if seconds < ADVISED_SECONDS:
                ends.on_warning(
                    f"{name}: {seconds:.0f} s of sound are little, the voice will know these recordings by "
                    f"heart: give {ADVISED_SECONDS / 60:.0f} minutes or more"
                )
        read_ends.append(items)
    return read_ends


def _checked(given: Sequence[str | None], otherwise: Sequence[str]) -> tuple[str, str]:
    """Return the names of both ends: those given, or the others where there are none."""
    first, second = (other if name is None else name for name, other in zip(given, otherwise, strict=True))
    if not first or not second or first == second:
        raise TrainingError(
            f"the ends are named {first!r} and {second!r}: give two different names (--a-name, --b-name)"
        )
    return first, second


def contents(names: Sequence[str], recordings: Sequence[Iterable[Recording]]) -> dict[str, list[str]]:
    """Return a digest of every file, by end and file name."""
    paths: dict[str, set[Path]] = {}
    for name, members in zip(names, recordings, strict=True):
        for recording in members:
            paths.setdefault(f"{name}/{recording.path.name}", set()).add(recording.path)
    return {key: sorted(content_digest(path)[:16] for path in found) for key, found in paths.items()}


def _recordings(folder: str | Path, hold_out: Sequence[str]) -> list[Recording]:
    recordings = list_recordings(folder, hold_out=hold_out)
    if not recordings:
        raise TrainingError(f"{folder}: every recording is held out: hold out fewer or add recordings")
    return recordings
