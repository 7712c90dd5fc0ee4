"""Which task a recipe of the family asks for, and what it learns from."""

from __future__ import annotations

from violute.analysis.pitch_range import HIGH, LOW, RANGES, PitchRange
from violute.data.low_notes import low_share
from violute.data.sampling import split
from violute.errors import TrainingError
from violute.families.ddsp.adversarial.start import read_start
from violute.families.ddsp.adversarial.task import AdversarialTask
from violute.families.ddsp.recipes import AdversarialRecipe, DdspRecipe
from violute.families.ddsp.task import DdspTask, measured_ends
from violute.families.ends import TwoEnds

AUTO = "auto"
LEAST_LOW_SHARE = 0.03
"""Share of the notes of an end from which on what lies too low for the high range matters."""


def build_ddsp_task(ends: TwoEnds, recipe: DdspRecipe) -> DdspTask:
    """Measure the recordings of both ends, keep some for validation, and set the task up.

    Raises:
        TrainingError: An end has no recording with a steady pitch, there is no such range, or the voice to
            start from is of other ends, or of another family or model.
        VoiceError: There is no such voice.
        AudioError: A recording cannot be read.
    """
    start = read_start(recipe.start, ends.names) if isinstance(recipe, AdversarialRecipe) else None
    pitch_range = start.voice.settings.pitch_range if start else chosen_range(ends, recipe.pitch_range)
    with_audio = start is not None or recipe.spectral_from_step is not None
    measured = measured_ends(ends, pitch_range, with_audio=with_audio)
    (a, a_held), (b, b_held) = (split(features) for features in measured)
    heard, held, names, device, card = (a, b), (a_held, b_held), ends.names, ends.device, ends.card
    if isinstance(recipe, AdversarialRecipe) and start is not None:
        return AdversarialTask(start, heard, held, recipe, names=names, device=device, card=card)
    return DdspTask(heard, held, recipe, names=names, device=device, card=card)


def chosen_range(ends: TwoEnds, name: str) -> PitchRange:
    """Return the range of a name; `auto` is the low one where either end plays low notes.

    Raises:
        TrainingError: There is no such range.
        AudioError: A recording cannot be read.
    """
    if name == AUTO:
        shares = (low_share(recordings, ends.cache, ends.engine) for recordings in ends.recordings)
        is_low = any(share > LEAST_LOW_SHARE for share in shares)
        return LOW if is_low else HIGH
    if name not in RANGES:
        raise TrainingError(f"pitch_range is {name!r}: give {', '.join(RANGES)} or {AUTO}")
    return RANGES[name]
