"""Real-time factor of RAVE's recipes on two threads, beside PyPI's acids-rave v2, in one run.

    python bench/rave_speed.py --out bench/rave_speed.json [--acids]

Encoding and decoding together, of one long block of noise, in torch, random weights in all; the best of
several turns, taken in alternation, as other work on the machine only slows down. The packages of acids-rave
are not Violute's: make a venv of its own with torch in it, `pip install --no-deps acids-rave==2.3.1` and what
it asks for (numpy==1.26.4 and scipy==1.10.1 among it), and run this script there with --acids. A shim stands
in for what the measurement doesn't touch: the spectrogram of torchaudio, of its losses.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import types
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path

import torch

from violute.models.rave import Rave
from violute.training.rave_recipes import rave_recipe

RATE = 44_100
SECONDS = 8.0
N_TURNS = 5
RECIPES = ("small", "medium", "paper")


def ours(name: str) -> tuple[Callable[[torch.Tensor], torch.Tensor], int]:
    """A recipe's network as a function from audio to audio, and its parameters."""
    config = rave_recipe(name).network
    network = Rave(config).eval()

    def play(audio: torch.Tensor) -> torch.Tensor:
        whole = audio[:, : audio.shape[1] // config.ratio * config.ratio]
        latent = network.encode(whole)
        noise = torch.randn(1, 16, latent.shape[2] * config.n_frames)
        return network.decode(latent, torch.full((1, latent.shape[2]), 0.5), noise)

    return play, sum(p.numel() for p in network.parameters())


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
        module.transforms = sys.modules.get("torchaudio.transforms")
        module.functional = sys.modules.get("torchaudio.functional")
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
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--acids", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(0)
    players = {name: ours(name) for name in RECIPES}
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
    arguments.out.write_text(
        json.dumps({"threads": 2, "torch": torch.__version__, "players": results}, indent=1) + "\n"
    )
    print(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
