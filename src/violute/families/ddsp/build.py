"""Which task a recipe of the family asks for, and what it learns from."""

from __future__ import annotations

from violute.data.sampling import split
from violute.families.ddsp.adversarial.start import read_start
from violute.families.ddsp.adversarial.task import AdversarialTask
from violute.families.ddsp.recipes import AdversarialRecipe, DdspRecipe
from violute.families.ddsp.task import DdspTask, measured_ends
from violute.families.ends import TwoEnds


def build_ddsp_task(ends: TwoEnds, recipe: DdspRecipe) -> DdspTask:
    """Measure the recordings of both ends, keep some for validation, and set the task up.

    Raises:
        TrainingError: An end has no recording with a steady pitch, or the voice to start from is of other
            ends, or of another family or model.
        VoiceError: There is no such voice.
        AudioError: A recording cannot be read.
    """
    refits = isinstance(recipe, AdversarialRecipe)
    measured = measured_ends(ends, with_audio=refits or recipe.spectral_from_step is not None)
    (a, a_held), (b, b_held) = (split(features) for features in measured)
    heard, held, names, device, card = (a, b), (a_held, b_held), ends.names, ends.device, ends.card
    if isinstance(recipe, AdversarialRecipe):
        start = read_start(recipe.start, names)
        return AdversarialTask(start, heard, held, recipe, names=names, device=device, card=card)
    return DdspTask(heard, held, recipe, names=names, device=device, card=card)
