"""The family `rave`: a recording as a slow latent, played by a decoder conditioned on its place between ends.

The latent is encoded once; each rendering decodes it block by block at the dial's place, step by step. The
network is causal, so a block that begins with what the network remembers gives the very samples that the
whole would have given. Two things are done outside of the network: what it delays is moved back, and each
moment's loudness is brought to the recording's, as the decoder follows dynamics only roughly. A conditioned
network is driven by an excitation at the recording's pitch too, which is measured once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
from jaxtyping import Float32

from violute.analysis.analyser import analyse_blocks
from violute.analysis.polyphony.chords import Lines
from violute.audio.channels import Measurement
from violute.audio.source import Source
from violute.families.rave.conditioning import FRAME_SAMPLES, N_TRACKS, Conditioning
from violute.voices.card import Card
from violute.voices.contract import OnProgress, Performance
from violute.voices.family import FamilyVoice
from violute.voices.loudness_follower import LoudnessFollower
from violute.voices.mix import Dials, DialScale
from violute.voices.network import UNUSABLE, open_network
from violute.voices.recording import kept_blocks, spooled, without_first
from violute.voices.spool import SPOOL_BYTES, Spool

INPUTS = {"audio", "latent", "mix", "noise"}
BLOCK_SAMPLES = 65_536
"""Samples that are encoded or decoded at a time, besides those that the network remembers."""

NOISE_SEED = 0x52415645
SPOOLING_SHARE = 0.3
"""Share of the analysis that reading takes, for progress only."""

ANALYSED_SHARE = 0.8
"""Share by which pitch and loudness are known, where they are measured."""


@dataclass(frozen=True)
class RaveSettings:
    """What the card says about the network.

    Attributes:
        ratio: Samples of a latent step.
        delay_samples: By which the network's output is late.
        encoder_steps: Steps before the present one that the encoder hears.
        decoder_steps: Steps before the present one that the decoder hears.
        latent_size: Numbers of a step, after cropping.
        n_bands: Of the filter bank, and so of the noise.
        is_conditioned: Whether it is driven by an excitation and by pitch and loudness, not by noise alone.
    """

    ratio: int
    delay_samples: int
    encoder_steps: int
    decoder_steps: int
    latent_size: int
    n_bands: int
    is_conditioned: bool = False

    @property
    def block_steps(self) -> int:
        """Latent steps of a block."""
        return max(BLOCK_SAMPLES // self.ratio, 1)

    @property
    def n_drive(self) -> int:
        """Channels of what drives the decoder."""
        return self.n_bands + (FRAME_SAMPLES + N_TRACKS) * self.is_conditioned

    @classmethod
    def from_dict(cls, entries: dict[str, Any]) -> RaveSettings:
        """Read the card's entries."""
        sizes = [name for name in cls.__dataclass_fields__ if name != "is_conditioned"]
        settings = cls(
            **{name: int(entries[name]) for name in sizes}, is_conditioned=bool(entries.get("told", False))
        )
        smallest = min(settings.ratio, settings.latent_size, settings.n_bands)
        if smallest < 1 or min(settings.delay_samples, settings.encoder_steps, settings.decoder_steps) < 0:
            raise ValueError("its sizes are out of range")
        return settings


