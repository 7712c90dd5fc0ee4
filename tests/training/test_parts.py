"""The loop's parts by themselves: settings, schedule, seeds, losses, averages, alarm, run folder, plots."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from full_disk import full_disk
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch import nn

from violute.errors import TrainingError
from violute.families.ddsp.recipes import DDSP_RECIPES
from violute.families.recipes import family_recipe
from violute.training.averaging import AveragedWeights
from violute.training.losses import DivergenceAlarm, LossMeter, of_both_turns, take_turn, weighted_total
from violute.training.plots import plot_metrics
from violute.training.processes import average_gradients, choose_device, current_processes, share_from_writer
from violute.training.run_folder import RunFolder, as_json
from violute.training.schedules import learning_rate_factor
from violute.training.seeds import Stream, derived_seed, seed_everything
from violute.training.settings import LoopSettings
from violute.training.task import StepContext
from violute.whole_file import PARTIAL_NAMES


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_steps", 0),
        ("report_every", -1),
        ("validate_every", 0),
        ("checkpoint_every", 0),
        ("minutes", 0.0),
        ("minutes", math.nan),
        ("minutes", math.inf),
        ("seed", -1),
        ("warmup_steps", -1),
        ("gradient_clip_norm", 0.0),
        ("gradient_clip_norm", math.nan),
        ("final_factor", 1.1),
        ("averaging_decay", 1.0),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float):
    with pytest.raises(TrainingError, match=rf"^{name} is .*: give "):
        LoopSettings(**{name: value})


@given(
    n_steps=st.integers(1, 5000),
    warmup_steps=st.integers(0, 500),
    final_factor=st.floats(0, 1),
    schedule=st.sampled_from(["constant", "cosine"]),
)
def test_the_learning_rate_rises_then_falls_and_never_leaves_its_range(
    n_steps, warmup_steps, final_factor, schedule
):
    settings = LoopSettings(
        n_steps=n_steps, warmup_steps=warmup_steps, final_factor=final_factor, schedule=schedule
    )
    factors = [learning_rate_factor(step, settings) for step in range(n_steps + 10)]
    rising, falling = np.diff(factors[: warmup_steps + 1]), np.diff(factors[warmup_steps:])
    assert (rising > 0).all()
    assert (falling <= 1e-12).all()
    assert 0.0 <= min(factors) <= max(factors) <= 1.0
    if n_steps > warmup_steps + 1:
        assert factors[warmup_steps] == 1.0
        assert factors[n_steps - 1] == pytest.approx(1.0 if schedule == "constant" else final_factor)


def test_the_cosine_is_torchs_own():
    settings = LoopSettings(n_steps=101, warmup_steps=0, final_factor=0.1)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=100, eta_min=0.1)
    for step in range(101):
        assert learning_rate_factor(step, settings) == pytest.approx(oracle.get_last_lr()[0])
        optimizer.step()
        oracle.step()


@pytest.mark.parametrize("schedule", ["cosine", "linear"])
def test_the_rate_falls_with_the_time_where_that_ends_first(schedule: str):
    settings = LoopSettings(n_steps=10**6, warmup_steps=10, schedule=schedule, final_factor=0.1)
    rates = [learning_rate_factor(500, settings, time_share=share) for share in np.linspace(0.0, 1.0, 21)]
    assert rates[0] == pytest.approx(1.0)
    assert rates[-1] == pytest.approx(0.1)
    assert (np.diff(rates) <= 0.0).all()
    in_steps = LoopSettings(n_steps=1001, warmup_steps=0, schedule=schedule, final_factor=0.1)
    assert rates[15] == pytest.approx(learning_rate_factor(750, in_steps))


def test_the_rate_warms_up_over_steps_or_a_tenth_of_the_time():
    settings = LoopSettings(n_steps=10**6, warmup_steps=99, schedule="constant")
    assert learning_rate_factor(0, settings) == pytest.approx(0.01)
    assert learning_rate_factor(49, settings) == pytest.approx(0.5)
    assert learning_rate_factor(9, settings, time_share=0.05) == pytest.approx(0.5)
    assert learning_rate_factor(9, settings, time_share=0.1) == 1.0


@pytest.mark.parametrize(
    ("step", "time_share", "share", "scheduled"), [(30, 0.0, 0.3, 30), (30, 0.1, 0.3, 30), (30, 0.8, 0.8, 80)]
)
def test_a_run_is_as_far_as_its_steps_or_its_time(
    step: int, time_share: float, share: float, scheduled: float
):
    context = StepContext(step, 100, torch.Generator(), lambda _name, _loss: None, time_share)
    assert (context.share, context.scheduled_step) == (pytest.approx(share), pytest.approx(scheduled))


def test_seeds_differ_by_step_process_purpose_and_run():
    seeds = {
        derived_seed(seed, stream, step, rank)
        for seed in (0, 1, 2**40)
        for stream in Stream
        for step in range(50)
        for rank in range(4)
    }
    assert len(seeds) == 3 * len(Stream) * 50 * 4
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_seeding_repeats_and_the_two_generators_disagree():
    with torch.random.fork_rng():
        first = torch.rand(5, generator=seed_everything(7)), torch.rand(5)
        second = torch.rand(5, generator=seed_everything(7)), torch.rand(5)
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    assert not torch.equal(first[0], first[1])


def test_the_total_is_the_weighted_sum_and_the_parts_stay_bare():
    losses = {"a/x": torch.tensor(2.0), "a/y": torch.tensor(3.0)}
    weighted = weighted_total(losses, {"a/y": 10.0, "a/x": 0.5})
    assert {name: value.item() for name, value in weighted.items()} == {"a/x": 2.0, "a/y": 3.0, "total": 31.0}


@pytest.mark.parametrize(
    "weights", [{"a/x": 1.0}, {"a/x": 1.0, "a/y": 1.0, "a/z": 1.0}, {"a/x": 1.0, "a/Y": 1.0}]
)
def test_a_loss_without_its_weight_is_no_silent_zero(weights):
    with pytest.raises(TrainingError, match="loss weights are for a/.*the losses are a/x, a/y: give each"):
        weighted_total({"a/x": torch.tensor(1.0), "a/y": torch.tensor(1.0)}, weights)


def test_turns_descend_apart_each_on_its_own_losses_and_the_step_counts_both():
    descended = {}
    context = StepContext(0, 1, torch.Generator(), lambda name, loss: descended.update({name: loss.item()}))
    weights = {"a/x": 2.0, "b/y": 3.0}
    first = take_turn("maker", {"a/x": torch.tensor(1.0)}, weights, context)
    second = take_turn("critic", {"b/y": torch.tensor(10.0)}, weights, context)
    assert descended == {"maker": 2.0, "critic": 30.0}
    both = of_both_turns(first, second)
    assert {name: value.item() for name, value in both.items()} == {"a/x": 1.0, "b/y": 10.0, "total": 32.0}
    with pytest.raises(TrainingError, match="give each"):
        take_turn("maker", {"a/z": torch.tensor(1.0)}, weights, context)


def test_averages_follow_the_definition():
    module = nn.Linear(2, 1)
    averaged = AveragedWeights({"m": module}, decay=0.5)
    expected = module.weight.detach().numpy().astype(np.float64)
    for step in range(1, 30):
        with torch.no_grad():
            module.weight += step
        averaged.update(step)
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * module.weight.detach().numpy()
    np.testing.assert_allclose(averaged.state_dict()["m.weight"].numpy(), expected, rtol=1e-5)


def test_averages_stand_in_for_the_weights_and_step_back_even_after_an_error():
    module = nn.Linear(2, 1)
    averaged = AveragedWeights({"m": module}, decay=0.9)
    before = module.weight.detach().clone()
    with torch.no_grad():
        module.weight += 1.0

    def look_and_fail() -> None:
        with averaged.applied():
            assert torch.equal(module.weight, before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        look_and_fail()
    assert torch.equal(module.weight, before + 1.0)


def test_the_meter_means_over_the_steps_in_which_a_loss_came():
    meter = LossMeter()
    for step in range(4):
        meter.add("total", torch.tensor(float(step), requires_grad=True))
        if step % 2:
            meter.add("adversarial/generator", 10.0 * step)
    assert meter.read(torch.device("cpu")) == {"total": 1.5, "adversarial/generator": 20.0}
    assert meter.read(torch.device("cpu")) == {}


@given(st.lists(st.floats(0.01, 50.0), min_size=1, max_size=80))
def test_the_alarm_is_quiet_while_losses_wander(totals):
    alarm = DivergenceAlarm()
    assert all(alarm.diverged({"total": total}) is None for total in totals)
    assert alarm.recent_totals == totals[-50:]


@pytest.mark.parametrize(
    ("losses", "name"),
    [
        ({"a": 1.0, "total": math.nan}, "total"),
        ({"a": -math.inf, "total": 1.0}, "a"),
        ({"total": 1e6}, "total"),
        ({"total": -1e6}, "total"),
    ],
)
def test_the_alarm_names_what_ran_away(losses, name):
    alarm = DivergenceAlarm([1.0, 2.0, 1.0, 2.0, 1.0])
    assert alarm.diverged(losses) == name
    assert len(alarm.recent_totals) == 5


@dataclasses.dataclass(frozen=True)
class Config:
    width: int = 64
    learning_rate: float = 0.1
    loop: LoopSettings = dataclasses.field(default_factory=LoopSettings)
    names: tuple[str, ...] = ("flute", "violin")


def folder_with_checkpoint(path: Path, config: object) -> RunFolder:
    folder = RunFolder(path)
    folder.start(config, resume=False)
    folder.last_checkpoint.parent.mkdir()
    folder.last_checkpoint.touch()
    return folder


def test_a_start_records_settings_command_and_versions(tmp_path: Path):
    folder = RunFolder(tmp_path / "new" / "run")
    assert folder.start(Config(), resume=True, command=["violute", "train", "ddsp"]) is False
    config = json.loads(folder.config_path.read_text())
    assert config["width"] == 64
    assert config["names"] == ["flute", "violin"]
    assert config["loop"]["n_steps"] == LoopSettings().n_steps
    start = json.loads(folder.starts_path.read_text())
    assert start["command"] == ["violute", "train", "ddsp"]
    assert start["versions"]["torch"].split("+")[0] == torch.__version__.split("+")[0]


def test_a_resume_may_train_longer_or_slower_but_not_something_else(tmp_path: Path):
    folder = folder_with_checkpoint(tmp_path, Config())
    longer = Config(learning_rate=0.01, loop=LoopSettings(n_steps=99_999))
    assert folder.start(longer, resume=True) is True
    with pytest.raises(TrainingError, match=r"width is 65, the run in it has 64"):
        folder.start(Config(width=65), resume=True)
    with pytest.raises(TrainingError, match=r"names is \['oboe', 'violin'\]"):
        folder.start(Config(names=("oboe", "violin")), resume=True)


@pytest.mark.parametrize(
    "write",
    [
        lambda folder: folder.append_metrics({"step": 1.0}),
        lambda folder: folder.append_warning(1, "quiet"),
        lambda folder: folder.truncate_metrics(1),
        lambda folder: folder.plot(),
        lambda folder: folder.write_sounds({"a": (np.zeros(9, np.float32), 8000)}),
    ],
    ids=["metrics", "warning", "resume", "plot", "sounds"],
)
def test_a_disk_that_fills_up_during_a_run_is_one_line_that_says_how_it_goes_on(tmp_path, write):
    folder = RunFolder(tmp_path)
    folder.append_metrics({"step": 1.0, "loss": 2.0})
    with full_disk(), pytest.raises(TrainingError, match="make room or mend access, then --resume") as caught:
        write(folder)
    assert "\n" not in str(caught.value)
    assert folder.read_metrics() == [{"step": 1.0, "loss": 2.0}]
    assert not list(tmp_path.rglob(PARTIAL_NAMES))


def test_a_run_folder_that_cannot_be_is_one_clear_line(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be written .*: name another folder") as caught:
        RunFolder(tmp_path / "file" / "run").start(Config(), resume=False)
    assert "\n" not in str(caught.value)


def test_settings_of_unknown_kinds_are_refused():
    assert as_json({"p": Path("a/b"), "n": None, "t": (1, 2.5, True)}) == {
        "p": "a/b",
        "n": None,
        "t": [1, 2.5, True],
    }
    with pytest.raises(TypeError, match="can't hold set"):
        as_json({"bad": {1}})


def test_metrics_are_cut_at_a_step_and_half_rows_forgotten(tmp_path: Path):
    folder = RunFolder(tmp_path)
    for step in (5, 10, 15):
        folder.append_metrics({"step": step, "total": step / 10})
    with folder.metrics_path.open("a") as file:
        file.write('{"step": 20, "to')
    folder.truncate_metrics(10)
    assert folder.read_metrics() == [{"step": 5, "total": 0.5}, {"step": 10, "total": 1.0}]


@pytest.mark.parametrize("torn", [b'{"step": 20, "to', '{"step": 20, "ö'.encode()[:-1], b"\0\0\0"])
def test_a_torn_row_takes_no_other_with_it(tmp_path: Path, torn: bytes):
    folder = RunFolder(tmp_path)
    folder.append_metrics({"step": 5})
    with folder.metrics_path.open("ab") as file:
        file.write(torn)
    folder.append_metrics({"step": 10})
    assert folder.read_metrics() == [{"step": 5}, {"step": 10}]


def test_a_row_may_hold_any_letter(tmp_path: Path):
    folder = RunFolder(tmp_path)
    folder.start(Config(), resume=False, command=["train", "a\u2028b"])
    assert folder.command() == ["train", "a\u2028b"]


def test_sounds_are_written_as_they_are(tmp_path: Path):
    folder = RunFolder(tmp_path)
    mono = np.linspace(-1.5, 1.5, 100, dtype=np.float32)
    stereo = np.stack([mono, -mono])
    folder.write_sounds({"mono": (mono, 44100), "ends/stereo": (stereo, 48000)})
    audio, sample_rate = soundfile.read(tmp_path / "sounds" / "mono.wav", dtype="float32")
    assert sample_rate == 44100
    np.testing.assert_array_equal(audio, mono)
    audio, sample_rate = soundfile.read(tmp_path / "sounds" / "ends" / "stereo.wav", dtype="float32")
    assert sample_rate == 48000
    np.testing.assert_array_equal(audio.T, stereo)


def test_a_plot_shows_training_in_one_colour_and_validation_in_another(tmp_path: Path):
    rows = [{"step": s, "seconds": 0.1 * s, "total": 1 / s, "regression/noise": 2.0} for s in range(1, 20)]
    plot_metrics(rows, tmp_path / "without.png")
    plot_metrics(
        [*rows, {"step": 5, "validation/total": 0.9}, {"step": 9, "validation/total": 0.1}],
        tmp_path / "with.png",
    )
    orange = np.array([255, 127, 14])  # matplotlib's second colour
    counts = {
        name: (
            np.abs(np.asarray(Image.open(tmp_path / name).convert("RGB")).astype(int) - orange).sum(-1) < 20
        ).sum()
        for name in ("with.png", "without.png")
    }
    assert counts["with.png"] > 20
    assert counts["without.png"] == 0


def test_nothing_to_draw_draws_nothing(tmp_path: Path):
    plot_metrics([{"step": 1, "total": math.nan}], tmp_path / "x.png")
    assert not (tmp_path / "x.png").exists()


def test_one_process_is_a_group_of_one():
    parameter = nn.Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([1.0, 2.0])
    average_gradients([parameter])
    assert parameter.grad.tolist() == [1.0, 2.0]
    assert share_from_writer({"x": 1}) == {"x": 1}
    assert current_processes().is_writer


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_refused(name: str):
    with pytest.raises(TrainingError, match="device is .*: give "):
        choose_device(name)
    assert choose_device("cpu") == torch.device("cpu")


@pytest.mark.parametrize("name", list(DDSP_RECIPES))
def test_each_recipe_can_be_recorded(name: str):
    assert json.loads(json.dumps(as_json(DDSP_RECIPES[name]())))["loop"]["n_steps"] >= 1


def test_an_unknown_recipe_names_the_known_ones():
    with pytest.raises(
        TrainingError, match="no recipe 'huge' for ddsp: name one of default, quick, adversarial, tiny"
    ):
        family_recipe("ddsp", "huge")
