"""Progress where nobody watches: lines, and not many."""

from types import SimpleNamespace

from violute.cli.terminal import progress


def test_a_log_gets_a_line_now_and_then(capsys, monkeypatch):
    clock = iter([0.0, 10.0, 70.0, 70.0, 80.0, 140.0, 140.0])
    # Not the clock of every thread, which others read too.
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    with progress.progress_bars() as start:
        move = start("measuring")
        move(0.1)
        move(0.2)
        start("training")(0.3)
        start("training")(0.5)
    assert capsys.readouterr().err.splitlines() == ["measuring: 20%", "training: 50%"]


def test_quiet_is_quiet(capsys, monkeypatch):
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
    with progress.progress_bars(shown=False) as start:
        start("measuring")(1.0)
    assert capsys.readouterr().err == ""
