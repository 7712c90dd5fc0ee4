"""Baselines that only add sounds up: the source itself, layering, and the cross-fade.

Both mixtures use the voice's own two ends, so what a voice gains over them it gains by mixing inside
one instrument rather than outside two. They differ in the law of the dial: layering keeps both ends at
full level in the middle and turns one down on the way out, as the balance of two tracks; the
cross-fade holds the power constant, as between two sounds that are unrelated.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from violute.audio.channels import measure
from violute.audio.source import ArraySource
from violute.evaluation.baselines.references import LevelledTake, check_mix
from violute.voices.family import FamilyVoice

Law = Callable[[float], tuple[float, float]]
"""Gains of both ends at a mix."""


def layering_gains(mix: float) -> tuple[float, float]:
    """Both ends at full level in the middle, one alone at either end."""
    return min(1.0, 2.0 * (1.0 - mix)), min(1.0, 2.0 * mix)


def cross_fade_gains(mix: float) -> tuple[float, float]:
    """Gains whose squares sum to 1."""
    return math.cos(0.5 * math.pi * mix), math.sin(0.5 * math.pi * mix)


class SourceItself:
    """The recording as it came, at every mix: what pitch, loudness and timing can score at best."""

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> SourceTake:
        """Keep a copy of the performance."""
        measure(ArraySource(audio, sample_rate))
        return SourceTake(audio.copy())


class SourceTake:
    """A recording that renders as itself."""

    def __init__(self, audio: Float[np.ndarray, "... sample"]) -> None:
        self._audio = audio

    def render(self, mix: float = 0.5) -> Float[np.ndarray, "... sample"]:
        """Return the recording."""
        check_mix(mix)
        return self._audio.copy()


class Layering:
    """Both ends of a voice at once; the mix only sets their balance."""

    law: Law = staticmethod(layering_gains)

    def __init__(self, voice: FamilyVoice) -> None:
        self._voice = voice

    def analyse(self, audio: Float[np.ndarray, "... sample"], sample_rate: int) -> LayersTake:
        """Let the voice measure a performance."""
        return LayersTake(audio, sample_rate, self._voice, self.law)


class CrossFade(Layering):
    """A cross-fade of equal power between both ends of a voice."""

    law = staticmethod(cross_fade_gains)


class LayersTake(LevelledTake):
    """One performance by both ends of a voice, each rendered when it is first asked for."""

    def __init__(
        self, audio: Float[np.ndarray, "... sample"], sample_rate: int, voice: FamilyVoice, law: Law
    ) -> None:
        super().__init__(audio, sample_rate)
        self._take, self._law = voice.analyse(audio, sample_rate), law
        self._ends: dict[float, Float[np.ndarray, "... sample"]] = {}

    def play(self, mix: float) -> Float[np.ndarray, "... sample"]:
        """Add both ends."""
        first, second = self._law(mix)
        return first * self._end(0.0) + second * self._end(1.0)

    def _end(self, mix: float) -> Float[np.ndarray, "... sample"]:
        if mix not in self._ends:
            self._ends[mix] = self._take.render(mix)
        return self._ends[mix]
