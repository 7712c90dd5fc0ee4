"""Bits a sample of the WaveNet autoencoder on held-out crops, beside two models that know less.

All are asked about the same crops and hear the same past, the recording's own. The short convolution has as
many weights as the decoder, hears `SHORT_SAMPLES` samples and no code, and learns from a clean past, which
suits it best here; the decoder learned from an unreliable one. The unigram knows how often each level occurs.

The decoder is also given pitch, loudness and the phase of the fundamental, which no code holds. That is paid
for: each is rounded, and its bits are added to the model's. It is given no phases of partials.
"""

import argparse
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from environment import ROOT
from onnx import numpy_helper
from torch import nn
from torch.nn import functional

from violute.data.recordings import list_recordings, read_patterns
from violute.dsp.mu_law import scaled, to_levels
from violute.families.nsynth.config import NsynthConfig
from violute.families.nsynth.data import TRACK_RATE_HZ, Crops, Wave, draw_crops, read_waves
from violute.families.nsynth.export import CONDITIONER, STEP
from violute.families.nsynth.network import SAMPLE_RATE, Nsynth
from violute.families.nsynth.output import bits, n_outputs
from violute.families.nsynth.recipes import NSYNTH_RECIPES, NsynthRecipe
from violute.families.nsynth.task import NsynthTask
from violute.families.task import Corpus

NAMES = ("flute", "violin")
SHORT_SAMPLES = 16
SHORT_CROP_SAMPLES = 1024
"""Of each crop: more of the same note teaches it little, and it takes more steps in the same time."""

N_UNIGRAM_BATCHES = 40
PHASE_LEVELS = 256
CONDITIONING_BITS_A_FRAME = 11.0 + 6.0
"""For a pitch to 5 cents and a loudness to 1 dB, each frame of the code."""

CONDITIONING_BITS = math.log2(PHASE_LEVELS) * TRACK_RATE_HZ / SAMPLE_RATE + CONDITIONING_BITS_A_FRAME / 512
"""A sample, for a phase each 10 ms, and for pitch and loudness."""


class Short(nn.Module):
    """A convolution over the latest samples alone, and three layers on top.

    Args:
        n_weights: To come close to.
        n_components: Of the mixture that it says.
    """

    def __init__(self, n_weights: int, n_components: int) -> None:
        super().__init__()
        n_out = n_outputs("logistics", n_components)
        # Weights are 2 width^2 + (SHORT_SAMPLES + n_out + 3) width + n_out.
        linear = SHORT_SAMPLES + n_out + 3
        width = round((math.sqrt(linear**2 + 8.0 * (n_weights - n_out)) - linear) / 4.0)
        self.layers = nn.Sequential(
            nn.Conv1d(1, width, SHORT_SAMPLES),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
            nn.ReLU(),
            nn.Conv1d(width, n_out, 1),
        )

    def forward(self, before: torch.Tensor) -> torch.Tensor:
        """Say how each sample is distributed."""
        return self.layers(functional.pad(before[:, None], (SHORT_SAMPLES - 1, 0)))


