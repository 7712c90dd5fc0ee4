"""Pitch of sound that is still being played: a small network that judges candidates, and a memory.

Three windows of 12, 23 and 46 ms end at the newest sample. The short ones hear a new note first, the long one
tells low partials apart. For every candidate pitch the network is shown the levels at its partials, between
them (where its octave or twelfth below would have some) and those of 20 ms before, and answers how well all
that fits; the same weights serve all candidates. Beside its judgement counts the harmonic salience by which
the analyser searches: that takes all instruments alike, also those that the network never heard. What was
believed of the frame before says what to expect: the same pitch or a neighbour, or after a change of the
spectrum any other. That is a forward filter, which never looks ahead.

Everything is plain arithmetic on arrays of fixed size. `bench/train_causal_pitch.py` trains the weights; they
lie beside this file, with their card.

Source:
    Bittner et al., Deep salience representations for F0 estimation (ISMIR 2017), for the levels at multiples
    of every candidate. Camacho & Harris 2008 (see `pitch.py`), for the salience. Rabiner, A tutorial on
    hidden Markov models (1989), section III A, for the filter.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int

from violute.analysis.pitch import compressed_spectra, salience_kernels
from violute.analysis.pitch_range import HIGH
from violute.rates import SAMPLE_RATE
from violute.transforms.spectra import hann

WEIGHTS_PATH = Path(__file__).with_name("causal_pitch.npz")

WINDOWS = (512, 1024, 2048)
SHORTEST, MIDDLE, LONGEST, BEFORE = range(4)
"""Rows of levels: of each window, and of the middle one `LAG_FRAMES` before."""

N_FFT = 2048
"""All windows are padded to it, so that one table of bins serves them."""

BIN_HZ = SAMPLE_RATE / N_FFT
N_BINS = 512
"""Bins of a spectrum that are looked at: up to 11 kHz."""

LAG_FRAMES = 2
LOWEST_HZ = 160.0
BINS_PER_OCTAVE = 48
N_CANDIDATES = 222
"""From 160 Hz to 3.9 kHz."""

PARTIALS = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0)
BETWEEN = (1 / 3, 1 / 2, 2 / 3, 4 / 3, 3 / 2, 5 / 2)
MULTIPLES = {
    SHORTEST: PARTIALS[:6],
    MIDDLE: PARTIALS + BETWEEN,
    LONGEST: PARTIALS + BETWEEN,
    BEFORE: PARTIALS,
}
"""Where each row is looked at, in multiples of the candidate."""

FLOOR_DB = -127.0
RANGE_DB, STEP_DB = 80.0, 40.0
"""Levels further than the range below their frame count as silent; the step is the network's unit."""

N_LEVELS = sum(len(multiples) for multiples in MULTIPLES.values())

TELLING = (MIDDLE, LONGEST)
"""Windows in which the salience of each candidate is measured."""

SALIENCES = slice(N_LEVELS, N_LEVELS + len(TELLING))
"""Rows of what the network is shown of a candidate that hold its saliences, doubled."""

N_OWN = N_LEVELS + len(TELLING) + 2
"""What the network is shown of a candidate: levels, saliences, and its place on the grid and its square."""

NEAR_BINS = 3
LIKELY, STILL_LIKELY = 0.6, 0.1
"""Belief within so many bins that a new note needs, while the note before has at least the other."""

LONG_BELOW_HZ = 400.0
"""Below it the harmonics are told from noise in the longest window, else in the middle one."""

REFINING_HARMONICS = 5
REFINING_REACH = 0.03
"""How far from its candidate a partial is looked for, as a share of its frequency."""

LOUDEST_FADE_DB = 0.002
"""A frame: what was loud once counts 12 dB less a minute later."""


Weights = dict[str, Float32[np.ndarray, "..."]]
"""By name, as `bench/causal_pitch/network.py` stores them."""


def candidates_hz() -> Float[np.ndarray, " candidate"]:
    """Candidate pitches in Hz, a quarter of a semitone apart."""
    return LOWEST_HZ * 2.0 ** (np.arange(N_CANDIDATES) / BINS_PER_OCTAVE)


@lru_cache(maxsize=1)
def partial_table() -> tuple[Int[np.ndarray, "own candidate"], Float32[np.ndarray, "own candidate"]]:
    """Return where the levels of each candidate lie in the rows, end to end: a bin, and how far above it.

    A row is `N_BINS + 2` long: the last two are silent, and all that lies higher is looked up there.
    """
    places = [(row, multiple) for row, multiples in MULTIPLES.items() for multiple in multiples]
    bins = np.outer([multiple for _, multiple in places], candidates_hz() / BIN_HZ)
    bins = np.where(bins > N_BINS - 1, N_BINS, bins)
    below = np.floor(bins).astype(np.int64)
    rows = np.array([row for row, _ in places])[:, None] * (N_BINS + 2)
    return rows + below, (bins - below).astype(np.float32)


