"""`Mix`: where between the two ends a rendering stands, dial by dial, still or moving."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Float, Float32

from violute.errors import MixError
from violute.voices.card import Card

Automation = Sequence[tuple[float, float]]
"""Break-points of a dial that moves: (seconds, mix), seconds rising."""

DEFAULT_ROOM = 0.2
"""A small room, where nothing else is asked for: dry sound is heard as an instrument less surely than
recordings are, and in larger rooms the ends lose theirs; `bench/ENDS.md`."""

Dial = float | Automation
"""One dial: a number from 0 to 1, or break-points."""


@dataclass(frozen=True)
class Mix:
    """Dials from the first end (0, flute) to the second (1, violin).

    Each dial stands still (a number) or moves (break-points: pairs of seconds and value).

    Attributes:
        tone: Harmonic envelope: the colour of the steady note.
        noise: Breath (0) to bow (1).
        attack: Tone and noise of a note's first tenth of a second.
        vibrato: Vibrato in loudness, as flutes have it (0), to vibrato in pitch (1).
        room: 0 is dry, 1 is a large hall. Not a dial between the ends.

    Raises:
        MixError: A dial is not a number from 0 to 1, or its break-points are malformed.
    """

    tone: Dial = 0.5
    noise: Dial = 0.5
    attack: Dial = 0.5
    vibrato: Dial = 0.5
    room: Dial = DEFAULT_ROOM

    def __post_init__(self) -> None:
        for field in fields(self):
            # Tuples, so that a frozen Mix cannot change through a list that the caller kept.
            object.__setattr__(self, field.name, check_setting(getattr(self, field.name), field.name))

    @classmethod
    def at(cls, mix: Dial, *, room: Dial = DEFAULT_ROOM) -> Mix:
        """Turn tone, noise, attack and vibrato to the same place."""
        setting = check_setting(mix, "mix")
        return cls(setting, setting, setting, setting, room)


def mix_of_settings(
    mix: Dial | None = None, automation: Automation | None = None, **dials: Dial | None
) -> Mix:
    """Return the `Mix` that a program's options describe; None is with the mix, at 0.5, in a small room.

    Raises:
        MixError: Both `mix` and `automation` came, or one of the dials is malformed.
    """
    if mix is not None and automation is not None:
        raise MixError("both mix and automation came: choose one, the automation is the mix over time")
    base = Mix.at(automation if automation is not None else 0.5 if mix is None else mix)
    return replace(base, **{name: dial for name, dial in dials.items() if dial is not None})


LARGEST_SHIFT = 24.0
"""Semitones, and decibels, that `Output` goes up or down at most."""


@dataclass(frozen=True)
class Output:
    """What becomes of a hybrid beside its mix.

    Attributes:
        wet: Share of the hybrid beside the recording itself, at equal power: 0 is the recording alone, 1
            the hybrid alone.
        level_db: Louder or softer than the recording, in dB; peaks stay below the ceiling.
        transpose: Semitones up or down, which may be fractions; the recording beside it stays where it is.

    Raises:
        MixError: One of them is out of range.
    """

    wet: float = 1.0
    level_db: float = 0.0
    transpose: float = 0.0

    def __post_init__(self) -> None:
        check_dial(self.wet, "wet")
        for name, value, unit in (
            ("level", self.level_db, "dB"),
            ("transpose", self.transpose, "semitones"),
        ):
            if not -LARGEST_SHIFT <= value <= LARGEST_SHIFT:  # NaN is neither
                raise MixError(
                    f"{name} is {_digits(value)}: give {unit} from {-LARGEST_SHIFT:g} to {LARGEST_SHIFT:g}"
                )

    @property
    def label(self) -> str:
        """Name what differs from the hybrid alone, as it is, for file names: `-transpose7-wet0.60`."""
        changes = (("transpose", self.transpose, 0.0), ("wet", self.wet, 1.0), ("level", self.level_db, 0.0))
        return "".join(f"-{name}{value:.6g}" for name, value, usual in changes if value != usual)


MixLike = float | Mix | Automation
"""What a rendering accepts: one number for all dials, break-points for all dials, or a `Mix`."""

ONE_DIAL = (
    "this voice has one dial: it goes by the tone, and noise, attack, vibrato and room stay as they are"
)
"""What a voice that has one warns of where `Dials.is_one_dial` does not hold."""


@dataclass(frozen=True)
class Dials:
    """The dials of a rendering, frame by frame, each in [0, 1]; meanings as in `Mix`."""

    tone: Float32[np.ndarray, " frame"]
    noise: Float32[np.ndarray, " frame"]
    attack: Float32[np.ndarray, " frame"]
    vibrato: Float32[np.ndarray, " frame"]
    room: Float32[np.ndarray, " frame"]

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return len(self.tone)

    @property
    def is_one_dial(self) -> bool:
        """Whether noise, attack and vibrato go with the tone all the way, and no room is asked for."""
        others = (self.noise, self.attack, self.vibrato)
        is_asked = self.room.any() and not np.allclose(self.room, DEFAULT_ROOM)
        return not is_asked and all(bool((dial == self.tone).all()) for dial in others)


def dials(mix: MixLike, n_frames: int, frame_rate_hz: float) -> Dials:
    """Lay a mix out over the frames of a performance.

    Raises:
        MixError: A dial is out of range or an automation is malformed.
    """
    settings = mix if isinstance(mix, Mix) else Mix.at(mix)
    return Dials(
        *(dial_track(getattr(settings, field.name), n_frames, frame_rate_hz) for field in fields(Dials))
    )


def check_dial(value: object, name: str) -> float:
    """Return `value` as a float in [0, 1] or raise `MixError` naming the dial."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.floating, np.integer)):
        raise MixError(f"{name} is {value!r}: give a number from 0 to 1")
    number = float(value)
    if not math.isfinite(number) or not 0.0 <= number <= 1.0:
        raise MixError(f"{name} is {_digits(number)}: give a number from 0 to 1")
    return number


