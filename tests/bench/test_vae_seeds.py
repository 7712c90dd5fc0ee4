"""Seeds of the VAEs: runs that have not ended are drawn and count for nothing."""

from __future__ import annotations

import json

import pytest
import vae_seeds

N_STEPS = 20


def put_run(folder, name, losses, last_step):
    """Write the metrics of a run whose last validation is at a step."""
    (folder / name).mkdir(parents=True)
    steps = [last_step * (i + 1) // len(losses) for i in range(len(losses))]
    rows = [
        {"step": step, vae_seeds.COMPARED[0]: loss / 2.0, vae_seeds.COMPARED[1]: loss / 2.0}
        for step, loss in zip(steps, losses, strict=True)
    ]
    report = {"step": 1, "total": 1.0}
    (folder / name / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (report, *rows)))


def put_seeds(folder, family, finals):
    for seed, final in enumerate(finals):
        put_run(folder, f"{family}-{seed}", [0.5, final], N_STEPS)


def figures_in(folder):
    runs = {family: vae_seeds.runs_of(family, folder, N_STEPS) for family in vae_seeds.TASKS}
    return runs, vae_seeds.figures(runs, N_STEPS)


def test_a_run_that_has_not_ended_counts_for_nothing(tmp_path):
    put_seeds(tmp_path, "vae", [0.1, 0.2])
    put_run(tmp_path, "vae-2", [0.5, 9.0], N_STEPS - 1)
    put_run(tmp_path, "vae-3", [], N_STEPS)
    runs, document = figures_in(tmp_path)
    assert [run.has_ended for run in runs["vae"]] == [True, True, False]
    assert document["families"]["vae"]["mean"] == pytest.approx(0.15)
    assert document["families"]["mevae"]["mean"] is None
    assert "2 of the VAE (0.1000 0.2000) and 0 of the multi-encoder VAE" in document["answer"]


@pytest.mark.parametrize(
    ("factor", "verdict"), [(0.1, "more steadily than"), (1.0, "like"), (10.0, "less steadily than")]
)
def test_the_answer_follows_the_ratio_of_the_spreads(tmp_path, factor, verdict):
    deviations = [-0.02, -0.01, 0.0, 0.01, 0.02]
    put_seeds(tmp_path, "vae", [1.0 + d for d in deviations])
    put_seeds(tmp_path, "mevae", [1.0 + factor * d for d in deviations])
    _, document = figures_in(tmp_path)
    assert f"trained {verdict} the VAE" in document["answer"]
    assert f"ratio {factor:.2f}" in document["answer"]


def test_all_runs_are_drawn(tmp_path):
    put_seeds(tmp_path, "vae", [0.1])
    put_run(tmp_path, "mevae-0", [0.5, 0.4], N_STEPS - 5)
    runs, document = figures_in(tmp_path)
    vae_seeds.draw(runs, document["answer"], tmp_path / "seeds.png")
    assert (tmp_path / "seeds.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_heard_of_the_seeds_is_compared_with_intervals():
    same = vae_seeds.comparison([0.9, 0.91, 0.92, 0.93, 0.94], [0.91, 0.9, 0.94, 0.93, 0.92])
    assert same["difference"][0] == pytest.approx(0.0)
    assert same["difference"][1] < 0.0 < same["difference"][2]
    assert same["ratio_of_deviations"][0] == pytest.approx(1.0)
    worse = vae_seeds.comparison([0.9, 0.91, 0.92, 0.93, 0.94], [0.3, 0.5, 0.7, 0.1, 0.9])
    assert worse["difference"][2] < 0.0
    assert worse["ratio_of_deviations"][1] > 1.0  # less steady beyond chance
