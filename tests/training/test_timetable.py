"""What is due when: by steps alone, or by the clock too where the time is limited."""

import itertools

import pytest

from violute.training.schedules import Timetable
from violute.training.settings import LoopSettings


def done_at(settings: LoopSettings, what: str, seconds_a_step: float, n_steps: int, *, is_timed=True):
    """Steps after which something was done."""
    now = [0.0]
    timetable = Timetable(settings, is_timed=is_timed, clock=lambda: now[0])
    steps = []
    for step in range(1, n_steps + 1):
        now[0] += seconds_a_step
        if timetable.is_due(what, step):
            timetable.done(what)
            steps.append(step)
    return steps


@pytest.mark.parametrize("seconds_a_step", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize(("what", "every"), [("report", 10), ("validation", 50), ("checkpoint", 20)])
def test_without_a_limit_of_time_the_steps_decide(what: str, every: int, seconds_a_step: float):
    settings = LoopSettings(report_every=10, validate_every=50, checkpoint_every=20)
    assert done_at(settings, what, seconds_a_step, 100) == list(range(every, 101, every))


def test_several_processes_go_by_their_steps():
    settings = LoopSettings(validate_every=5, minutes=8.0)
    assert done_at(settings, "validation", 100.0, 20, is_timed=False) == [5, 10, 15, 20]


def test_a_quick_machine_validates_every_twenty_seconds_and_a_slow_one_every_thirty():
    settings = LoopSettings(validate_every=100, checkpoint_every=100, minutes=8.0)
    quick, slow = (done_at(settings, "validation", 480.0 / n, n) for n in (61_440, 64))
    assert {b - a for a, b in itertools.pairwise(quick)} == {2600}
    assert {b - a for a, b in itertools.pairwise(slow)} == {4}
    saved = done_at(settings, "checkpoint", 480.0 / 64, 64)
    assert {b - a for a, b in itertools.pairwise(saved)} == {8}


def test_a_long_run_on_a_slow_machine_validates_twenty_times_at_least():
    settings = LoopSettings(validate_every=10**6, minutes=120.0)
    assert len(done_at(settings, "validation", 1.0, 7200)) == 20


def test_reports_of_a_quick_machine_are_a_second_apart():
    settings = LoopSettings(report_every=10, minutes=8.0 + 20.0 / 60.0)
    assert len(done_at(settings, "report", 1 / 1024, 10_240)) == 9  # at the first multiples of ten after each
