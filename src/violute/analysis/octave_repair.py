"""Octave errors of a pitch track: how to doubt a candidate, and how to mend a path by its surroundings.

If the true pitch is a multiple of a candidate, only every second (third, ...) of the candidate's partials
carries energy. In one frame that is a doubt. Along a path it is more: what sounds below a note and more
softly, such as the breath of an attack, is an undertone of it; and a short run beside its octave is a slip
where its spectra do not speak against it.

Conventions: `wide` are spectra as `joined_wide` gives them, `octaves` the binary logarithm of pitches in Hz,
of candidates or of a path through them, and `span` the range of the spectra.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from violute.analysis.pitch_range import HIGH, PitchRange, PitchWindow

Spectra = Float[np.ndarray, "frame bin"]
Candidates = Float[np.ndarray, "frame candidate"]
Track = Float[np.ndarray, " frame"]

N_HARMONICS = 10
DOUBT_RANGE_DB = 8.0
OVERTONE_DB = 20.0
"""A low candidate is doubted where a fraction of it has partials of its own up to so much weaker."""

LEAP_OCTAVES = 1.0 / 15.0
"""A step of the pitch from one frame to the next that no vibrato or slide makes: 80 cents."""

UNDERTONE_AHEAD_FRAMES, UNDERTONE_BEHIND_FRAMES = 8, 6
UNDERTONE_DB = (7.0, 14.0)
"""How far an undertone lies below its note, ahead and behind: it fades from the attack on."""

GROWTH_DB = 6.0
GROWN_DB = 4.0
GROWN_MAX_DB = 9.0
"""How far a note grows out of its undertone, how much sooner it is then believed than in any frame, and how
far above its undertone it surely is the note."""

ATTACK_FRAMES = 12
ATTACK_DB = 15.0
"""What has been so much softer so shortly before is an attack."""

LONGEST_SLIP_FRAMES = (10, 20)
"""Of a run below its neighbour, and of one above it."""

SHORTEST_NEIGHBOUR_FRAMES = 5
NEIGHBOUR_DB = 20.0
"""A run further below another than this is the hum before it or the echo after it, not its neighbour."""

SLIP_DOUBT_DB = 6.0
"""How much sooner than any candidate a run below its neighbour is doubted."""

STEADY_DB = 10.0
"""A run above its neighbour is a slip where its own partials fell by no more than this against the others.

As a note sets in an octave higher, those of the note before it go."""

STEADY_LENGTHS = 2
"""How many times as long as such a slip the neighbour must be."""

FARTHEST_STEP_OCTAVES = 7.0 / 12.0
"""A melody steps between notes; a short one further above those on either side is a leap there and back."""

LEAP_HZ, LEAP_DB = (400.0, 800.0), (10.0, 14.0)
"""A leap there and back is doubted where the octave below has partials of its own up to so much weaker.

