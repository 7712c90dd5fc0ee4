"""Training the default voice: first on levels that were measured, then on sounds.

In the first stage the network never hears a waveform. It is asked for the levels of harmonics and
noise that were measured once, so a step costs a tenth of a second on two CPU cores where a step
through the synthesiser costs several times that. The second stage, in `families.ddsp.sound`, adds the sounds.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from violute.analysis.pitch_range import PitchRange
from violute.data.features import Features, measure_all
from violute.data.recordings import Recording
from violute.data.reverb_tails import DECAY_SECONDS
from violute.data.sampling import by_source, of_both_ends
from violute.errors import TrainingError
from violute.families.ddsp.data import Line, Snippets, draw, lines_of
from violute.families.ddsp.export import export_ddsp
from violute.families.ddsp.losses import regression_losses
from violute.families.ddsp.network import DdspConfig, DdspDecoder
from violute.families.ddsp.recipes import DdspRecipe
from violute.families.ddsp.sound import Sounds, SourceReverb, draw_sounds, spectral_loss
from violute.families.ddsp.voice import HarmonicPerformance, HarmonicVoice
from violute.families.ends import TwoEnds, read_both_ends
from violute.families.task import EXAMPLE_MIXES, ModulesTask, sources_heard
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.training.batches import to_device
from violute.training.losses import weighted_total
from violute.training.seeds import first_weights, numpy_generator
from violute.training.task import Losses, Sound, StepContext
from violute.voices.file import open_voice_file
from violute.voices.mix import dials

N_VALIDATION_SNIPPETS = 64
EXAMPLE_SECONDS = 6.0
SPECTRAL = "spectral/multi_resolution"


class DdspTask(ModulesTask):
    """The family `ddsp` in training.

    Args:
        training: What to learn from, for mix 0 and mix 1.
        validation: Recordings that are only measured; if empty, the training recordings stand in.
        recipe: Sizes, rates and weights.
        names: Of the ends.
        device: To train on.
        card: Entries of the exported voice's card, before what is known from the recordings.
    """

    def __init__(
        self,
        training: tuple[list[Features], list[Features]],
        validation: tuple[list[Features], list[Features]],
        recipe: DdspRecipe,
        *,
        names: tuple[str, str],
        device: torch.device,
        card: Mapping[str, object],
    ) -> None:
        super().__init__()
        self.recipe, self.names, self.device, self.card = recipe, names, device, dict(card)
        self.lines: list[Line] = []
        for end, features in enumerate(training):
            self.lines += lines_of(features, end, len(self.lines))
        self.validation_lines = _lines_like(self.lines, validation) or self.lines
        self.examples = tuple(_example(features) for features in training)
        config = DdspConfig(
            n_sources=len(self.lines),
            n_tails=len(DECAY_SECONDS),
            channels=recipe.channels,
            dilations=recipe.dilations,
            filter_lowest_hz=self.lines[0].pitch_range.filter_lowest_hz,
        )
        with first_weights(recipe.loop.seed):
            self.decoder = DdspDecoder(config).to(device)
            # Without a stage on sounds there are no rooms to learn by ear.
            has_rooms = recipe.spectral_from_step is not None
            self.rooms = SourceReverb(len(self.lines)).to(device) if has_rooms else None
        self._modules = {"decoder": self.decoder} | ({} if self.rooms is None else {"rooms": self.rooms})
        parameters = [p for module in self._modules.values() for p in module.parameters()]
        self._optimizers = {"voice": torch.optim.Adam(parameters, lr=recipe.learning_rate)}

    def batch(self, generator: torch.Generator) -> Any:
        """Draw augmented snippets."""
        rng = numpy_generator(generator)
        return draw(self.lines, self.recipe.n_frames, self.recipe.batch_size, rng, augment=True)

    def step(self, batch: Any, context: StepContext) -> Losses:
        """Descend on the weighted losses."""
        losses, weights = self._losses(batch), self._level_weights()
        first = self.recipe.spectral_from_step
        if self.rooms is not None and first is not None and context.scheduled_step >= first:
            sounds = self._sounds_to_imitate(context.generator)
            losses[SPECTRAL] = spectral_loss(self.decoder, self.rooms, sounds, context.generator)
            weights = dict(self.recipe.loss_weights)
        losses = weighted_total(losses, weights)
        context.descend("voice", losses["total"])
        return losses

    def validate(self) -> Mapping[str, float]:
        """Measure the losses on the same snippets every time."""
        rng = np.random.default_rng(1)
        lines, recipe = self.validation_lines, self.recipe
        snippets = draw(lines, recipe.n_frames, N_VALIDATION_SNIPPETS, rng, augment=False)
        losses = weighted_total(self._losses(self._to_device(snippets)), self._level_weights())
        return {name: float(loss) for name, loss in losses.items()}

    def sounds(self) -> Mapping[str, Sound]:
        """Play a few seconds of each instrument at three mixes."""
        sounds: dict[str, Sound] = {}
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "voice.onnx"
            self._export(path, is_calibrated=False)
            voice = HarmonicVoice(*open_voice_file(path))
            for name, features in zip(self.names, self.examples, strict=True):
                controls = features.controls.frames(0, int(EXAMPLE_SECONDS * features.controls.frame_rate_hz))
                performance = HarmonicPerformance(voice.session, voice.settings, controls)
                for mix in EXAMPLE_MIXES:
                    course = dials(mix, performance.n_frames, performance.frame_rate_hz)
                    audio = np.concatenate(list(performance.blocks(course)))
                    sounds[f"{name}-mix{mix:.2f}"] = (
                        audio / max(1.0, float(np.abs(audio).max())),
                        SAMPLE_RATE,
                    )
        return sounds

    def export(self, path: Path) -> None:
        """Write a voice file."""
        self._export(path, is_calibrated=True)

    def _export(self, path: Path, *, is_calibrated: bool) -> None:
        decoder = DdspDecoder(self.decoder.config)
        decoder.load_state_dict({name: value.cpu() for name, value in self.decoder.state_dict().items()})
        frame_seconds = HOP_LENGTH / SAMPLE_RATE
        lines = ((line.end, line.name, len(line.f0_hz) * frame_seconds) for line in self.lines)
        known = {"name": path.stem, "training_data": sources_heard(self.names, lines)}
        entries = {**known, **self.card}
        export_ddsp(decoder, self.lines, self.names, path, card=entries, is_calibrated=is_calibrated)

    def _losses(self, snippets: Snippets) -> dict[str, torch.Tensor]:
        levels = self.decoder(snippets.features, snippets.f0_hz, snippets.end, snippets.source)
        decoder = self.decoder
        noise_db = decoder.measured_noise_db(levels.noise_db, snippets.tail_db, snippets.source)
        return {
            **regression_losses(levels.harmonic_db, noise_db, snippets),
            "prior/smooth_body": decoder.body.roughness(),
            "prior/smooth_room": decoder.room.roughness(),
            "prior/small_room": decoder.room.gain_db.square().mean() + decoder.room_noise_db.square().mean(),
        }

    def _sounds_to_imitate(self, generator: torch.Generator) -> Sounds:
        rng = numpy_generator(generator)
        recipe = self.recipe
        sounds = draw_sounds(self.lines, recipe.spectral_n_frames, recipe.spectral_batch_size, rng)
        snippets = self._to_device(sounds.snippets)
        return Sounds(snippets, sounds.loudness_db.to(self.device), sounds.audio.to(self.device))

    def _level_weights(self) -> dict[str, float]:
        """Return the weights of the losses that need no sound."""
        return {name: weight for name, weight in self.recipe.loss_weights.items() if name != SPECTRAL}

    def _to_device(self, snippets: Snippets) -> Snippets:
        return Snippets(*to_device(snippets, self.device))


def measured_ends(ends: TwoEnds, pitch_range: PitchRange, *, with_audio: bool) -> list[list[Features]]:
    """Measure the recordings of both ends, and make sure that there is something to learn from.

    Args:
        ends: Their recordings.
        pitch_range: Where pitch is sought.
        with_audio: Whether the sound itself is kept too.

    Raises:
        TrainingError: An end has no recording with a steady pitch.
        AudioError: A recording cannot be read.
    """

    def read(_end: int, recordings: list[Recording], on_progress: Callable[[float], None]) -> list[Features]:
        return measure_all(
            recordings,
            ends.cache,
            pitch_range=pitch_range,
            with_tails=True,
            with_audio=with_audio,
            engine=ends.engine,
            on_progress=on_progress,
        )

    frame_seconds = HOP_LENGTH / SAMPLE_RATE
    measured = read_both_ends(ends, read, lambda features: features.controls.n_frames * frame_seconds)
    for name, features in zip(ends.names, measured, strict=True):
        if not any(item.is_reliable.any() for item in features):
            raise TrainingError(
                f"no recording of {name} has a steady pitch: give solo recordings, one note at a time"
            )
    return measured


def _lines_like(lines: list[Line], validation: tuple[list[Features], list[Features]]) -> list[Line]:
    """Join held-out recordings into lines that keep the numbers of their sources' rooms."""
    known = {(line.end, line.name): line.source for line in lines}
    kept = []
    for end, features in enumerate(validation):
        usable = [item for item in features if item.is_reliable.any() and (end, item.source) in known]
        for name, members in by_source(usable).items():
            kept += lines_of(members, end, known[end, name])
    return of_both_ends(kept)


def _example(features: list[Features]) -> Features:
    """Return the recording whose pitch is sure for the longest time, of at most two minutes."""
    return max(features, key=lambda item: min(int(item.is_reliable.sum()), 12_000))
