"""Training all models side by side: commands that exist, one that fails stops no other, results that fit."""

import io
import json
import sys
import tarfile
import time
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from study_models import MODELS, Plan, Run, finish, walk
from study_results import BEST, LAST, pack, spent_seconds, write_table

from violute.families.recipes import family_recipe
from violute.training.checkpoints import read_checkpoint, write_checkpoint


def plan_in(folder: Path, *, resume=False, seconds=600.0) -> Plan:
    end = time.monotonic() + seconds
    return Plan(
        Path("data"), Path("held_out.txt"), folder, folder / "cache", False, resume, end, list(MODELS)
    )


@pytest.mark.parametrize("name", MODELS)
def test_each_model_names_a_recipe_that_there_is(name: str):
    model = MODELS[name]
    family_recipe(model.family, model.recipe, model.settings)


def test_minutes_are_those_that_are_left_and_those_that_were_spent(tmp_path: Path):
    run = tmp_path / "rave" / "run"
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"step": 1, "seconds": 60.0}\n{"step": 2, "seconds": 12')
    assert spent_seconds(run) == 60.0
    command = plan_in(tmp_path, resume=True, seconds=615.5).command("rave", "train")
    assert float(command[command.index("--minutes") + 1]) == pytest.approx(11.0, abs=0.02)
    assert command[-1] == "--resume"


class Scripted(Plan):
    """Runs a line of Python instead of each command."""

    lines: ClassVar[dict[str, str]] = {}

    def command(self, name: str, stage: str) -> list[str]:
        return [sys.executable, "-c", self.lines[name].format(stage=stage, folder=self.folder(name))]


def test_one_that_fails_and_one_that_hangs_stop_no_other(tmp_path: Path):
    plan = Scripted(*vars(plan_in(tmp_path)).values())
    note = "open(r'{folder}/{stage}', 'w')"
    plan.lines.update(vae="raise SystemExit(3)", rave=f"{note}; import time; time.sleep(600)", nsynth=note)
    runs = [Run(name, plan, {}) for name in plan.lines]
    walk(runs, time.monotonic() + 4.0)
    assert [run.stage for run in runs] == ["measure failed", "measure stopped", "train"]
    assert [(tmp_path / "nsynth" / stage).exists() for stage in ("measure", "train")] == [True, True]
    assert not (tmp_path / "rave" / "train").exists()
    (tmp_path / "rave" / "run" / "checkpoints").mkdir(parents=True)
    plan.lines["rave"] = note
    finish(runs, time.monotonic())
    assert (tmp_path / "rave" / "export").exists()
    assert not (tmp_path / "vae" / "export").exists()


def test_a_table_has_a_column_for_each_metric(tmp_path: Path):
    rows = [{"step": 1, "total": 0.5}, {"step": 1, "validation/total": 0.25}]
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)))
    write_table(tmp_path / "run")
    assert (tmp_path / "metrics.csv").read_text().split() == [
        "step,total,validation/total",
        "1,0.5,",
        "1,,0.25",
    ]


def unpacked(parts: list[Path], folder: Path) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(part.read_bytes() for part in parts))) as archive:
        names = archive.getnames()
        for member in archive:
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(archive.extractfile(member).read())
        return names


def test_results_are_packed_by_what_matters_most_as_far_as_there_is_room(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("study_results.PART_BYTES", 200_000)
    generator = torch.Generator().manual_seed(0)
    for name, n in (("small", 4_000), ("large", 60_000)):
        weights = {"weight": torch.randn(n, generator=generator), "n": torch.tensor(7)}
        state = {"step": 5, "validation": {}, "modules": {"network": weights}}
        folder = tmp_path / "runs" / name
        write_checkpoint(folder / LAST, {**state, "averaged": {"network.weight": weights["weight"] / 2}})
        if name == "small":
            write_checkpoint(folder / BEST, state)
        (folder / f"{name}.onnx").write_bytes(bytes(40_000))
    parts = pack(tmp_path / "runs", ["large", "small"], tmp_path / "out", n_parts=2)
    assert [part.name for part in parts] == ["results.tar.0", "results.tar.1"]
    assert max(part.stat().st_size for part in parts) <= 200_000
    found = unpacked(parts, tmp_path / "again")
    assert found == [
        "large/large.onnx",
        "small/small.onnx",
        f"small/{BEST}",
        f"large/{BEST}",
        f"small/{LAST}",
    ]
    half, last = (
        read_checkpoint(tmp_path / where / "large" / path)
        for where, path in (("again", BEST), ("runs", LAST))
    )
    assert half["modules"]["network"]["weight"].dtype == torch.float16
    assert int(half["modules"]["network"]["n"]) == 7
    expected = last["averaged"]["network.weight"]
    assert torch.allclose(half["modules"]["network"]["weight"].float(), expected, rtol=1e-3)
