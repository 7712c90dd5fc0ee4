"""Fitting a performance to an instrument: loudness by quantiles, pitch into range, vibrato.

A soft note of a flute should drive a soft violin, though the two differ in decibels; a note below
the flute is played with the colour of its lowest notes; and vibrato, which violins have in pitch and
flutes in loudness, moves from one to the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.conditioning import pitch_changes, reference_loudness_db
from violute.analysis.controls import SILENCE_DB, Controls
from violute.transforms.runs import runs

QUANTILES = np.linspace(0.0, 1.0, 21)
"""Probabilities at which loudness distributions are compared."""

MAPPED_SHARE = 0.5
"""How far the loudness of a performance is moved towards the instrument's.

All of the way would take every piece for one that shows all that its instrument can, and play a piece that
is mezzo-forte throughout from pianissimo to fortissimo.
"""

CARRIED_DB = 6.0
"""How far below the softer of the notes beside it a rest of one of several lines is taken to be."""

RANGE_MARGIN_SEMITONES = 3.0
"""How far beyond the notes heard in training the network is trusted."""

VIBRATO_SMOOTHING_SECONDS = 0.25
SHORTEST_VIBRATO_SECONDS = 0.3
VIBRATO_FADE_FRAMES = 12
"""Vibrato comes in and goes out over this time, so that no step is left at the ends of a note."""

WIDEST_VIBRATO_CENTS = 60.0
WIDEST_VIBRATO_DB = 4.0
"""What moves further than these is no vibrato."""

DEPTH_FRAMES = 50
"""Depth is measured over half a second: two or three periods."""

STILL_FLUTE_SHARE = 0.4
"""Share of the vibrato in pitch that remains at the first end."""

LOUDNESS_PER_PITCH_DB_PER_CENT = 0.1
DEEPEST_LOUDNESS_VIBRATO_DB = 2.0
PITCH_PER_LOUDNESS_CENTS_PER_DB = 6.0
DEEPEST_PITCH_VIBRATO_CENTS = 14.0


def loudness_quantiles(relative_db: Float[np.ndarray, " frame"]) -> Float[np.ndarray, " quantile"]:
    """Quantiles of voiced loudness, in dB relative to the performance's loud notes."""
    if len(relative_db) == 0:
        return np.linspace(-40.0, 0.0, len(QUANTILES))
    return np.quantile(relative_db, QUANTILES)


def map_loudness(
    relative_db: Float[np.ndarray, " frame"],
    own: Float[np.ndarray, " quantile"],
    target: Float[np.ndarray, " quantile"],
) -> Float[np.ndarray, " frame"]:
    """Give each frame the loudness that is as common for the target as its own is here."""
    # Equal quantiles (a constant tone) would make the inverse undefined.
    rising = np.maximum.accumulate(own + np.arange(len(own)) * 1e-6)
    mapped = np.interp(np.interp(relative_db, rising, QUANTILES), QUANTILES, target)
    below = np.minimum(relative_db - rising[0], 0.0)
    above = np.maximum(relative_db - rising[-1], 0.0)
    return mapped + below + above


def adapted_loudness(
    relative_db: Float[np.ndarray, " frame"],
    own: Float[np.ndarray, " quantile"],
    target: Float[np.ndarray, " quantile"],
) -> Float[np.ndarray, " frame"]:
    """Bring a performance's loudness nearer to what is as common for an instrument.

    Args:
        relative_db: Loudness relative to the loud notes of the performance.
        own: Its quantiles.
        target: Those of the instrument.
    """
    mapped = map_loudness(relative_db, own, target)
    return relative_db + MAPPED_SHARE * (mapped - relative_db)


def carried_loudness(loudness_db: Float[np.ndarray, " frame"]) -> Float[np.ndarray, " frame"]:
    """Carry the loudness of one of several lines through its rests: for conditioning, never for sounding.

    No instrument begins a note 60 dB above what was before, as a line of chords does. The network has not
    learned such a leap, and answers with another colour as long as it remembers it: a second attack.
    """
    carried = loudness_db.copy()
    sounding = np.flatnonzero(loudness_db > SILENCE_DB)
    if len(sounding) == 0:
        return carried
    resting = np.flatnonzero(loudness_db <= SILENCE_DB)
    following = np.searchsorted(sounding, resting)
    after = carried[sounding[np.minimum(following, len(sounding) - 1)]]
    before = carried[sounding[np.maximum(following - 1, 0)]]
    carried[resting] = np.minimum(before, after) - CARRIED_DB
    return carried


def end_loudness(
    loudness_db: Float[np.ndarray, " frame"],
    piece: Controls,
    targets: Sequence[Float[np.ndarray, " quantile"]],
) -> list[Float[np.ndarray, " frame"]]:
    """Return a line's loudness as each instrument is given it, relative to the loud notes of the piece."""
    reference_db = reference_loudness_db(piece)
    own = loudness_quantiles(piece.loudness_db[piece.periodicity > 0.0] - reference_db)
    return [adapted_loudness(loudness_db - reference_db, own, target) for target in targets]


