"""Options that several verbs share, each with its help."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, Token


def refuse_urls(_type: object, value: object) -> None:
    """Let no URL pass for a path, which would name a folder such as `s3:` here.

    Raises:
        ValueError: It is one.
    """
    values = vars(value).values() if is_dataclass(value) else value
    for path in values if isinstance(values, Collection) else (values,):
        if isinstance(path, Path) and re.match(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]", str(path)):
            url = path.as_posix().replace(":/", "://", 1)
            raise ValueError(
                f"{url}: only recordings of `violute convert` may be URLs: name a file or folder here"
            )


Flag = Annotated[bool, Parameter(negative=(), show_default=False)]
"""Something that is off unless it is named; there is no `--no-` form."""
Json = Annotated[Flag, Parameter(help="Print one JSON document.")]
Quiet = Annotated[Flag, Parameter(help="Print nothing but errors.")]
Force = Annotated[Flag, Parameter(help="Replace OUT if it exists.")]
Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)]
"""Any number of words after one flag."""
HoldOut = Annotated[
    Names,
    Parameter(
        help="Recordings to leave out of training: glob patterns, or text files of patterns, one a line. "
        "Default: 2204 and 2191, MusicNet's flute and violin for testing."
    ),
]
Jobs = Annotated[
    int | None,
    Parameter(help="Recordings worked on at once, in processes of one thread. Default: one a core."),
]
ClusterAddress = Annotated[
    str | None,
    Parameter(
        help="Let a Ray cluster do it: its address, or `auto` for the one that runs here. Needs "
        "`pip install 'violute[cluster]'` on each node, and files that each node sees."
    ),
]
_AS_MIX = "Default: as --mix."
MixPlace = Annotated[
    float | None,
    Parameter(help="From the first instrument, flute (0), to the second, violin (1). Default: 0.5."),
]


def _dial(_type: object, tokens: Sequence[Token]) -> float | Path:
    """Read a dial: a number, or the file over which it moves."""
    word = tokens[0].value
    try:
        return float(word)
    except ValueError:
        if Path(word).suffix or Path(word).exists():
            return Path(word)
        raise ValueError("give a number from 0 to 1, or a CSV file") from None


Dial = Annotated[float | Path | None, Parameter(converter=_dial, n_tokens=1)]
"""A number, or a CSV file over which it moves."""
Tone = Annotated[
    Dial,
    Parameter(
        help="Dial for the colour of the steady note, 0 to 1, or a CSV file of `seconds,dial` lines over "
        f"which it moves. {_AS_MIX}"
    ),
]
Noise = Annotated[Dial, Parameter(help=f"Dial from breath (0) to bow (1), or such a file. {_AS_MIX}")]
Attack = Annotated[
    Dial,
    Parameter(help=f"Dial for the first tenth of a second of each note, 0 to 1, or such a file. {_AS_MIX}"),
]
Vibrato = Annotated[
    Dial,
    Parameter(help=f"Dial from vibrato in loudness (0) to vibrato in pitch (1), or such a file. {_AS_MIX}"),
]
Room = Annotated[
    Dial,
    Parameter(
        help="Size of the room, dry (0) to a large hall (1), or such a file. Default: 0.2, a small one."
    ),
]
Wet = Annotated[
    float,
    Parameter(help="Share of the hybrid beside the recording, from 0, the recording alone, to 1."),
]
Level = Annotated[
    float, Parameter(help="Decibels louder than the recording, or softer where below 0; -24 to 24.")
]
Transpose = Annotated[float, Parameter(help="Semitones up, or down where below 0; -24 to 24, fractions too.")]
Moves = Annotated[
    Path | None,
    Parameter(help="CSV file of `seconds,mix` lines: the dial moves in straight lines between them."),
]
VoiceName = Annotated[
    str | None,
    Parameter(
        help="Name of a voice (see `violute voices`) or path of a voice file. Default: violute-violin-flute."
    ),
]
LineCount = Annotated[
    str, Parameter(help="How many notes may sound at once, 1 to 4; auto finds out where there are chords.")
]
CodecName = Annotated[
    str,
    Parameter(help="Name of a voice of the family nsynth (see `violute voices`) or path of a voice file."),
]
CardFile = Annotated[
    Path | None,
    Parameter(
        help="JSON file of entries of the voice's card that add to or replace what is known: name, "
        "description, licence, training_data (a list), figures (an object), command."
    ),
]
Tilt = Annotated[
    tuple[float, float],
    Parameter(
        help="What the levels of each end gain per octave above 1 kHz, in dB: `--tilt 0 -1` makes the second "
        "end duller, where all its recordings are too bright."
    ),
]
