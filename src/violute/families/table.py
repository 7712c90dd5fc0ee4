"""The table of families: what plays each, what trains it, and what people read about it.

A family joins with one entry. Everything is named as text, `module:name` or `module:class.method`, and
imported only when it is asked for: the rooms below may read the table without knowing a family, and a wrong
name or folder fails before any costly import.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from operator import attrgetter
from typing import Any, Literal

from violute.errors import TrainingError


@dataclass(frozen=True)
class Family:
    """A family of voices.

    Attributes:
        voice: The class that plays it, of `(onnx_bytes, card)`.
        recipes: Mapping of names to functions that return a recipe, a frozen dataclass with a `loop`; empty
            where the family cannot be trained.
        task: Function that makes the task of two ends by a recipe.
        default_recipe: By name.
        learns_from: Two folders of `recordings`; those or a store of `pictures`; or a folder of `pairs`.
        forecast: Function that says in a line how a recipe will go on a device, before the first step.
        about: What `violute train --help` says of it: a line.
        help: What its own `--help` adds.
        recipe_help: The recipes with the times that they take.
        recipe_names: Those of `recipes`, so that a wrong name fails before any of them is imported.
    """

    voice: str
    recipes: str = ""
    task: str = ""
    default_recipe: str = "default"
    learns_from: Literal["recordings", "pictures", "pairs"] = "recordings"
    forecast: str = ""
    about: str = ""
    help: str = ""
    recipe_help: str = ""
    recipe_names: tuple[str, ...] = ()


_TO_STUDY = "A model to study: the family ddsp sounds better."
_CONDITIONED = (
    " Given the pitch, but for assignment: recordings that violute prepare read must lie where they did then."
)
_TINY = "tiny (seconds, to try the path)"
_PICTURES_VOICE = "violute.families.pictures.voice:SpectrogramVoice"

FAMILIES: dict[str, Family] = {
    "ddsp": Family(
        "violute.families.ddsp.voice:HarmonicVoice",
        "violute.families.ddsp.recipes:DDSP_RECIPES",
        "violute.families.ddsp.build:build_ddsp_task",
        recipe_names=("default", "quick", "adversarial", "tiny"),
        about="harmonics and noise of two instruments, mixed at one pitch.",
        recipe_help="quick (two CPU cores, five minutes: are two folders worth it?), default (two hours), "
        f"adversarial (refits the built-in voice against critics, for a GPU) or {_TINY}.",
    ),
    "vae": Family(
        _PICTURES_VOICE,
        "violute.families.vae.recipes:VAE_RECIPES",
        "violute.families.vae.task:VaeTask.of",
        learns_from="pictures",
        recipe_names=("default", "small", "medium", "assignment", "tiny", "tiny-plain"),
        about="spectrograms through a latent of 128 numbers, drawn as either instrument.",
        help=_TO_STUDY + _CONDITIONED,
        recipe_help=f"default (two CPU cores, an hour), small (twenty minutes), {_TINY}, medium (minutes of "
        "a GPU) or assignment (the plain network of the assignment, for a GPU).",
    ),
    "mevae": Family(
        _PICTURES_VOICE,
        "violute.families.vae.recipes:MEVAE_RECIPES",
        "violute.families.mevae.task:MevaeTask.of",
        learns_from="pictures",
        recipe_names=("default", "small", "medium", "assignment", "tiny", "tiny-plain"),
        about="an encoder for each instrument, one decoder that is given which to play.",
        help=_TO_STUDY + _CONDITIONED,
        recipe_help=f"default (two CPU cores, an hour), small (twenty minutes), {_TINY}, medium (minutes of "
        "a GPU) or assignment (plain networks of the assignment's sizes, for a GPU).",
    ),
    "nsynth": Family(
        "violute.families.nsynth.voice:NsynthVoice",
        "violute.families.nsynth.recipes:NSYNTH_RECIPES",
        "violute.families.nsynth.task:build_nsynth_task",
        default_recipe="small",
        recipe_names=("small", "medium", "paper", "tiny"),
        about="a WaveNet draws each sample, from a code of 16 numbers a frame.",
        help=_TO_STUDY,
        recipe_help="small (a CPU core, an hour and a half), medium (for a GPU), paper (its sizes, for many "
        f"GPUs) or {_TINY}.",
    ),
    "cyclegan": Family(
        _PICTURES_VOICE,
        "violute.families.cyclegan.recipes:CYCLEGAN_RECIPES",
        "violute.families.cyclegan.task:CycleGanTask.of",
        default_recipe="small",
        learns_from="pictures",
        recipe_names=("small", "medium", "mixed", "medium-mixed", "paper", "tiny", "tiny-paper"),
        about="each instrument redrawn as the other, learned without pairs.",
        help=f"{_TO_STUDY} Given the pitch, but for paper. Warns when generators collapse or critics "
        "explode, and keeps the best checkpoint.",
        recipe_help="small (two CPU cores, twenty minutes), medium (wider, minutes of a GPU), mixed (small, "
        "with critics of mixed music), medium-mixed (both), paper (the paper's networks, which are given "
        f"nothing, for a GPU), {_TINY} or tiny-paper.",
    ),
    "paired": Family(
        _PICTURES_VOICE,
        "violute.families.paired.recipes:PAIRED_RECIPES",
        "violute.families.paired.task:build_paired_task",
        default_recipe="vae",
        learns_from="pairs",
        recipe_names=("vae", "gan", "medium", "paper", "tiny", "tiny-gan"),
        about="source and mix in, hybrid out, learned from a teacher's pairs.",
        help=f"Learns from a set that `violute pairs` made. {_TO_STUDY}",
        recipe_help="vae or gan (two CPU cores, 45 minutes), medium (gan, wider, minutes of a GPU), paper "
        "(networks of the CycleGAN paper, which are given nothing, for a GPU), tiny or tiny-gan (seconds, to "
        "try the path).",
    ),
    "rave": Family(
        "violute.families.rave.voice:RaveVoice",
        "violute.families.rave.recipes:RAVE_RECIPES",
        "violute.families.rave.task:build_rave_task",
        default_recipe="small",
        forecast="violute.families.rave.stages:forecast",
        recipe_names=("small", "small-two-encoders", "live", "medium", "paper", "tiny", "tiny-two-encoders"),
        about="sound through a slow latent, decoded as either instrument.",
        help="Given pitch and loudness, or in the recipe live nothing, which nn~ can play. Two stages: an "
        "autoencoder, then its decoder against discriminators; when the second begins and how long both take "
        "on this machine is said before the first step.",
        recipe_help="small (two CPU cores, an hour), small-two-encoders (an encoder for each instrument), "
        "live (as small, for nn~), medium (for a GPU, minutes), paper (published sizes; days on a GPU) or "
        f"{_TINY}.",
    ),
}
"""By name, as in `violute train NAME` and in a voice's card; in the order of the command's help."""


TORCHSCRIPT_VOICE = "violute.families.rave.torchscript:open_torchscript_voice"
"""Function that opens a model in the form of nn~, which needs torch and runs as a program."""


def imported(path: str) -> Any:
    """Import what the table names as `module:name`."""
    module, _, name = path.partition(":")
    return attrgetter(name)(import_module(module))


def trained_family(name: str) -> Family:
    """Return a family that can be trained, by name.

    Raises:
        TrainingError: There is none of that name.
    """
    known = [key for key, family in FAMILIES.items() if family.task]
    if name not in known:
        raise TrainingError(f"there is no family {name!r} to train: name one of {', '.join(known)}")
    return FAMILIES[name]