def into_range(
    f0_hz: Float[np.ndarray, " frame"], lowest_hz: float, highest_hz: float
) -> Float[np.ndarray, " frame"]:
    """Bring pitches into reach of what training heard: for conditioning, never for sounding."""
    margin = 2.0 ** (RANGE_MARGIN_SEMITONES / 12.0)
    return np.clip(f0_hz, lowest_hz / margin, highest_hz * margin)


@dataclass(frozen=True)
class EndFrames:
    """A whole performance as one end is asked to play it: what stands between analysis and network.

    Attributes:
        features: Conditioning, adapted to the end.
        f0_hz: Fundamental that the network reads.
        sounding_hz: With the vibrato moved.
        still_hz: Without its vibrato.
        wanted_db: Loudness of each frame.
        gate: Gain of the harmonics.
    """

    features: Float[np.ndarray, "frame feature"]
    f0_hz: Float[np.ndarray, " frame"]
    sounding_hz: Float[np.ndarray, " frame"]
    still_hz: Float[np.ndarray, " frame"]
    wanted_db: Float[np.ndarray, " frame"]
    gate: Float[np.ndarray, " frame"]


@dataclass(frozen=True)
class Vibrato:
    """Periodic movement of a performance about its notes."""

    cents: Float[np.ndarray, " frame"]
    loudness_db: Float[np.ndarray, " frame"]

    @classmethod
    def measure(
        cls,
        f0_hz: Float[np.ndarray, " frame"],
        loudness_db: Float[np.ndarray, " frame"],
        is_voiced: Bool[np.ndarray, " frame"],
        *,
        frame_rate_hz: float,
    ) -> Vibrato:
        """Take the slow course of each note off its pitch and loudness; short notes have none.

        Args:
            f0_hz: Fundamental, above 0 where voiced.
            loudness_db: In dB relative to anything.
            is_voiced: Frames that belong to notes.
            frame_rate_hz: Frames per second.
        """
        cents = np.zeros(len(f0_hz))
        level = np.zeros(len(f0_hz))
        window = np.hanning(round(VIBRATO_SMOOTHING_SECONDS * frame_rate_hz) + 2)[1:-1]
        breaks = ~is_voiced | pitch_changes(np.maximum(f0_hz, 1.0))
        for start, stop in runs(~breaks):
            if stop - start < SHORTEST_VIBRATO_SECONDS * frame_rate_hz:
                continue
            weight = np.convolve(np.ones(stop - start), window, mode="same")
            note = 1200.0 * np.log2(f0_hz[start:stop])
            age = np.arange(stop - start)
            fade = np.minimum(np.minimum(age, age[::-1]) / VIBRATO_FADE_FRAMES, 1.0)
            cents[start:stop] = fade * (note - np.convolve(note, window, mode="same") / weight)
            piece = loudness_db[start:stop]
            level[start:stop] = fade * (piece - np.convolve(piece, window, mode="same") / weight)
        return cls(
            np.clip(cents, -WIDEST_VIBRATO_CENTS, WIDEST_VIBRATO_CENTS),
            np.clip(level, -WIDEST_VIBRATO_DB, WIDEST_VIBRATO_DB),
        )

    def moved(
        self, dial: Float[np.ndarray, " frame"]
    ) -> tuple[Float[np.ndarray, " frame"], Float[np.ndarray, " frame"]]:
        """Return the cents and decibels to add, for 0 (vibrato in loudness) to 1 (in pitch).

        Pitch is moved by a tenth of a semitone or two and back again: the note stays.
        """
        own_depth = _local_depth(self.cents)
        room_for_more = np.clip(1.0 - own_depth / DEEPEST_PITCH_VIBRATO_CENTS, 0.0, 1.0)
        borrowed = np.clip(
            PITCH_PER_LOUDNESS_CENTS_PER_DB * self.loudness_db,
            -DEEPEST_PITCH_VIBRATO_CENTS,
            DEEPEST_PITCH_VIBRATO_CENTS,
        )
        cents = dial * room_for_more * borrowed - (1.0 - dial) * (1.0 - STILL_FLUTE_SHARE) * self.cents
        loudness_db = (1.0 - dial) * np.clip(
            LOUDNESS_PER_PITCH_DB_PER_CENT * self.cents,
            -DEEPEST_LOUDNESS_VIBRATO_DB,
            DEEPEST_LOUDNESS_VIBRATO_DB,
        )
        return cents, loudness_db


def _local_depth(cents: Float[np.ndarray, " frame"]) -> Float[np.ndarray, " frame"]:
    """Amplitude of the movement around each frame: its effective value over half a second, times sqrt 2."""
    window = np.hanning(DEPTH_FRAMES + 2)[1:-1]
    window /= window.sum()
    if len(cents) < len(window):
        return np.full(len(cents), np.sqrt(2.0 * np.mean(np.square(cents)))) if len(cents) else cents
    return np.sqrt(2.0 * np.maximum(np.convolve(np.square(cents), window, mode="same"), 0.0))
