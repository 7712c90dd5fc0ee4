"""Real-time factor of RAVE's recipes on two threads, beside PyPI's acids-rave v2, in one run.

    python bench/rave_speed.py --graphs GRAPHS
    python bench/rave_speed.py --out bench/rave_speed.json --graphs GRAPHS [--acids]

Encoding and decoding together, of one long block of noise, random weights in all: in torch, and ours also in
onnxruntime, block by block, as the voice files play. The best of several turns, taken in alternation, as
other work on the machine only slows down. The first line writes the recipes' graphs into the folder GRAPHS.

The packages of acids-rave are not Violute's: make a venv of its own with torch==2.13.0 in it, then
`pip install --no-deps acids-rave==2.3.1` and what it asks for (numpy==1.26.4, scipy==1.10.1 and
pytorch-lightning==1.9.0 among it, setuptools below 80), onnxruntime, jaxtyping and soxr. Run the second line
there, with --acids and with src of this project on PYTHONPATH. A shim stands in for what the measurement
doesn't touch: the spectrogram of torchaudio, of its losses.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from violute.families.rave.network import Rave
from violute.families.recipes import family_recipe

RATE = 44_100
SECONDS = 8.0
N_TURNS = 5
N_THREADS = 2
RECIPES = ("small", "medium", "paper")
BLOCK_STEPS = 512
"""As in violute/families/rave/voice.py."""


def ours(name: str) -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    """A recipe's network as a function from audio to audio, and its parameters."""
    config = family_recipe("rave", name).network
    network = Rave(config).eval()

    def play(audio: torch.Tensor) -> torch.Tensor:
        whole = audio[:, : audio.shape[1] // config.ratio * config.ratio]
        latent = network.encode(whole)
        noise = torch.randn(1, 16, latent.shape[2] * config.n_frames)
        return network.decode(latent, torch.full((1, latent.shape[2]), 0.5), noise)

    return play, sum(p.numel() for p in network.parameters())


def write_graph(name: str, folder: Path) -> None:
    """A recipe's network as the graph of a voice file, its latent uncropped."""
    from violute.families.rave.export import graph_bytes
    from violute.families.rave.latent import CroppedRave, LatentAxes

    network = Rave(family_recipe("rave", name).network).eval()
    size = network.latent_size
    graph = CroppedRave(network, LatentAxes(torch.zeros(size), torch.eye(size), 1.0)).eval()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.onnx").write_bytes(graph_bytes(graph))


def ours_in_onnx(name: str, folder: Path) -> Callable[[torch.Tensor], torch.Tensor]:
    """The same in onnxruntime, in blocks with what the network remembers before each."""
    config = family_recipe("rave", name).network
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = N_THREADS
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession((folder / f"{name}.onnx").read_bytes(), options)
    asked = onnxruntime.RunOptions()
    asked.only_execute_path_to_fetches = True

    def run(output: str, n_steps: int, **given: np.ndarray) -> np.ndarray:
        spare = {
            "audio": np.zeros((1, config.ratio), np.float32),
            "latent": np.zeros((1, config.latent_size, n_steps), np.float32),
            "mix": np.full((1, n_steps), 0.5, np.float32),
            "noise": np.zeros((1, 16, n_steps * config.n_frames), np.float32),
        }
        made: np.ndarray = session.run([output], {**spare, **given}, asked)[0]
        return made

    def play(audio: torch.Tensor) -> torch.Tensor:
        n_steps = audio.shape[1] // config.ratio
        whole, latents, sounds = audio.numpy(), [], []
        for start in range(0, n_steps, BLOCK_STEPS):
            stop, first = min(start + BLOCK_STEPS, n_steps), max(start - config.encoder_steps, 0)
            heard = whole[:, first * config.ratio : stop * config.ratio]
            latents.append(run("encoded", 1, audio=heard)[:, :, start - first :])
        latent = np.concatenate(latents, axis=2)
        for start in range(0, n_steps, BLOCK_STEPS):
            stop, first = min(start + BLOCK_STEPS, n_steps), max(start - config.decoder_steps, 0)
            noise = np.random.default_rng(start).standard_normal(
                (1, 16, (stop - first) * config.n_frames), dtype=np.float32
            )
            made = run("made", stop - first, latent=latent[:, :, first:stop], noise=noise)
            sounds.append(made[:, (start - first) * config.ratio :])
        return torch.from_numpy(np.concatenate(sounds, axis=1))

    return play


def acids_v2() -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    """The v2 configuration of the package acids-rave, likewise."""

    class Unused(torch.nn.Module):
        def __init__(self, *_: object, **__: object) -> None:
            super().__init__()

    for name in ("torchaudio.transforms", "torchaudio.functional", "torchaudio"):
        module = types.ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        module.__path__ = []
        for missing in ("Spectrogram", "MelSpectrogram", "Resample"):
            setattr(module, missing, Unused)
        for part in ("transforms", "functional"):
            setattr(module, part, sys.modules.get(f"torchaudio.{part}"))
        sys.modules[name] = module
    import gin
    import rave

    configs = Path(rave.__file__).parent / "configs"
    gin.add_config_file_search_path(str(configs))
    gin.parse_config_file(str(configs / "v2.gin"))
    model = rave.RAVE().eval()
    n_parameters = sum(p.numel() for part in (model.encoder, model.decoder) for p in part.parameters())

    def play(audio: torch.Tensor) -> torch.Tensor:
        whole = audio[:, : audio.shape[1] // 2048 * 2048]
        mean = model.encode(whole[:, None])[:, : model.latent_size]
        return model.decode(mean)

    return play, n_parameters


def main() -> None:
    """Take turns and write the factors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    parser.add_argument("--graphs", type=Path, required=True)
    parser.add_argument("--acids", action="store_true")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    if arguments.out is None:
        for name in RECIPES:
            write_graph(name, arguments.graphs)
        return
    load = round(os.getloadavg()[0], 2)
    torch.set_num_threads(N_THREADS)
    players = {name: ours(name) for name in RECIPES}
    for name in RECIPES:
        players[f"{name}, onnxruntime"] = ours_in_onnx(name, arguments.graphs), players[name][1]
    if arguments.acids:
        players["acids-rave 2.3.1, v2"] = acids_v2()
    audio = 0.1 * torch.randn(1, round(SECONDS * RATE))
    best = dict.fromkeys(players, float("inf"))
    busy = dict.fromkeys(players, float("inf"))
    with torch.inference_mode():
        for _ in range(N_TURNS):
            for name, (play, _) in players.items():
                started, worked = time.perf_counter(), time.process_time()
                play(audio)
                best[name] = min(best[name], time.perf_counter() - started)
                busy[name] = min(busy[name], time.process_time() - worked)
    results = {
        name: {
            "parameters": n_parameters,
            "real_time_factor": round(SECONDS / best[name], 1),
            "sound per second of one core": round(SECONDS / busy[name], 1),
        }
        for name, (_, n_parameters) in players.items()
    }
    document = {
        "command": shlex.join(["python", *sys.argv]),
        "load_average_before": load,
        "threads": N_THREADS,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "players": results,
    }
    arguments.out.write_text(json.dumps(document, indent=1) + "\n")
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
