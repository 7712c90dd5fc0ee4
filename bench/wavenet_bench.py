"""Measure ways of sampling the WaveNet decoder, in one run, and write their section of `bench/RESULTS.md`.

    python bench/wavenet_bench.py

The same untrained network and conditions for all: what a sample costs does not depend on the weights. Rates
are samples a second of all segments together, by the clock; "per core" divides by processor time instead,
which other work on the machine disturbs less. Each is the best of a few. Before it is timed, every way has to
draw what the naive one draws at temperature 0.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from environment import ROOT, environment_lines
from results_page import write_section
from wavenet_numba import generate_compiled, weights_of
from wavenet_torch import Sampler

from violute.dsp.mu_law import scaled
from violute.dsp.sines import sines_of
from violute.families.nsynth.export import SteeringGraph, step_bytes
from violute.families.nsynth.network import Nsynth
from violute.families.nsynth.output import drawn
from violute.families.nsynth.sampler import HIGHEST_SINE_HZ, generate
from violute.families.recipes import family_recipe
from violute.voices.network import open_network

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have the naive way already

from naive_wavenet import naive_levels

RATE = 16_000
TEMPERATURE = 0.5
COMPARED_SAMPLES = 48
MOST_UNEQUAL = 0.01
"""Of the samples: where two levels are almost alike, rounding decides."""

NAIVE = "naive loop, PyTorch"
WHY = """
onnxruntime is kept: it is in every base install, needs no compiler, and its step is the voice's own graph, so
that a piece in many segments side by side is drawn by large products. Numba compiles the same step to machine
code, which pays for one segment alone; but with all it needs it does not fit into a base install of 200 MB,
and it compiles for {compile_seconds:.0f} s in a new process. The queues of the kept way wait in NumPy,
written in place: inside the graph they would be copied at each sample. PyTorch's rows are the better of one
thread and two.
"""
NO_GPU = "CUDA graphs (`bench/wavenet_torch.py`) were not timed: this machine has no GPU."


@dataclass(frozen=True)
class Given:
    """What there is to draw from, as tensors and as arrays."""

    conditions: torch.Tensor
    sines: torch.Tensor
    chance: torch.Tensor

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the same for the ways without torch."""
        sines = np.ascontiguousarray(self.sines.numpy().transpose(0, 2, 1))
        return self.conditions.numpy(), sines, self.chance.numpy()

    def driving(self, network: Nsynth) -> Given:
        """Return the same for the ways that are handed the partials ready-made, before the sines."""
        n_harmonics = network.config.n_harmonics
        if not n_harmonics:
            return self
        partials = network.decoder.partials(self.conditions, self.sines)[:, None]
        return Given(self.conditions[:, :-n_harmonics], torch.cat([partials, self.sines], dim=1), self.chance)


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    recipe: str
    way: str
    segments: int
    samples_per_second: float
    samples_per_core_second: float


def main() -> None:
    """Measure and write the section."""
    options = _options()
    rows: list[Row] = []
    compile_seconds = 0.0
    for name in options.recipes:
        torch.manual_seed(0)
        network = Nsynth(family_recipe("nsynth", name).network).eval()
        with torch.no_grad():
            compile_seconds = max(compile_seconds, check_alike(network))
            rows += measured(name, network, options)
    section = _section(rows, compile_seconds)
    write_section(options.out, section)
    print(section)


def ways_of(network: Nsynth) -> dict[str, Callable[[Given, float], np.ndarray]]:
    """Return the ways with queues, by what they are called."""
    shape = network.config
    weights = weights_of(network.decoder)
    session = open_network(step_bytes(network), n_threads=1)

    def by_torch(given: Given, temperature: float) -> np.ndarray:
        sampler = Sampler(network.decoder, len(given.chance), temperature, is_captured=False)
        given = given.driving(network)
        return sampler.draw(given.conditions, given.sines, given.chance).numpy()

    def by_numba(given: Given, temperature: float) -> np.ndarray:
        return generate_compiled(weights, shape, *given.driving(network).arrays(), temperature)

    return {
        "queues, PyTorch": by_torch,
        "queues, numba": by_numba,
        "queues, onnxruntime": lambda given, heat: generate(session, shape, *given.arrays(), heat),
    }


def check_alike(network: Nsynth) -> float:
    """Compare every way with the naive one at temperature 0; return the seconds that compiling took."""
    given = given_of(network, 2, 1)
    wanted = naive_levels(
        network.decoder, given.conditions, given.sines, given.chance[:, :COMPARED_SAMPLES], 0.0
    )
    first = 0.0
    for way, work in ways_of(network).items():
        started = time.perf_counter()
        got = work(given, 0.0)[:, :COMPARED_SAMPLES]
        first = max(first, time.perf_counter() - started)
        unequal = float((got != wanted.numpy()).mean())
        if unequal > MOST_UNEQUAL:
            raise SystemExit(f"{way} draws {unequal:.0%} of the samples otherwise than the naive loop")
    return first


