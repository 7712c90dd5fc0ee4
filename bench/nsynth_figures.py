"""Measure the trained WaveNet autoencoder on held-out recordings; write `bench/nsynth.json` and pictures.

    python bench/nsynth_figures.py --run nsynth-run --voice voices/nsynth.onnx --data ../shared/data

Bits a sample: of the decoder on held-out crops, beside the levels' frequencies alone (unigram) and a network
of the same size that hears `SHORT_SAMPLES` samples and no code. Notes: decoded from their own codes,
free-running, beside a decoding of the mean code, by WORLD's harvest, which conditions nothing here. Pieces:
at five mixes, by the judge.
"""

import argparse
import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from environment import ROOT
from torch import nn
from torch.nn import functional
from violute.cli.rainbowgram import rainbowgram

from violute.cli.rainbow import write_picture
from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.dsp.mu_law import scaled, to_levels
from violute.evaluation.judge import Judge
from violute.evaluation.loudness import to_mono
from violute.evaluation.pitch import compared_frames, judge_f0, raw_pitch_accuracy
from violute.models.nsynth import SAMPLE_RATE
from violute.models.nsynth_output import bits, n_outputs
from violute.training.checkpoints import read_checkpoint
from violute.training.nsynth_data import Wave, crop_at, draw_crops, read_waves
from violute.training.nsynth_recipes import nsynth_recipe
from violute.training.nsynth_task import NsynthCorpus, NsynthTask
from violute.voices.codes import Codes
from violute.voices.load import load_voice
from violute.voices.mix import dials
from violute.voices.nsynth import NsynthPerformance

NAMES = ("flute", "violin")
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
SHORT_SAMPLES = 16
SHORT_WIDTH = 330
"""With which the short network has as many weights as the decoder."""

GATE = 0.1
"""Frames whose RMS is below this share of the loudest are not compared."""


class Short(nn.Module):
    """A convolution over the latest samples alone, and two layers on top."""

    def __init__(self, n_components: int) -> None:
        super().__init__()
        width = SHORT_WIDTH
        self.layers = nn.Sequential(
            nn.Conv1d(1, width, SHORT_SAMPLES),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
            nn.ReLU(),
            nn.Conv1d(width, width, 1),
            nn.ReLU(),
            nn.Conv1d(width, n_outputs("logistics", n_components), 1),
        )

    def forward(self, before: torch.Tensor) -> torch.Tensor:
        """Say how each sample is distributed."""
        return self.layers(functional.pad(before[:, None], (SHORT_SAMPLES - 1, 0)))


def main() -> None:
    """Measure what was asked for and merge it into the document."""
    options = _options()
    out = ROOT / "bench" / "nsynth.json"
    document = json.loads(out.read_text()) if out.is_file() else {}
    if "bits" in options.only:
        document["bits"] = bits_a_sample(options)
    if "notes" in options.only:
        document["notes"] = notes(options)
    if "pieces" in options.only:
        document["pieces"] = pieces(options)
    document["command"] = (
        "python bench/nsynth_figures.py --run nsynth-run --voice voices/nsynth.onnx --data ../shared/data"
    )
    out.write_text(json.dumps(document, indent=1) + "\n")
    print(
        json.dumps(
            {
                k: {a: b for a, b in v.items() if a != "each"} if isinstance(v, dict) else v
                for k, v in document.items()
            },
            indent=1,
        )
    )


