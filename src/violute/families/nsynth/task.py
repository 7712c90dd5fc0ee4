"""Training the WaveNet autoencoder: what it costs, what it learns beside the waveform, and its voice file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor
from torch.nn import functional

from violute.data.recordings import Recording
from violute.data.sampling import training_and_validation
from violute.dsp.disguise import disguised
from violute.dsp.mu_law import scaled, to_levels
from violute.dsp.sines import sines_of
from violute.families.ends import TwoEnds, read_both_ends
from violute.families.nsynth.data import Crops, Wave, draw_crops, leads_of, read_waves, unreliable
from violute.families.nsynth.network import SAMPLE_RATE, Nsynth, conditioning_of
from violute.families.nsynth.output import bits
from violute.families.nsynth.recipes import NsynthRecipe
from violute.families.nsynth.sampler import HIGHEST_SINE_HZ
from violute.families.nsynth.teachers import Confusion, SpectrumReader
from violute.families.task import Corpus, ModulesTask, example_sounds
from violute.training.batches import to_device
from violute.training.losses import weighted_total
from violute.training.seeds import first_weights, numpy_generator
from violute.training.task import Losses, Sound, StepContext

N_VALIDATION_CROPS = 32
EXAMPLE_SECONDS = 2.0
EXAMPLE_MIXES = (0.0, 1.0)

HEARD_LEVEL_DB = (-12.0, 3.0)
"""Between which gains the encoder hears crops that are disguised."""


class NsynthTask(ModulesTask):
    """The family `nsynth` in training."""

    def __init__(self, corpus: Corpus[Wave], recipe: NsynthRecipe) -> None:
        super().__init__()
        self.corpus, self.recipe = corpus, recipe
        with first_weights(recipe.loop.seed):
            self._modules = {"network": Nsynth(recipe.network)}
            if "code/instrument" in recipe.loss_weights:
                self._modules["confusion"] = Confusion(recipe.network)
            if "code/spectrum" in recipe.loss_weights:
                self._modules["spectrum"] = SpectrumReader(recipe.network)
        for module in self._modules.values():
            module.to(corpus.device)
        parameters = [p for module in self._modules.values() for p in module.parameters()]
        adam = torch.optim.Adam(parameters, lr=recipe.learning_rate, betas=(0.9, 0.99))
        self._optimizers = {"network": adam}

    @property
    def network(self) -> Nsynth:
        """The autoencoder, without what is only there to teach it."""
        network = self._modules["network"]
        assert isinstance(network, Nsynth)
        return network

    def batch(self, generator: torch.Generator) -> Crops:
        """Draw crops, augmented if the recipe says so."""
        rng = numpy_generator(generator)
        return self._drawn(self.corpus.training, rng, augment=self.recipe.is_augmented)

    def step(self, batch: Crops, context: StepContext) -> Losses:
        """Descend on the weighted losses."""
        # A generator on the device, which a step would wait for otherwise.
        seed = int(torch.randint(2**62, (1,), generator=context.generator))
        generator = torch.Generator(self.corpus.device).manual_seed(seed)
        losses = weighted_total(self.losses(batch, generator), self.recipe.loss_weights)
        context.descend("network", losses["total"])
        return losses

    def losses(self, crops: Crops, generator: torch.Generator | None) -> dict[str, Float[Tensor, ""]]:
        """Compute every loss of the recipe, unweighted.

        Args:
            crops: To hear and to draw.
            generator: On the device, of the disguise and of what makes past, code and phases unreliable; None
                leaves sound, past and code as they are, and knows no phases but the fundamental's.
        """
        recipe, network = self.recipe, self.network
        levels = to_levels(crops.audio)
        wave = scaled(levels)
        heard = wave
        if generator is not None and recipe.is_disguised:
            other = disguised(crops.audio, SAMPLE_RATE, generator, level_db=HEARD_LEVEL_DB)
            heard = scaled(to_levels(other))
        config, n_context = network.config, recipe.n_context_frames
        n_frames = levels.shape[1] // config.hop_length
        inside = slice(n_context, n_frames - n_context)
        samples = slice(inside.start * config.hop_length, inside.stop * config.hop_length)
        before, noisiness = self._past(wave[:, samples], generator)
        sines, knows_phases = self._sines(crops, samples, inside, generator)
        reliability = (one[:, None].expand(-1, n_frames) for one in (noisiness, knows_phases))
        conditioning = conditioning_of(crops.f0_hz, crops.loudness_db, *reliability)
        device_type = self.corpus.device.type
        with torch.autocast(device_type, torch.bfloat16, enabled=recipe.is_half):
            code = network.encoder(heard)
            losses = {}
            if "code/instrument" in recipe.loss_weights:
                losses["code/instrument"] = self._modules["confusion"](code, crops.end)
            code = self._unreliable_code(code, generator)
            seen = network.seen(code, network.shares_of(crops.end, n_frames), conditioning)
            if "code/spectrum" in recipe.loss_weights:
                losses["code/spectrum"] = self._modules["spectrum"](seen, network.encoder.bank, wave)
            conditions = network.conditioner(seen)[:, :, inside]
            outputs = network.decoder(before, conditions, sines).float()
        if "partials/waveform" in recipe.loss_weights and sines is not None:
            off = network.decoder.partials(conditions, sines) - wave[:, samples]
            losses["partials/waveform"] = (off.square().mean(dim=1) * knows_phases).mean()
        losses["waveform/bits"] = bits(outputs, levels[:, samples], config.output).mean()
        return {name: loss.float() for name, loss in losses.items()}

    def validate(self) -> Mapping[str, float]:
        """Measure the losses on the same crops every time; `total` is what the waveform costs."""
        rng = np.random.default_rng(1)
        waves = self.corpus.validation or self.corpus.training
        n_batches = -(-N_VALIDATION_CROPS // self.recipe.batch_size) if self.corpus.validation else 1
        drawn = (self._drawn(waves, rng, augment=False) for _ in range(n_batches))
        rows = [self.losses(Crops(*to_device(crops, self.corpus.device)), None) for crops in drawn]
        measured = {name: float(torch.stack([row[name] for row in rows]).mean()) for name in rows[0]}
        return {**measured, "total": measured["waveform/bits"]}

    def sounds(self) -> Mapping[str, Sound]:
        """Play some seconds of each instrument at both ends, by the voice file that would be written."""
        examples = {name: self._example(end) for end, name in enumerate(self.corpus.names)}
        return example_sounds(self.export, examples, SAMPLE_RATE, mixes=EXAMPLE_MIXES)

    def export(self, path: Path) -> None:
        """Write a voice file."""
        from violute.families.nsynth.export import export_nsynth

        heard = self.corpus.heard(lambda wave: len(wave.audio) / SAMPLE_RATE)
        known = {"name": path.stem, "training_data": heard}
        network = deepcopy(self.network).cpu().eval()
        export_nsynth(network, path, names=self.corpus.names, card={**known, **self.corpus.card})

    def _past(self, wave: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        """Return what comes before each sample, as unreliable as the recipe says, and how noisy it is."""
        before = functional.pad(wave[:, :-1], (1, 0))
        if generator is None:
            return before, before.new_zeros(len(before))
        recipe = self.recipe
        return unreliable(before, generator, most_noise=recipe.most_noise, missing_share=recipe.missing_share)

    def _sines(
        self, crops: Crops, samples: slice, inside: slice, generator: torch.Generator | None
    ) -> tuple[Tensor | None, Tensor]:
        """Return what the decoder hears of the pitch, and in which crops its phases are the partials' own."""
        n_harmonics = self.network.config.n_harmonics
        n_crops, device = len(crops.audio), crops.audio.device
        knows = torch.zeros(n_crops, device=device)
        leads = torch.zeros(n_crops, n_harmonics, device=device)
        if generator is not None:
            drawn = torch.rand(n_crops, generator=generator, device=device)
            knows = (drawn < self.recipe.known_phases_share).float()
            leads = torch.rand(n_crops, n_harmonics, generator=generator, device=device)
        if not n_harmonics:
            return None, knows
        leads[:, 0] = 0.0  # the fundamental's own phase is known in any case
        played = leads_of(crops)[:, :n_harmonics, samples]
        leads = torch.where(knows[:, None, None] > 0.0, played, leads[:, :, None])
        f0_hz, cycles = crops.f0_hz[:, inside], crops.cycles[:, samples]
        return sines_of(cycles, f0_hz, n_harmonics, HIGHEST_SINE_HZ, leads), knows

    def _unreliable_code(self, code: Tensor, generator: torch.Generator | None) -> Tensor:
        """Add noise to the code, and play some crops with less of it, down to none."""
        if generator is None:
            return code
        share, rarity = torch.rand(2, len(code), 1, 1, generator=generator, device=code.device)
        share = torch.where(rarity < self.recipe.faint_code_share, share, 1.0)
        noise = torch.randn(code.shape, generator=generator, device=code.device)
        return share * code + self.recipe.code_noise * noise

    def _drawn(self, waves: Sequence[Wave], rng: np.random.Generator, *, augment: bool) -> Crops:
        recipe = self.recipe
        return draw_crops(
            waves,
            recipe.n_frames + 2 * recipe.n_context_frames,
            recipe.batch_size,
            rng,
            hop_length=recipe.network.hop_length,
            augment=augment,
        )

    def _example(self, end: int) -> Float32[np.ndarray, " sample"]:
        longest = max((w for w in self.corpus.training if w.end == end), key=lambda wave: len(wave.audio))
        return np.asarray(longest.audio[: int(EXAMPLE_SECONDS * SAMPLE_RATE)], np.float32)


def build_nsynth_task(ends: TwoEnds, recipe: NsynthRecipe) -> NsynthTask:
    """Read the recordings of both ends, keep some for validation, and set the task up."""

    def read(end: int, recordings: list[Recording], on_progress: Callable[[float], None]) -> list[Wave]:
        return read_waves(recordings, end, ends.cache, engine=ends.engine, on_progress=on_progress)

    waves = read_both_ends(ends, read, lambda wave: len(wave.audio) / SAMPLE_RATE)
    training, validation = training_and_validation(waves)
    return NsynthTask(Corpus(ends.names, training, validation, ends.device, ends.card), recipe)
