"""The options of `violute train`: those of every run, and what each kind of family learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from violute.cli.terminal.options import CardFile, ClusterAddress, Flag, HoldOut, Jobs, Json
from violute.data.splits import HOLD_OUT

Settings = Annotated[tuple[str, ...], Parameter(name="--set", negative=(), show_default=False)]
"""`--set NAME=VALUE`, any number of times."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What every family is asked for alike.

    Parameters
    ----------
    out
        File to write, such as voice.onnx.
    run
        Run folder. Default: NAME-run beside OUT.
    cache
        Folder for what is measured in the recordings, which several runs may share. Default: in the run
        folder.
    resume
        Continue the run in the run folder.
    steps
        Steps of training. Default: the recipe's.
    minutes
        Longest training in minutes, restarts counted together. Default: the recipe's.
    seed
        Of everything random. Default: the recipe's, or that of the run that is resumed.
    batch
        Examples a step, of all processes together; fewer take less memory. Default: the recipe's.
    settings
        NAME=VALUE sets a field of the recipe or of its loop otherwise, such as `--set learning_rate=5e-4
        --set network.latent_channels=64`; a name that is not known lists those that are. The run folder
        records it, `violute export` heeds it, and --resume wants it again.
    device
        Where to train; auto takes a GPU if there is one.
    quiet
        Print nothing but warnings and errors.
    """

    out: Path
    run: Path | None = None
    cache: Path | None = None
    resume: Flag = False
    steps: int | None = None
    minutes: float | None = None
    seed: int | None = None
    batch: int | None = None
    settings: Settings = ()
    jobs: Jobs = None
    cluster: ClusterAddress = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    card: CardFile = None
    json: Json = False
    quiet: Flag = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainingOptions(RunOptions):
    """What a family that learns from two folders of recordings is asked for.

    Parameters
    ----------
    a
        Folder of solo recordings of the instrument at mix 0.
    b
        Folder of solo recordings of the instrument at mix 1.
    a_name
        Name of mix 0. Default: that of folder A.
    b_name
        Name of mix 1. Default: that of folder B.
    """

    a: Path | None = None
    b: Path | None = None
    a_name: str | None = None
    b_name: str | None = None
    hold_out: HoldOut = HOLD_OUT


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PicturesOptions(TrainingOptions):
    """What a family that can learn from prepared pictures too is asked for.

    Parameters
    ----------
    prepared
        Folder that `violute prepare` made, to learn from instead of --a and --b: its training pictures, of
        the preset that the recipe reads (detail, for the recipe assignment: assignment), of the instruments
        that --a-name and --b-name name; flute and violin, or the only two that it has, need no names. Its
        held-out pictures are what validation reads.
    """

    prepared: Path | None = None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PairedOptions(RunOptions):
    """What a family that learns from a teacher's pairs is asked for.

    Parameters
    ----------
    pairs
        Folder that `violute pairs` made.
    """

    pairs: Path
