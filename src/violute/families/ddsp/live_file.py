"""The flat file of a voice that the real-time core in `live/` reads: numbers in a row, and the card.

Layout, little-endian: `LIVE_MAGIC`, format version (uint32), number of entries (uint32), then each entry: its
name (32 bytes, padded with zeros), kind (uint32, see `KINDS`), number of values (uint32), the values, padded
to 8 bytes; last the CRC-32 of all that came before (uint32). The core needs no JSON, no ONNX and no seeds of
NumPy: what depends on them is worked out here.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.causal_pitch import weights as pitch_weights
from violute.analysis.conditioning import N_FEATURES, REGISTER_WIDTH, REGISTERS
from violute.analysis.pitch_range import HIGH, N_REGISTERS, PitchRange
from violute.errors import VoiceError
from violute.families.ddsp.settings import DB_PER_UNIT, FILTER_HIGHEST_HZ, TILT_FROM_HZ
from violute.families.ddsp.voice import HarmonicVoice
from violute.families.ddsp.wavering import TRACKS_SEED
from violute.synthesis.draws import draws, generator_state
from violute.synthesis.noise import N_BANDS, noise_bands
from violute.voices.file import LIVE_MAGIC, open_voice_file
from violute.voices.load import find_voice
from violute.voices.onnx_weights import stored_dilations, stored_weights

FORMAT_VERSION = 3
"""Raised when a core that reads the former version would read this one wrongly."""

KINDS = {np.dtype("<f4"): 0, np.dtype("<f8"): 1, np.dtype("<u8"): 2, np.dtype("u1"): 3}

N_PROBE_FRAMES = 40
SAME_DB = 0.01
"""What the network that was read may differ from the one that plays: far less than is heard."""

Weights = dict[str, Float32[np.ndarray, "..."]]


def live_bytes(name_or_path: str | Path) -> bytes:
    """Return the flat file of a voice.

    Raises:
        VoiceError: The voice is unknown or damaged, or none that the core plays.
    """
    path = find_voice(name_or_path)
    onnx_bytes, card = open_voice_file(path)
    if card.family != "ddsp":
        raise VoiceError(
            f"{path}: a voice of the family {card.family} is not live: give one of the family ddsp"
        )
    voice = HarmonicVoice(onnx_bytes, card)
    settings = voice.settings
    try:
        network = _network(onnx_bytes, voice)
    except (KeyError, ValueError):
        raise VoiceError(
            f"{path}: its network is none that the real-time core plays: export it anew"
        ) from None
    entries: dict[str, np.ndarray] = {
        "card": np.frombuffer(card.to_json().encode(), np.uint8),
        "loudness.quantiles": np.stack(settings.loudness_quantiles),
        "loudness.n_fft": np.array([float(settings.pitch_range.loudness_n_fft)]),
        **_search(settings.pitch_range),
        "pitch.range_hz": np.array(settings.pitch_range_hz),
        "registers.midi": np.array(settings.pitch_range.registers_midi),
        "registers.width": np.array([REGISTER_WIDTH * settings.pitch_range.register_semitones]),
        "dial.mixes": settings.dial.mixes,
        "dial.hz": settings.dial.hz,
        "dial.places": settings.dial.places,
        "wavering.depth_db": settings.level_variation_db,
        "wavering.state": generator_state(TRACKS_SEED),
        "noise.rumble_root": settings.rumble_root[:, 0],
        **draws(),
        **{f"network.{name}": weight for name, weight in network.items()},
        **{f"pitch.{name}": weight for name, weight in pitch_weights().items()},
    }
    return _packed(entries)


def _search(pitch_range: PitchRange) -> dict[str, np.ndarray]:
    """Return what the search for pitch needs; nothing in the high range, where a network follows it."""
    if pitch_range == HIGH:
        return {}
    windows = [(window.n_fft, window.lowest_hz, window.highest_hz) for window in pitch_range.windows]
    return {
        "search.windows": np.array(windows, np.float64),
        "search.split_hz": np.array([pitch_range.split_hz]),
        "search.doubt_hz": np.array(pitch_range.doubt_hz),
        "search.doubt_db": np.array(pitch_range.doubt_db),
    }


def _packed(entries: Mapping[str, np.ndarray]) -> bytes:
    parts = [LIVE_MAGIC, struct.pack("<II", FORMAT_VERSION, len(entries))]
    for name, values in entries.items():
        little = values.astype(values.dtype.newbyteorder("<"))
        content = np.ascontiguousarray(little).tobytes()
        parts.append(struct.pack("<32sII", name.encode(), KINDS[little.dtype], values.size))
        parts.append(content + bytes(-len(content) % 8))
    body = b"".join(parts)
    return body + struct.pack("<I", zlib.crc32(body))


def _network(onnx_bytes: bytes, voice: HarmonicVoice) -> Weights:
    """Return the weights of a voice's network under short names, proven to answer as the voice does.

    Raises:
        KeyError: A weight is missing.
        ValueError: The network answers otherwise.
    """
    stored = stored_weights(onnx_bytes)
    n_channels, n_features = stored["decoder.first.weight"].shape[:2]
    sizes = [stored[f"decoder.to_{kind}.bias"].shape[0] for kind in ("harmonics", "noise")]
    if n_features != N_FEATURES or sizes[1] != N_BANDS:
        raise ValueError("it takes other features, or gives other bands")
    network: Weights = {
        "embedding": stored["decoder.instrument.weight"],
        "first": stored["decoder.first.weight"][:, :, 0],
        "first_bias": stored["decoder.first.bias"],
        "level_db": stored["decoder.level_db.weight"][:, 0],
        "body_db": stored["decoder.body.gain_db"],
        "tilt_db": np.array(
            [voice.card.settings.get("tilt_db_per_octave", {}).get(end, 0.0) for end in voice.card.ends], "f4"
        ),
    }
    dilations = stored_dilations(onnx_bytes)
    for i in count():
        block = f"decoder.blocks.{i}."
        if f"{block}dilated.weight" not in stored:
            break
        for layer in ("dilated", "pointwise"):
            network[f"{layer}{i}"] = stored[f"{block}{layer}.weight"]
            network[f"{layer}{i}_bias"] = stored[f"{block}{layer}.bias"]
        network[f"dilation{i}"] = np.array([dilations[f"{block}dilated.weight"]], np.float32)
        embedded = network["embedding"] @ stored[f"{block}modulation.weight"].T
        network[f"modulation{i}"] = embedded + stored[f"{block}modulation.bias"]
    for kind, size in zip(("harmonics", "noise"), sizes, strict=True):
        network[f"to_{kind}"] = _transposed_weight(stored, n_channels, size)
        network[f"to_{kind}_bias"] = stored[f"decoder.to_{kind}.bias"]
    lowest_hz = voice.settings.pitch_range.filter_lowest_hz
    octaves = np.log2(FILTER_HIGHEST_HZ / lowest_hz)
    network["body_span"] = np.array(
        [lowest_hz, round((network["body_db"].shape[1] - 1.5) / octaves)], np.float32
    )
    network["noise_trim_db"] = np.zeros((2, N_REGISTERS, sizes[1]), np.float32)
    network["noise_trim_db"] = _noise_trim_db(network, voice)
    _check_alike(network, voice)
    return network


def _transposed_weight(stored: Weights, n_channels: int, n_out: int) -> Float32[np.ndarray, "out channel"]:
    """Find the weight of a linear layer, which the exporter stores transposed and without its name."""
    for weight in stored.values():
        if weight.shape == (n_channels, n_out):
            return np.ascontiguousarray(weight.T)
    raise KeyError(f"no linear layer of {n_out}")


def _noise_trim_db(network: Weights, voice: HarmonicVoice) -> Float32[np.ndarray, "2 register band"]:
    """Find what the voice adds to its noise in each register: how much more it answers than its weights."""
    features, f0_hz = _probe()
    features[..., REGISTERS] = np.eye(N_PROBE_FRAMES, N_REGISTERS)
    features[:, N_REGISTERS:, REGISTERS.start] = 1.0
    _, played_db = voice.session.run(None, {"features": features, "f0_hz": f0_hz})
    difference_db = played_db - _levels(network, features, f0_hz)[1]
    return np.asarray(difference_db[:, :N_REGISTERS], np.float32)


def _check_alike(network: Weights, voice: HarmonicVoice) -> None:
    """Make sure that the weights answer as the voice does.

    Raises:
        ValueError: They answer otherwise.
    """
    features, f0_hz = _probe()
    played = voice.session.run(None, {"features": features, "f0_hz": f0_hz})
    for own_db, played_db in zip(_levels(network, features, f0_hz), played, strict=True):
        if not np.allclose(own_db, played_db, rtol=0.0, atol=SAME_DB):
            raise ValueError("it answers otherwise")


def _probe() -> tuple[Float32[np.ndarray, "2 frame feature"], Float32[np.ndarray, " frame"]]:
    """Draw features and pitches of all kinds."""
    rng = np.random.default_rng(0)
    features = rng.uniform(0.0, 1.0, (2, N_PROBE_FRAMES, N_FEATURES)).astype(np.float32)
    return features, np.geomspace(100.0, 4000.0, N_PROBE_FRAMES).astype(np.float32)


def _levels(
    network: Weights, features: Float32[np.ndarray, "2 frame feature"], f0_hz: Float32[np.ndarray, " frame"]
) -> tuple[Float[np.ndarray, "2 frame harmonic"], Float[np.ndarray, "2 frame band"]]:
    """Answer as `network.VoiceGraph` does, from the weights alone."""
    x = features @ network["first"].T + network["first_bias"]
    for i in range(sum(name.startswith("dilation") for name in network)):
        dilation = int(network[f"dilation{i}"][0])
        padded = np.pad(x, ((0, 0), (2 * dilation, 0), (0, 0)), mode="edge")
        taps = (padded[:, tap * dilation : tap * dilation + x.shape[1]] for tap in range(3))
        hidden = sum(tap @ network[f"dilated{i}"][:, :, j].T for j, tap in enumerate(taps))
        scale, shift = np.split(network[f"modulation{i}"][:, None], 2, axis=2)
        hidden = (hidden + network[f"dilated{i}_bias"]) * (1.0 + scale) + shift
        x = x + _silu(hidden) @ network[f"pointwise{i}"][:, :, 0].T + network[f"pointwise{i}_bias"]
    hidden, level_db, tilt_db = (
        _silu(x),
        network["level_db"][:, None, None],
        network["tilt_db"][:, None, None],
    )
    harmonic_db = DB_PER_UNIT * (hidden @ network["to_harmonics"].T + network["to_harmonics_bias"]) + level_db
    noise_db = DB_PER_UNIT / 4.0 * (hidden @ network["to_noise"].T + network["to_noise_bias"]) + level_db
    frequency_hz = f0_hz[:, None] * np.arange(1, harmonic_db.shape[2] + 1)
    lowest_hz, bins_per_octave = network["body_span"]
    bins = np.log2(np.clip(frequency_hz, lowest_hz, FILTER_HIGHEST_HZ) / lowest_hz) * bins_per_octave
    table = network["body_db"]
    body_db = np.stack([np.interp(bins, np.arange(len(gains)), gains) for gains in table])
    registers = features[..., REGISTERS] / features[..., REGISTERS].sum(axis=2, keepdims=True)
    centres_hz = noise_bands(noise_db.shape[2])
    return (
        harmonic_db + body_db + tilt_db * _octaves_above_tilt(frequency_hz),
        noise_db + registers @ network["noise_trim_db"] + tilt_db * _octaves_above_tilt(centres_hz),
    )


def _silu(x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.asarray(x / (1.0 + np.exp(-x)))


def _octaves_above_tilt(frequency_hz: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    return np.log2(np.maximum(frequency_hz, TILT_FROM_HZ) / TILT_FROM_HZ)
