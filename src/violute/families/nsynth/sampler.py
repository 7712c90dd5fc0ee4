"""Sampling a WaveNet fast: queues instead of recomputation, many segments of a piece side by side.

The network computes one step for all segments at once (`step.py` as ONNX); what its layers heard
waits here, in rings that are written in place. onnxruntime keeps no state between calls, and carrying
the queues through the graph would copy all of them at each sample. `bench/wavenet_bench.py` measures.

Source:
    Paine et al., Fast WaveNet generation algorithm (2016).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from jaxtyping import Float32, Int64

from violute.families.nsynth.config import NsynthConfig
from violute.transforms.mu_law import companded, scaled
from violute.voices.network import Network

N_WORKERS = 2
HIGHEST_SINE_HZ = 7600.0
"""Where the sines that a decoder hears end."""

LEVELS_FROM = 4.0
"""Logarithm by which partials are softer than conditions say; an untrained network draws them 35 dB below
full scale."""

LEAST_BATCH = 8
"""Fewer segments are not worth a worker of their own."""


class Queues:
    """What the layers of a decoder heard, as far back as they listen.

    Attributes:
        lengths: Rows of each layer's ring.
        starts: Where each ring starts.
        back: How long ago each tap hears; `tap_starts` and `tap_lengths` say of which ring.
    """

    def __init__(self, shape: NsynthConfig, n_pieces: int) -> None:
        taps = np.arange(shape.kernel_size - 1, 0, -1)
        dilations = np.array(shape.dilations)
        self.lengths = (shape.kernel_size - 1) * dilations
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)[:-1]])
        self.back = (dilations[:, None] * taps).ravel()
        self.tap_lengths = np.repeat(self.lengths, len(taps))
        self.tap_starts = np.repeat(self.starts, len(taps))
        self._rows = np.zeros((int(self.lengths.sum()), n_pieces, shape.channels), np.float32)

    def past(self, at: int) -> Float32[np.ndarray, "tap piece channel"]:
        """Return what the layers hear again at a sample, the longest ago first, layer by layer."""
        return self._rows[self.tap_starts + (at - self.back) % self.tap_lengths]

    def push(self, at: int, heard: Float32[np.ndarray, "layer piece channel"]) -> None:
        """Keep what the layers heard at a sample in the place of what none of them needs any more."""
        self._rows[self.starts + at % self.lengths] = heard


def generate(
    session: Network,
    shape: NsynthConfig,
    conditions: Float32[np.ndarray, "piece channel frame"],
    sines: Float32[np.ndarray, "piece sample sine"],
    chance: Float32[np.ndarray, "piece sample 2"],
    temperature: float,
) -> Int64[np.ndarray, "piece sample"]:
    """Draw pieces sample by sample, from silence on; on two cores where there are pieces enough.

    Args:
        session: onnxruntime's, of a step.
        shape: Of the decoder; of its sizes, `SAMPLED_SIZES` count.
        conditions: From the conditioner.
        sines: Of the fundamental; none for a decoder that hears none.
        chance: Numbers in (0, 1) from which all chance comes, so that a piece's samples do not depend on
            those beside it.
        temperature: 0 takes the likeliest.
    """
    n_layers, hop, n_frames = len(shape.dilations), shape.hop_length, conditions.shape[2]
    n_steering = 2 * shape.channels
    margin, n_driving = shape.first_kernel_size, shape.n_driving
    parts = [n_layers * n_steering, conditions.shape[1] - shape.n_harmonics]
    heat = np.array(temperature, np.float32)

    def draw(pieces: Int64[np.ndarray, " piece"]) -> Int64[np.ndarray, "piece sample"]:
        n_pieces = len(pieces)
        queues = Queues(shape, n_pieces)
        levels = np.zeros((n_pieces, n_frames * hop), np.int64)
        sound = np.zeros((n_pieces, margin + n_frames * hop), np.float32)
        recent = np.empty((n_pieces, n_driving + margin), np.float32)
        own_conditions, own_sines = conditions[pieces], sines[pieces]
        turns = np.ascontiguousarray(chance[pieces].transpose(1, 0, 2))
        for frame in range(n_frames):
            steering, output, _ = np.split(own_conditions[:, :, frame], parts, axis=1)
            driving = driving_waves(shape, own_conditions, own_sines, frame)
            layers = steering.reshape(n_pieces, n_layers, n_steering).transpose(1, 0, 2)
            given = {
                "recent": recent,
                "conditions": np.ascontiguousarray(layers),
                "output_conditions": np.ascontiguousarray(output),
                "temperature": heat,
            }
            for at in range(frame * hop, (frame + 1) * hop):
                recent[:, :n_driving] = driving[:, at - frame * hop]
                recent[:, n_driving:] = sound[:, at : at + margin]
                level, heard = session.run(None, given | {"past": queues.past(at), "chance": turns[at]})
                queues.push(at, heard)
                levels[:, at] = level
                sound[:, at + margin] = scaled(levels[:, at])
        return levels

    n_groups = N_WORKERS if len(conditions) >= 2 * LEAST_BATCH else 1
    with ThreadPoolExecutor(n_groups) as workers:
        return np.concatenate(list(workers.map(draw, np.array_split(np.arange(len(conditions)), n_groups))))


def driving_waves(
    shape: NsynthConfig,
    conditions: Float32[np.ndarray, "piece channel frame"],
    sines: Float32[np.ndarray, "piece sample sine"],
    frame: int,
) -> Float32[np.ndarray, "piece hop driving"]:
    """Return the partials' sum in a frame, as `WaveNetDecoder.partials` draws it, and the sines after it."""
    hop, n_harmonics = shape.hop_length, shape.n_harmonics
    sines = sines[:, frame * hop : (frame + 1) * hop]
    if not n_harmonics:
        return sines
    logs, before = (conditions[:, None, -n_harmonics:, i] for i in (frame, max(frame - 1, 0)))
    rise = ((np.arange(hop, dtype=np.float32) + 0.5) / hop)[:, None]
    levels = np.exp(before + (logs - before) * rise - np.float32(LEVELS_FROM))
    summed = (levels * sines[..., :n_harmonics]).sum(axis=2, keepdims=True)
    return np.concatenate([companded(summed).astype(np.float32), sines], axis=2)
