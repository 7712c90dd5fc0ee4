"""From a run folder to a voice file, without another step: what `violute export` calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from violute.data.pictures.store import open_store
from violute.data.recordings import Recording, list_recordings
from violute.errors import TrainingError
from violute.families.ddsp.export import check_tilt
from violute.families.ends import Ends, TwoEnds
from violute.families.pictures.prepared import prepared_recordings
from violute.families.recipes import family_recipe
from violute.families.table import FAMILIES, imported, trained_family
from violute.training.averaging import AveragedWeights
from violute.training.checkpoints import read_checkpoint
from violute.training.provenance import command_text
from violute.training.run import exported_file
from violute.training.run_folder import RunFolder


def export_run(
    run: str | Path,
    out: str | Path,
    *,
    card: Mapping[str, Any] | None = None,
    tilt_db_per_octave: tuple[float, float] = (0.0, 0.0),
    overwrite: bool = True,
) -> int:
    """Write the voice file of a run, from its best checkpoint or the one that is named.

    A run that does not look for the best has its last one, with the average of the weights.

    Args:
        run: Run folder, or a checkpoint in its `checkpoints`.
        out: Voice file to write; it appears only when it is whole.
        card: Entries of the voice's card that add to or replace what the run knows.
        tilt_db_per_octave: What the levels of each end gain per octave above 1 kHz, a
            correction by hand, which the card states; see `check_tilt`.
        overwrite: Whether a file already there, or come meanwhile, is replaced at the end.

    Returns:
        Step after which the weights were taken.

    Raises:
        TrainingError: The tilt is out of range, no run is there, it has no checkpoint yet, its
            recordings or its store moved, or `out` cannot be written or is not to be replaced.
        DataError: Its store is damaged.
    """
    check_tilt(tilt_db_per_octave)
    run, out = Path(run), Path(out)
    is_checkpoint = run.suffix == ".safetensors"
    folder = RunFolder(run.parent.parent if is_checkpoint else run)
    config = _config(folder)
    family = config["family"]
    is_tilted = any(tilt_db_per_octave)
    if is_tilted and family != "ddsp":
        raise TrainingError(f"{run}: a voice of the family {family} has no tilt: leave --tilt out")
    if out.suffix == ".ts" and family != "rave":
        raise TrainingError(f"{out}: only the family rave plays in nn~: name a voice file that ends in .onnx")
    checkpoint = run if is_checkpoint else folder.best_checkpoint
    if not is_checkpoint and not checkpoint.exists():
        checkpoint = folder.last_checkpoint
    if not checkpoint.exists():
        raise TrainingError(f"{checkpoint}: there is no such checkpoint: train until there is one")
    state = read_checkpoint(checkpoint)
    source = _source(config)
    known: dict[str, Any] = {"name": out.stem, "command": command_text(folder.command()), **(card or {})}
    if is_tilted:
        known["tilt_db_per_octave"] = dict(zip(source.names, tilt_db_per_octave, strict=True))
    ends = TwoEnds(
        **vars(source),
        cache=_cache(folder, config),
        device=torch.device("cpu"),
        card=known,
        is_training=False,
    )
    recipe = family_recipe(family, config["recipe"], config.get("set"))
    task = imported(trained_family(family).task)(ends, recipe)
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
    with exported_file(out, overwrite=overwrite) as partial:
        task.export(partial)
    return step


def _config(folder: RunFolder) -> dict[str, Any]:
    config = folder.config()
    missing = {"family", "folders", "names", "recipe", "recordings"} - config.keys()
    if missing or config["family"] not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise TrainingError(
            f"{folder.config_path}: describes no run of a family {known}: name another run folder"
        )
    return config


def _cache(folder: RunFolder, config: Mapping[str, Any]) -> Path:
    """Return where the run's measurements lie, or where to lay them if their folder has gone."""
    cache = Path(config.get("cache", ""))
    return cache if "cache" in config and cache.is_dir() else folder.path / "features"


def _source(config: Mapping[str, Any]) -> Ends:
    """Open what the run learned from."""
    names = (config["names"][0], config["names"][1])
    if config.get("store") is None:
        first, second = map(_recordings, config["folders"], config["recordings"])
        return Ends(names=names, recordings=(first, second))
    store = open_store(config["folders"][0])
    if store.document.get("key") != config["store"]:
        raise TrainingError(f"{store.folder}: is not the store of the run: put that one back to export")
    return Ends(names=names, recordings=prepared_recordings(store, names), store=store)


def _recordings(folder: str, names: list[str]) -> list[Recording]:
    """List the recordings that the run learned from."""
    found = [recording for recording in list_recordings(folder) if recording.name in set(names)]
    if [recording.name for recording in found] != names:
        raise TrainingError(f"{folder}: its recordings are not those of the run: put them back to export")
    return found