def check_setting(value: object, name: str) -> float | tuple[tuple[float, float], ...]:
    """Return a dial as a float or as a tuple of break-points, or raise `MixError` naming it."""
    if isinstance(value, (Sequence, np.ndarray)) and not isinstance(value, (str, bytes)):
        return check_breakpoints(value)
    return check_dial(value, name)


def check_breakpoints(breakpoints: Sequence[object] | np.ndarray) -> tuple[tuple[float, float], ...]:
    """Return break-points as a tuple of pairs of floats.

    Raises:
        MixError: None at all, not pairs, seconds that do not rise from 0 or later, or a mix out of
            range; the message counts break-points from 1.
    """
    if len(breakpoints) == 0:
        raise MixError("the automation has no break-points: give at least one pair of seconds and mix")
    checked: list[tuple[float, float]] = []
    for i, point in enumerate(breakpoints, start=1):
        after = checked[-1][0] if checked else None
        checked.append(check_breakpoint(point, after, f"break-point {i}"))
    return tuple(checked)


def check_breakpoint(point: object, after_seconds: float | None, where: str) -> tuple[float, float]:
    """Return one break-point as a pair of floats: seconds and mix; `where` names it in errors.

    Raises:
        MixError: Not a pair of numbers, a time before 0 or not after `after_seconds`, or a mix out
            of range.
    """
    if not isinstance(point, (Sequence, np.ndarray)) or isinstance(point, str) or len(point) != 2:
        raise MixError(f"{where}: {point!r} is not a pair: give seconds and mix")
    second, value = point
    if isinstance(second, bool) or not isinstance(second, (int, float, np.floating, np.integer)):
        raise MixError(f"{where}: the time is {second!r}: give seconds, 0 or more")
    if not math.isfinite(second) or second < 0:
        raise MixError(f"{where}: the time is {_digits(second)} s: give seconds, 0 or more")
    if after_seconds is not None and second <= after_seconds:
        raise MixError(
            f"{where}: {_digits(second)} s does not come after {_digits(after_seconds)} s: "
            "put times in rising order"
        )
    return float(second), check_dial(value, f"{where}: the mix")


def dial_at(dial: float | tuple[tuple[float, float], ...], second: float) -> float:
    """Read one dial of a `Mix` at a moment: the twin of `dial_track` for a performance without an end."""
    if isinstance(dial, tuple):
        seconds, values = np.array(dial).T
        return float(np.interp(second, seconds, values))
    return dial


