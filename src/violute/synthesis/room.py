"""A room: one seeded impulse response and a dial that says how much of it is heard.

The response is noise that decays, faster in the treble than in the bass, after a handful of early
reflections. It begins `PREDELAY_FRAMES` frames after the direct sound, which leaves exactly the time
that convolution by blocks of one hop needs: the room adds no latency of its own.

What the dial means, from 0 to 1:

    decay at 1 kHz (RT60)    0.3 s * (2.2 / 0.3)^dial    from a chamber to a hall
    energy, wet to dry       dial^2                      none to equal

The convolution is partitioned: short blocks for the start of the response, ever longer ones for its
tail, so an hour of sound runs in constant memory.

Source:
    Gardner, Efficient convolution without input-output delay (JAES 43(3), 1995), for the partitions;
    Moorer, About this reverberation business (Computer Music Journal 3(2), 1979), for decaying noise;
    Schroeder, New method of measuring reverberation time (JASA 37, 1965), for RT60.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from jaxtyping import Complex, Float, Float32

from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.noise import filtered_noise, noise_bands

SHORTEST_RT60_SECONDS = 0.3
"""Decay at 1 kHz of the smallest room, as the dial nears 0."""

LONGEST_RT60_SECONDS = 2.2
"""Decay at 1 kHz of the largest room, with the dial at 1."""

BASS_RATIO = 1.3
"""Decay of the deepest bass relative to 1 kHz."""

BASS_HZ = 250.0
"""Below this the bass ratio is at work."""

AIR_HZ = 8000.0
"""Here, air and cloth alone would end any sound within one second."""

PREDELAY_FRAMES = 1
"""Frames from the direct sound to the first reflection."""

N_REFLECTIONS = 9
"""Early reflections before the tail has grown dense."""

REFLECTIONS_SECONDS = 0.06
"""Time over which the early reflections are spread, in the largest room."""

REFLECTIONS_SHARE = 0.25
"""Share of the energy of the response that lies in the early reflections."""

PARTITION_GROWTH = 16
"""Each partition's block is this many times as long as that of the partition before."""

PLACES = (0, 1)
"""Seeds of the walls as they are heard from two loudspeakers."""


class Room:
    """Reverberation block by block: the sound so far is carried from each block to the next.

    The size, 0 to 1, sets the decay and stays; another seed is another room of the same size.
    """

    def __init__(self, size: float, *, seed: int = 0) -> None:
        self._position = np.arange(HOP_LENGTH, dtype=np.float32) / np.float32(HOP_LENGTH)
        self._partitions: list[Partition] = []
        response = room_response(size, seed=seed)
        start = block_length = PREDELAY_FRAMES * HOP_LENGTH
        while start < len(response):
            stop = block_length * PARTITION_GROWTH
            self._partitions.append(Partition(response[start:stop], block_length))
            start, block_length = stop, stop

    def block(
        self, audio: Float[np.ndarray, " sample"], dial: Float[np.ndarray, " point"]
    ) -> Float[np.ndarray, " sample"]:
        """Add the room to the sound; the next block opens with the last value of the dial.

        Args:
            audio: Whole frames of sound: `frame * HOP_LENGTH` samples.
            dial: Wet level at each of the `frame + 1` points that enclose the frames, 0 to 1.

        Returns:
            As many samples, without delay. Where the dial is 0, the very samples that came.
        """
        audio = audio.astype(np.float32)
        wet = np.zeros_like(audio)
        for partition in self._partitions:
            wet += partition.convolve(audio)
        gain = dial.astype(np.float32)[:, None]
        wet *= (gain[:-1] + (gain[1:] - gain[:-1]) * self._position).ravel()
        wet += audio
        return wet


def in_rooms(
    blocks: Iterable[Float[np.ndarray, " _sample"]],
    dial: Float[np.ndarray, " frame"],
    *,
    seeds: Sequence[int] = (0,),
) -> Iterator[Float32[np.ndarray, "seed _sample"]]:
    """Put a performance, block by block, into one room as it is heard in some places.

    Args:
        blocks: Whole frames of sound at `SAMPLE_RATE`, of `HOP_LENGTH` samples each.
        dial: Frame by frame; its last value holds. The largest is the size of the room.
        seeds: One for each place: what comes from the walls differs, and the sound itself does not.
    """
    size = float(dial.max(initial=0.0))
    places = [Room(size, seed=seed) for seed in seeds] if size > 0.0 else []
    start = 0
    for audio in blocks:
        stop = start + len(audio) // HOP_LENGTH
        points = np.minimum(np.arange(start, stop + 1), len(dial) - 1)
        heard = [place.block(audio, dial[points]) for place in places]
        yield np.stack(heard or [audio.astype(np.float32)] * len(seeds))
        start = stop


def room(
    audio: Float[np.ndarray, " sample"], dial: float | Float[np.ndarray, " frame"], *, seed: int = 0
) -> Float[np.ndarray, " sample"]:
    """Put a whole recording into a `Room` whose size is the largest value of the dial.

    The dial, 0 (dry) to 1 (hall), stands still or moves frame by frame, and its last value holds. As many
    samples come out in float32; what rings on after the last one is left out.
    """
    padded = np.pad(audio, (0, -len(audio) % HOP_LENGTH))
    ((heard,),) = in_rooms([padded], np.atleast_1d(np.asarray(dial, np.float32)), seeds=(seed,))
    return heard[: len(audio)]


