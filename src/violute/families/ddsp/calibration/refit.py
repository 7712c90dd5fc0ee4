"""Fit what was measured for a voice of the family `ddsp` anew, without another step: `violute refit`.

Loudness, pitch ranges, noise, wavering and dial are measured on the recordings, as an export does; the
network's weights are read out of the voice file, so this works where the run that made them is gone, and
improvements of what is measured reach a voice in minutes. The weights stay as they were, to the bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import torch

from violute.analysis.conditioning import N_FEATURES
from violute.analysis.pitch_range import range_of
from violute.data.recordings import list_recordings
from violute.data.sampling import split
from violute.errors import TrainingError
from violute.families.ddsp.data import Line, lines_of
from violute.families.ddsp.export import check_tilt, export_ddsp
from violute.families.ddsp.network import DdspConfig, DdspDecoder, VoiceGraph
from violute.families.ddsp.task import measured_ends
from violute.families.ends import TwoEnds
from violute.training.run import check_destination, exported_file
from violute.voices.file import open_voice_file
from violute.voices.network import open_network

PREFIX = "decoder."
LARGEST_DIFFERENCE_DB = 1e-3
KEPT_ENTRIES = ("name", "licence", "description", "training_data", "command")


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
        for name, array in _transposed(node, graph, arrays, ("to_harmonics", "to_noise"))
    }
    state = {
        name[len(PREFIX) :]: array for name, array in {**arrays, **by_bias}.items() if name.startswith(PREFIX)
    }
    channels = state["first.weight"].shape[0] if "first.weight" in state else 0
    n_blocks = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
    config = DdspConfig(
        channels=channels,
        dilations=tuple(2**i for i in range(n_blocks)),
        filter_lowest_hz=range_of(card.settings).filter_lowest_hz,
    )
    decoder = DdspDecoder(config)
    wanted = {name for name in decoder.state_dict() if not name.startswith("room")}
    if not wanted <= state.keys():
        missing = ", ".join(sorted(wanted - state.keys())[:3])
        raise TrainingError(f"{voice}: its network lacks {missing}: train the voice anew")
    decoder.load_state_dict({name: torch.from_numpy(state[name].copy()) for name in wanted}, strict=False)
    return decoder.eval()


def _transposed(
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


def refit_voice(
    voice: Path,
    folders: tuple[Path, Path],
    out: Path,
    *,
    hold_out: Sequence[str] = (),
    cache: Path | None = None,
    card: Mapping[str, Any] | None = None,
    tilt_db_per_octave: tuple[float, float] = (0.0, 0.0),
    overwrite: bool = True,
    on_begin: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None] | None = None,
    on_warning: Callable[[str], None] | None = None,
) -> None:
    """Measure the recordings of both ends as training does, and write a voice with the same network.

    Args:
        voice: File of the family ddsp.
        folders: Of recordings of mix 0 and mix 1.
        out: Voice file to write; it appears only when it is whole.
        hold_out: Glob patterns of recordings to leave out.
        cache: Folder for what is measured; None puts it beside `out`, as NAME.features.
        card: Entries that replace those of the voice's card.
        tilt_db_per_octave: See `check_tilt`.
        overwrite: Whether a file already there, or come meanwhile, is replaced at the end.
        on_begin: Called when what is asked for can be done, before it is.
        on_progress: Called with the share of the recordings measured so far.
        on_warning: Called with a line where recordings are silent or few.

    Raises:
        VoiceError: The file is no voice.
        TrainingError: The voice is of another family or model, a folder is missing or holds nothing with a
            steady pitch, the tilt is out of range, or `out` cannot be written or is not to be replaced.
        AudioError: A recording cannot be read.
    """
    check_tilt(tilt_db_per_octave)
    decoder = decoder_of(voice)
    check_parity(decoder, voice)
    check_destination(out, overwrite=overwrite)
    _, before = open_voice_file(voice)
    first, second = (list_recordings(folder, hold_out=hold_out) for folder in folders)
    on_begin()
    ends = TwoEnds(
        names=before.ends,
        recordings=(first, second),
        cache=out.with_suffix(".features") if cache is None else cache,
        device=torch.device("cpu"),
        on_prepare=on_progress,
        on_warning=on_warning,
    )
    lines: list[Line] = []
    for end, features in enumerate(measured_ends(ends, range_of(before.settings), with_audio=True)):
        lines += lines_of(split(features)[0], end, len(lines))
    entries = {field: getattr(before, field) for field in KEPT_ENTRIES} | dict(card or {})
    entries["tilt_db_per_octave"] = dict(zip(before.ends, tilt_db_per_octave, strict=True))
    with exported_file(out, overwrite=overwrite) as partial:
        export_ddsp(decoder, lines, before.ends, partial, card=entries)
