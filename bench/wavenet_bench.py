"""Measure ways of sampling the WaveNet decoder; write `bench/WAVENET.md` and `bench/wavenet.json`.

    python bench/wavenet_bench.py

The same untrained network and conditions for all: what a sample costs does not depend on the weights. Rates
are samples a second of all segments together, by the clock; "per core" divides by processor time instead,
which other work on the machine disturbs less. Each is the best of a few.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import torch
from environment import ROOT, environment_lines

from violute.dsp.mu_law import scaled
from violute.models.nsynth import Nsynth, NsynthConfig
from violute.models.nsynth_step import DecoderStep, naive_levels
from violute.training.nsynth_export import SteeringGraph, step_bytes
from violute.training.nsynth_recipes import nsynth_recipe
from violute.voices.network import open_network
from violute.voices.wavenet import MARGIN_SAMPLES, Queues, WavenetShape, generate

RATE = 16_000
NAIVE_SAMPLES = 24


def main() -> None:
    """Measure and write the page."""
    options = _options()
    torch.set_num_threads(2)
    rows = []
    for name in options.recipes:
        torch.manual_seed(0)
        network = Nsynth(nsynth_recipe(name).network).eval()
        rows += measured(name, network, options)
    document = {"rows": rows, "naive_samples": NAIVE_SAMPLES, "frames": options.frames}
    (ROOT / "bench" / "wavenet.json").write_text(json.dumps(document, indent=1))
    page = _page(rows)
    options.out.write_text(page, encoding="utf-8")
    print(page)


def measured(name: str, network: Nsynth, options: argparse.Namespace) -> list[dict[str, object]]:
    """Time every way that runs in reasonable time for a size."""
    config = network.config
    rows = []

    def add(way: str, n_segments: int, n_samples: int, work: Callable[[], object]) -> None:
        print(f"timing {name}: {way}, {n_segments}", file=sys.stderr)
        wall, processor = _best(work, options.repeats)
        total = n_segments * n_samples
        rows.append(
            {
                "recipe": name,
                "way": way,
                "segments": n_segments,
                "samples_per_second": total / wall,
                "samples_per_core_second": total / processor,
            }
        )

    with torch.no_grad():
        given = _given(network, 1, 1)
        cut = (given[0], given[1], given[2][:, :NAIVE_SAMPLES], 0.5)
        if name != "paper":
            add("naive, PyTorch", 1, NAIVE_SAMPLES, lambda: naive_after(network, *cut))
        session = open_network(step_bytes(network), n_threads=1)
        shape = WavenetShape(**{key: getattr(config, key) for key in WavenetShape.__dataclass_fields__})
        for n_segments in options.segments:
            n_frames = options.frames
            given = _given(network, n_segments, n_frames)
            n_samples = n_frames * config.hop_length
            if n_segments <= options.most_torch:
                step = DecoderStep(network.decoder)
                add(
                    "queues, PyTorch",
                    n_segments,
                    n_samples,
                    lambda g=given, step=step: torch_queues(step, shape, *g, 0.5),
                )
            arrays = tuple(tensor.numpy() for tensor in given)
            add(
                "queues, onnxruntime",
                n_segments,
                n_samples,
                lambda a=arrays: generate(session, shape, *a, 0.5),
            )
    return rows


def naive_after(
    network: Nsynth, conditions: torch.Tensor, lag: torch.Tensor, chance: torch.Tensor, temperature: float
) -> None:
    """Draw samples the naive way: all that the decoder hears is computed anew for each."""
    naive_levels(network.decoder, conditions, lag, chance, temperature)


@torch.no_grad()
def torch_queues(
    step: DecoderStep,
    shape: WavenetShape,
    conditions: torch.Tensor,
    lag: torch.Tensor,
    chance: torch.Tensor,
    temperature: float,
) -> torch.Tensor:
    """Draw samples with queues in plain PyTorch, otherwise as the voice does."""
    n_pieces, _, n_frames = conditions.shape
    n_layers, hop = len(shape.dilations), shape.hop_length
    indices = Queues(shape, 1)
    queue = torch.zeros(int(indices.lengths.sum()), n_pieces, shape.channels)
    sound = torch.zeros(n_pieces, MARGIN_SAMPLES + n_frames * hop)
    taps = torch.arange(shape.n_period_taps) - shape.n_period_taps // 2
    heat = torch.tensor(temperature)
    for at in range(n_frames * hop):
        frame, here = at // hop, MARGIN_SAMPLES + at
        if at % hop == 0:
            layers, output = conditions[:, :, frame].split(
                [2 * shape.channels * n_layers, conditions.shape[1] - 2 * shape.channels * n_layers], 1
            )
            layers = layers.unflatten(1, (n_layers, -1)).transpose(0, 1).contiguous()
            position = MARGIN_SAMPLES - lag[:, frame, None] + taps
            whole = position.floor()
            share, index = position - whole, whole.long()
        earlier = sound.gather(1, index + at)
        again = earlier + share * (sound.gather(1, index + at + 1) - earlier)
        recent = torch.cat([again, sound[:, here - shape.first_kernel_size : here]], 1)
        past = queue[torch.from_numpy(indices.tap_starts + (at - indices.back) % indices.tap_lengths)]
        level, heard = step(recent, past, layers, output, chance[:, at], heat)
        queue[torch.from_numpy(indices.starts + at % indices.lengths)] = heard
        sound[:, here] = scaled(level)
    return sound[:, MARGIN_SAMPLES:]


def _given(network: Nsynth, n_pieces: int, n_frames: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    config: NsynthConfig = network.config
    code = torch.rand(n_pieces, config.code_size, n_frames, generator=generator) * 2.0 - 1.0
    conditions, lag = SteeringGraph(network)(code, torch.rand(n_pieces, n_frames, generator=generator))
    chance = torch.rand(n_pieces, n_frames * config.hop_length, 2, generator=generator).clamp(1e-6, 1 - 1e-6)
    return conditions, lag, chance


def _best(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    wall, processor = [], []
    for _ in range(repeats):
        started, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - started)
        processor.append(time.process_time() - used)
    return min(wall), min(processor)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recipes", nargs="+", default=["small", "medium"])
    parser.add_argument("--segments", nargs="+", type=int, default=[1, 16, 64])
    parser.add_argument("--frames", type=int, default=2, help="of each segment")
    parser.add_argument("--most-torch", type=int, default=64, help="segments for plain PyTorch")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "WAVENET.md")
    return parser.parse_args()


def _page(rows: list[dict[str, object]]) -> str:
    naive = {
        row["recipe"]: row["samples_per_core_second"] for row in rows if str(row["way"]).startswith("naive")
    }
    head = (
        "Written by `bench/wavenet_bench.py`. Samples a second of all segments together, by the clock and "
        f"per core (of processor time); the sound has {RATE}. The original's was about 100."
    )
    columns = (
        "recipe | way | segments | samples/s | times real time | samples/s per core | times naive (per core)"
    )
    lines = ["# Sampling the WaveNet", "", head, "", f"| {columns} |", "|---" * 7 + "|"]
    for row in rows:
        rate, core = float(row["samples_per_second"]), float(row["samples_per_core_second"])
        ratio = f"{core / naive[row['recipe']]:.0f}" if row["recipe"] in naive else ""
        lines.append(
            f"| {row['recipe']} | {row['way']} | {row['segments']} | {rate:,.0f} | {rate / RATE:.2f} "
            f"| {core:,.0f} | {ratio} |"
        )
    why = (
        "onnxruntime was chosen: a base install has it and no compiler, while numba and a C++ extension "
        "would have to be installed for converting. Its queues wait in NumPy, written in place: inside the "
        "graph they would be copied at each sample. Numba, C++ and onnxruntime's own loop were not measured. "
        "A way of CUDA graphs is not written, for there was no GPU to measure it on."
    )
    versions = environment_lines(["numpy", "onnxruntime", "torch"])
    return "\n".join([*lines, "", why, "", *versions, ""])


if __name__ == "__main__":
    onnxruntime.set_default_logger_severity(3)
    main()
