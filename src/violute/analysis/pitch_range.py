"""Ranges of pitch that the analysis listens in, each with windows and thresholds that fit its notes.

A voice plays in one of them: that of the recordings which it learned from, as its card says. The low range
looks at each frame twice: through the window of the high range for what is high, so that quick notes stand
apart as clearly, and through one of twice its length, which tells partials 55 Hz apart, for what is low.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from violute.rates import SAMPLE_RATE

HIGHEST_PARTIAL_HZ = 10_000.0
"""Partials beyond it say nothing about the pitch."""

N_REGISTERS = 13
"""Bumps over pitch by which a network is given the register."""

SETTING = "pitch_range"
"""Key among the settings of a voice's card; without it the range is `HIGH`."""


@dataclass(frozen=True)
class PitchWindow:
    """A window of the sound, and the candidates that are sought in its spectrum.

    Attributes:
        n_fft: Its length in samples at 44.1 kHz.
        lowest_hz: Lowest candidate.
        highest_hz: Highest candidate.
    """

    n_fft: int
    lowest_hz: float
    highest_hz: float

    @property
    def bin_hz(self) -> float:
        """From one bin of the spectrum to the next."""
        return SAMPLE_RATE / self.n_fft

    @property
    def n_bins(self) -> int:
        """Bins of the spectrum that are looked at."""
        return ceil(HIGHEST_PARTIAL_HZ * 1.1 / self.bin_hz)


@dataclass(frozen=True)
class PitchRange:
    """What the analysis takes from the instruments that it is to hear.

    Attributes:
        name: In cards and recipes.
        windows: In which pitch is sought, the shortest first; or one.
        split_hz: Below it the spectrum of the last window says what sounds, above it that of the first.
        loudness_n_fft: Of the spectra by which loudness and onsets are measured: two periods at least.
        doubt_hz: Pitches for which `doubt_db` holds.
        doubt_db: How much weaker than those of its multiples a candidate's own partials may be before it is
            doubted.
        undertone_from_hz: Below it only a note that grows out of its undertone is believed to have one.
        lowest_register_midi: Centre of the lowest of `N_REGISTERS` registers.
        register_semitones: From one register to the next.
        filter_lowest_hz: Where the body of an instrument begins to be told from its notes.
    """

    name: str
    windows: tuple[PitchWindow, ...]
    split_hz: float
    loudness_n_fft: int
    doubt_hz: tuple[float, ...]
    doubt_db: tuple[float, ...]
    undertone_from_hz: float
    lowest_register_midi: float
    register_semitones: float
    filter_lowest_hz: float

    @property
    def lowest_hz(self) -> float:
        """Lowest pitch that is found."""
        return self.windows[-1].lowest_hz

    @property
    def highest_hz(self) -> float:
        """Highest pitch that is found."""
        return self.windows[0].highest_hz

    @property
    def registers_midi(self) -> tuple[float, ...]:
        """Centres of the registers."""
        return tuple(self.lowest_register_midi + self.register_semitones * i for i in range(N_REGISTERS))


HIGH = PitchRange(
    name="high",
    windows=(PitchWindow(2048, 160.0, 3900.0),),
    split_hz=0.0,
    loudness_n_fft=1024,
    # The body of a violin hardly sounds below 260 Hz; octave errors fall on high notes.
    doubt_hz=(200.0, 262.0, 311.0, 400.0, 700.0, 1100.0),
    doubt_db=(28.0, 26.0, 15.0, 12.0, 9.5, 9.0),
    undertone_from_hz=300.0,
    lowest_register_midi=55.0,
    register_semitones=4.0,
    filter_lowest_hz=150.0,
)
"""From the violin's open G string to the top of its fingerboard."""

LOW = PitchRange(
    name="low",
    windows=(PitchWindow(2048, 190.0, 4150.0), PitchWindow(4096, 52.0, 230.0)),
    split_hz=210.0,
    loudness_n_fft=2048,
    # A clarinet's second partial may stand 22 dB above its first, up to F sharp 6.
    doubt_hz=(200.0, 262.0, 311.0, 400.0, 700.0, 1500.0, 2100.0),
    doubt_db=(28.0, 26.0, 20.0, 20.0, 22.0, 22.0, 10.0),
    undertone_from_hz=300.0,
    lowest_register_midi=34.0,
    register_semitones=5.0,
    filter_lowest_hz=50.0,
)
"""From below the cello's open C string to the violin's highest notes."""

RANGES: Mapping[str, PitchRange] = {one.name: one for one in (HIGH, LOW)}


def range_of(settings: Mapping[str, Any]) -> PitchRange:
    """Return the range that the settings of a voice's card name.

    Raises:
        KeyError: There is no such range.
    """
    return RANGES[settings.get(SETTING, HIGH.name)]