def saliences(levels_db: Float32[np.ndarray, "window bin"]) -> Float32[np.ndarray, "window candidate"]:
    """Return how well each candidate fits each spectrum, as the search of the analyser judges it."""
    (window,) = HIGH.windows
    magnitudes = 10.0 ** (0.05 * levels_db[:, : window.n_bins])
    return np.asarray(compressed_spectra(magnitudes) @ salience_kernels(window), np.float32)


def window_levels_db(heard: Float[np.ndarray, " sample"]) -> Float32[np.ndarray, "window bin"]:
    """Levels of the windows that end with the newest `N_FFT` samples, in dB of a full sine."""
    framed = np.zeros((len(WINDOWS), N_FFT), np.float32)
    for row, n in enumerate(WINDOWS):
        framed[row, :n] = heard[-n:] * (hann(n) * np.float32(4.0 / n))
    spectra = np.fft.rfft(framed, axis=1)[:, :N_BINS]
    power = np.square(spectra.real) + np.square(spectra.imag)
    return np.maximum(10.0 * np.log10(power + 1e-20), FLOOR_DB).astype(np.float32)


@lru_cache(maxsize=1)
def weights() -> Weights:
    """Read the weights that ship."""
    with np.load(WEIGHTS_PATH) as stored:
        return {name: stored[name] for name in stored.files}


class CausalPitch:
    """Follows one pitch, one frame of `HOP_LENGTH` at a time, by the weights that ship or others."""

    def __init__(self, using: Weights | None = None) -> None:
        self._w = weights() if using is None else using
        self.belief = np.full(N_CANDIDATES, 1.0 / N_CANDIDATES, np.float32)
        self._best = 0
        self._recent = np.full((LAG_FRAMES + 1, N_BINS), FLOOR_DB, np.float32)
        self.loudest_db = FLOOR_DB
        below, above = partial_table()
        self._below, self._above = below, above
        self._rows = np.zeros((len(MULTIPLES), N_BINS + 2), np.float32)
        self._rows[:, N_BINS:] = -RANGE_DB / STEP_DB
        self._own = np.empty((N_OWN, N_CANDIDATES), np.float32)
        self._own[-2] = np.linspace(-1.0, 1.0, N_CANDIDATES)
        self._own[-1] = np.square(self._own[-2])

    def push(self, heard: Float[np.ndarray, " sample"]) -> tuple[float, float]:
        """Return the pitch of the next frame in Hz, and how periodic it is, from 0 to 1.

        Args:
            heard: The newest `N_FFT` samples; they end `HOP_LENGTH` after the frame's centre.
        """
        own, shared = self.described(heard)
        logits = self._logits(own, shared)
        self._believe(logits, shared)
        self._best = self._likeliest()
        levels_db = self._levels_db
        f0_hz = refined_hz(levels_db[MIDDLE], candidates_hz()[self._best])
        return f0_hz, periodicity(levels_db, f0_hz)

    def described(
        self, heard: Float[np.ndarray, " sample"]
    ) -> tuple[Float32[np.ndarray, "own candidate"], Float32[np.ndarray, " shared"]]:
        """Describe the next frame: its levels at the partials of each candidate, and the frame itself.

        The first array is the same one for every frame.
        """
        levels_db = self._levels_db = window_levels_db(heard)
        self._recent[:-1] = self._recent[1:]
        self._recent[-1] = levels_db[MIDDLE]
        before_db = self._recent[0]
        power_db = 10.0 * np.log10(np.sum(10.0 ** (0.1 * levels_db), axis=1))
        before_power_db = 10.0 * np.log10(np.sum(10.0 ** (0.1 * before_db)))
        frame_db = power_db[MIDDLE]
        self.loudest_db = max(float(frame_db), self.loudest_db - LOUDEST_FADE_DB)
        rows = self._rows[:, :N_BINS]
        rows[: len(WINDOWS)] = levels_db
        rows[BEFORE] = before_db
        rows -= frame_db
        np.clip(rows, -RANGE_DB, RANGE_DB, out=rows)
        rows /= STEP_DB
        change = rows[MIDDLE] - rows[BEFORE]
        shared = [
            (frame_db - self.loudest_db) / 20.0,
            (frame_db - before_power_db) / 10.0,
            (power_db[SHORTEST] - frame_db) / 10.0,
            (frame_db - power_db[LONGEST]) / 10.0,
            4.0 * np.maximum(change, 0.0).mean(),
            4.0 * np.maximum(-change, 0.0).mean(),
            rows[MIDDLE].mean(),
        ]
        flat = self._rows.ravel()
        low = flat[self._below]
        self._own[:N_LEVELS] = low + self._above * (flat[self._below + 1] - low)
        self._own[SALIENCES] = 2.0 * saliences(levels_db[list(TELLING)])
        return self._own, np.clip(np.array(shared, np.float32), -3.0, 3.0)

    def _logits(
        self, own: Float32[np.ndarray, "own candidate"], shared: Float32[np.ndarray, " shared"]
    ) -> Float32[np.ndarray, " candidate"]:
        """Ask the network how well each candidate fits the frame."""
        w = self._w
        first = w["own"] @ own + (w["shared"] @ shared + w["first"])[:, None]
        second = w["second"] @ np.maximum(first, 0.0) + w["second_bias"][:, None]
        judged = w["last"] @ np.maximum(second, 0.0)
        return np.asarray(judged + (w["salience"] * own[SALIENCES]).sum(axis=0))

    def _believe(
        self, logits: Float32[np.ndarray, " candidate"], shared: Float32[np.ndarray, " shared"]
    ) -> None:
        """Move the belief on: what was believed, moved, times what is heard."""
        w = self._w
        changed = w["leap"] @ np.maximum(w["change"] @ shared + w["change_bias"], 0.0) + w["leap_bias"]
        leap = float(1.0 / (1.0 + np.exp(-changed)))  # logistic
        expected = np.convolve(self.belief, w["glide"], mode="same") * (1.0 - leap) + leap / N_CANDIDATES
        self.belief = expected * np.exp(logits - logits.max())
        self.belief /= self.belief.sum()

    def _likeliest(self) -> int:
        """Choose a candidate: the likeliest, but a leap waits while the note before may still sound."""
        best, before = int(self.belief.argmax()), self._near(self._best)
        if abs(best - self._best) <= NEAR_BINS or self.belief[before].sum() < STILL_LIKELY:
            return best
        if self.belief[self._near(best)].sum() > LIKELY:
            return best
        return before.start + int(self.belief[before].argmax())

    def _near(self, candidate: int) -> slice:
        return slice(max(candidate - NEAR_BINS, 0), candidate + NEAR_BINS + 1)