def measured(name: str, network: Nsynth, options: argparse.Namespace) -> list[Row]:
    """Time every way for a size."""
    rows = []

    def add(way: str, n_segments: int, n_samples: int, work: Callable[[], object]) -> None:
        print(f"timing {name}: {way}, {n_segments}", file=sys.stderr)
        counts = (1, 2) if "PyTorch" in way else (1,)
        total = n_segments * n_samples
        tried = []
        for n_threads in counts:
            torch.set_num_threads(n_threads)
            wall, processor = _best(work, options.repeats)
            tried.append(Row(name, way, n_segments, total / wall, total / processor))
        rows.append(max(tried, key=lambda row: row.samples_per_second))

    given = given_of(network, 1, -(-network.config.receptive_field // network.config.hop_length) + 1)
    add(NAIVE, 1, options.naive_samples, lambda: naive_after(network, given, options.naive_samples))
    for n_segments in options.segments:
        given = given_of(network, n_segments, options.frames)
        for way, work in ways_of(network).items():
            n_samples = options.frames * network.config.hop_length
            add(way, n_segments, n_samples, partial(work, given, TEMPERATURE))
        if torch.cuda.is_available():
            add("queues, CUDA graphs", n_segments, n_samples, by_graphs(network, given))
    return rows


def naive_after(network: Nsynth, given: Given, n_samples: int) -> None:
    """Draw samples the naive way: all that the decoder hears is computed anew for each."""
    heard = network.config.receptive_field
    before = torch.zeros(1, heard + n_samples)
    heat = torch.tensor(TEMPERATURE)
    for at in range(n_samples):
        window = slice(at, at + heard)
        outputs = network.decoder(before[:, window], given.conditions[:, :, :1], given.sines[:, :, window])
        level = drawn(outputs[:, :, -1], given.chance[:, at], heat, network.config.output)
        before[:, at + heard] = scaled(level)


def by_graphs(network: Nsynth, given: Given) -> Callable[[], object]:
    """Return work that replays captured frames on a GPU, which were captured before."""
    decoder = network.decoder.cuda()
    sampler = Sampler(decoder, len(given.chance), TEMPERATURE)
    given = given.driving(network)
    on_gpu = (given.conditions.cuda(), given.sines.cuda(), given.chance.cuda())
    network.decoder.cpu()
    return lambda: sampler.draw(*on_gpu).cpu()


def given_of(network: Nsynth, n_pieces: int, n_frames: int) -> Given:
    """Return random codes' conditions, and sines of one note."""
    config = network.config
    generator = torch.Generator().manual_seed(0)
    code = torch.rand(n_pieces, config.code_size, n_frames, generator=generator) * 2.0 - 1.0
    places = torch.rand(n_pieces, n_frames, generator=generator)
    f0_hz = torch.full_like(places, 440.0)
    conditions = SteeringGraph(network)(code, places, f0_hz, -30.0 * places, places)
    n_samples = n_frames * config.hop_length
    cycles = (torch.arange(n_samples) * (440.0 / RATE) % 1.0).expand(n_pieces, -1)
    chance = torch.rand(n_pieces, n_samples, 2, generator=generator).clamp(1e-6, 1 - 1e-6)
    return Given(conditions, sines_of(cycles, f0_hz, config.n_harmonics, HIGHEST_SINE_HZ), chance)


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
    parser.add_argument("--naive-samples", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "RESULTS.md")
    return parser.parse_args()


def _section(rows: list[Row], compile_seconds: float) -> str:
    naive = {row.recipe: row for row in rows if row.way == NAIVE}
    head = (
        "Written by `bench/wavenet_bench.py`. Samples a second of all segments together, by the clock and "
        f"per core (of processor time); the sound has {RATE}. The original's was about 100. Every way drew "
        "at temperature 0 what the naive loop draws."
    )
    columns = (
        "recipe | way | segments | samples/s | times real time | times naive | samples/s per core | "
        "times naive, per core"
    )
    lines = ["# Sampling the WaveNet", "", head, "", f"| {columns} |", "|---" * 8 + "|"]
    for row in rows:
        rate, core = row.samples_per_second, row.samples_per_core_second
        base = naive[row.recipe]
        lines.append(
            f"| {row.recipe} | {row.way} | {row.segments} | {rate:,.0f} | {rate / RATE:.2f} "
            f"| {rate / base.samples_per_second:.1f} | {core:,.0f} "
            f"| {core / base.samples_per_core_second:.1f} |"
        )
    why = WHY.format(compile_seconds=compile_seconds).strip().replace("\n", " ")
    notes = [why] if torch.cuda.is_available() else [why, "", NO_GPU]
    versions = environment_lines(["numba", "numpy", "onnxruntime", "torch"])
    return "\n".join([*lines, "", *notes, "", *versions, ""])


if __name__ == "__main__":
    main()
