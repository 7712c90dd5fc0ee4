"""WORLD as the peer: its analysis and resynthesis of a recording, at the frame rate of this project.

Source:
    Morise, Yokomori & Ozawa, WORLD: a vocoder-based high-quality speech synthesis system (IEICE
    Transactions E99-D, 2016); Morise, Harvest (INTERSPEECH 2017).
"""

from dataclasses import dataclass

import numpy as np
import pyworld
from jaxtyping import Float

from violute.analysis.pitch_range import HIGH, PitchRange

FRAME_PERIOD_MS = 10.0


@dataclass(frozen=True)
class WorldAnalysis:
    """What WORLD measures of a mono recording.

    Attributes:
        sample_rate: In Hz.
        f0_hz: Fundamental, 0 where unvoiced.
        envelope: Power spectral envelope (CheapTrick).
        aperiodicity: Share of noise in it (D4C).
    """

    sample_rate: int
    f0_hz: Float[np.ndarray, " frame"]
    envelope: Float[np.ndarray, "frame bin"]
    aperiodicity: Float[np.ndarray, "frame bin"]

    def resynthesise(self) -> Float[np.ndarray, " sample"]:
        """Play it again."""
        sound = pyworld.synthesize(
            self.f0_hz, self.envelope, self.aperiodicity, self.sample_rate, FRAME_PERIOD_MS
        )
        return np.asarray(sound)


def harvest(
    audio: Float[np.ndarray, " sample"], sample_rate: int, pitch_range: PitchRange = HIGH
) -> tuple[Float[np.ndarray, " frame"], Float[np.ndarray, " frame"]]:
    """Track pitch: the fundamental in Hz, 0 where unvoiced, and the moment of each frame in seconds."""
    f0_hz, seconds = pyworld.harvest(
        audio.astype(np.float64),
        sample_rate,
        f0_floor=pitch_range.lowest_hz,
        f0_ceil=pitch_range.highest_hz,
        frame_period=FRAME_PERIOD_MS,
    )
    return f0_hz, seconds


def analyse(audio: Float[np.ndarray, " sample"], sample_rate: int) -> WorldAnalysis:
    """Measure a mono recording by Harvest, CheapTrick and D4C."""
    audio = audio.astype(np.float64)
    f0_hz, seconds = harvest(audio, sample_rate)
    envelope = pyworld.cheaptrick(audio, f0_hz, seconds, sample_rate)
    return WorldAnalysis(sample_rate, f0_hz, envelope, pyworld.d4c(audio, f0_hz, seconds, sample_rate))
