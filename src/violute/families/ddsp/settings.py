"""Numbers of a card that the default family needs for rendering, as it uses them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from violute.analysis.pitch_range import range_of
from violute.families.ddsp.levels import EndLevels, heard_power, mixed, root_of
from violute.families.ddsp.wavering import N_TRACKS, level_variation_curve, rippling, wavering
from violute.rates import SAMPLE_RATE
from violute.synthesis.noise import N_BANDS, noise_bands
from violute.voices.card import Card
from violute.voices.mix import DialScale

HISTORY_FRAMES = 100
"""Frames before those that the network sees, for the features alone, which remember the last attack."""

UNPITCHED_HZ = 440.0
"""Fundamental where a piece has no pitch."""

DB_PER_UNIT = 10.0
"""The network's stack and the reverberation are learned in units of this many dB: Adam's steps are small."""

FILTER_HIGHEST_HZ = SAMPLE_RATE / 2
"""Where the table of a body's gains ends."""

TILT_FROM_HZ = 1000.0
"""Above it an end's tilt counts."""

RUMBLE_DB_PER_OCTAVE = 18.0
RUMBLE_MOST_DB = 40.0


class VoiceSettings:
    """Numbers of the card that rendering needs.

    Args:
        card: With `loudness_quantiles` and `dial` among its settings.
    """

    def __init__(self, card: Card) -> None:
        self.loudness_quantiles = [
            np.asarray(card.settings["loudness_quantiles"][end], dtype=np.float64) for end in card.ends
        ]
        self.pitch_range = range_of(card.settings)
        self.pitch_range_hz = [card.pitch_range_hz[end] for end in card.ends]
        lowest_hz = [lowest for lowest, _ in self.pitch_range_hz]
        self.rumble_root = np.stack([root_of(-rumble_db(hz)) for hz in lowest_hz])[:, None, :]
        known_db = card.settings.get("unrest_db", dict.fromkeys(card.ends, ()))
        self.level_variation_db = np.stack(
            [level_variation_curve(known_db[end], N_TRACKS) for end in card.ends]
        )
        ripple_db = card.settings.get("ripple_db", {})
        self.ripple_db = [float(ripple_db.get(end, 0.0)) for end in card.ends]
        self.dial = DialScale(card, knows_pitch=True)

    def mixed(
        self,
        ends: EndLevels,
        *,
        tone: Float[np.ndarray, " frame"],
        noise: Float[np.ndarray, " frame"],
        attack: Float[np.ndarray, " frame"],
        f0_hz: Float[np.ndarray, " frame"],
        attack_share: Float[np.ndarray, " frame"] | float,
    ) -> tuple[
        Float[np.ndarray, "frame harmonic"], Float[np.ndarray, "frame band"], Float[np.ndarray, " frame"]
    ]:
        """Mix both ends at dials; where notes begin, that of the attack stands in for both, by its share.

        The dial is read at the pitch, in Hz.

        Returns:
            Roots of the levels of harmonics and noise, and the power that they will have.
        """

        def weight(dial: Float[np.ndarray, " frame"]) -> Float[np.ndarray, "frame 1"]:
            return self.dial.place(dial + attack_share * (attack - dial), f0_hz)[:, None]

        harmonic_root = mixed(ends.harmonic_root[0], ends.harmonic_root[1], weight(tone))
        noise_root = mixed(ends.noise_root[0], ends.noise_root[1], weight(noise))
        return harmonic_root, noise_root, heard_power(harmonic_root, noise_root, ends.harmonic_weight)

    def wavering(
        self,
        points: Int[np.ndarray, " point"],
        f0_hz: Float[np.ndarray, " point"],
        still_hz: Float[np.ndarray, " point"] | None,
        n_harmonics: int,
    ) -> Float[np.ndarray, "end point harmonic"]:
        """Return what makes the partials of both ends waver: factors on the roots of their amplitudes.

        Args:
            points: Numbers of frames from the beginning of the performance.
            f0_hz: Fundamental there, above 0.
            still_hz: The same without its vibrato: only what moves about it ripples, so that the colour of
                a note stays as it was learned. None where it is not known: nothing ripples.
            n_harmonics: Harmonics of the network.
        """
        factors = np.stack([wavering(points, curve[:n_harmonics]) for curve in self.level_variation_db])
        for factor, ripple_db in zip(factors, self.ripple_db, strict=True):
            if ripple_db > 0.0 and still_hz is not None:
                factor *= rippling(f0_hz, n_harmonics, ripple_db) / rippling(still_hz, n_harmonics, ripple_db)
        return factors


def rumble_db(lowest_hz: float) -> Float[np.ndarray, " band"]:
    """How much noise to take off below an instrument's lowest note, in dB.

    Down there a recording holds the rumble of its room, and the network has learned it.
    """
    centres_hz = noise_bands(N_BANDS, sample_rate=SAMPLE_RATE)
    octaves_below = np.maximum(np.log2(lowest_hz / centres_hz), 0.0)
    return np.minimum(RUMBLE_DB_PER_OCTAVE * octaves_below, RUMBLE_MOST_DB).astype(np.float32)
