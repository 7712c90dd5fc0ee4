"""The default family: one network plays both ends, one synthesiser their mixture.

The network of the voice file gives the harmonic and noise levels of both ends for the same notes.
They are mixed partial by partial at one pitch and one phase, so the result is one instrument with the exact
pitch of the source; its loudness is then set, frame by frame, to that of the source.

Source:
    Engel et al., DDSP (ICLR 2020); Caetano & Rodet, Musical instrument sound morphing guided by
    perceptually motivated features (TASLP 2013), for mixing envelopes rather than waveforms.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32

from violute.analysis.analyser import analyse_blocks
from violute.analysis.articulation import attack_share, harmonic_gate, rest_loudness
from violute.analysis.conditioning import conditioning
from violute.analysis.controls import SILENCE_DB, Controls
from violute.analysis.onsets import pick_onsets
from violute.analysis.polyphony.chords import ChordControls, Lines
from violute.analysis.polyphony.separate_lines import separate_lines
from violute.audio.channels import Measurement
from violute.audio.source import Source
from violute.families.ddsp.adaptation import EndFrames, Vibrato, carried_loudness, end_loudness, into_range
from violute.families.ddsp.chords import ChordPerformance, cross_fades
from violute.families.ddsp.levels import (
    EndLevels,
    at_loudness,
    harmonic_weights,
    noise_weights,
    power_terms,
    root_of,
)
from violute.families.ddsp.settings import HISTORY_FRAMES, UNPITCHED_HZ, VoiceSettings
from violute.families.ddsp.stream import HarmonicStream
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.synthesis.harmonics import HarmonicSynth
from violute.synthesis.noise import FilteredNoise
from violute.synthesis.room import PLACES, in_rooms
from violute.voices.card import Card
from violute.voices.contract import OnProgress, Performance, StreamLike
from violute.voices.family import FamilyVoice
from violute.voices.live_parameters import LiveTracks
from violute.voices.mix import Dials, MixLike
from violute.voices.network import UNUSABLE, Network, open_network
from violute.voices.recording import resampled_blocks

BLOCK_FRAMES = 512
LOOK_BACK_FRAMES = 64
"""Frames before a block that the network sees: more than its receptive field."""

CACHED_FRAMES = 60_000
"""Pieces up to this long (10 minutes) keep their levels for the next rendering."""

NO_PITCH = "no steady pitch was found: this voice plays the notes of pitched instruments"
LITTLE_PITCH_SHARE = 0.1
MOSTLY_BELOW_SHARE = 0.5
"""What lies so far below the range has a pitch, which the voice does not play: another warning says so."""


class HarmonicVoice(FamilyVoice):
    """A voice of the family `ddsp`.

    Args:
        onnx_bytes: The network: features of both ends and f0 in, levels of both ends out.
        card: Of the voice.

    Raises:
        VoiceError: The network cannot be loaded or the card lacks its settings.
    """

    is_live = True
    tells_lines_apart = True

    def __init__(self, onnx_bytes: bytes, card: Card) -> None:
        super().__init__(card)
        try:
            self.session = open_network(onnx_bytes)
            self._onnx_bytes = onnx_bytes
            self.settings = VoiceSettings(card)
        except (KeyError, TypeError, *UNUSABLE) as error:
            raise self.unusable(error) from None

    def perform(
        self, source: Source, measurement: Measurement, on_progress: OnProgress, lines: Lines = "auto"
    ) -> Performance:
        """Measure pitch, loudness and onsets of each line of a recording."""
        controls = analyse_blocks(
            resampled_blocks(source, measurement, SAMPLE_RATE, on_progress),
            lines=lines,
            pitch_range=self.settings.pitch_range,
        )
        if not isinstance(controls, ChordControls):
            return HarmonicPerformance(self.session, self.settings, controls)
        one_db, chords_db = cross_fades(controls.in_chords)
        voice = (self.session, self.settings)
        of_chords = [
            HarmonicPerformance(*voice, line, piece=controls, seed=1 + i, presence_db=chords_db)
            for i, line in enumerate(separate_lines(controls))
        ]
        line = HarmonicPerformance(*voice, controls.one_line, presence_db=one_db)
        return ChordPerformance([line, *of_chords], controls)

    def stream(self, mix: MixLike = 0.5) -> StreamLike:
        """Play along with mono sound at 44.1 kHz, 20 ms behind it.

        Raises:
            MixError: A dial is out of range or an automation is malformed.
        """
        return HarmonicStream(self._stream_session, self.settings, mix)

    @cached_property
    def _stream_session(self) -> Network:
        """The network on one core: to share out a single frame costs more time than it saves."""
        return open_network(self._onnx_bytes, n_threads=1)


class HarmonicPerformance(Performance):
    """One performance, ready to be rendered at any mix.

    Args:
        session: The network.
        settings: Of the voice.
        controls: Of the performance: one line.
        piece: All lines of the piece, where this is one of several: its loudness is relative to theirs.
        seed: Of the noise, another for each line.
        presence_db: Of one of several lines: what is added to the loudness in the end, to let it fade out
            and in; where that is silent it costs nothing.
        end_loudness_db: What each end is given as the loudness, relative to its loud notes; None maps the
            piece's own by quantiles.
    """

    is_wide = True
    controls: Controls

    def __init__(
        self,
        session: Network,
        settings: VoiceSettings,
        controls: Controls,
        *,
        piece: Controls | None = None,
        seed: int = 0,
        presence_db: Float[np.ndarray, " frame"] | None = None,
        end_loudness_db: Sequence[Float[np.ndarray, " frame"]] | None = None,
    ) -> None:
        is_voiced = controls.periodicity[0] > 0.0
        has_little = float(np.mean(is_voiced)) < LITTLE_PITCH_SHARE
        super().__init__(
            SAMPLE_RATE,
            controls.n_frames,
            controls.frame_rate_hz,
            is_live=True,
            warnings=(NO_PITCH,) if has_little and controls.below_share < MOSTLY_BELOW_SHARE else (),
        )
        self._seed = seed
        self._session = session
        self._settings = settings
        self.controls = controls
        self._cache: dict[int, EndLevels] = {}
        self._is_pitched = bool(is_voiced.any())
        self._f0_hz = np.where(controls.f0_hz[0] > 0.0, controls.f0_hz[0], UNPITCHED_HZ).astype(np.float32)
        self._loudness_db = controls.loudness_db[0]
        self._gate = harmonic_gate(is_voiced, self._loudness_db)
        self._played_db = rest_loudness(self._loudness_db, self._gate)
        self._sounds = np.ones(self.n_frames, bool)
        is_one_of_several = piece is not None
        if presence_db is not None:
            self._played_db = self._played_db + presence_db
            self._sounds = self._played_db > SILENCE_DB
        self._attack = attack_share(pick_onsets(controls.onset_strength), self.n_frames)
        self._vibrato = Vibrato.measure(
            self._f0_hz, self._loudness_db, is_voiced, frame_rate_hz=controls.frame_rate_hz
        )
        self._still_hz = (self._f0_hz * 2.0 ** (-self._vibrato.cents / 1200.0)).astype(np.float32)
        heard_db = carried_loudness(self._loudness_db) if is_one_of_several else self._loudness_db
        self._end_loudness_db = (
            list(end_loudness_db)
            if end_loudness_db is not None
            else end_loudness(heard_db, controls if piece is None else piece, settings.loudness_quantiles)
        )
        if is_one_of_several:  # several lines of an hour are large enough at half the width
            cents, level = (t.astype(np.float32) for t in (self._vibrato.cents, self._vibrato.loudness_db))
            self._vibrato = Vibrato(cents, level)
            self._end_loudness_db = [track.astype(np.float32) for track in self._end_loudness_db]

    def blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise at the dials, about five seconds at a time."""
        for (audio,) in in_rooms(self.dry_blocks(dials), dials.room):
            yield audio

    def wide_blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, "2 _sample"]]:
        """Synthesise for two loudspeakers, with walls of its own for each."""
        return in_rooms(self.dry_blocks(dials), dials.room, seeds=PLACES)

    def dry_blocks(self, dials: Dials) -> Iterator[Float[np.ndarray, " sample"]]:
        """Synthesise without a room."""
        harmonics = HarmonicSynth()
        cents, vibrato_db = self._vibrato.moved(dials.vibrato)
        f0_hz = (self._f0_hz * 2.0 ** (cents / 1200.0)).astype(np.float32)
        del cents
        noise: FilteredNoise | None = None
        for start in range(0, self.n_frames, BLOCK_FRAMES):
            points = self._points(start)
            if not self._sounds[points].any():
                harmonics.skip(f0_hz[points])
                noise = None
                yield np.zeros((len(points) - 1) * HOP_LENGTH, np.float32)
                continue
            noise = noise or FilteredNoise(seed=self._seed, first_frame=start)
            harmonic_root, noise_root, power = self._settings.mixed(
                self._ends(points),
                tone=dials.tone[points],
                noise=dials.noise[points],
                attack=dials.attack[points],
                f0_hz=self._f0_hz[points],
                attack_share=self._attack[points],
            )
            wanted_db = self._played_db[points] + vibrato_db[points]
            amplitudes, noise_db = at_loudness(
                harmonic_root, noise_root, power, wanted_db, self._gate[points]
            )
            yield harmonics.block(f0_hz[points], amplitudes) + noise.block(noise_db)

    def transposed(self, semitones: float) -> HarmonicPerformance:
        """Return the same notes at another pitch, with the colour that both instruments have there."""
        ratio = np.float32(2.0 ** (semitones / 12.0))
        performance = copy(self)
        vars(performance).update(_f0_hz=self._f0_hz * ratio, _still_hz=self._still_hz * ratio, _cache={})
        return performance

    def end_frames(self, end: int, *, vibrato: float | None) -> EndFrames:
        """Return what an end is given, its vibrato moved by that dial, or left as it was played."""
        cents, vibrato_db = np.zeros(self.n_frames), np.zeros(self.n_frames)
        if vibrato is not None:
            cents, vibrato_db = self._vibrato.moved(np.full(self.n_frames, vibrato))
        return EndFrames(
            self._features(end, 0, self.n_frames),
            self._f0_hz,
            (self._f0_hz * 2.0 ** (cents / 1200.0)).astype(np.float32),
            self._still_hz,
            (self._played_db + vibrato_db).astype(np.float32),
            np.asarray(self._gate, np.float32),
        )

    def live_tracks(self) -> list[LiveTracks]:
        """Return the parameters of both ends over the piece, as `blocks` mixes them, if it ever sounds."""
        none, full = (np.full(self.n_frames, dial) for dial in (0.0, 1.0))
        still, moving = self._vibrato.moved(none), self._vibrato.moved(full)
        levels: list[list[np.ndarray]] = [[], [], [], []]
        for start in range(0, self.n_frames, BLOCK_FRAMES):
            points = self._points(start)
            sounds = self._sounds[points[:-1]]
            if not sounds.any():
                continue
            ends = self._ends(points)
            pieces = (
                ends.harmonic_root.astype(np.float16),
                ends.noise_root.astype(np.float16),
                power_terms(ends.harmonic_root, ends.harmonic_weight)[None],
                power_terms(ends.noise_root, noise_weights())[None],
            )
            for track, piece in zip(levels, pieces, strict=True):
                track.append(piece[:, :-1][:, sounds])
        if not self._sounds.any():
            return []
        harmonic_root, noise_root, harmonic_power, noise_power = (np.hstack(track) for track in levels)
        tracks = LiveTracks(
            SAMPLE_RATE,
            self.frame_rate_hz,
            self._seed,
            self._settings.dial,
            np.where(self._sounds, np.cumsum(self._sounds) - 1, -1).astype(np.int32),
            self._f0_hz,
            np.asarray(self._played_db, np.float32),
            np.asarray(self._gate, np.float32),
            self._attack,
            np.stack([still[0], moving[0]]).astype(np.float32),
            np.stack([still[1], moving[1]]).astype(np.float32),
            harmonic_root,
            noise_root,
            harmonic_power[0],
            noise_power[0],
        )
        return [tracks]

    def _points(self, start: int) -> np.ndarray:
        """Frames of the block that starts at `start`, and the one where the next begins."""
        stop = min(start + BLOCK_FRAMES, self.n_frames) + 1
        return np.minimum(np.arange(start, stop), self.n_frames - 1)

    def _ends(self, points: np.ndarray) -> EndLevels:
        """Both ends at consecutive points, computed once where the piece is short enough."""
        start = int(points[0])
        if start in self._cache:
            return self._cache[start].as_type(np.float32)
        first = max(start - LOOK_BACK_FRAMES, 0)
        stop = int(points[-1]) + 1
        f0_hz = self._f0_hz[first:stop]
        features = np.stack([self._features(end, first, stop) for end in range(len(self._end_loudness_db))])
        harmonic_db, noise_db = self._session.run(None, {"features": features, "f0_hz": f0_hz})
        inside = points - first
        weight = harmonic_weights(f0_hz[inside], harmonic_db.shape[2])
        # Without any pitch there are no harmonics to be loud.
        # Where they rest, noise alone is as loud as the source: its breath, its bow, its room.
        weight *= np.square(self._gate[points])[:, None] * np.float32(self._is_pitched)
        ends = EndLevels(
            root_of(harmonic_db[:, inside])
            * self._settings.wavering(points, f0_hz[inside], self._still_hz[points], harmonic_db.shape[2]),
            root_of(noise_db[:, inside]) * self._settings.rumble_root,
            weight,
        )
        if self.n_frames > CACHED_FRAMES:
            return ends
        self._cache[start] = ends.as_type(np.float16)
        # The rounded ones this time too, or the first rendering would differ from the next.
        return self._cache[start].as_type(np.float32)

    def _features(self, end: int, first: int, stop: int) -> Float[np.ndarray, "frame feature"]:
        early = max(first - HISTORY_FRAMES, 0)
        lowest_hz, highest_hz = self._settings.pitch_range_hz[end]
        return conditioning(
            into_range(self._f0_hz[early:stop], lowest_hz, highest_hz),
            self._end_loudness_db[end][early:stop],
            pick_onsets(self.controls.onset_strength[early:stop]),
            frame_rate_hz=self.frame_rate_hz,
            pitch_range=self._settings.pitch_range,
        )[first - early :]