def bits_a_sample(options: argparse.Namespace) -> dict[str, float]:
    """Compare likelihoods on the same held-out crops."""
    recipe = replace(nsynth_recipe("small"), is_half=False)
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    cache = options.run / "features"
    training, held = [], []
    for end, name in enumerate(NAMES):
        folder = options.data / name
        training += read_waves(list_recordings(folder, hold_out=patterns), end, cache)
        held += read_waves(list_recordings(folder, select=patterns), end, options.run / "held-out")
    state = read_checkpoint(options.run / "checkpoints" / "best.safetensors")
    task = NsynthTask(NsynthCorpus(NAMES, training, held, torch.device("cpu"), {}), recipe)
    for name, module in task.modules().items():
        module.load_state_dict(state["modules"][name])
        module.eval()
    short, short_steps = trained_short(training, recipe, state["step"], options.short_minutes)
    counts = torch.ones(256)
    rng = np.random.default_rng(4)
    for _ in range(40):
        counts += torch.bincount(to_levels(_crops(training, recipe, rng).audio).flatten(), minlength=256)
    unigram = -(counts / counts.sum()).log2()
    rng = np.random.default_rng(6)
    rows = []
    with torch.no_grad():
        for _ in range(options.crops // recipe.batch_size):
            crops = _crops(held, recipe, rng)
            levels = to_levels(crops.audio)
            hop, n = recipe.network.hop_length, recipe.n_context_frames
            inside = slice(n * hop, (n + recipe.n_frames) * hop)
            before = functional.pad(scaled(levels)[:, inside][:, :-1], (1, 0))
            rows.append(
                (
                    float(task.losses(crops, None)["waveform/bits"]),
                    float(bits(short(before), levels[:, inside], "logistics").mean()),
                    float(unigram[levels[:, inside]].mean()),
                )
            )
    model, of_short, of_unigram = np.mean(rows, axis=0)
    return {
        "model": float(model),
        "short_convolution": float(of_short),
        "unigram": float(of_unigram),
        "model_steps": int(state["step"]),
        "short_steps": short_steps,
        "model_weights": sum(p.numel() for p in task.network.decoder.parameters()),
        "short_weights": sum(p.numel() for p in short.parameters()),
        "crops": options.crops,
    }


def trained_short(training: list[Wave], recipe, n_steps: int, minutes: float) -> tuple[Short, int]:
    """Train the short network on the same crops, as many steps, or until the minutes are over."""
    torch.manual_seed(0)
    short = Short(recipe.network.n_components)
    optimizer = torch.optim.Adam(short.parameters(), lr=recipe.learning_rate)
    rng = np.random.default_rng(3)
    started = time.monotonic()
    step, share = 0, 0.0
    while step < n_steps and share < 1.0:
        share = max((time.monotonic() - started) / (60.0 * minutes), step / n_steps)
        for group in optimizer.param_groups:
            group["lr"] = (
                recipe.learning_rate
                * min(1.0, (step + 1) / 50)
                * (0.02 + 0.98 * math.cos(0.5 * math.pi * min(share, 1.0)))
            )
        levels = to_levels(_crops(training, recipe, rng, augment=True).audio)
        with torch.autocast("cpu", torch.bfloat16):
            outputs = short(functional.pad(scaled(levels)[:, :-1], (1, 0)))
        loss = bits(outputs.float(), levels, "logistics").mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    return short.eval(), step


def notes(options: argparse.Namespace) -> dict[str, object]:
    """Decode held-out notes from their own codes, each as its own instrument."""
    voice = load_voice(options.voice)
    rng = np.random.default_rng(5)
    each = []
    for end, name in enumerate(NAMES):
        found = list_recordings(options.data / name, select=read_patterns(ROOT / "bench" / "held_out.txt"))
        found = [r for r in found if "notes" in r.source]
        chosen = [found[i] for i in sorted(rng.choice(len(found), options.notes, replace=False))]
        for recording in chosen:
            audio = loudest(read_recording(recording, SAMPLE_RATE, peak=0.8), 1.5)
            take = voice.analyse(audio, SAMPLE_RATE)
            own = take.render(float(end))
            codes = take.performance.codes
            flat = replace_codes(codes)
            mean = NsynthPerformance(voice, flat)
            of_mean = np.concatenate(list(mean.blocks(dials(float(end), mean.n_frames, mean.frame_rate_hz))))
            each.append(
                {
                    "note": recording.name,
                    "raw_pitch_accuracy": accuracy(audio, own),
                    "spectral_db": spectral_db(audio, own),
                    "mean_code_spectral_db": spectral_db(audio, of_mean[: len(audio)]),
                }
            )

    def mean_of(key: str) -> float:
        return float(np.nanmean([note[key] for note in each]))

    return {
        "raw_pitch_accuracy": mean_of("raw_pitch_accuracy"),
        "raw_pitch_accuracy_flute": float(
            np.nanmean([n["raw_pitch_accuracy"] for n in each[: options.notes]])
        ),
        "raw_pitch_accuracy_violin": float(
            np.nanmean([n["raw_pitch_accuracy"] for n in each[options.notes :]])
        ),
        "spectral_db": mean_of("spectral_db"),
        "mean_code_spectral_db": mean_of("mean_code_spectral_db"),
        "notes": len(each),
        "each": each,
    }


def pieces(options: argparse.Namespace) -> dict[str, object]:
    """Convert held-out pieces at five mixes; by the judge, by pitch, and as pictures."""
    voice, judge = load_voice(options.voice), Judge()
    each = []
    for name in NAMES:
        found = list_recordings(
            options.data / name, select=read_patterns(ROOT / "bench" / "held_out_pieces.txt")
        )
        found = [r for r in found if "mov3" not in r.name][: options.pieces]
        for i, recording in enumerate(found):
            whole = read_recording(recording, SAMPLE_RATE, peak=0.8)
            n_parts = options.pieces // len(found) if name == "violin" else 1
            for part in range(n_parts):
                start = round((part + 1) * len(whole) / (n_parts + 1)) if name == "violin" else 0
                audio = crop_at(whole, start, min(round(options.seconds * SAMPLE_RATE), len(whole)))
                take = voice.analyse(audio, SAMPLE_RATE)
                made = [take.render(mix) for mix in MIXES]
                each.append(
                    {
                        "piece": recording.name,
                        "played_by": name,
                        "posterior": [judge.posterior(sound, SAMPLE_RATE) for sound in made],
                        "raw_pitch_accuracy": [accuracy(audio, sound) for sound in made],
                    }
                )
                if i == 0 and part == 0:
                    shown = [audio, made[0], made[2], made[4]]
                    pictures = [rainbowgram(s[: 4 * SAMPLE_RATE], SAMPLE_RATE) for s in shown]
                    gap = np.full((6, pictures[0].shape[1], 3), 255, np.uint8)
                    stacked = [part for picture in pictures for part in (picture[::2], gap)]
                    write_picture(
                        np.concatenate(stacked[:-1]), ROOT / "voices" / f"nsynth_rainbow_{name}.png"
                    )
    summary = {}
    for name in NAMES:
        rows = [row for row in each if row["played_by"] == name]
        posterior = np.median([row["posterior"] for row in rows], axis=0)
        pitch = np.nanmedian([row["raw_pitch_accuracy"] for row in rows], axis=0)
        summary[name] = {
            "posterior": posterior.tolist(),
            "spearman": spearman(posterior),
            "spearman_each": [spearman(np.array(row["posterior"])) for row in rows],
            "raw_pitch_accuracy": pitch.tolist(),
        }
    return {**summary, "mixes": MIXES, "seconds": options.seconds, "each": each}


def spearman(values: np.ndarray) -> float:
    """Rank correlation with the mixes; nobody ties."""
    ranks = np.argsort(np.argsort(values))
    return float(np.corrcoef(ranks, np.arange(len(values)))[0, 1])


def accuracy(source: np.ndarray, made: np.ndarray) -> float:
    """Share of the source's sounding, pitched frames made within 50 cents; an unpitched one is wrong."""
    source_hz, made_hz = judge_f0(source, SAMPLE_RATE), judge_f0(made, SAMPLE_RATE)
    n_frames = min(len(source_hz), len(made_hz))
    hop = SAMPLE_RATE // 100
    padded = np.pad(source, (hop, n_frames * hop))
    rms = np.sqrt([np.mean(np.square(padded[i * hop : (i + 2) * hop])) for i in range(n_frames)])
    source_hz, made_hz = source_hz[:n_frames], made_hz[:n_frames]
    sounding = (rms > GATE * rms.max()) & (source_hz > 0.0)
    both = compared_frames(source_hz, made_hz, sounding)
    if not sounding.any():
        return float("nan")
    right = raw_pitch_accuracy(source_hz, made_hz, both) if both.any() else 0.0
    return right * float(both.sum() / sounding.sum())


def spectral_db(source: np.ndarray, made: np.ndarray) -> float:
    """Mean distance of log magnitudes, floored 60 dB below the source's loudest."""
    window = np.hanning(1025)[:-1]

    def level_db(audio: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(to_mono(audio), 512), 1024)[::256]
        return 20.0 * np.log10(np.abs(np.fft.rfft(frames * window)) + 1e-9)

    wanted, got = level_db(source), level_db(made)
    floor = wanted.max() - 60.0
    n = min(len(wanted), len(got))
    return float(np.abs(np.maximum(wanted[:n], floor) - np.maximum(got[:n], floor)).mean())


def loudest(audio: np.ndarray, seconds: float) -> np.ndarray:
    """Return the seconds from a little before the loudest sample on."""
    start = max(int(np.argmax(np.abs(audio))) - SAMPLE_RATE // 2, 0)
    return audio[start : start + round(seconds * SAMPLE_RATE)]


def replace_codes(codes: Codes) -> Codes:
    """Return codes that say in every frame what they say on average."""
    return replace(codes, code=np.broadcast_to(codes.code.mean(axis=0), codes.code.shape).copy())


def _crops(waves: list[Wave], recipe, rng: np.random.Generator, *, augment: bool = False):
    n_frames = recipe.n_frames + 2 * recipe.n_context_frames
    return draw_crops(
        waves, n_frames, recipe.batch_size, rng, hop_length=recipe.network.hop_length, augment=augment
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="run folder of the voice")
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=["bits", "notes", "pieces"])
    parser.add_argument("--crops", type=int, default=64)
    parser.add_argument("--notes", type=int, default=12, help="of each instrument")
    parser.add_argument("--pieces", type=int, default=3, help="of each instrument")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each piece")
    parser.add_argument("--short-minutes", type=float, default=30.0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
