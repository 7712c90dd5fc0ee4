"""The pictures of a spectrogram voice's card: what it draws again, what its latent does, what it plays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from violute.errors import InputError
from violute.evaluation.cards.coders import Coder
from violute.evaluation.cards.coding import PrincipalComponents
from violute.evaluation.cards.pictures import draw_grid
from violute.evaluation.cards.reconstruction import WindowSet
from violute.transforms.spectrogram import SpectrogramSettings
from violute.voices.network import open_network

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
DEVIATIONS = (-3.0, -1.5, 0.0, 1.5, 3.0)
N_SHOWN = 3
N_TRAVERSED = 4


def draw_reconstructions(
    coder: Coder, training: WindowSet, held_out: WindowSet, settings: SpectrogramSettings, path: Path
) -> None:
    """Draw held-out windows, and what the model and the principal components make of them.

    Raises:
        InputError: An end has too few windows.
    """
    shown = _shown(held_out)
    pictures, ends = held_out.pictures[shown], held_out.ends[shown]
    latents = coder.encode(pictures, ends)
    components = PrincipalComponents(training.pictures, int(np.prod(latents.shape[1:])))
    titles = [_short(held_out.names[i]) for i in shown]
    rows = {
        "recording": pictures,
        "model": coder.decode(latents, ends),
        "components": components.through(pictures),
    }
    draw_grid({name: list(zip(titles, row, strict=True)) for name, row in rows.items()}, settings, path)


def draw_traversals(coder: Coder, held_out: WindowSet, settings: SpectrogramSettings, path: Path) -> None:
    """Draw one window with the liveliest channels of its latent moved, at all steps alike.

    Raises:
        InputError: An end has too few windows.
    """
    latents = coder.encode(held_out.pictures, held_out.ends)
    deviation = latents.std(axis=(0, 2))
    shown = _shown(held_out)[:1]
    rows = {}
    for channel in np.argsort(-deviation)[:N_TRAVERSED]:
        moved = np.repeat(latents[shown], len(DEVIATIONS), axis=0)
        moved[:, channel] += (np.array(DEVIATIONS) * deviation[channel])[:, None]
        drawn = coder.decode(moved.astype(np.float32), np.repeat(held_out.ends[shown], len(DEVIATIONS)))
        titles = [f"{d:+g} deviations" if d else _short(held_out.names[shown[0]]) for d in DEVIATIONS]
        rows[f"channel {channel}"] = list(zip(titles, drawn, strict=True))
    draw_grid(rows, settings, path)


def draw_mixes(
    onnx_bytes: bytes, held_out: WindowSet, ends: tuple[str, str], settings: SpectrogramSettings, path: Path
) -> None:
    """Draw what the voice makes of a window of each instrument at every mix.

    Raises:
        InputError: An end has too few windows.
    """
    session = open_network(onnx_bytes)
    titles = ["recording", *(f"mix {mix:g}" for mix in MIXES)]
    rows = {}
    for end, name in enumerate(ends):
        window = held_out.pictures[next(i for i in _shown(held_out) if held_out.ends[i] == end)]
        given = {"spectrogram": np.stack([window] * len(MIXES)), "mix": np.array(MIXES, np.float32)}
        rows[f"{name} in"] = list(zip(titles, [window, *session.run(None, given)[0]], strict=True))
    draw_grid(rows, settings, path)


def _shown(windows: WindowSet) -> list[int]:
    """Pick windows to draw: of either end by turns, of recordings that lie apart, each among its loudest.

    Raises:
        InputError: An end has too few windows.
    """
    picked = []
    for i in range(2 * N_SHOWN):
        members = np.flatnonzero(windows.ends == i % 2)
        if len(members) < N_SHOWN:
            raise InputError(
                f"mix {i % 2} has {len(members)} held-out windows, {N_SHOWN} are drawn: select more of them"
            )
        part = np.array_split(members, N_SHOWN)[i // 2]
        picked.append(int(part[windows.pictures[part].mean(axis=(1, 2)).argmax()]))
    return picked


def _short(name: str) -> str:
    return name if len(name) <= 22 else f"{name[:20]}..."