def dial_track(dial: Dial, n_frames: int, frame_rate_hz: float) -> Float32[np.ndarray, " frame"]:
    """Draw one dial over frames: straight lines between break-points, held before and after.

    One that stands is a view of one number, not to be written to.

    Raises:
        MixError: The dial is out of range or its break-points are malformed.
    """
    setting = check_setting(dial, "mix")
    if isinstance(setting, float):
        return np.broadcast_to(np.float32(setting), n_frames)
    seconds, values = np.array(setting).T
    track: Float[np.ndarray, " frame"] = np.interp(np.arange(n_frames) / frame_rate_hz, seconds, values)
    return track.astype(np.float32)


def _digits(number: float | np.floating | np.integer) -> str:
    """Write a number with all its digits: 1.0000001 must not read as 1."""
    return repr(float(number)).removesuffix(".0")


AS_PLAYED = Output()
"""The hybrid alone, as loud as the recording and at its pitch."""

DIAL = "dial"
"""Entry of a card's settings, see `DialScale`."""


def register_shares(
    f0_hz: float | Float[np.ndarray, "*axes"], registers_hz: Sequence[float] | Float[np.ndarray, " register"]
) -> Float[np.ndarray, "register *axes"]:
    """Return what pitches count towards each of some registers: 1 at its own, 0 from the next one on.

    In between shares run in a straight line over the octaves; beyond the last register they stay. Without
    registers all pitches count as one.
    """
    if not len(registers_hz):
        return np.ones((1, *np.shape(f0_hz)))
    octaves, centres = np.log2(f0_hz), np.log2(registers_hz)
    return np.array([np.interp(octaves, centres, share) for share in np.eye(len(centres))])


class DialScale:
    """Turns a mix into a place between the ends of a network; without an entry they are the same.

    The entry is a list of pairs of mix and place, the same for all notes, or has a curve for each of several
    pitches, since what makes a note either instrument's differs from register to register: `{"hz": [...],
    "mixes": [...], "places": [[...], ...]}`, a row of places for each pitch. Between two pitches places move
    in a straight line over the octaves; beyond the last they stay.

    Args:
        card: Of the voice.
        knows_pitch: Whether pitches will be given.

    Attributes:
        mixes: Where curves have their points.
        hz: Pitches of the curves; one of 1 Hz where all notes have the same.
        places: Of the mixes, at each pitch.

    Raises:
        ValueError: The entry is damaged, mixes or pitches do not rise, or there are several unknown pitches.
    """

    def __init__(self, card: Card, *, knows_pitch: bool = False) -> None:
        entry = card.settings.get(DIAL, [[0.0, 0.0], [1.0, 1.0]])
        try:
            if isinstance(entry, Mapping):
                mixes, hz, places = (np.array(entry[key], np.float64) for key in ("mixes", "hz", "places"))
            else:
                mixes, places = np.array(entry, np.float64).T
                hz, places = np.ones(1), places[None]
            is_whole = (
                (mixes.ndim, hz.ndim, places.shape) == (1, 1, (len(hz), len(mixes)))
                and len(mixes) >= 2
                and all(np.isfinite(values).all() for values in (mixes, hz, places))
                and (hz > 0.0).all()
            )
        except (KeyError, TypeError, ValueError):
            is_whole = False
        if not is_whole:
            raise ValueError("its dial is damaged")
        if (np.diff(mixes) <= 0.0).any() or (np.diff(hz) <= 0.0).any():
            raise ValueError("its dial doesn't rise")
        if len(hz) > 1 and not knows_pitch:
            raise ValueError("its dial depends on the pitch, which this family does not know")
        self.mixes, self.hz, self.places = mixes, hz, places

    def place(
        self, mix: Float[np.ndarray, "*axes"], f0_hz: Float[np.ndarray, "*axes"] | None = None
    ) -> Float32[np.ndarray, "*axes"]:
        """Return where between the ends mixes lie, at pitches above 0 Hz if there are several curves."""
        curves = [np.interp(mix, self.mixes, row) for row in self.places]
        if f0_hz is None or len(curves) == 1:
            return curves[0].astype(np.float32)
        shares = register_shares(f0_hz, self.hz)
        return np.asarray(sum(c * share for c, share in zip(curves, shares, strict=True)), np.float32)
