"""Playing along: the default family on sound that arrives as it is played, 20 ms behind it.

A sample lies between two frames of 10 ms, and the later one is known 10 ms after its centre: the output
runs `LATENCY_SAMPLES` behind the input, whatever the blocks. Each frame is measured by the causal analyser;
levels, mixing and synthesis are those of `families.ddsp.voice`. Three things need more time than a stream
has: vibrato stays as it is played and makes no partial ripple, loudness adapts to what was heard so far, and
a note's attack is noise until its pitch is sure.

Source:
    Engel et al., DDSP (ICLR 2020), for the synthesiser.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float32, Int

from violute.analysis.articulation import (
    LONGEST_BRIDGED_FRAMES,
    MURMUR_RANGE_DB,
    REST_RANGE_DB,
    attack_share,
)
from violute.analysis.causal import LOOKAHEAD_SAMPLES, CausalAnalyser, CausalFrame
from violute.analysis.conditioning import conditioning
from violute.analysis.controls import FRAME_RATE_HZ, SILENCE_DB
from violute.analysis.onsets import pick_onsets
from violute.families.ddsp.adaptation import QUANTILES, adapted_loudness, into_range
from violute.families.ddsp.levels import EndLevels, at_loudness, harmonic_weights, root_of
from violute.families.ddsp.running_loudness import RunningLoudness
from violute.families.ddsp.settings import HISTORY_FRAMES, UNPITCHED_HZ, VoiceSettings
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.harmonics import HarmonicSynth, leaps
from violute.synthesis.noise import FilteredNoise
from violute.synthesis.room import Room
from violute.voices.mix import Dial, Mix, MixLike, dial_at
from violute.voices.network import Network

LATENCY_SAMPLES = HOP_LENGTH + LOOKAHEAD_SAMPLES
"""How far the output runs behind the input: 882 samples, 20 ms."""

LOOK_BACK_FRAMES = 32
"""Frames that the network sees: its receptive field of 31, and no more, since it runs for each frame."""

GATE_STEP = 0.5
"""How far the gate of the harmonics moves in a frame."""

BESIDE_FALL_DB = 0.1
"""How fast the loudest note is forgotten, by which rests are limited, in dB for each frame of a note."""

BEND_FROM = 0.8
"""Peaks above this level are bent, so that none reaches 1: there is no time to look ahead for them."""


TAKEOVER_SAMPLES = 132
"""In which a new note takes the place of the one before: 3 ms. It has begun by the time that it is heard."""


class _Point(NamedTuple):
    """What one frame plays."""

    f0_hz: float
    amplitudes: Float32[np.ndarray, " harmonic"]
    noise_db: Float32[np.ndarray, " band"]
    room: float


class HarmonicStream:
    """Plays sound at `SAMPLE_RATE` in a voice of the family `ddsp` while it arrives.

    Args:
        session: The network of the voice that plays.
        settings: Of that voice.
        mix: Dials, still or moving in seconds from the first sample; `set_mix` turns them while it plays.
    """

    latency_samples = LATENCY_SAMPLES
    sample_rate = SAMPLE_RATE

    def __init__(self, session: Network, settings: VoiceSettings, mix: MixLike = 0.5) -> None:
        self._session, self._settings = session, settings
        self._analyser = CausalAnalyser(settings.pitch_range)
        self._loudness = RunningLoudness(np.mean(self._settings.loudness_quantiles, axis=0))
        self._recent: list[CausalFrame] = []
        self._frame = -1
        self._gate, self._n_unvoiced, self._note_db = 0.0, LONGEST_BRIDGED_FRAMES + 1, SILENCE_DB
        self._beside_db = SILENCE_DB
        self._before: _Point | None = None
        self._harmonics, self._noise = HarmonicSynth(), FilteredNoise()
        self._room: Room | None = None
        self._ready = np.zeros(LATENCY_SAMPLES, np.float32)
        self.set_mix(mix)

    def set_mix(self, mix: MixLike) -> None:
        """Turn the dials, from the next frame on; the size of a room stays that of the first one.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
        self._mix = mix if isinstance(mix, Mix) else Mix.at(mix)
        size = max(self._dial("room", second) for second in _turns(self._mix.room))
        if self._room is None and size > 0.0:
            self._room = Room(size)

    def push(self, audio: Float[np.ndarray, " sample"]) -> Float32[np.ndarray, " sample"]:
        """Take samples, and return as many, `latency_samples` late.

        Raises:
            AudioError: A sample is not finite.
        """
        hops = [self._play(frame) for frame in self._analyser.push(audio)]
        self._ready = np.concatenate([self._ready, *hops])
        out, self._ready = self._ready[: len(audio)], self._ready[len(audio) :]
        return out

    def flush(self) -> Float32[np.ndarray, " sample"]:
        """Return the last `latency_samples`, when no more sound will come."""
        return self.push(np.zeros(LATENCY_SAMPLES, np.float32))

    def _play(self, frame: CausalFrame) -> Float32[np.ndarray, " hop"]:
        """Play the hop that ends with a frame; none ends with the first."""
        self._frame += 1
        self._hear(frame)
        now = self._levels(frame)
        before, self._before = self._before, now
        if before is None:
            return np.zeros(0, np.float32)
        audio = self._harmonic_hop(before, now)
        audio += self._noise.block(np.stack([before.noise_db, now.noise_db]))
        if self._room is not None:
            audio = self._room.block(audio, np.array([before.room, now.room], np.float32))
        return _bent(audio)

    def _harmonic_hop(self, before: _Point, now: _Point) -> Float32[np.ndarray, " hop"]:
        """Play the harmonics of a hop; where the pitch leaps in it, those of the new note from its start."""
        f0_hz = np.array([before.f0_hz, now.f0_hz])
        amplitudes = np.stack([before.amplitudes, now.amplitudes])
        if not leaps(f0_hz[:1], f0_hz[1:])[0]:
            return self._harmonics.block(f0_hz, amplitudes)
        audio = self._harmonics.block(f0_hz[[0, 0]], amplitudes[[0, 0]])
        self._harmonics = HarmonicSynth()
        new = self._harmonics.block(f0_hz[[1, 1]], amplitudes)
        new[:TAKEOVER_SAMPLES] += _FADE * (audio[:TAKEOVER_SAMPLES] - new[:TAKEOVER_SAMPLES])
        return new

    def _hear(self, frame: CausalFrame) -> None:
        """Follow loudness and the gate: gaps that a note bridges, and murmurs that end one, still sound."""
        self._recent = [*self._recent[1 - HISTORY_FRAMES - LOOK_BACK_FRAMES :], frame]
        if frame.periodicity > 0.0:
            self._loudness.add(frame.loudness_db)
            self._n_unvoiced, self._note_db = 0, frame.loudness_db
            self._beside_db = max(self._beside_db - BESIDE_FALL_DB, frame.loudness_db)
        else:
            self._n_unvoiced += 1
        is_bridged = self._n_unvoiced <= LONGEST_BRIDGED_FRAMES
        sounds = is_bridged and frame.loudness_db > self._note_db - MURMUR_RANGE_DB
        step = GATE_STEP if sounds else -GATE_STEP
        self._gate = min(max(self._gate + step, 0.0), 1.0)

    def _levels(self, frame: CausalFrame) -> _Point:
        """What the newest frame plays."""
        f0_hz = np.array([recent.f0_hz for recent in self._recent], np.float32)
        f0_hz[f0_hz <= 0.0] = UNPITCHED_HZ
        strength = np.array([recent.onset_strength for recent in self._recent], np.float32)
        onsets = pick_onsets(strength)
        features = self._features(f0_hz, onsets)[:, -LOOK_BACK_FRAMES:]
        levels = self._session.run(None, {"features": features, "f0_hz": f0_hz[-LOOK_BACK_FRAMES:]})
        harmonic_db, noise_db = (level[:, -1:] for level in levels)
        settings, point = self._settings, np.array([self._frame])
        n_harmonics = harmonic_db.shape[2]
        ends = EndLevels(
            root_of(harmonic_db) * settings.wavering(point, f0_hz[-1:], None, n_harmonics),
            root_of(noise_db) * settings.rumble_root,
            harmonic_weights(f0_hz[-1:], n_harmonics) * np.float32(self._gate**2),
        )
        second = self._frame / FRAME_RATE_HZ
        dials = {name: np.array([self._dial(name, second)]) for name in ("tone", "noise", "attack")}
        share = float(attack_share(onsets, len(strength))[-1])
        harmonic_root, noise_root, power = settings.mixed(ends, **dials, f0_hz=f0_hz[-1:], attack_share=share)
        # In rests noise alone is as loud as the source, up to what breath, bow and room are.
        rests = self._gate <= 0.0 and self._beside_db > SILENCE_DB
        most_db = self._beside_db - REST_RANGE_DB if rests else np.inf
        loudness_db, gate = np.array([min(frame.loudness_db, most_db)]), np.array([self._gate], np.float32)
        amplitudes, noise_level_db = at_loudness(harmonic_root, noise_root, power, loudness_db, gate)
        return _Point(float(f0_hz[-1]), amplitudes[0], noise_level_db[0], self._dial("room", second))

    def _features(
        self, f0_hz: Float32[np.ndarray, " frame"], onsets: Int[np.ndarray, " onset"]
    ) -> Float32[np.ndarray, "end frame feature"]:
        """Describe the recent frames to the network, for each end."""
        loudness_db = np.array([recent.loudness_db for recent in self._recent])
        reference_db = self._loudness.reference_db()
        own = self._loudness.quantiles_db(QUANTILES) - reference_db
        ends = zip(self._settings.loudness_quantiles, self._settings.pitch_range_hz, strict=True)
        return np.stack(
            [
                conditioning(
                    into_range(f0_hz, *range_hz),
                    adapted_loudness(loudness_db - reference_db, own, quantiles),
                    onsets,
                    frame_rate_hz=FRAME_RATE_HZ,
                    pitch_range=self._settings.pitch_range,
                )
                for quantiles, range_hz in ends
            ]
        )

    def _dial(self, name: str, second: float) -> float:
        return dial_at(getattr(self._mix, name), second)


_FADE = (0.5 + 0.5 * np.cos(np.pi * (np.arange(TAKEOVER_SAMPLES) + 0.5) / TAKEOVER_SAMPLES)).astype(
    np.float32
)


def _turns(dial: Dial) -> list[float]:
    """Seconds at which a dial turns."""
    return [second for second, _ in dial] if isinstance(dial, tuple) else [0.0]


def _bent(audio: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, " sample"]:
    """Bend what lies above `BEND_FROM` smoothly towards 1; the rest stays as it is."""
    above = np.abs(audio) - BEND_FROM
    if not (above > 0.0).any():
        return audio
    room = 1.0 - BEND_FROM
    bent = BEND_FROM + room * np.tanh(above / room)
    return np.where(above > 0.0, np.copysign(bent, audio), audio).astype(np.float32)
