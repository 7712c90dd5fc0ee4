r"""Lay out the dial of a voice so that mix 0.5 is heard as either instrument as often as the other.

    python bench/set_dial.py voices/vae.onnx --data DATA --limit 12 \
        --select bench/strangers_dev_pieces.txt bench/held_out_pieces.txt

plays recordings of both instruments at places between the voice's ends, lets the judge say how much of a
violin each is, and writes into the voice's card a dial whose middle lies where the instruments' medians are
0.5 on average. In between the dial bends evenly, so that its steps stay even to the ear. The recordings are
those of development, never the strangers of the exam. Clarinet and cello:

    python bench/set_dial.py VOICE --data DATA --instruments clarinet cello flute violin \
        --select bench/low_dev_pieces.txt --limit 8 --clips 3 --judge bench/judge_low.onnx \
        --registers 80 110 220 440 880

With `--registers` the dial has a curve for each of these pitches, in Hz: what the judge takes for a cello
differs from register to register. Every recording is heard at its own pitch and up to two octaves around it,
as far as the voice plays, and counts towards the registers next to it. For voices of the family ddsp.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Float

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import range_of
from violute.data.recordings import read_patterns
from violute.errors import VioluteError
from violute.evaluation.bench.clips import Clip, find_clips
from violute.evaluation.judge.classifier import Judge
from violute.rates import SAMPLE_RATE
from violute.voices.file import open_voice_file, seal
from violute.voices.load import family_loader
from violute.voices.mix import DIAL, Output, register_shares
from violute.whole_file import whole_file
from violute.worklist.engine import HERE

INSTRUMENTS = ("flute", "violin")
PLACES = np.linspace(0.0, 1.0, 11)
TRANSPOSITIONS = (-24.0, -12.0, 0.0, 12.0, 24.0)
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
        "--registers", type=float, nargs="+", default=[], metavar="HZ", help="with a curve each"
    )
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
        onnx_bytes, card = open_voice_file(given.voice)
        registers = sorted(set(given.registers))
        if registers and card.family != "ddsp":
            raise VioluteError(
                f"{given.voice}: the family {card.family} knows no pitch: leave --registers out"
            )
        transpositions = TRANSPOSITIONS if registers else (0.0,)
        each = HERE.results(partial(hearings, given.voice, given.judge, transpositions), clips)
        heard = [hearing for of_clip in each for hearing in of_clip]
        if not heard:
            raise VioluteError("no clip holds a steady pitch: give other recordings")
        counts = np.array([register_shares(one.f0_hz, registers) for one in heard]).T
        if not counts.any(axis=1).all():
            raise VioluteError("a register was never heard: give recordings near it, or fewer registers")
        middles = [middle_place(heard, of_register) for of_register in counts]
        curves = [dial_through(middle, given.far_end) for middle in middles]
        by_register = {
            "hz": registers,
            "mixes": [mix for mix, _ in curves[0]],
            "places": [[place for _, place in curve] for curve in curves],
        }
        changed = replace(card, settings={**card.settings, DIAL: by_register if registers else curves[0]})
        with whole_file(given.voice) as path:
            path.write_bytes(seal(onnx_bytes, changed))
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    places = ", ".join(f"{middle:.2f}" for middle in middles)
    print(f"{given.voice}: the middle lies at {places} of the way; {len(clips)} clips")
    return 0


@dataclass(frozen=True)
class Hearing:
    """What the judge makes of a recording, played at one pitch.

    Attributes:
        instrument: That was recorded.
        f0_hz: Median pitch of what was played.
        posteriors: How much of the second instrument is heard, at `PLACES`.
    """

    instrument: str
    f0_hz: float
    posteriors: Float[np.ndarray, " place"]


def hearings(voice: Path, judge: Path | None, transpositions: tuple[float, ...], clip: Clip) -> list[Hearing]:
    """Return what is heard of a clip, so many semitones higher each time, within the range of the voice."""
    onnx_bytes, card = open_voice_file(voice)
    even = replace(card, settings={**card.settings, DIAL: [[0.0, 0.0], [1.0, 1.0]]})
    audio = clip.read(SAMPLE_RATE)
    take = family_loader(card.family)(onnx_bytes, even).analyse(audio, SAMPLE_RATE)
    controls = analyse(audio, pitch_range=range_of(card.settings))
    played_hz = controls.f0_hz[0][controls.f0_hz[0] > 0.0]
    if not len(played_hz):
        return []
    heard, judging = [], Judge(judge)
    for semitones in transpositions:
        ratio = 2.0 ** (semitones / 12.0)
        if semitones:
            lowest_hz, highest_hz = np.array(list(card.pitch_range_hz.values())).T
            low_hz, high_hz = np.percentile(played_hz, (5.0, 95.0)) * ratio
            if low_hz < lowest_hz.min() or high_hz > highest_hz.max():
                continue
        rendered = (take.render(float(place), output=Output(transpose=semitones)) for place in PLACES)
        posteriors = np.array([judging.hear(audio, SAMPLE_RATE).posterior for audio in rendered])
        if np.isfinite(posteriors).all():
            heard.append(Hearing(clip.instrument, float(np.median(played_hz)) * ratio, posteriors))
    return heard


def middle_place(heard: Sequence[Hearing], counts: Float[np.ndarray, " hearing"] | None = None) -> float:
    """Return where the medians of all instruments are 0.5 on average, within the range that is allowed.

    Args:
        heard: At least one.
        counts: How much each counts; all the same without.
    """
    counts = np.ones(len(heard)) if counts is None else counts
    medians = []
    for instrument in dict.fromkeys(one.instrument for one in heard):
        own = np.array([one.instrument == instrument for one in heard]) & (counts > 0.0)
        if own.any():
            posteriors = np.array([one.posteriors for one in heard])[own]
            medians.append(np.quantile(posteriors, 0.5, axis=0, weights=counts[own], method="inverted_cdf"))
    rising = np.maximum.accumulate(np.mean(medians, axis=0))
    place = float(np.interp(0.5, rising + 1e-9 * PLACES, PLACES))
    return float(np.clip(place, 1.0 - FARTHEST_MIDDLE, FARTHEST_MIDDLE))


def dial_through(middle: float, far_end: float = 1.0) -> list[list[float]]:
    """Return pairs of mix and place that rise from 0 to `far_end` and meet `middle` at 0.5.

    The odds of the second end are those of the mix times a factor, so neither half of the dial is a switch.
    """
    odds = middle / (far_end - middle)
    places = far_end * odds * PLACES / (1.0 + (odds - 1.0) * PLACES)
    return [[round(float(mix), 4), round(float(place), 4)] for mix, place in zip(PLACES, places, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
