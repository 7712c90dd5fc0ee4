"""The family nsynth: a recording becomes a code, the code moves between two instruments, a WaveNet plays it.

A piece is drawn in segments side by side. Each begins a little early, from silence, so that it sounds by
the time that it is heard, and ends a little late, so that two waves can be joined where they agree, one
fading into the other. Pitch and loudness are measured and given; the level of each frame is the source's,
which keeps dynamics and rests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from violute.analysis.analyser import analyse_blocks
from violute.analysis.controls import FRAME_RATE_HZ, Controls
from violute.analysis.polyphony.chords import Lines
from violute.audio.channels import Measurement
from violute.audio.source import Source
from violute.errors import InputError, TrainingError, VoiceError
from violute.families.nsynth.codes import Codes, frame_levels_db
from violute.families.nsynth.config import HIGHEST_HZ, LOWEST_HZ, SAMPLED_SIZES, NsynthConfig
from violute.families.nsynth.sampler import HIGHEST_SINE_HZ, generate
from violute.families.nsynth.segment_joins import Joiner
from violute.rates import SAMPLE_RATE as ANALYSIS_RATE
from violute.synthesis.sines import Oscillator, sines_of
from violute.transforms.mu_law import from_levels, scaled, to_levels
from violute.voices.card import Card
from violute.voices.contract import OnProgress, Performance
from violute.voices.family import FamilyVoice
from violute.voices.mix import Dials, DialScale
from violute.voices.network import UNUSABLE, open_network
from violute.voices.recording import resampled_blocks, spooled
from violute.voices.spool import Spool

SEGMENT_FRAMES = 16
WARM_UP_FRAMES = 4
LATE_FRAMES = 2
"""Half a second, an eighth and a sixteenth: a segment, what comes before it and what comes after."""

BATCH_SEGMENTS = 64
ENCODED_FRAMES = 512
CONTEXT_FRAMES = 8
"""Frames that the encoder hears on either side of those it encodes."""

MOST_GAIN_DB = 24.0
SEED = 16
MOMENTS_HZ = round(FRAME_RATE_HZ)
PARTIAL_LEADS = np.concatenate([[0.0], np.random.default_rng(SEED).random(63)])
"""By how many cycles each partial leads the multiple of the fundamental's phase: any will do, but not all
alike, which would make every period a click."""


class NsynthVoice(FamilyVoice):
    """A voice of the family nsynth.

    Args:
        onnx_bytes: The encoder, with conditioner and step as constants.
        card: Of the voice; its settings hold `wavenet` and `code_size`, what the voice is `told`, the `dial`
            as pairs of a mix and a place between the instruments, the `temperature` at which it draws, the
            `code_share` that it plays of the code, and the `noisiness` of its own past.

    Raises:
        VoiceError: A network cannot be loaded or the card lacks its settings.
    """

    def __init__(self, onnx_bytes: bytes, card: Card) -> None:
        super().__init__(card)
        if "told" not in card.settings:
            raise VoiceError(
                f"voice {card.name} is of an earlier Violute, which read pitch off the code: train it again"
            )
        try:
            sizes = {name: card.settings["wavenet"][name] for name in SAMPLED_SIZES}
            sizes["dilations"] = tuple(sizes["dilations"])
            self.shape = NsynthConfig(**sizes, is_conditioned=bool(card.settings["told"]))
            self.code_size = int(card.settings["code_size"])
            self.temperature, self.noisiness, self.code_share = (
                float(card.settings[name]) for name in ("temperature", "noisiness", "code_share")
            )
            self.dial = DialScale(card)
            self.encoder = open_network(onnx_bytes)
            silence = np.zeros((1, self.shape.hop_length), np.float32)
            carried = self.encoder.run(["conditioner", "step"], {"wave": silence})
            self.conditioner, self.step = (open_network(graph.tobytes(), n_threads=1) for graph in carried)
        except (KeyError, TypeError, TrainingError, *UNUSABLE) as error:
            raise self.unusable(error) from None

    def perform(
        self,
        source: Source,
        measurement: Measurement,
        on_progress: OnProgress,
        lines: Lines = "auto",  # noqa: ARG002 - it tells no lines apart
    ) -> NsynthPerformance:
        """Encode the recording; what is played comes from the code and the level of each frame alone."""
        return NsynthPerformance(self, self.encode(source, measurement, on_progress))

    def encode(self, source: Source, measurement: Measurement, on_progress: OnProgress) -> Codes:
        """Return the codes of a recording, read block by block, with its pitch and loudness."""
        controls = analyse_blocks(
            resampled_blocks(source, measurement, ANALYSIS_RATE, lambda share: on_progress(0.5 * share))
        )
        recording, gain = spooled(
            source, measurement, self.card.sample_rate, lambda share: on_progress(0.5 + 0.2 * share)
        )
        with recording:
            return self._encoded(recording, gain, controls, on_progress)

    def _encoded(
        self, recording: Spool, gain: np.float32, controls: Controls, on_progress: OnProgress
    ) -> Codes:
        hop = self.shape.hop_length
        n_frames = -(-recording.n_samples // hop)
        codes, levels = [], []
        for first in range(0, n_frames, ENCODED_FRAMES):
            last = min(first + ENCODED_FRAMES, n_frames)
            audio = gain * recording.read((first - CONTEXT_FRAMES) * hop, (last + CONTEXT_FRAMES) * hop)
            try:
                code = self.encoder.run(["code"], {"wave": scaled(to_levels(audio))[None]})[0]
            except UNUSABLE as error:
                raise self.unusable(error) from None
            codes.append(code[0, :, CONTEXT_FRAMES:-CONTEXT_FRAMES].T)
            levels.append(frame_levels_db(audio[CONTEXT_FRAMES * hop : -CONTEXT_FRAMES * hop], hop))
            on_progress(0.7 + 0.3 * last / n_frames)
        gain_db = np.float32(20.0 * np.log10(gain))
        return Codes(
            np.concatenate(codes),
            np.concatenate(levels),
            controls.f0_hz[0].astype(np.float32),
            controls.loudness_db[0].astype(np.float32) + gain_db,
            recording.n_samples,
            self.card.sample_rate,
            hop,
        )

    def check_codes(self, codes: Codes, path: Path) -> None:
        """Refuse codes that another voice made.

        Raises:
            InputError: Their sizes are not this voice's.
        """
        made = (codes.code.shape[1], codes.hop_length, codes.sample_rate)
        if made != (self.code_size, self.shape.hop_length, self.card.sample_rate):
            raise InputError(f"{path}: was not made by voice {self.card.name}: encode the recording with it")

    def draw(
        self,
        code: Float32[np.ndarray, "segment frame size"],
        mix: Float32[np.ndarray, "segment frame"],
        f0_hz: Float32[np.ndarray, "segment frame"],
        loudness_db: Float32[np.ndarray, "segment frame"],
        cycles: Float64[np.ndarray, "segment sample"],
        chance: Float32[np.ndarray, "segment sample 2"],
    ) -> Float32[np.ndarray, "segment sample"]:
        """Play codes at mixes, segment beside segment, each from silence on."""
        try:
            given = {
                "code": np.float32(self.code_share) * np.ascontiguousarray(code.transpose(0, 2, 1)),
                "place": self.dial.place(mix),
                "f0_hz": f0_hz,
                "loudness_db": loudness_db,
                "noisiness": np.full(mix.shape, self.noisiness, np.float32),
            }
            if not self.shape.is_conditioned:
                given = {name: given[name] for name in ("code", "place")}
            (conditions,) = self.conditioner.run(["conditions"], given)
            n_harmonics = self.shape.n_harmonics
            sines = sines_of(cycles, f0_hz, n_harmonics, HIGHEST_SINE_HZ, PARTIAL_LEADS[:n_harmonics])
            levels = generate(self.step, self.shape, conditions, sines, chance, self.temperature)
        except UNUSABLE as error:
            raise self.unusable(error) from None
        return from_levels(levels)


class NsynthPerformance(Performance):
    """One performance as codes, ready to be played at any mix."""

    has_one_dial = True

    def __init__(self, voice: NsynthVoice, codes: Codes) -> None:
        super().__init__(codes.sample_rate, len(codes.code), codes.sample_rate / codes.hop_length)
        self._voice = voice
        self.codes = codes
        self._f0_hz = np.clip(codes.f0_hz, LOWEST_HZ, HIGHEST_HZ)
        self._oscillator = Oscillator(self._f0_hz, codes.sample_rate // MOMENTS_HZ, codes.sample_rate)

    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Draw with `dials.tone` as the mix, some segments at a time."""
        hop, n_frames = self.codes.hop_length, self.n_frames
        joiner = Joiner(SEGMENT_FRAMES * hop, WARM_UP_FRAMES * hop, hop)
        gain_db = 0.0
        starts = range(0, n_frames, SEGMENT_FRAMES)
        for at in range(0, len(starts), BATCH_SEGMENTS):
            batch = starts[at : at + BATCH_SEGMENTS]
            index = np.array(batch)[:, None] + np.arange(-WARM_UP_FRAMES, SEGMENT_FRAMES + LATE_FRAMES)
            inside = np.clip(index, 0, n_frames - 1)
            moments = np.rint((index + 0.5) * hop * MOMENTS_HZ / self.codes.sample_rate).astype(np.int64)
            moments = np.clip(moments, 0, len(self._f0_hz) - 1)
            chance = np.stack([_chance(at + i, index.shape[1] * hop) for i in range(len(batch))])
            played = self._voice.draw(
                self.codes.code[inside],
                dials.tone[inside],
                self._f0_hz[moments],
                self.codes.loudness_db[moments],
                np.stack([self.cycles(int(frames[0]) * hop, len(frames) * hop) for frames in index]),
                chance,
            )
            joined = np.concatenate([joiner.push(segment) for segment in played])
            wanted_db = self.codes.level_db[batch[0] : batch[0] + len(batch) * SEGMENT_FRAMES]
            joined = joined[: len(wanted_db) * hop]
            levelled, gain_db = _levelled(joined, wanted_db, gain_db, hop)
            yield levelled

    def cycles(self, start: int, n_samples: int) -> Float64[np.ndarray, " {n_samples}"]:
        """Return the fundamental's cycles gone by at samples; outside of the piece its ends go on."""
        # A moment is in the middle of its samples, so the first is played from half of them earlier on.
        n_moment = self.codes.sample_rate // MOMENTS_HZ
        first, skipped = divmod(start + n_moment // 2, n_moment)
        n_moments = -(-(skipped + n_samples) // n_moment)
        return self._oscillator.cycles(np.arange(first, first + n_moments))[skipped:][:n_samples]


def _chance(segment: int, n_samples: int) -> Float32[np.ndarray, "sample 2"]:
    """Return the chance of a segment, alike in every rendering; never 0 or 1, whose logarithm has no end."""
    drawn = np.random.default_rng([SEED, segment]).random((n_samples, 2), np.float32)
    return np.clip(drawn, np.float32(1e-6), np.float32(1.0 - 1e-6))


def _levelled(
    audio: Float32[np.ndarray, " sample"],
    wanted_db: Float32[np.ndarray, " frame"],
    gain_before_db: float,
    hop: int,
) -> tuple[Float32[np.ndarray, " sample"], float]:
    """Give each frame the level of the source's; gains glide from frame to frame."""
    gain_db = np.minimum(wanted_db - frame_levels_db(audio, hop), MOST_GAIN_DB)
    knots = np.arange(-1, len(gain_db)) * hop + hop // 2
    track_db = np.interp(np.arange(len(audio)), knots, np.concatenate([[gain_before_db], gain_db]))
    return (audio * 10.0 ** (track_db / 20.0)).astype(np.float32), float(gain_db[-1])
