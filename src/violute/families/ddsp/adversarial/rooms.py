"""The colour that each source of recordings lends to an instrument: microphone, room, player.

What recordings of one source have in common, and the voice has not, is no part of the instrument that the
voice should learn, and critics would know a source by it. It is the median distance of measured partials from
what the voice gives them, by frequency.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from violute.families.ddsp.adversarial.data import PlayedLine
from violute.families.ddsp.losses import HARMONIC_KNEE_DB
from violute.families.ddsp.network import DdspDecoder, octaves_above_tilt
from violute.synthesis.noise import noise_bands

N_WINDOWS, WINDOW_FRAMES = 16, 150
"""Stretches of a source that are looked at, and their length."""

N_SURE = 100.0
"""Partials that make the colour of a bin half sure; with fewer it is nearer to none."""

MOST_DB = 10.0
SMOOTHING = (0.25, 0.5, 0.25)


def fit_colours(
    decoder: DdspDecoder, lines: Sequence[PlayedLine], tilt_db_per_octave: Float[Tensor, " end"]
) -> None:
    """Set the colours of the rooms of a decoder, whose other weights stay; noise gets that of partials.

    Args:
        decoder: With a room for each source.
        lines: Of the sources.
        tilt_db_per_octave: What the voice file adds to the decoder's partials, by end.
    """
    table = decoder.room
    centres_hz = torch.from_numpy(noise_bands().astype(np.float32))
    with torch.no_grad():
        for played in lines:
            source = torch.tensor([played.line.source], device=table.gain_db.device)
            colour_db = _colour_db(decoder, played, float(tilt_db_per_octave[played.line.end]))
            table.gain_db[source] = torch.from_numpy(colour_db).to(table.gain_db)
            decoder.room_noise_db[source] = table(source, centres_hz.to(table.gain_db)[None])


def _colour_db(decoder: DdspDecoder, played: PlayedLine, tilt: float) -> Float[np.ndarray, " bin"]:
    """Return the colour of a source, by bin of the decoder's table of rooms."""
    line, asked = played.line, played.ends[played.line.end]
    n_frames = len(line.f0_hz)
    starts = np.linspace(0, max(n_frames - WINDOW_FRAMES, 0), N_WINDOWS).astype(np.int64)
    frames = np.minimum(starts[:, None] + np.arange(WINDOW_FRAMES), n_frames - 1)
    device = decoder.room.gain_db.device
    f0_hz = torch.from_numpy(asked.f0_hz[frames]).to(device)
    end = torch.full((N_WINDOWS,), line.end, device=device)
    predicted = decoder(torch.from_numpy(asked.features[frames]).to(device), f0_hz, end).harmonic_db
    predicted = predicted + tilt * octaves_above_tilt(f0_hz[:, :, None] * decoder.harmonic_number)
    predicted_db = predicted.cpu().numpy()
    measured_db = line.harmonic_db[frames]
    frequency_hz = line.f0_hz[frames][:, :, None] * np.arange(1, predicted_db.shape[2] + 1)
    is_heard = (
        line.is_reliable[frames][:, :, None]
        & (np.maximum(measured_db, predicted_db) > HARMONIC_KNEE_DB)
        & (frequency_hz < line.highest_hz[frames][:, :, None])
    )
    apart_db = (measured_db - predicted_db)[is_heard]
    table = decoder.room
    octaves = np.log2(np.maximum(frequency_hz[is_heard], table.lowest_hz) / table.lowest_hz)
    bins = np.minimum(np.round(octaves * table.bins_per_octave), table.n_bins - 1).astype(np.int64)
    colour_db = np.zeros(table.n_bins)
    for index in np.unique(bins):
        found = apart_db[bins == index]
        colour_db[index] = np.median(found) * len(found) / (len(found) + N_SURE)
    smooth = np.convolve(np.pad(colour_db, 1, mode="edge"), SMOOTHING, mode="valid")
    return np.clip(smooth, -MOST_DB, MOST_DB).astype(np.float32)
