"""The voice that a refit starts from, and the file that it ends in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from violute.analysis.conditioning import N_FEATURES, REGISTERS
from violute.errors import TrainingError
from violute.families.ddsp.calibration.refit import KEPT_ENTRIES, check_parity, decoder_of
from violute.families.ddsp.data import Line
from violute.families.ddsp.export import calibrated_dial, graph_bytes
from violute.families.ddsp.network import DdspDecoder, VoiceGraph, octaves_above_tilt
from violute.families.ddsp.settings import rumble_db
from violute.families.ddsp.voice import HarmonicVoice
from violute.synthesis.noise import noise_bands
from violute.voices.card import Card
from violute.voices.file import open_voice_file, seal
from violute.voices.load import DEFAULT_VOICE, find_voice

PROBE_HZ = 440.0


@dataclass(frozen=True)
class Start:
    """A voice of the family ddsp, read back.

    Attributes:
        voice: As it plays.
        card: Of the voice.
        decoder: Its network, dry.
        noise_trim_db: What its file adds to the network's noise, by end, register and band.
        rumble_db: What rendering takes off each band, by end.
        tilt: What its file adds to the network's levels, in dB per octave above 1 kHz, by end.
    """

    voice: HarmonicVoice
    card: Card
    decoder: DdspDecoder
    noise_trim_db: Float[Tensor, "end register band"]
    rumble_db: Float[Tensor, "end band"]
    tilt: Float[Tensor, " end"]


def read_start(name: str, ends: tuple[str, str]) -> Start:
    """Read a voice of these ends by name or path; no name is the built-in one.

    Raises:
        VoiceError: There is no such voice.
        TrainingError: It is of other ends, or of another family or model.
    """
    path = find_voice(name or DEFAULT_VOICE)
    decoder = decoder_of(path)
    check_parity(decoder, path)
    onnx_bytes, card = open_voice_file(path)
    if card.ends != ends:
        raise TrainingError(
            f"{path}: is of {' and '.join(card.ends)}, not of {' and '.join(ends)}: name the ends as it does"
        )
    voice = HarmonicVoice(onnx_bytes, card)
    tilts = card.settings.get("tilt_db_per_octave", {})
    lowest_hz = [card.pitch_range_hz[end][0] for end in card.ends]
    return Start(
        voice,
        card,
        decoder,
        _trim_db(voice, decoder),
        torch.from_numpy(np.stack([rumble_db(hz) for hz in lowest_hz])),
        torch.tensor([float(tilts.get(end, 0.0)) for end in card.ends]),
    )


def export_like(
    start: Start, decoder: DdspDecoder, lines: Sequence[Line], path: Path, *, card: Mapping[str, Any]
) -> None:
    """Write a voice with another network, and what else was measured for the one that it started from.

    Only the dial is laid out anew, since it follows the levels.
    """
    tilt = (float(start.tilt[0]), float(start.tilt[1]))
    # The trim that was read holds the tilt of the noise already.
    graph = VoiceGraph(decoder.eval(), tilt, start.noise_trim_db - _noise_tilt_db(tilt)).eval()
    entries = {name: value for name, value in vars(start.card).items() if name != "figures"}
    entries |= {name: getattr(start.card, name) for name in KEPT_ENTRIES} | dict(card)
    entries["settings"] = {**start.card.settings, "dial": calibrated_dial(graph, lines)}
    path.write_bytes(seal(graph_bytes(graph), Card(**entries)))


def _trim_db(voice: HarmonicVoice, decoder: DdspDecoder) -> Float[Tensor, "end register band"]:
    """Ask the file for what it adds to its network's noise in each register alone."""
    n_registers = REGISTERS.stop - REGISTERS.start
    features = torch.zeros(2, n_registers, N_FEATURES)
    features[:, :, REGISTERS] = torch.eye(n_registers)
    f0_hz = torch.full((n_registers,), PROBE_HZ)
    _, played = voice.session.run(None, {"features": features.numpy(), "f0_hz": f0_hz.numpy()})
    with torch.no_grad():
        bare = VoiceGraph(decoder)(features, f0_hz).noise_db
    return torch.from_numpy(played) - bare


def _noise_tilt_db(tilt: tuple[float, float]) -> Float[Tensor, "end 1 band"]:
    octaves = octaves_above_tilt(torch.from_numpy(noise_bands().astype("float32")))
    return torch.tensor(tilt)[:, None, None] * octaves