def bits_a_sample(options: argparse.Namespace) -> dict[str, object]:
    """Compare likelihoods on the same held-out crops."""
    recipe = replace(NSYNTH_RECIPES[options.recipe](), is_half=False)
    held = waves_of(options, rounded=True)
    task = NsynthTask(Corpus(NAMES, held, held, torch.device("cpu"), {}), recipe)
    task.network.load_state_dict(network_of_voice(options.voice, recipe.network).state_dict())
    task.network.eval()
    n_weights = sum(p.numel() for p in task.network.decoder.parameters())
    rng = np.random.default_rng(6)
    drawn = [crops_of(held, recipe, rng) for _ in range(options.crops // recipe.batch_size)]
    with torch.no_grad():
        model = [float(task.losses(crops, None)["waveform/bits"]) + CONDITIONING_BITS for crops in drawn]
    figures: dict[str, object] = {
        "model": float(np.mean(model)),
        "of_which_conditioning": CONDITIONING_BITS,
        "model_weights": n_weights,
        "crops": options.crops,
    }
    if options.short_minutes <= 0.0:
        return figures
    training = waves_of(options)
    short, curve = trained_short(training, recipe, n_weights, options.short_steps, options.short_minutes)
    unigram = _unigram(training, recipe)
    insides = [_inside(to_levels(crops.audio), recipe) for crops in drawn]
    with torch.no_grad():
        rows = [(float(_cost(short, *inside)), float(unigram[inside[1]].mean())) for inside in insides]
    of_short, of_unigram = np.mean(rows, axis=0)
    return figures | {
        "short_convolution": float(of_short),
        "unigram": float(of_unigram),
        "short_steps": curve[-1][0],
        "short_training_bits": curve,
        "short_weights": sum(p.numel() for p in short.parameters()),
    }


def network_of_voice(path: Path, config: NsynthConfig) -> Nsynth:
    """Put the weights of a voice file back into the network that they were exported from.

    Args:
        path: Voice file.
        config: Of its recipe; sizes that differ fail.
    """
    network = Nsynth(config)
    encoder = _arrays(onnx.load(path).graph)
    graphs = {
        name: onnx.load_from_string(encoder.pop(f"{name}.bytes").tobytes()).graph
        for name in (CONDITIONER, STEP)
    }
    state = {f"encoder.{name}": array for name, array in encoder.items()}
    state |= {name.removeprefix("network."): array for name, array in _arrays(graphs[CONDITIONER]).items()}
    step = _arrays(graphs[STEP])
    state |= {f"decoder.{name}": array for name, array in step.items() if name.endswith(".bias")}
    # What is multiplied with, in the order of `DecoderStep`: exporters fold and rename it.
    products = [
        step[node.input[1]].T if node.op_type == "MatMul" else step[node.input[1]]
        for node in graphs[STEP].node
        if node.op_type in ("MatMul", "Gemm") and step.get(node.input[1], np.zeros(0)).ndim == 2
    ]
    n_layers, n_taps = len(config.dilations), config.kernel_size - 1
    first, *layers = products
    now, residual = layers[: 2 * n_layers : 2], layers[1 : 2 * n_layers - 1 : 2]
    (past,) = (array for array in step.values() if array.ndim == 3)
    state["decoder.first.bias"] = step["first_bias"]
    state["decoder.first.weight"] = first[:, None, config.n_driving :]
    if config.n_harmonics:
        state["decoder.driven.weight"] = first[:, : config.n_driving, None]
    for i in range(n_layers):
        taps = past[i].reshape(n_taps, config.channels, -1)
        state[f"decoder.dilated.{i}.weight"] = np.concatenate([taps, now[i].T[None]]).transpose(2, 1, 0)
    heads = zip(("skip", "hidden", "last"), layers[2 * n_layers - 1 :], strict=True)
    named = [*((f"residual.{i}", weight) for i, weight in enumerate(residual)), *heads]
    state |= {f"decoder.{name}.weight": weight[:, :, None] for name, weight in named}
    # The encoder's bank of filters is no weight.
    fixed = {name: value for name, value in network.state_dict().items() if ".bank." in name}
    network.load_state_dict({name: torch.tensor(array) for name, array in state.items()} | fixed)
    return network


def _arrays(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    return {one.name: numpy_helper.to_array(one) for one in graph.initializer}


def trained_short(
    training: list[Wave], recipe: NsynthRecipe, n_weights: int, n_steps: int, minutes: float
) -> tuple[Short, list[tuple[int, float]]]:
    """Train the short network on the same crops, as many steps, or until the minutes are over.

    Returns:
        The network, and its bits on the training crops: step and mean since the step before.
    """
    torch.manual_seed(0)
    short = Short(n_weights, recipe.network.n_components)
    optimizer = torch.optim.Adam(short.parameters(), lr=recipe.learning_rate)
    rng = np.random.default_rng(3)
    started = time.monotonic()
    step, share, recent = 0, 0.0, []
    curve: list[tuple[int, float]] = []
    while step < n_steps and share < 1.0:
        share = max((time.monotonic() - started) / (60.0 * minutes), step / n_steps)
        warmth = min(1.0, (step + 1) / 50) * (0.02 + 0.98 * math.cos(0.5 * math.pi * min(share, 1.0)))
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * warmth
        before, wanted = _inside(to_levels(crops_of(training, recipe, rng, augment=True).audio), recipe)
        before, wanted = before[:, :SHORT_CROP_SAMPLES], wanted[:, :SHORT_CROP_SAMPLES]
        loss = _cost(short, before, wanted)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(short.parameters(), 1.0)
        optimizer.step()
        step += 1
        recent.append(float(loss.detach()))
        if step % 200 == 0 or step == n_steps or share >= 1.0:
            curve.append((step, float(np.mean(recent))))
            recent.clear()
    return short.eval(), curve


def crops_of(
    waves: list[Wave], recipe: NsynthRecipe, rng: np.random.Generator, *, augment: bool = False
) -> Crops:
    """Draw a batch as training does."""
    n_frames = recipe.n_frames + 2 * recipe.n_context_frames
    return draw_crops(
        waves, n_frames, recipe.batch_size, rng, hop_length=recipe.network.hop_length, augment=augment
    )


def waves_of(options: argparse.Namespace, *, rounded: bool = False) -> list[Wave]:
    """Read what there is to learn from, or what was held out, its conditioning rounded on request."""
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    waves: list[Wave] = []
    for end, name in enumerate(NAMES):
        chosen = {"select": patterns} if rounded else {"hold_out": patterns}
        waves += read_waves(list_recordings(options.data / name, **chosen), end, options.cache)
    return [_rounded(wave) for wave in waves] if rounded else waves


def _rounded(wave: Wave) -> Wave:
    """Round the conditioning to what is paid for."""
    return replace(
        wave,
        cycles=np.round(PHASE_LEVELS * wave.cycles) / PHASE_LEVELS,
        f0_hz=np.exp2(np.round(240.0 * np.log2(wave.f0_hz)) / 240.0).astype(np.float32),
        loudness_db=np.round(wave.loudness_db),
    )


def _unigram(training: list[Wave], recipe: NsynthRecipe) -> torch.Tensor:
    """Return what each level costs by its frequency in training."""
    counts = torch.ones(256)
    rng = np.random.default_rng(4)
    for _ in range(N_UNIGRAM_BATCHES):
        counts += torch.bincount(to_levels(crops_of(training, recipe, rng).audio).flatten(), minlength=256)
    return -(counts / counts.sum()).log2()


def _inside(levels: torch.Tensor, recipe: NsynthRecipe) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the past of what the decoder draws, without the frames of context, and what was played."""
    hop, n = recipe.network.hop_length, recipe.n_context_frames
    inside = slice(n * hop, (n + recipe.n_frames) * hop)
    return functional.pad(scaled(levels)[:, inside][:, :-1], (1, 0)), levels[:, inside]


def _cost(short: Short, before: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    return bits(short(before).float(), wanted, "logistics").mean()
