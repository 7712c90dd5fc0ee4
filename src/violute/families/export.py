"""From a run folder to a voice file, without another step: what `violute export` calls."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from violute.data.pictures.store import Store, open_store
from violute.data.recordings import Recording, list_recordings
from violute.errors import TrainingError
from violute.families.pictures.prepared import prepared_recordings
from violute.families.recipes import family_recipe
from violute.families.table import FAMILIES, imported, trained_family
from violute.training.averaging import AveragedWeights
from violute.training.checkpoints import read_checkpoint
from violute.training.provenance import command_text
from violute.training.run import TwoEnds
from violute.training.run_folder import RunFolder

MOST_TILT_DB = 6.0


def export_run(
    run: str | Path,
    out: str | Path,
    *,
    card: Mapping[str, Any] | None = None,
    tilt_db_per_octave: tuple[float, float] = (0.0, 0.0),
) -> int:
    """Write the voice file of a run, from its best checkpoint or the one that is named.

    A run that does not look for the best has its last one, with the average of the weights.

    Args:
        run: Run folder, or a checkpoint in its `checkpoints`.
        out: Voice file to write; it appears only when it is whole.
        card: Entries of the voice's card that add to or replace what the run knows.
        tilt_db_per_octave: What the levels of each end gain per octave above 1 kHz, at most
            `MOST_TILT_DB` either way: a correction by hand, which the card tells.

    Returns:
        Step after which the weights were taken.

    Raises:
        TrainingError: The tilt is out of range, no run is there, it has no checkpoint yet, its
            recordings or its store moved, or `out` cannot be written.
        DataError: Its store is damaged.
    """
    if not all(abs(tilt) <= MOST_TILT_DB for tilt in tilt_db_per_octave):
        raise TrainingError(
            f"a tilt of {tilt_db_per_octave} dB per octave is out of range: "
            f"give -{MOST_TILT_DB:g} to {MOST_TILT_DB:g} for each end"
        )
    run, out = Path(run), Path(out)
    is_checkpoint = run.suffix == ".safetensors"
    folder = RunFolder(run.parent.parent if is_checkpoint else run)
    config = _config(folder)
    is_tilted = any(tilt_db_per_octave)
    if is_tilted and config["family"] != "ddsp":
        raise TrainingError(f"{run}: a voice of the family {config['family']} has no tilt: leave --tilt out")
    if out.suffix == ".ts" and config["family"] != "rave":
        raise TrainingError(f"{out}: only the family rave plays in nn~: name a voice file that ends in .onnx")
    checkpoint = run if is_checkpoint else folder.best_checkpoint
    if not is_checkpoint and not checkpoint.exists():
        checkpoint = folder.last_checkpoint
    if not checkpoint.exists():
        raise TrainingError(f"{checkpoint}: there is no such checkpoint: train until there is one")
    state = read_checkpoint(checkpoint)
    names = (config["names"][0], config["names"][1])
    tilt = {"tilt_db_per_octave": dict(zip(names, tilt_db_per_octave, strict=True))} if is_tilted else {}
    store = _store(config)
    if store is not None:
        first, second = prepared_recordings(store, names)
    else:
        first, second = (
            _recordings(path, known)
            for path, known in zip(config["folders"], config["recordings"], strict=True)
        )
    ends = TwoEnds(
        names,
        (first, second),
        folder.path / "features",
        torch.device("cpu"),
        card={"command": command_text(folder.command()), **(card or {}), **tilt},
        is_training=False,
        store=store,
    )
    recipe = family_recipe(config["family"], config["recipe"])
    task = imported(trained_family(config["family"]).task)(ends, recipe)
    try:
        for name, module in task.modules().items():
            module.load_state_dict(state["modules"][name])
        if state.get("averaged") is not None:
            # Of the last step; a best checkpoint holds averages in the first place.
            averaged = AveragedWeights(task.modules(), 0.0)
            averaged.load_state_dict(state["averaged"])
            averaged.copy_to_parameters()
        step = int(state["step"])
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise TrainingError(
            f"{checkpoint}: is of another model: export with the version that trained it"
        ) from None
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as aside:
            task.export(Path(aside) / out.name)
            (Path(aside) / out.name).replace(out)
    except OSError as error:
        raise TrainingError(f"{out}: cannot be written ({error.strerror}): name another place") from None
    return step


def _config(folder: RunFolder) -> dict[str, Any]:
    try:
        config = json.loads(folder.config_path.read_text(encoding="utf-8"))
    except OSError:
        raise TrainingError(f"{folder.path}: holds no training run: name a run folder") from None
    except ValueError:
        raise TrainingError(f"{folder.config_path}: is damaged: name another run folder") from None
    missing = {"family", "folders", "names", "recipe", "recordings"} - config.keys()
    if missing or config["family"] not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise TrainingError(
            f"{folder.config_path}: describes no run of a family {known}: name another run folder"
        )
    return dict(config)


def _store(config: Mapping[str, Any]) -> Store | None:
    """Open the store that the run learned from, if it was one."""
    if config.get("store") is None:
        return None
    store = open_store(config["folders"][0])
    if store.document.get("key") != config["store"]:
        raise TrainingError(f"{store.folder}: is not the store of the run: put that one back to export")
    return store


def _recordings(folder: str, names: list[str]) -> list[Recording]:
    """List the recordings that the run learned from."""
    found = [recording for recording in list_recordings(folder) if recording.name in set(names)]
    if [recording.name for recording in found] != names:
        raise TrainingError(f"{folder}: its recordings are not those of the run: put them back to export")
    return found
