"""Pictures of a code: what it draws again, what its latent does, what its voice plays.

Spectrograms stand side by side, as a musician reads them: pitch upwards in octaves, decibels in colour.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from matplotlib.figure import Figure
from PIL import Image

from picture_codes.coders import Coder
from picture_codes.reconstruction import PrincipalComponents, WindowSet
from violute.errors import InputError
from violute.transforms.spectrogram import SpectrogramSettings
from violute.voices.network import open_network
from violute.whole_file import whole_file

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
DEVIATIONS = (-3.0, -1.5, 0.0, 1.5, 3.0)
N_SHOWN = 3
N_TRAVERSED = 4

LOWEST_HZ = 170.0
HIGHEST_HZ = 16_000.0
ROWS_PER_OCTAVE = 24
N_COLOURS = 128
_TICKS_HZ = {250: "250 Hz", 1000: "1 kHz", 4000: "4 kHz", 16_000: "16 kHz"}
_CELL_INCHES = (1.9, 1.75)
_MARGIN_INCHES = 0.7


def draw_grid(
    rows: Mapping[str, Sequence[tuple[str, Float32[np.ndarray, "bin frame"]]]],
    settings: SpectrogramSettings,
    path: Path,
) -> None:
    """Draw pictures in rows into a PNG.

    Args:
        rows: By the name of the row, pictures with titles; titles that repeat from row to row stand
            above the first only.
        settings: Of the transform.
        path: Of the PNG to write.
    """
    n_columns = max(len(row) for row in rows.values())
    width = _MARGIN_INCHES + n_columns * _CELL_INCHES[0]
    height = _MARGIN_INCHES + len(rows) * _CELL_INCHES[1]
    # Without pyplot: no global state, no window, and nothing to close.
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(
        _MARGIN_INCHES / width, 0.4 / height, 1 - 0.08 / width, 1 - 0.25 / height, 0.06, 0.18
    )
    above: list[str] = []
    for i, (name, row) in enumerate(rows.items()):
        titles = [title for title, _ in row]
        for j, (title, picture) in enumerate(row):
            axes = figure.add_subplot(len(rows), n_columns, i * n_columns + j + 1)
            axes.imshow(
                by_octaves(picture, settings),
                aspect="auto",
                origin="lower",
                cmap="magma",
                vmin=0.0,
                vmax=0.8,
            )
            if titles != above:
                axes.set_title(title, fontsize=8)
            axes.set_yticks([row_of(hz) for hz in _TICKS_HZ] if j == 0 else [])
            if j == 0:
                axes.set_yticklabels(list(_TICKS_HZ.values()), fontsize=6)
                axes.set_ylabel(name, fontsize=8)
            axes.set_xticks([])
            if i == len(rows) - 1:
                seconds = picture.shape[1] * settings.hop_length / settings.sample_rate
                axes.set_xlabel(f"{seconds:.2g} s", fontsize=7)
        above = titles
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=80, format="png")
    # A palette keeps what the eye sees in a third of the bytes: such pictures stay in a repository for good.
    with whole_file(path) as partial:
        Image.open(drawn).convert("RGB").quantize(N_COLOURS).save(partial, optimize=True)


def row_of(frequency_hz: float) -> float:
    """Return the row of a frequency, from the bottom of a picture."""
    return ROWS_PER_OCTAVE * float(np.log2(frequency_hz / LOWEST_HZ))


def by_octaves(
    picture: Float32[np.ndarray, "bin frame"], settings: SpectrogramSettings
) -> Float32[np.ndarray, "row frame"]:
    """Arrange bins by pitch; where a row holds several, the loudest shows."""
    top_hz = min(HIGHEST_HZ, settings.n_bins * settings.sample_rate / settings.n_fft)
    edges_hz = LOWEST_HZ * 2.0 ** (np.arange(int(row_of(top_hz)) + 1) / ROWS_PER_OCTAVE)
    edges = edges_hz * settings.n_fft / settings.sample_rate
    first = np.minimum(np.round(edges[:-1]).astype(int), len(picture) - 1)
    last = np.maximum(np.round(edges[1:]).astype(int), first + 1)
    return np.stack([picture[a:b].max(axis=0) for a, b in zip(first, last, strict=True)])


def draw_reconstructions(
    coder: Coder, training: WindowSet, held_out: WindowSet, settings: SpectrogramSettings, path: Path
) -> None:
    """Draw held-out windows, and what the model and the principal components make of them.

    Raises:
        InputError: An end has too few windows.
    """
    shown = _shown(held_out)
    drawn = held_out.chosen(shown)
    pictures = drawn.pictures
    latents = coder.encode(pictures, drawn.ends)
    components = PrincipalComponents(training.pictures, int(np.prod(latents.shape[1:])))
    titles = [_short(held_out.names[i]) for i in shown]
    rows = {
        "recording": pictures,
        "model": coder.decode(latents, drawn.ends, drawn.partials),
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
    same = held_out.chosen(shown * len(DEVIATIONS))
    rows = {}
    for channel in np.argsort(-deviation)[:N_TRAVERSED]:
        moved = np.repeat(latents[shown], len(DEVIATIONS), axis=0)
        moved[:, channel] += (np.array(DEVIATIONS) * deviation[channel])[:, None]
        drawn = coder.decode(moved.astype(np.float32), same.ends, same.partials)
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
        shown = next(i for i in _shown(held_out) if held_out.ends[i] == end)
        same = held_out.chosen([shown] * len(MIXES))
        window = held_out.pictures[shown]
        given = {"spectrogram": same.pictures, "mix": np.array(MIXES, np.float32)}
        if same.partials is not None:
            given["partials"] = same.partials
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
