"""Live parameters: what a synthesiser outside of Python needs to play a performance at any dials.

A performance that both ends share is a few curves over frames and, for each end, the roots of the levels
of its harmonics and noise bands. Mixing them is a handful of multiplications a frame, so a page can do it
while the sound plays. Only performances with such parameters are live; the others are rendered.

The loudness of a mixture needs no A curve at the other side. With the roots a and b of both ends and the
weight w, its heard power is a polynomial in Bernstein form,

    P(w) = sum_j C(4, j) (1 - w)^(4 - j) w^j t_j,    t_j = sum_k weight_k a_k^(4 - j) b_k^j,    j = 0 ... 4

whose five terms a frame (for harmonics, and again for noise) stand in the file.

A piece with chords has several lines, whose sum is heard. A line has levels of the frames in which it sounds.

The file, little-endian throughout:

    bytes 0 to 3     length of the header in bytes, uint32, such that 4 + length is a multiple of 8
    the header       JSON, filled up with spaces: `format` ("violute-live"), `version`, `n_frames`,
                     `frame_rate_hz`, `sample_rate`, `n_harmonics`, `n_bands`, `dial` (`mixes`, `hz` and
                     `places`, see `DialScale`), `draws`, name -> array, and `lines`, for each its
                     `n_rows`, `noise_seed` and `arrays`, name -> array:
                     {`dtype` ("float16", "float32", "float64", "int32" or "uint64"), `shape`, `offset`}
    the arrays       in C order; offsets count in bytes from the end of the header, in multiples of 8

The arrays of a line are the fields of `LiveTracks` below; frame `i` is centred on second `i / frame_rate_hz`.
The draws are those of `violute.synthesis.draws`: whoever draws noise from them plays the very samples of a
rendering.

Source:
    Farouki, The Bernstein polynomial basis: a centennial retrospective (CAGD 29(6), 2012): all terms are
    positive, so nothing cancels.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float16, Float32, Int32

from violute.synthesis.draws import draws
from violute.voices.mix import DialScale

FORMAT = "violute-live"
VERSION = 4
ALIGNMENT = 8
"""Every array begins at a multiple of this many bytes, as JavaScript's typed arrays demand."""


@dataclass(frozen=True)
class LiveTracks:
    """A line of a performance as a live synthesiser follows it.

    Attributes:
        sample_rate: Rate that the levels are meant for, in Hz.
        frame_rate_hz: Frames per second.
        noise_seed: Of the line's noise.
        dial: From a mix, at the pitch of the note, to the weight on the second end.
        row: Where the levels of a frame stand in the last four arrays; -1 where the line is silent.
        f0_hz: Fundamental without what the vibrato dial adds, above 0 in every frame.
        loudness_db: A-weighted, dB relative to a full-scale 1 kHz sine.
        gate: Gain of the harmonics: 1 where notes sound, 0 in rests.
        attack_share: How far the attack dial stands in for tone and noise.
        vibrato_cents: Added to the pitch with the vibrato dial at 0 and at 1; in a straight line between.
        vibrato_db: Added to the loudness, likewise.
        harmonic_root: Square roots of the peak amplitudes of both ends.
        noise_root: Square roots of the band amplitudes of both ends, relative to white noise of RMS 1.
        harmonic_power: Terms t_0 ... t_4 of the heard power of the harmonics.
        noise_power: Terms of that of the noise.
    """

    sample_rate: int
    frame_rate_hz: float
    noise_seed: int
    dial: DialScale
    row: Int32[np.ndarray, " frame"]
    f0_hz: Float32[np.ndarray, " frame"]
    loudness_db: Float32[np.ndarray, " frame"]
    gate: Float32[np.ndarray, " frame"]
    attack_share: Float32[np.ndarray, " frame"]
    vibrato_cents: Float32[np.ndarray, "2 frame"]
    vibrato_db: Float32[np.ndarray, "2 frame"]
    harmonic_root: Float16[np.ndarray, "2 row harmonic"]
    noise_root: Float16[np.ndarray, "2 row band"]
    harmonic_power: Float32[np.ndarray, "row 5"]
    noise_power: Float32[np.ndarray, "row 5"]


ARRAYS = [field.name for field in fields(LiveTracks)][4:]


def live_parameters(lines: Sequence[LiveTracks]) -> bytes:
    """Write the live parameters of a performance, about 75 kB a second of each line that sounds."""
    contents: list[bytes] = []
    offset = 0

    def put(array: np.ndarray) -> dict[str, object]:
        nonlocal offset
        entry = {"dtype": array.dtype.name, "shape": list(array.shape), "offset": offset}
        content = array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
        contents.append(content + b"\0" * (-len(content) % ALIGNMENT))
        offset += len(contents[-1])
        return entry

    drawn = {name: put(array) for name, array in draws().items()}
    described = [
        {
            "n_rows": len(tracks.noise_power),
            "noise_seed": tracks.noise_seed,
            "arrays": {name: put(getattr(tracks, name)) for name in ARRAYS},
        }
        for tracks in lines
    ]
    first = lines[0]
    header = json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "n_frames": len(first.f0_hz),
            "frame_rate_hz": first.frame_rate_hz,
            "sample_rate": first.sample_rate,
            "n_harmonics": first.harmonic_root.shape[2],
            "n_bands": first.noise_root.shape[2],
            "dial": {name: getattr(first.dial, name).tolist() for name in ("mixes", "hz", "places")},
            "draws": drawn,
            "lines": described,
        },
        separators=(",", ":"),
    ).encode()
    header += b" " * (-(4 + len(header)) % ALIGNMENT)
    return b"".join([len(header).to_bytes(4, "little"), header, *contents])