class RaveVoice(FamilyVoice):
    """A voice of the family `rave`.

    Args:
        onnx_bytes: One graph of two parts: `audio` to `encoded`; `latent`, `mix` and `noise` to `made`.
        card: Of the voice; its settings hold `rave`.

    Raises:
        VoiceError: The network cannot be loaded or the card lacks its settings.
    """

    def __init__(self, onnx_bytes: bytes, card: Card) -> None:
        super().__init__(card)
        try:
            self.settings = RaveSettings.from_dict(card.settings["rave"])
            self.dial = DialScale(card)
            self._session = open_network(onnx_bytes, inputs=INPUTS)
        except (KeyError, TypeError, *UNUSABLE) as error:
            raise self.unusable(error) from None
        # Without this, the part that was not asked for would be computed too.
        self._options = onnxruntime.RunOptions()
        self._options.only_execute_path_to_fetches = True

    def perform(
        self,
        source: Source,
        measurement: Measurement,
        on_progress: OnProgress,
        lines: Lines = "auto",
    ) -> RavePerformance:
        """Encode the recording once; only its latent and the recording are kept, and what conditions it."""
        recording, gain = spooled(
            source, measurement, self.card.sample_rate, lambda share: on_progress(SPOOLING_SHARE * share)
        )
        settings = self.settings
        begun, controls, conditioning = SPOOLING_SHARE, None, None
        if settings.is_conditioned:
            begun = ANALYSED_SHARE
            width = begun - SPOOLING_SHARE
            blocks = kept_blocks(recording, lambda share: on_progress(SPOOLING_SHARE + width * share))
            controls = analyse_blocks(blocks, lines=lines)
            conditioning = Conditioning(controls, float(20.0 * np.log10(gain)))
        n_steps = -(-(recording.n_samples + settings.delay_samples) // settings.ratio)
        latents = Spool(SPOOL_BYTES, "the latent")
        for start in range(0, n_steps, settings.block_steps):
            stop = min(start + settings.block_steps, n_steps)
            first = max(start - settings.encoder_steps, 0)
            audio = gain * recording.read(first * settings.ratio, stop * settings.ratio)
            latents.append(self.encode(audio)[start - first :].ravel())
            on_progress(begun + (1.0 - begun) * stop / n_steps)
        performance = RavePerformance(self, recording, latents, n_steps, conditioning)
        performance.controls = controls
        return performance

    def encode(self, audio: Float32[np.ndarray, " sample"]) -> Float32[np.ndarray, "step latent"]:
        """Encode a whole number of steps of audio, as if silence went before."""
        settings = self.settings
        encoded = self._run(
            "encoded",
            audio=audio[None],
            latent=np.zeros((1, settings.latent_size, 1), np.float32),
            mix=np.zeros((1, 1), np.float32),
            noise=np.zeros((1, settings.n_drive, settings.ratio // settings.n_bands), np.float32),
        )
        return np.ascontiguousarray(encoded[0].T)

    def decode(
        self,
        latent: Float32[np.ndarray, "step latent"],
        mix: Float32[np.ndarray, " step"],
        drive: Float32[np.ndarray, "channel frame"],
    ) -> Float32[np.ndarray, " sample"]:
        """Decode steps, as if nothing went before, driven by noise and what else conditions the network."""
        made = self._run(
            "made",
            audio=np.zeros((1, self.settings.ratio), np.float32),
            latent=np.ascontiguousarray(latent.T)[None],
            mix=mix[None],
            noise=drive[None],
        )
        return made[0]

    def _run(self, output: str, **given: Float32[np.ndarray, "..."]) -> np.ndarray:
        try:
            made: np.ndarray = self._session.run([output], given, self._options)[0]
        except UNUSABLE as error:
            raise self.unusable(error, "cannot play") from None
        return made


class RavePerformance(Performance):
    """One performance, ready to be decoded at any mix; its last steps let the last sample come out."""

    has_one_dial = True

    def __init__(
        self,
        voice: RaveVoice,
        recording: Spool,
        latents: Spool,
        n_steps: int,
        conditioning: Conditioning | None = None,
    ) -> None:
        sample_rate = voice.card.sample_rate
        super().__init__(sample_rate, n_steps, sample_rate / voice.settings.ratio)
        self._voice = voice
        self._recording = recording
        self._latents = latents
        self._conditioning = conditioning

    def blocks(self, dials: Dials) -> Iterator[Float32[np.ndarray, " sample"]]:
        """Decode with `dials.tone` as the mix, some steps at a time."""
        n_block = self._voice.settings.block_steps
        follower = LoudnessFollower(self._recording, self.sample_rate)
        place = self._voice.dial.place(dials.tone)
        made = (
            self._decoded(start, min(start + n_block, self.n_frames), place)
            for start in range(0, self.n_frames, n_block)
        )
        for block in without_first(made, self._voice.settings.delay_samples):
            yield follower.push(block)
        yield follower.flush()

    def _decoded(
        self, start: int, stop: int, mix: Float32[np.ndarray, " frame"]
    ) -> Float32[np.ndarray, " sample"]:
        """Decode steps from `start` on, with those before that the network remembers."""
        settings = self._voice.settings
        first = max(start - settings.decoder_steps, 0)
        size, ratio = settings.latent_size, settings.ratio
        latent = self._latents.read(first * size, stop * size).reshape(-1, size)
        drive = np.concatenate([self._noise(step) for step in range(first, stop)], axis=1)
        if self._conditioning is not None:
            drive = np.concatenate([drive, self._conditioning.between(first * ratio, stop * ratio)])
        made = self._voice.decode(latent, mix[first:stop], drive)
        return made[(start - first) * ratio :]

    def _noise(self, step: int) -> Float32[np.ndarray, "band frame"]:
        """Return the noise of a step: the same whenever it is asked for."""
        settings = self._voice.settings
        rng = np.random.default_rng((NOISE_SEED, step))
        shape = (settings.n_bands, settings.ratio // settings.n_bands)
        return rng.standard_normal(shape, dtype=np.float32)
