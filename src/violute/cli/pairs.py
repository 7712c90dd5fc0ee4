"""`violute pairs`: recordings translated and blended, for a model to learn the hybrid from directly."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from violute.cli.terminal.extras import engine_of, require_extra
from violute.cli.terminal.options import ClusterAddress, HoldOut, Jobs, Json, Quiet
from violute.cli.terminal.output import say_done
from violute.cli.terminal.progress import progress_bars
from violute.cli.train import held_out_sayer, read_hold_out
from violute.data.splits import HOLD_OUT
from violute.errors import InputError

Mixes = Annotated[tuple[float, ...], Parameter(consume_multiple=True, negative=(), show_default=True)]
"""Any number of mixes after one flag."""


def pairs(
    *,
    data: Path,
    out: Path,
    voice: str = "violute-violin-flute",
    mixes: Mixes = (0.0, 0.25, 0.5, 0.75, 1.0),
    blend: Literal["waveform", "log-magnitude", "harmonic"] = "log-magnitude",
    own_end: Literal["recording", "rendering"] = "recording",
    seconds: float | None = None,
    hold_out: HoldOut = HOLD_OUT,
    jobs: Jobs = None,
    cluster: ClusterAddress = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Translate every recording with a voice and blend it with its translation, by ratio.

    OUT gets sources/, translations/ and hybrids/ as FLAC and manifest.json, which says what belongs to
    what: source, translation, blend, mix and lag. `violute train paired --pairs OUT` learns from it. The
    same command goes on after a stop. Needs `pip install 'violute[train]'`.

    Parameters
    ----------
    data
        Folder with a folder of recordings for each end of the voice, named for it (flute, violin).
    out
        Folder to write: a new one, or one to go on with.
    voice
        Teacher: a voice's name or file. A CycleGAN's translations, or the default voice's renderings.
    mixes
        Ratios, 0 to 1, rising.
    blend
        waveform (samples added), log-magnitude (spectrogram bins between the two on their logarithmic
        scale) or harmonic (levels of harmonics and noise at the source's pitch; one line only).
    own_end
        What stands for the end of a recording's own instrument: recording (itself) or rendering (what the
        teacher plays there; for a teacher whose two ends have one pitch and phase, such as the default).
    seconds
        Longest piece of each recording, from its beginning. Default: all of it.
    """
    from violute.data.recordings import list_recordings
    from violute.voices.load import load_voice

    engine = engine_of(jobs, cluster)
    ends = load_voice(voice).card.ends
    patterns = read_hold_out(hold_out)
    first, second = (list_recordings(data / name, hold_out=patterns) for name in ends)
    if not first or not second:
        raise InputError(f"{data}: every recording of one instrument is held out: hold out fewer")
    require_extra("train", "pairs need", "violute.families.paired.pairs")
    from violute.families.paired.pairs import PairSettings, make_pairs

    path = Path(voice)
    teacher = str(path.resolve()) if path.is_file() else voice
    settings = PairSettings(teacher, ends, blend, mixes, seconds, own_end)
    with progress_bars(shown=not (quiet or json)) as start:
        made = make_pairs(
            (first, second),
            out,
            settings,
            engine=engine,
            on_begin=held_out_sayer([data / name for name in ends], patterns, quiet=json or quiet),
            on_progress=start("translating"),
        )
    lags = sorted(abs(pair.lag_samples) for pair in made)
    count = len({(pair.end, pair.recording) for pair in made})
    median = lags[len(lags) // 2]
    document = {"out": str(out), "recordings": count, "pairs": len(made)}
    document |= {"median_lag_samples": median, "largest_lag_samples": lags[-1]}
    line = f"{out} ({count} recordings, {len(made)} pairs, median lag {median} samples)"
    say_done(line, document, json=json, quiet=quiet)
    return 0
