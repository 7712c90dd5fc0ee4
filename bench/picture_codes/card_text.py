"""The text of a spectrogram voice's card."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from violute.errors import InputError
from violute.evaluation.bench.environment import without_folders
from violute.evaluation.bench.schema import Document
from violute.voices.card import Card
from violute.voices.load import DEFAULT_VOICE

LINE_BREAK = "\n"
BUILT_IN = DEFAULT_VOICE.removeprefix("violute-")
"""What the bench calls the built-in voice; where it played too, it stands beside."""

CONVERSION_FIGURES = ("judge/posterior", "pitch/raw_accuracy", "fusion/f0_tracks", "fusion/roughness")

LIMITS = """## Limits
- One dial: noise, attack, vibrato and room cannot be turned apart from it.
- Phases and each frame's loudness are the recording's, whatever the network draws. That keeps timing and
  dynamics, but much of its vibrato, room and attacks too, at either end of the dial.
- What the network redraws it blurs: far from the recording's own end, pitch and fusion suffer as the
  figures say.
- Far from the built-in voice, whose pitch is the recording's by construction at every mix: here levels
  are drawn bin by bin from 128 numbers a window, and partials that the recording lacks get phases from
  its noise. Minutes of training on two cores, not hours on a GPU, leave the texture of bow and breath out.
"""


def markdown_card(
    card: Card, figures: Mapping[str, Any], bench: Document | None, *, n_bytes: int, name: str, command: str
) -> str:
    """Write what the voice is, learned from, measures and looks like.

    Args:
        card: Of the voice file.
        figures: By `measure_code`.
        bench: A report with this voice's conversions, if there is one.
        n_bytes: Size of the voice file.
        name: What the pictures' names begin with.
        command: That measured the figures.

    Raises:
        InputError: The report says nothing of this voice.
    """
    errors_db = figures["errors_db"]
    table = [
        f"| {code} | " + " | ".join(f"{errors[group]:.2f}" for group in ("all", "0", "1")) + " |"
        for code, errors in errors_db.items()
    ]
    model_db = errors_db["model"]["all"]
    margins = ", ".join(
        _margin(errors["all"] - model_db, code) for code, errors in errors_db.items() if code != "model"
    )
    first, second = card.ends
    size, n_active = figures["latent_size"], figures["active_units"]
    n_heard, n_unheard = figures["n_training_windows"], figures["n_held_out_windows"]
    about = f"Family `{card.family}`, {n_bytes / 1e6:.1f} MB, {card.sample_rate / 1000:g} kHz"
    text = f"""# {card.name}

{card.description or f"A voice of the family `{card.family}`."}

{first} at mix 0, {second} at mix 1. {about}. Licence: {card.licence or "not stated"}.

## Data
{LINE_BREAK.join(f"- {line}" for line in card.training_data)}

## Training

    {_without_folders(card.command)}

![Losses over training](./{name}_curves.png)

## Figures
Mean absolute difference from {n_unheard} held-out windows, in dB up to 16 kHz. Each code has {size} numbers a
window; the components and means come from {n_heard} windows of the training recordings.

| code | all | {first} | {second} |
|---|---|---|---|
{LINE_BREAK.join(table)}

The model is {margins}. Of its {size} latent numbers {n_active} are active: their mean
varies by more than 0.01 over windows (Burda et al., ICLR 2016). By

    {_without_folders(command)}

## Pictures
![Held-out windows, as recorded and as drawn again](./{name}_reconstructions.png)

The channels of the latent that vary most, moved at all steps alike:

![One window with its latent moved](./{name}_traversals.png)

What the voice plays, before the source's phases and loudness are added:

![A window of each instrument at five mixes](./{name}_mixes.png)
"""
    return LINE_BREAK.join([text, *([] if bench is None else [_conversions(card, bench)]), LIMITS])


def _without_folders(command: str) -> str:
    """Tell absolute paths by their last part only: a card says nothing of somebody's disk."""
    return shlex.join(without_folders(word) for word in shlex.split(command))


def _margin(nearer_db: float, code: str) -> str:
    return f"{abs(nearer_db):.2f} dB {'nearer' if nearer_db > 0.0 else 'farther'} than the {code}"


def _conversions(card: Card, bench: Document) -> str:
    """Tabulate what the bench found of this voice's conversions."""
    rows = [row for row in bench["summary"] if row["contender"] == card.name]
    if not rows:
        names = ", ".join(entry["name"] for entry in bench["contenders"])
        raise InputError(f"the report is of {names}, not of {card.name}: give one with this voice")
    voices = [card.name]
    if any(entry["name"] == BUILT_IN for entry in bench["contenders"]) and card.name != BUILT_IN:
        voices.append(BUILT_IN)
    found = {
        (row["contender"], row["figure"], row["instrument"], row["mix"]): row["value"]
        for row in bench["summary"]
    }
    mixes = bench["settings"]["mixes"]
    lines = ["## Conversions", "Held-out pieces, medians over recordings:", ""]
    lines += ["| figure | voice | played by | " + " | ".join(f"mix {mix:g}" for mix in mixes) + " |"]
    lines += ["|---|---|---|" + "---|" * len(mixes)]
    for figure in CONVERSION_FIGURES:
        for voice in voices:
            for end in card.ends:
                cells = " | ".join(_cell(found.get((voice, figure, end, mix))) for mix in mixes)
                lines.append(f"| {figure} | {voice} | {end} | {cells} |")
    ranks = (
        f"{_cell(found.get((voice, 'mix/spearman', end, None)))} from {end} ({voice})"
        for voice in voices
        for end in card.ends
    )
    lines += ["", f"Rank correlation of the judge's posterior with the mix: {', '.join(ranks)}. By", ""]
    return LINE_BREAK.join([*lines, f"    {bench['environment']['command']}", ""])


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"