Below, open strings and halls put weak ones there; a violin leaps across its strings and back."""

LEAP_GAP_FRAMES = 6
"""Frames at most between a leap and the notes beside it."""


def joined_wide(spectra: Sequence[Float[np.ndarray, "frame _bin"]]) -> Spectra:
    """Widen the spectra of each window of a range, and join them, one behind the other."""
    wide = [widened(one) for one in spectra]
    return wide[0] if len(wide) == 1 else np.hstack(wide)


def widened(magnitudes: Spectra) -> Spectra:
    """Spectra whose every bin holds the strongest of itself and its two neighbours."""
    wide = magnitudes.copy()
    np.maximum(wide[:, 1:], magnitudes[:, :-1], out=wide[:, 1:])
    np.maximum(wide[:, :-1], magnitudes[:, 1:], out=wide[:, :-1])
    return wide


def harmonic_power(
    wide: Spectra, f0_hz: Candidates, span: PitchRange
) -> Float[np.ndarray, "frame candidate harmonic"]:
    """Power of `joined_wide` spectra on each harmonic, in the window of its pitch; 0 beyond them."""
    partials_hz = f0_hz[..., None] * np.arange(1, N_HARMONICS + 1)
    first, last = span.windows[0], span.windows[-1]
    bins, is_inside = _bins(partials_hz, first)
    if last is not first:
        is_low = (f0_hz < span.split_hz)[..., None]
        low_bins, is_inside_low = _bins(partials_hz, last)
        bins = np.where(is_low, first.n_bins + low_bins, bins)
        is_inside = np.where(is_low, is_inside_low, is_inside)
    return np.square(wide[np.arange(len(wide))[:, None, None], bins]) * is_inside


def _bins(
    partials_hz: Float[np.ndarray, "*axes"], window: PitchWindow
) -> tuple[Int[np.ndarray, "*axes"], Bool[np.ndarray, "*axes"]]:
    """Return the nearest bin of each partial, and whether it has one."""
    bins = np.rint(partials_hz / window.bin_hz).astype(np.int64)
    return np.minimum(bins, window.n_bins - 2), bins < window.n_bins - 1


def octave_doubt(wide: Spectra, octaves: Candidates, span: PitchRange) -> Candidates:
    """How surely a candidate is a fraction of the true pitch, 0 to 1."""
    power = harmonic_power(wide, 2.0**octaves, span)
    threshold_db = _threshold_db(octaves, span)
    doubt = np.zeros_like(octaves)
    for multiple in (2, 3, 4, 5):
        own_db, shared_db = _own_and_shared_db(power, multiple)
        doubt = np.maximum(doubt, np.clip((shared_db - own_db - threshold_db) / DOUBT_RANGE_DB, 0.0, 1.0))
    return doubt


def overtone_doubt(wide: Spectra, octaves: Candidates, span: PitchRange) -> Candidates:
    """How surely a candidate is twice or three times a pitch below the split of the range, 0 to 1.

    The body of a cello hardly sounds at the fundamentals of its lowest string.
    """
    doubt = np.zeros_like(octaves)
    for multiple in (2, 3):
        f0_hz = 2.0**octaves / multiple
        is_low = (f0_hz > span.lowest_hz) & (f0_hz < span.split_hz)
        own_db, shared_db = _own_and_shared_db(harmonic_power(wide, f0_hz, span), multiple)
        share = np.clip((OVERTONE_DB - (shared_db - own_db)) / DOUBT_RANGE_DB, 0.0, 1.0)
        doubt = np.maximum(doubt, is_low * share)
    return doubt


def repaired(wide: Spectra, octaves: Track, span: PitchRange) -> Track:
    """Mend what a path through the candidates has of undertones and of short slips."""
    power = harmonic_power(wide, 2.0 ** octaves[:, None], span)[:, 0]
    second_db = 10.0 * np.log10(power[:, 1] + 1e-20)
    raised = octaves + is_undertone(octaves, *_own_and_shared_db(power, 2), second_db, span)
    return without_leaps(wide, without_slips(wide, raised, span), span)


def is_undertone(
    octaves: Track, odd_db: Track, even_db: Track, second_db: Track, span: PitchRange = HIGH
) -> Bool[np.ndarray, " frame"]:
    """Frames whose pitch lies an octave below a note that sounds in them or close by, and far louder.

    `odd_db` and `even_db` are the levels of the odd partials of the pitch and of the even ones, which are all
    that the octave above has; `second_db` is that of the second alone, the fundamental of the octave above.
    """
    n_frames = len(octaves)
    all_db = 10.0 * np.log10(10.0 ** (odd_db / 10.0) + 10.0 ** (even_db / 10.0))
    # A note that grows while what lies below it does not is the upper one, even where the path is low.
    is_growing = np.zeros(n_frames, dtype=bool)
    for lag in range(3, UNDERTONE_AHEAD_FRAMES + 1):
        here, there = slice(lag, n_frames), slice(0, max(n_frames - lag, 0))
        is_growing[here] |= (
            (np.abs(octaves[here] - octaves[there]) < LEAP_OCTAVES)
            & (even_db[here] - even_db[there] > GROWTH_DB)
            & (second_db[here] - second_db[there] > GROWTH_DB)
            & (odd_db[here] < odd_db[there])
        )
    is_growing &= even_db - odd_db > np.minimum(_threshold_db(octaves, span) - GROWN_DB, GROWN_MAX_DB)
    earlier_db = np.lib.stride_tricks.sliding_window_view(
        np.pad(all_db, (ATTACK_FRAMES, 0), mode="edge"), ATTACK_FRAMES + 1
    )
    is_growing &= earlier_db.min(axis=1) < all_db - ATTACK_DB
    grown_db = np.where(is_growing, even_db, -np.inf)
    # A few frames an octave higher may be a slip themselves.
    run = np.cumsum(np.abs(np.diff(octaves, prepend=octaves[:1])) > LEAP_OCTAVES)
    lasting_db = np.where(np.bincount(run)[run] >= SHORTEST_NEIGHBOUR_FRAMES, all_db, -np.inf)
    is_low = octaves < np.log2(span.undertone_from_hz)
    note_db = np.full(n_frames, -np.inf)
    for offset in range(-UNDERTONE_BEHIND_FRAMES, UNDERTONE_AHEAD_FRAMES + 1):
        here = slice(max(-offset, 0), n_frames - max(offset, 0))
        there = slice(max(offset, 0), n_frames - max(-offset, 0))
        above = octaves[there] - octaves[here]
        is_above = (np.abs(above - 1.0) < LEAP_OCTAVES) & ~is_low[here]
        level_db = np.where(is_above, lasting_db[there], -np.inf)
        level_db = np.where(np.abs(above) < LEAP_OCTAVES, grown_db[there], level_db)
        note_db[here] = np.maximum(note_db[here], level_db - UNDERTONE_DB[offset < 0])
    return np.asarray(odd_db < note_db, dtype=bool)


def without_slips(wide: Spectra, octaves: Track, span: PitchRange) -> Track:
    """Bring short runs an octave or a twelfth from a longer one to it, where the spectra allow it."""
    starts, stops = _runs_between_leaps(octaves)
    mended = octaves.copy()
    for i, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        if stop - start >= max(LONGEST_SLIP_FRAMES):
            continue
        for j in (i + 1, i - 1):
            if not 0 <= j < len(starts):
                continue
            length = stops[j] - starts[j]
            if length < SHORTEST_NEIGHBOUR_FRAMES or length <= stop - start:
                continue
            near = slice(starts[j], starts[j] + 5) if j > i else slice(stops[j] - 5, stops[j])
            slip = np.median(octaves[start:stop]) - octaves[near.start if j > i else near.stop - 1]
            multiple = round(2.0 ** abs(slip))
            if multiple not in (2, 3) or abs(abs(slip) - np.log2(multiple)) > LEAP_OCTAVES:
                continue
            if stop - start >= LONGEST_SLIP_FRAMES[int(slip > 0.0)]:
                continue
            if slip > 0.0 and length < STEADY_LENGTHS * (stop - start):
                continue
            shift = -np.sign(slip) * np.log2(multiple)
            if _is_doubtful(wide[start:stop], octaves[start:stop], shift, wide[near], octaves[near], span):
                mended[start:stop] += shift
                break
    return mended


def without_leaps(wide: Spectra, octaves: Track, span: PitchRange) -> Track:
    """Bring a short note that leaps up and back down into the melody, where its octave below has partials.

    The odd partials of some notes are weak all along; then the octave above is the likelier pitch of each
    frame, and only the notes beside it tell.
    """
    starts, stops = _runs_between_leaps(octaves)
    lasting = np.flatnonzero(stops - starts >= SHORTEST_NEIGHBOUR_FRAMES)
    mended = octaves.copy()
    for before, run, after in zip(lasting[:-2], lasting[1:-1], lasting[2:], strict=True):
        here = slice(starts[run], stops[run])
        if here.stop - here.start >= max(LONGEST_SLIP_FRAMES):
            continue
        if max(here.start - stops[before], starts[after] - here.stop) > LEAP_GAP_FRAMES:
            continue
        # A little into them: the first frames may be the note's own, heard right.
        beside = octaves[
            [
                max(stops[before] - 1 - SHORTEST_NEIGHBOUR_FRAMES, starts[before]),
                min(starts[after] + SHORTEST_NEIGHBOUR_FRAMES, stops[after] - 1),
            ]
        ]
        above = octaves[[here.start, here.stop - 1]] - beside
        steps = np.abs(above - 1.0)
        if (above <= FARTHEST_STEP_OCTAVES).any() or (steps > FARTHEST_STEP_OCTAVES).any():
            continue
        if (steps <= LEAP_OCTAVES).any():  # a leap of an octave is judged by `without_slips`
            continue
        lower = octaves[here] - 1.0
        power = _mean_power(wide[here], lower, span)
        own_db, shared_db = _own_and_shared_db(power, 2)
        if shared_db[0] - own_db[0] < np.interp(np.median(lower), np.log2(LEAP_HZ), LEAP_DB):
            mended[here] -= 1.0
    return mended


def _runs_between_leaps(octaves: Track) -> tuple[Int[np.ndarray, " run"], Int[np.ndarray, " run"]]:
    """First frame of each run of a path, and the one after its last."""
    edges = np.flatnonzero(np.abs(np.diff(octaves)) > LEAP_OCTAVES) + 1
    return np.concatenate([[0], edges]), np.concatenate([edges, [len(octaves)]])


def _is_doubtful(
    wide: Spectra,
    octaves: Track,
    shift: float,
    near_wide: Float[np.ndarray, "near bin"],
    near_octaves: Float[np.ndarray, " near"],
    span: PitchRange,
) -> bool:
    """Whether a run may as well have the pitch `shift` octaves away, that of its neighbour."""
    lower = octaves + min(shift, 0.0)
    power, near_power = _mean_power(wide, lower, span), _mean_power(near_wide, near_octaves, span)
    if near_power.sum() * 10.0 ** (NEIGHBOUR_DB / 10.0) < power.sum():
        return False
    multiple = round(2.0 ** abs(shift))
    own_db, shared_db = _own_and_shared_db(power, multiple)
    excess_db = shared_db - own_db
    if shift > 0.0:
        return bool((excess_db > _threshold_db(np.median(lower, keepdims=True), span) - SLIP_DOUBT_DB)[0])
    near_own_db, near_shared_db = _own_and_shared_db(near_power, multiple)
    return bool((excess_db < near_shared_db - near_own_db + STEADY_DB)[0])


def _mean_power(wide: Spectra, octaves: Track, span: PitchRange) -> Float[np.ndarray, "1 harmonic"]:
    """Power on each harmonic of a path, over all of its frames."""
    return harmonic_power(wide, 2.0 ** octaves[:, None], span)[:, 0].mean(axis=0, keepdims=True)


def _threshold_db(octaves: Float[np.ndarray, "*frame"], span: PitchRange) -> Float[np.ndarray, "*frame"]:
    return np.interp(octaves, np.log2(span.doubt_hz), span.doubt_db)


def _own_and_shared_db(
    power: Float[np.ndarray, "*frame harmonic"], multiple: int
) -> tuple[Float[np.ndarray, "*frame"], Float[np.ndarray, "*frame"]]:
    """Levels of the partials that a multiple of the pitch lacks, and of those that it has."""
    is_shared = np.arange(1, N_HARMONICS + 1) % multiple == 0
    own, shared = power[..., ~is_shared].sum(axis=-1), power[..., is_shared].sum(axis=-1)
    return 10.0 * np.log10(own + 1e-20), 10.0 * np.log10(shared + 1e-20)