class Partition:
    """Convolution with one piece of a response, by overlap-save in blocks of one length.

    The output lags by one block, so the piece must begin `block_length` samples into the response.
    """

    def __init__(self, response: Float[np.ndarray, " tap"], block_length: int) -> None:
        self.block_length = block_length
        n_pieces = -(-len(response) // block_length)
        pieces = np.zeros((n_pieces, 2 * block_length), np.float32)
        for i in range(n_pieces):
            piece = response[i * block_length : (i + 1) * block_length]
            pieces[i, : len(piece)] = piece
        self._spectra = np.fft.rfft(pieces, axis=1)
        self._heard = np.zeros((n_pieces - 1, block_length + 1), np.complex64)
        self._waiting = np.zeros(block_length, np.float32)  # the last whole block and the start of a new one
        self._ready = np.zeros(block_length, np.float32)

    def convolve(self, audio: Float[np.ndarray, " sample"]) -> Float[np.ndarray, " sample"]:
        """Take samples in, give as many out."""
        self._waiting = np.concatenate([self._waiting, audio])
        n_blocks = len(self._waiting) // self.block_length - 1
        if n_blocks > 0:
            used = self._waiting[: (n_blocks + 1) * self.block_length]
            spectra = np.fft.rfft(
                np.lib.stride_tricks.sliding_window_view(used, 2 * self.block_length)[:: self.block_length],
                axis=1,
            )
            self._ready = np.concatenate([self._ready, self._filter(spectra)])
            self._waiting = self._waiting[n_blocks * self.block_length :]
        out, self._ready = self._ready[: len(audio)], self._ready[len(audio) :]
        return out

    def _filter(self, spectra: Complex[np.ndarray, "block bin"]) -> Float[np.ndarray, " sample"]:
        """Filter new blocks, given those heard before, and return their sound."""
        n_blocks, n_before = len(spectra), len(self._heard)
        heard = np.concatenate([self._heard, spectra])
        total = np.zeros_like(spectra)
        for i, piece in enumerate(self._spectra):
            total += heard[n_before - i : n_before - i + n_blocks] * piece
        self._heard = heard[n_blocks:]
        return np.fft.irfft(total, axis=1)[:, self.block_length :].ravel()


def rt60_seconds(dial: float) -> float:
    """Return the decay at 1 kHz that the dial stands for."""
    return float(SHORTEST_RT60_SECONDS * (LONGEST_RT60_SECONDS / SHORTEST_RT60_SECONDS) ** dial)


def decay_seconds(rt60: float, frequency_hz: Float[np.ndarray, " *axes"]) -> Float[np.ndarray, " *axes"]:
    """Return the RT60 at each frequency of a room with `rt60` seconds in the middle."""
    walls = rt60 * (1.0 + (BASS_RATIO - 1.0) / (1.0 + (frequency_hz / BASS_HZ) ** 2))
    return np.asarray(1.0 / (1.0 / walls + (frequency_hz / AIR_HZ) ** 2))


def room_response(size: float, *, seed: int = 0) -> Float[np.ndarray, " tap"]:
    """Draw the impulse response of a room whose size is the dial, 0 to 1, without the direct sound.

    Its first `PREDELAY_FRAMES` frames are silent; with an energy of 1, white noise stays as loud as it was.
    """
    rt60 = rt60_seconds(size)
    n_frames = int(np.ceil(rt60 * SAMPLE_RATE / HOP_LENGTH))
    seconds = np.arange(n_frames) * (HOP_LENGTH / SAMPLE_RATE)
    bands_hz = noise_bands()
    band_db = -60.0 * seconds[:, None] / decay_seconds(rt60, bands_hz)
    tail = filtered_noise(band_db.astype(np.float32), seed=seed)
    tail *= np.linspace(1.0, 0.0, len(tail), dtype=np.float32) ** 0.25  # lands the cut end at silence

    spread_seconds = REFLECTIONS_SECONDS * rt60 / LONGEST_RT60_SECONDS
    arrival, signs = reflections(seed)
    arrival_samples = (arrival * spread_seconds * SAMPLE_RATE).astype(int)
    early = np.zeros(len(tail), np.float32)
    # They weaken as their way grows.
    np.add.at(early, arrival_samples, signs / (1.0 + 2.0 * arrival))

    tail *= np.sqrt((1.0 - REFLECTIONS_SHARE) / np.sum(tail**2))
    early *= np.sqrt(REFLECTIONS_SHARE / np.sum(early**2))
    early += tail
    early /= np.sqrt(np.sum(early**2))
    return np.concatenate([np.zeros(PREDELAY_FRAMES * HOP_LENGTH, np.float32), early])


def reflections(seed: int) -> tuple[Float[np.ndarray, " reflection"], Float[np.ndarray, " reflection"]]:
    """Draw when early reflections arrive, as shares of the time that all take, and their signs."""
    generator = np.random.default_rng(seed)
    # The root makes them come denser and denser.
    arrivals = np.sqrt((np.arange(N_REFLECTIONS) + generator.random(N_REFLECTIONS)) / N_REFLECTIONS)
    return arrivals, generator.choice([-1.0, 1.0], N_REFLECTIONS)
