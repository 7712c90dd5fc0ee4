"""The text of a study model's card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from study_card.training import Trained
from violute.voices.card import Card
from violute.voices.mix import DIAL, DialScale


def markdown_card(
    card: Card,
    trained: Trained,
    strangers: str,
    prose: str,
    *,
    n_bytes: int,
    drawn: Sequence[str],
    beside: Mapping[str, Trained],
    command: str,
) -> str:
    """Write a card: what the voice is, what it does to strangers, how it was trained, on what, its limits.

    Args:
        card: Of the voice.
        trained: How.
        strangers: Section on the exam.
        prose: Sections that a person wrote.
        n_bytes: Size of the voice file.
        drawn: Recordings in the picture of strangers.
        beside: Other runs to report, by name.
        command: That wrote the card.
    """
    first, second = card.ends
    about = f"Family `{card.family}`, {n_bytes / 1e6:.1f} MB, {card.sample_rate / 1000:g} kHz"
    told = " and ".join(card.settings.get("told", ())) or "nothing"
    parts = [
        f"# {card.name}",
        card.description,
        f"{first} at mix 0, {second} at mix 1. {about}. Told of a recording besides its sound: {told}.",
        f"Licence: {card.licence}.",
        strangers,
        f"![{' and '.join(drawn)} as they came, and at five mixes](./{card.name}-strangers.png)",
        "Drawn is the first recording of each instrument: chosen by name, not by result.",
        prose.strip(),
        "## Training",
        f"{how_trained(trained)} {which_weights(trained)} {how_dialled(card)}",
        f"    {card.command}",
        f"![Losses over training](./{card.name}-losses.png)",
        "## Data",
        "\n".join(f"- {line}" for line in card.training_data),
    ]
    for name, other in beside.items():
        losses = [f"| {loss} | {value:.4f} |" for loss, value in other.last_validation.items()]
        parts += [
            f"## Trained beside it: {name}",
            f"{how_trained(other)} The best losses on recordings kept for validation:",
            "\n".join(["| loss | |", "|---|---|", *losses]),
            f"    {other.command}",
            f"![Losses over training](./{name}-losses.png)",
        ]
    parts += ["## This card", "Figures, pictures and text are put together by", f"    {command}"]
    return "\n\n".join(parts) + "\n"


def how_trained(trained: Trained) -> str:
    """Say for how long and on what."""
    counts = zip(trained.n_recordings, trained.names, strict=True)
    recordings = " and ".join(f"{n} of {name}" for n, name in counts)
    steps = f"{trained.n_steps:,}".replace(",", " ")
    device = "a CPU" if trained.device == "CPU" else f"one {trained.device}"
    taken = f"{steps} steps in {trained.minutes:.1f} minutes on {device}"
    return f"Recipe `{trained.recipe}` on recordings, {recordings}: {taken}."


def which_weights(trained: Trained) -> str:
    """Say which weights of a run were kept."""
    if trained.best_step is None:
        return "The weights are the averages at the end."
    best = f"{trained.best_step:,}".replace(",", " ")
    return f"The weights are those after step {best}, whose loss on recordings kept for validation was least."


def how_dialled(card: Card) -> str:
    """Say where the middle of the dial lies, and how it got there."""
    if DIAL not in card.settings:
        return "Its dial is even: a mix is a place between the ends."
    middle = DialScale(card).place(np.array([0.5]))[0]
    command = f"python bench/set_dial.py voices/{card.name}.onnx --data DATA"
    return (
        "Its dial was laid out on recordings for development, never on the strangers above: mix 0.5 lies at "
        f"{middle:.2f} of the way from end to end (`{command} --select bench/strangers_dev_pieces.txt`)."
    )
