"""`RunFolder`: everything that a training run leaves behind, in one folder.

- `config.json`: the settings of the run;
- `starts.jsonl`: a row for each start, with time, command line, versions and device;
- `metrics.jsonl`: a row for each report and each validation;
- `warnings.jsonl`: a row for each warning, with the step that was reached;
- `losses.png`: the metrics drawn; `tensorboard`: the same for TensorBoard;
- `sounds/NAME.wav`: example sounds of the finished voice;
- `checkpoints/last.safetensors` and `best.safetensors`.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import wavfile

from violute.errors import TrainingError
from violute.training.plots import EventLog, plot_metrics
from violute.training.provenance import LAST_CHECKPOINT
from violute.training.task import Sound
from violute.whole_file import (
    append_row,
    disk_errors,
    read_rows,
    remove_partial_files,
    replace_text,
    whole_file,
)

try:
    import fcntl
except ModuleNotFoundError:  # Windows, where nobody keeps two runs out of one folder
    fcntl = None  # type: ignore[assignment]

_PACKAGES = ("violute", "torch", "numpy", "scipy", "safetensors", "onnx", "onnxruntime")

ORPHANS_SECONDS = 7.0
"""What draws batches for a run that was killed holds its folder for so long at most."""

CONTENTS = "sha256"
"""Entry with a digest of each file that was learned from; older runs have none, or others in `contents`."""

CHANGEABLE = frozenset({"learning_rate", "out", "cache", "folders", "set", CONTENTS, "contents"})
"""Settings that are not compared as they stand when a run is resumed; of the loop, only the seed is.

