"""Fit what was measured for a voice of the family `ddsp` anew, without another step of training.

    python -m violute.families.ddsp.calibration.refit VOICE --a DIR --b DIR --out FILE [--hold-out FILE]
        [--cache DIR] [--card FILE] [--tilt A B]

Loudness, pitch ranges, noise, unrest and dial are measured on the recordings (see `ddsp_export`); the
network's weights are read out of the voice file, so this works where the run that made them is gone, and
improvements of what is measured reach a voice in minutes. The weights stay as they were, to the bit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import torch

from violute.analysis.conditioning import N_FEATURES
from violute.data.features import measure_all
from violute.data.recordings import list_recordings, read_patterns
from violute.data.sampling import split
from violute.errors import TrainingError, VioluteError
from violute.families.ddsp.data import Line, lines_of
from violute.families.ddsp.export import export_ddsp
from violute.families.ddsp.network import DdspConfig, DdspDecoder, VoiceGraph
from violute.voices.card_entries import read_card_entries
from violute.voices.file import open_voice_file
from violute.voices.network import open_network

PREFIX = "decoder."
LARGEST_DIFFERENCE_DB = 1e-3


def decoder_of(voice: Path) -> DdspDecoder:
    """Read the network of a voice file back into the model, dry: rooms are no part of a voice.

    Raises:
        VoiceError: The file is no voice.
        TrainingError: Its network is none of this family, or of another size.
    """
    onnx_bytes, card = open_voice_file(voice)
    if card.family != "ddsp":
        raise TrainingError(f"{voice}: is of the family {card.family}: name a voice of the family ddsp")
    graph = onnx.load_from_string(onnx_bytes).graph
    arrays = {entry.name: onnx.numpy_helper.to_array(entry) for entry in graph.initializer}
    # The exporter turns the weights of the last layers over and forgets their names; their biases keep them.
    by_bias = {
        name: array
        for node in graph.node
        for name, array in _turned(node, graph, arrays, ("to_harmonics", "to_noise"))
    }
    state = {
        name[len(PREFIX) :]: array for name, array in {**arrays, **by_bias}.items() if name.startswith(PREFIX)
    }
    channels = state["first.weight"].shape[0] if "first.weight" in state else 0
    n_blocks = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    config = DdspConfig(channels=channels, dilations=tuple(2**i for i in range(n_blocks)))
    decoder = DdspDecoder(config)
    wanted = {name for name in decoder.state_dict() if not name.startswith("room")}
    if not wanted <= state.keys():
        missing = ", ".join(sorted(wanted - state.keys())[:3])
        raise TrainingError(f"{voice}: its network lacks {missing}: train the voice anew")
    decoder.load_state_dict({name: torch.from_numpy(state[name].copy()) for name in wanted}, strict=False)
    return decoder.eval()


def _turned(
    node: onnx.NodeProto, graph: onnx.GraphProto, arrays: dict[str, np.ndarray], layers: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    """Return the weight that a node adds the bias of a layer to, under its own name."""
    for layer in layers:
        if node.op_type == "Add" and f"{PREFIX}{layer}.bias" in node.input:
            sources = {output: other for other in graph.node for output in other.output}
            for name in node.input:
                product = sources.get(name)
                if product is not None and product.op_type == "MatMul" and product.input[1] in arrays:
                    return [(f"{PREFIX}{layer}.weight", arrays[product.input[1]].T)]
    return []


def check_parity(decoder: DdspDecoder, voice: Path) -> None:
    """Make sure that what was read plays what the file plays.

    Raises:
        TrainingError: It does not.
    """
    onnx_bytes, card = open_voice_file(voice)
    rng = np.random.default_rng(0)
    features = rng.random((2, 50, N_FEATURES), dtype=np.float32)
    f0_hz = rng.uniform(200.0, 2000.0, 50).astype(np.float32)
    played, _ = open_network(onnx_bytes).run(None, {"features": features, "f0_hz": f0_hz})
    tilts = card.settings.get("tilt_db_per_octave", {})
    tilt = (float(tilts.get(card.ends[0], 0.0)), float(tilts.get(card.ends[1], 0.0)))
    with torch.no_grad():
        read = VoiceGraph(decoder, tilt_db_per_octave=tilt)(
            torch.from_numpy(features), torch.from_numpy(f0_hz)
        )
    if float(np.abs(read.harmonic_db.numpy() - played).max()) > LARGEST_DIFFERENCE_DB:
        raise TrainingError(f"{voice}: its network is of another model: fit it with the version it is from")


def refit_lines(folders: Sequence[Path], hold_out: Sequence[str], cache: Path) -> list[Line]:
    """Measure the recordings of both ends as training does, with their sound.

    Raises:
        TrainingError: A folder is missing or holds nothing with a steady pitch.
        AudioError: A recording cannot be read.
    """
    lines: list[Line] = []
    for end, folder in enumerate(folders):
        recordings = list_recordings(folder, hold_out=hold_out)
        kept, _ = split(measure_all(recordings, cache, with_audio=True))
        lines += lines_of(kept, end, len(lines))
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m violute.families.ddsp.calibration.refit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("voice", type=Path, help="voice file of the family ddsp")
    parser.add_argument("--a", type=Path, required=True, help="folder of recordings of mix 0")
    parser.add_argument("--b", type=Path, required=True, help="folder of recordings of mix 1")
    parser.add_argument("--out", type=Path, required=True, help="voice file to write")
    parser.add_argument("--hold-out", type=Path, help="file of glob patterns: leave these out")
    parser.add_argument("--cache", type=Path, help="folder for what is measured (default: beside OUT)")
    parser.add_argument("--card", type=Path, help="JSON file of entries that replace those of the card")
    parser.add_argument("--tilt", type=float, nargs=2, default=(0.0, 0.0), help="dB per octave above 1 kHz")
    given = parser.parse_args(arguments)
    try:
        decoder = decoder_of(given.voice)
        check_parity(decoder, given.voice)
        _, card = open_voice_file(given.voice)
        entries = read_card_entries(given.card) if given.card else {}
        hold_out = read_patterns(given.hold_out) if given.hold_out else []
        lines = refit_lines((given.a, given.b), hold_out, given.cache or given.out.with_suffix(".features"))
        kept: dict[str, Any] = {
            field: getattr(card, field)
            for field in ("name", "licence", "description", "training_data", "command")
        } | entries
        kept["tilt_db_per_octave"] = dict(zip(card.ends, given.tilt, strict=True))
        temporary = given.out.with_suffix(".part.onnx")
        try:
            export_ddsp(decoder, lines, card.ends, temporary, card=kept)
            temporary.replace(given.out)
        finally:
            temporary.unlink(missing_ok=True)
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}: give a place that can be written\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
