"""Trials for listeners: A/B/X and MUSHRA-style ratings, prepared for the page.

In an A/B/X trial, X is A or B and the listener says which: whoever cannot tell does not hear a
difference. In a rating trial, the sounds of all contenders stand side by side under numbers, with
the recording among them once more (the hidden reference) and one that is known to be poor (the
anchor). Two questions are asked: how good it sounds, with a low-passed anchor, and how much it is
one instrument, with both ends of the voice sounding at once as the anchor. The page shuffles,
numbers and draws X; nothing here decides an order.

Source:
    ITU-R BS.1534-3 (MUSHRA), sections 5 and 6. Clark, High-resolution subjective testing using a
    double-blind comparator (JAES 30, 1982): A/B/X.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Float32

from violute.evaluation.report.audio import layered, low_passed

RATED_MIX = 0.5
"""The middle of the dial, where a hybrid is neither end."""

SAME_SOUND = "source"
"""The baseline that is the recording itself: as a contender it would be the hidden reference twice."""

LAYERING = "layering"
"""The baseline that the anchor of fusion equals."""

RIVAL = "cross_fade"
"""The baseline that the first voice is compared with in A/B/X."""

QUALITY = "quality"
FUSION = "fusion"


@dataclass(frozen=True)
class HeardClip:
    """A clip that the report plays."""

    name: str
    source: Float32[np.ndarray, " sample"]
    renderings: Mapping[tuple[str, float], Float32[np.ndarray, " sample"]]
    sample_rate: int


class Store(Protocol):
    """Keeps sounds for listeners."""

    def add(self, audio: Float[np.ndarray, " sample"], sample_rate: int) -> str:
        """Store an excerpt and return its name, which tells nothing about who played."""


def make_trials(clips: Sequence[HeardClip], voices: Sequence[str], store: Store) -> list[dict[str, Any]]:
    """Prepare the trials of a report.

    Args:
        clips: What is played; those that the first voice did not play whole are left out.
        voices: Names of the voices; the first is compared with everybody.
        store: Takes the sounds.

    Returns:
        Trials as the page reads them: `id`, `kind` (`abx` or `rating`), `clip`; for A/B/X `a` and
        `b`, for a rating `question`, `reference` (a sound) and `stimuli`. Whoever plays is an
        object of `role`, `contender`, `mix` and `sound`.
    """
    trials: list[dict[str, Any]] = []
    first = voices[0]
    for clip in clips:
        if not all((first, mix) in clip.renderings for mix in (0.0, RATED_MIX, 1.0)):
            continue
        for rival in [*voices[1:], RIVAL]:
            pair = [_stimulus(clip, name, RATED_MIX, store) for name in (first, rival)]
            if all(pair):
                trials.append({"kind": "abx", "clip": clip.name, "a": pair[0], "b": pair[1]})
        trials += [_rating(clip, voices, question, store) for question in (QUALITY, FUSION)]
    return [{"id": f"trial-{number}", **trial} for number, trial in enumerate(trials, start=1)]


def _rating(clip: HeardClip, voices: Sequence[str], question: str, store: Store) -> dict[str, Any]:
    reference = store.add(clip.source, clip.sample_rate)
    left_out = {SAME_SOUND, LAYERING} if question == FUSION else {SAME_SOUND}
    names = dict.fromkeys(name for name, mix in clip.renderings if mix == RATED_MIX and name not in left_out)
    stimuli = [_stimulus(clip, name, RATED_MIX, store) for name in names]
    if question == QUALITY:
        anchor = low_passed(clip.source, clip.sample_rate)
    else:
        ends = [clip.renderings[voices[0], end] for end in (0.0, 1.0)]
        anchor = layered(ends[0], ends[1], clip.sample_rate)
    stimuli += [
        {"role": "reference", "contender": "", "mix": None, "sound": reference},
        {"role": "anchor", "contender": "", "mix": None, "sound": store.add(anchor, clip.sample_rate)},
    ]
    return {
        "kind": "rating",
        "clip": clip.name,
        "question": question,
        "reference": reference,
        "stimuli": stimuli,
    }


def _stimulus(clip: HeardClip, contender: str, mix: float, store: Store) -> dict[str, Any] | None:
    audio = clip.renderings.get((contender, mix))
    if audio is None:
        return None
    sound = store.add(audio, clip.sample_rate)
    return {"role": "contender", "contender": contender, "mix": mix, "sound": sound}