What was `set` shows in the settings, and the contents are compared file by file.
"""


class RunFolder:
    """A run's folder; only the writing process may call what writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config_path = path / "config.json"
        self.starts_path = path / "starts.jsonl"
        self.metrics_path = path / "metrics.jsonl"
        self.warnings_path = path / "warnings.jsonl"
        self.plot_path = path / "losses.png"
        self.sounds_path = path / "sounds"
        self._events = EventLog(path / "tensorboard")
        self.last_checkpoint = path / LAST_CHECKPOINT
        self.best_checkpoint = path / "checkpoints" / "best.safetensors"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Make the folder and keep every other run out of it; the lock goes with the process.

        Raises:
            TrainingError: Another run trains in it, or it cannot be made.
        """
        with disk_errors(self.path, "name another folder", error=TrainingError):
            self.path.mkdir(parents=True, exist_ok=True)
        if fcntl is None:
            with closing(self._events):  # type: ignore[unreachable]
                yield
            return
        handle = os.open(self.path, os.O_RDONLY)
        deadline = time.monotonic() + ORPHANS_SECONDS
        try:
            while not _is_locked(handle):
                if time.monotonic() > deadline:
                    raise TrainingError(
                        f"{self.path}: another run trains in it: wait for its end or name another run folder"
                    )
                time.sleep(0.1)
            with closing(self._events):
                yield
        finally:
            os.close(handle)

    def start(self, config: object, *, resume: bool, command: Sequence[str] | None = None) -> bool:
        """Prepare the folder for a start of the run, and record the start.

        Settings are a frozen dataclass or anything else that `as_json` takes; without a `command`, this
        process's own is recorded.

        Returns:
            Whether there is a checkpoint to continue from.

        Raises:
            TrainingError: The folder holds a run and `resume` is false; or the run in it was
                started with other settings; or the folder cannot be written.
        """
        self.refuse_run(resume=resume)
        resuming = self.last_checkpoint.exists()
        entries = as_json(config)
        if resuming and self.config_path.exists():
            self._require_same(self.config(), entries)
        row = {"started": datetime.now(UTC).isoformat(timespec="seconds"), "resumed": resuming}
        row |= {"command": list(sys.argv if command is None else command), "versions": _versions()}
        with disk_errors(self.path, "name another folder", error=TrainingError):
            self.path.mkdir(parents=True, exist_ok=True)
            remove_partial_files(self.last_checkpoint.parent)
            replace_text(self.config_path, json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
            append_row(self.starts_path, row)
            if not resuming:
                self.metrics_path.unlink(missing_ok=True)
        return resuming

    def refuse_run(self, *, resume: bool) -> None:
        """Raise `TrainingError` where the folder holds a run, unless it is to go on."""
        if self.last_checkpoint.exists() and not resume:
            raise TrainingError(
                f"{self.path}: holds a run already: resume it (--resume) or name another run folder"
            )

    def config(self) -> dict[str, Any]:
        """Return the recorded settings.

        Raises:
            TrainingError: There are none, or they are damaged.
        """
        try:
            config = json.loads(self.config_path.read_text(encoding="utf-8"))
        except OSError:
            raise TrainingError(f"{self.path}: holds no training run: name a run folder") from None
        except ValueError:
            config = None
        if not isinstance(config, dict):
            raise TrainingError(f"{self.config_path}: is damaged: delete it to resume all the same")
        return config

    def command(self) -> list[str]:
        """Return the command line that began the run, not those that resumed it; empty if unrecorded."""
        began: list[str] = []
        for row in read_rows(self.starts_path):
            with suppress(KeyError, TypeError):
                if not began or not row["resumed"]:
                    began = [str(word) for word in row["command"]]
        return began

    def append_metrics(self, row: Mapping[str, float]) -> None:
        """Add a row to the metrics."""
        with self._on_disk():
            append_row(self.metrics_path, row)
        self._events.add(row)

    def append_warning(self, step: int, message: str) -> None:
        """Add a row to the warnings."""
        with self._on_disk():
            append_row(self.warnings_path, {"step": step, "warning": message})

    def read_metrics(self) -> list[dict[str, float]]:
        """Return the rows of the metrics; a row that a killed run left half written is skipped."""
        return read_rows(self.metrics_path)

    def truncate_metrics(self, step: int) -> None:
        """Drop the rows of steps after `step`, which a resumed run will write anew."""
        rows = [row for row in self.read_metrics() if row["step"] <= step]
        with self._on_disk():
            replace_text(
                self.metrics_path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
            )

    def plot(self) -> None:
        """Draw the metrics."""
        with self._on_disk():
            plot_metrics(self.read_metrics(), self.plot_path)

    def write_sounds(self, sounds: Mapping[str, Sound]) -> None:
        """Write sounds as WAV in 32-bit float, `(sample,)` or `(channel, sample)`, at their own rates."""
        for name, (audio, sample_rate) in sounds.items():
            path = self.sounds_path / f"{name}.wav"
            # SciPy takes (sample, channel).
            samples = np.ascontiguousarray(np.asarray(audio, dtype=np.float32).T)
            with self._on_disk():
                path.parent.mkdir(parents=True, exist_ok=True)
                with whole_file(path) as partial:
                    wavfile.write(partial, sample_rate, samples)

    def _on_disk(self) -> AbstractContextManager[None]:
        """Say in one line what the disk refuses to a run, and that it goes on from its last checkpoint."""
        return disk_errors(self.path, "make room or mend access, then --resume goes on", error=TrainingError)

    def _require_same(self, before: Mapping[str, Any], entries: Mapping[str, Any]) -> None:
        changed = _differences(before, entries)
        if changed:
            name, (old, new) = next(iter(changed.items()))
            raise TrainingError(
                f"{self.path}: {name} is {new}, the run in it has {old}: "
                "resume with its settings or name another folder"
            )
        for name, content in before.get(CONTENTS, {}).items():
            if entries.get(CONTENTS, {}).get(name) != content:
                raise TrainingError(
                    f"{name}: is not the recording that the run in {self.path} learned from: "
                    "put that one back or name another folder"
                )


def _is_locked(handle: int) -> bool:
    """Lock an open folder, and say whether it worked; no lock is needed where a file system has none."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def as_json(value: Any) -> Any:
    """Turn settings into what JSON can hold: dataclasses into objects, paths into strings.

    Raises:
        TypeError: A value is none of dataclass, mapping, sequence, path, number, string, None.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: as_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): as_json(child) for key, child in value.items()}
    if isinstance(value, Sequence):
        return [as_json(child) for child in value]
    raise TypeError(f"settings can't hold {type(value).__name__}")


def _differences(before: Any, after: Any, name: str = "") -> dict[str, tuple[Any, Any]]:
    """Return where two JSON values differ, by dotted name, apart from what may change."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {name or "config": (before, after)}
    found: dict[str, tuple[Any, Any]] = {}
    of_loop = name.rpartition(".")[2] == "loop"
    for key in [*before, *(key for key in after if key not in before)]:
        if key != "seed" if of_loop else key in CHANGEABLE:
            continue
        found |= _differences(before.get(key), after.get(key), f"{name}.{key}" if name else key)
    return found


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version(), "machine": platform.platform()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    if torch.cuda.is_available():
        versions["gpu"] = torch.cuda.get_device_name()
    return versions
