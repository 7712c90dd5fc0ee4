r"""Lay out the dial of a voice so that mix 0.5 is heard as either instrument as often as the other.

    python bench/set_dial.py voices/vae.onnx --data DATA --limit 12 \
        --select bench/strangers_dev_pieces.txt bench/held_out_pieces.txt

plays recordings of both instruments at places between the voice's ends, lets the judge say how much of a
violin each is, and writes into the voice's card a dial whose middle lies where the instruments' medians are
0.5 on average. In between the dial bends evenly (a power of the mix), so that its steps stay even to the ear.
The recordings are those of development, never the strangers of the exam. Clarinet and cello:

    python bench/set_dial.py VOICE --data DATA --instruments clarinet cello flute violin \
        --select bench/low_dev_pieces.txt --limit 3 --clips 1 --judge bench/judge_low.onnx
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from violute.data.recordings import read_patterns
from violute.errors import VioluteError
from violute.evaluation.bench.clips import Clip, find_clips
from violute.evaluation.judge.classifier import Judge
from violute.rates import SAMPLE_RATE
from violute.voices.file import open_voice_file, seal
from violute.voices.load import family_loader
from violute.voices.mix import DIAL
from violute.whole_file import whole_file
from violute.worklist.engine import HERE

INSTRUMENTS = ("flute", "violin")
PLACES = np.linspace(0.0, 1.0, 11)
FARTHEST_MIDDLE = 0.9
"""How far from its own middle the dial's middle may lie: beyond, one half of the dial would be a switch."""


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("voice", type=Path, help="voice file, whose card is changed")
    parser.add_argument("--data", type=Path, required=True, help="folder with folders flute and violin")
    parser.add_argument("--select", type=Path, nargs="+", required=True, help="files of glob patterns")
    parser.add_argument("--limit", type=int, default=6, help="recordings of each instrument at most")
    parser.add_argument("--clips", type=int, default=3, help="clips of a long recording at most")
    parser.add_argument("--seconds", type=float, default=4.0, help="longest clip")
    parser.add_argument("--instruments", nargs="+", default=INSTRUMENTS, help="folders of the data")
    parser.add_argument("--judge", type=Path, help="of other instruments than flute and violin")
    parser.add_argument(
        "--far-end",
        type=float,
        default=1.0,
        help="place of mix 1: beyond 1 lies what is more of a violin than the network was taught",
    )
    given = parser.parse_args()
    try:
        clips = find_clips(
            given.data,
            given.instruments,
            select=[pattern for path in given.select for pattern in read_patterns(path)],
            limit=given.limit,
            clip_seconds=given.seconds,
            shortest_seconds=2.0,
            clips_per_recording=given.clips,
        )
        heard = list(HERE.results(partial(posteriors, given.voice, given.judge), clips))
        middle = middle_place(heard, [clip.instrument for clip in clips])
        onnx_bytes, card = open_voice_file(given.voice)
        dial = dial_through(middle, given.far_end)
        changed = replace(card, settings={**card.settings, DIAL: dial})
        with whole_file(given.voice) as path:
            path.write_bytes(seal(onnx_bytes, changed))
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    print(f"{given.voice}: the middle lies at {middle:.2f} of the way; {len(clips)} clips")
    return 0


def posteriors(voice: Path, judge: Path | None, clip: Clip) -> Float[np.ndarray, " place"]:
    """Return how much of a violin the judge hears at each place between the ends."""
    onnx_bytes, card = open_voice_file(voice)
    even = replace(card, settings={**card.settings, DIAL: [[0.0, 0.0], [1.0, 1.0]]})
    take = family_loader(card.family)(onnx_bytes, even).analyse(clip.read(SAMPLE_RATE), SAMPLE_RATE)
    heard = Judge(judge)
    return np.array([heard.hear(take.render(float(place)), SAMPLE_RATE).posterior for place in PLACES])


def middle_place(heard: list[Float[np.ndarray, " place"]], instruments: list[str]) -> float:
    """Return where the medians of both instruments are 0.5 on average, within the range that is allowed."""
    medians = [
        np.nanmedian(
            [one for one, name in zip(heard, instruments, strict=True) if name == instrument], axis=0
        )
        for instrument in dict.fromkeys(instruments)
    ]
    rising = np.maximum.accumulate(np.mean(medians, axis=0))
    place = float(np.interp(0.5, rising + 1e-9 * PLACES, PLACES))
    return float(np.clip(place, 1.0 - FARTHEST_MIDDLE, FARTHEST_MIDDLE))


def dial_through(middle: float, far_end: float = 1.0) -> list[list[float]]:
    """Return pairs of mix and place that rise from 0 to `far_end` as a power and meet `middle` at 0.5."""
    exponent = np.log(middle / far_end) / np.log(0.5)
    return [[round(float(mix), 4), round(float(far_end * mix**exponent), 4)] for mix in PLACES]


if __name__ == "__main__":
    sys.exit(main())