def periodicity(levels_db: Float32[np.ndarray, "window bin"], f0_hz: float) -> float:
    """Return the share of the energy on the harmonics, with noise read as 0, as the analyser does.

    The window is the shortest that tells these harmonics from one another.
    """
    row = LONGEST if f0_hz < LONG_BELOW_HZ else MIDDLE
    reach = 2.0 * N_FFT / WINDOWS[row]
    bins = np.arange(int(0.8 * LOWEST_HZ / BIN_HZ), N_BINS)
    power = 10.0 ** (0.1 * levels_db[row, bins])
    distance = np.maximum(np.rint(bins * (BIN_HZ / f0_hz)), 1.0) * (f0_hz / BIN_HZ) - bins
    share = float(power[np.abs(distance) <= reach].sum() / max(float(power.sum()), 1e-12))
    by_chance = min((2.0 * reach + 1.0) * BIN_HZ / f0_hz, 0.9)
    return min(max((share - by_chance) / (1.0 - by_chance), 0.0), 1.0)


def refined_hz(levels_db: Float32[np.ndarray, " bin"], candidate_hz: float) -> float:
    """Move a candidate onto the peaks of its lowest partials.

    Source:
        Smith & Serra, PARSHL (ICMC 1987), for the parabola through the levels of a peak.
    """
    moved_hz, weights_sum = 0.0, 0.0
    for number in range(1, REFINING_HARMONICS + 1):
        centre = number * candidate_hz / BIN_HZ
        reach = max(REFINING_REACH * centre, 1.0)
        first, stop = max(int(np.ceil(centre - reach)), 1), min(int(centre + reach) + 1, N_BINS - 1)
        if first >= stop:
            break
        top = first + int(levels_db[first:stop].argmax())
        left, middle, right = (float(level) for level in levels_db[top - 1 : top + 2])
        bend = left - 2.0 * middle + right
        if middle < left or middle < right or bend >= 0.0:
            continue
        # A higher partial tells the pitch that much more finely.
        weight = number * number * 10.0 ** (0.1 * middle)
        moved_hz += weight * (top + 0.5 * (left - right) / bend) * BIN_HZ / number
        weights_sum += weight
    return moved_hz / weights_sum if weights_sum > 0.0 else float(candidate_hz)
