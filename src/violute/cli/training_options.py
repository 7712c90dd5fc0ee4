"""The options of `violute train`: those of every run, and what each kind of family learns from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cyclopts import Parameter

from violute.cli.terminal.options import Flag, Patterns


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What every family is asked for alike.

    Parameters
    ----------
    out
        Voice file to write, such as voice.onnx.
    run
        Run folder. Default: NAME-run beside OUT.
    resume
        Continue the run in the run folder.
    steps
        Steps of training. Default: the recipe's.
    minutes
        Longest training in minutes, restarts counted together. Default: the recipe's.
    seed
        Of everything random. Default: the recipe's.
    device
        Where to train; auto takes a GPU if there is one.
    card
        JSON file of entries of the voice's card that add to or replace what training knows: name,
        description, licence, training_data (a list), figures (an object), command.
    json
        Print one JSON document at the end.
    quiet
        Print nothing but errors.
    """

    out: Path
    run: Path | None = None
    resume: Flag = False
    steps: int | None = None
    minutes: float | None = None
    seed: int | None = None
    device: Literal["auto", "cpu", "cuda"] = "auto"
    card: Path | None = None
    json: Flag = False
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
        Name of mix 0.
    b_name
        Name of mix 1.
    hold_out
        Recordings to leave out of training: glob patterns, or text files of patterns, one a line.
    """

    a: Path | None = None
    b: Path | None = None
    a_name: str = "flute"
    b_name: str = "violin"
    hold_out: Patterns = ()


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class PicturesOptions(TrainingOptions):
    """What a family that can learn from prepared pictures too is asked for.

    Parameters
    ----------
    prepared
        Folder that `violute prepare` made, to learn from instead of --a and --b: its training pictures, of
        the preset that the recipe reads (detail, for the recipe assignment: assignment), of the instruments
        that --a-name and --b-name name. Its held-out pictures are what validation reads.
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


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class RaveOptions(TrainingOptions):
    """What the family rave is asked for beside.

    Parameters
    ----------
    batch
        Windows a step; fewer take less memory. Default: the recipe's.
    """

    batch: int | None = None
