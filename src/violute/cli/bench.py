"""`violute bench`: voices and baselines over a folder of recordings, measured and heard."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from violute.cli.terminal.extras import engine_of, require_extra
from violute.cli.terminal.options import ClusterAddress, Flag, Jobs, Json, Quiet
from violute.cli.terminal.output import complain, refuse_existing, say_done
from violute.cli.terminal.progress import progress_bars
from violute.errors import InputError
from violute.whole_file import disk_errors, named_file

if TYPE_CHECKING:
    from violute.evaluation.bench.clips import Clip
    from violute.evaluation.bench.contenders import Lineup, VoiceFile
    from violute.evaluation.bench.job import Job
    from violute.evaluation.bench.schema import Document

bench_app = App(name="bench")

DEFAULT_HEARD = 2
REPORT_ENDINGS = (".json", ".md", ".html")
WEBMUSHRA_ENDING = ".webmushra"


@bench_app.default
def bench(
    *,
    data: Path,
    voices: Annotated[
        tuple[str, ...], Parameter(consume_multiple=True, negative=(), show_default=False)
    ] = (),
    out: Path = Path("bench-report"),
    select: Path | None = None,
    learn_from: Path | None = None,
    limit: int | None = None,
    seconds: float = 10.0,
    shortest: float = 3.0,
    clips: int = 1,
    heard: int = DEFAULT_HEARD,
    jobs: Jobs = None,
    cluster: ClusterAddress = None,
    pitch_judge: Literal["harvest", "pyin"] = "harvest",
    no_baselines: Flag = False,
    no_cost: Flag = False,
    webmushra: Flag = False,
    force: Annotated[
        Flag, Parameter(help="Replace a report that is there; what was worked out for it is kept.")
    ] = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Let voices and baselines play held-out recordings; write OUT.json, OUT.md and OUT.html.

    The page opens from disk without a server; it holds the figures with their intervals, plots, the
    sounds, and blind trials. Work is kept in OUT.work: a run that was stopped goes on where it was,
    and a later one repeats only what has changed. Needs `pip install 'violute[bench]'`.

    Parameters
    ----------
    data
        Folder with a folder for each instrument, named as the voice's ends; or MusicNet's.
    voices
        Names or files of voices. Default: violute-violin-flute.
    out
        Report without its ending.
    select
        File of glob patterns, one a line: play these recordings only, and learn from none of them.
    learn_from
        Folder of recordings that baselines learn the instruments from. Default: what is in DATA and
        is neither played nor selected.
    limit
        Recordings of each instrument at most, evenly picked.
    seconds
        Longest clip, in seconds.
    shortest
        Leave out shorter recordings, in seconds.
    clips
        Clips of a long recording at most.
    heard
        Clips of each instrument that the page plays.
    pitch_judge
        Tracker that judges the pitch.
    no_baselines
        Leave the baselines out.
    no_cost
        Leave speed and memory out.
    webmushra
        Write the listening trials for webMUSHRA too: a folder OUT.webmushra to lay over its own.
    """
    if (limit is not None and limit < 1) or clips < 1 or heard < 0:
        raise InputError("--limit and --clips must be 1 or more, --heard 0 or more: give a larger number")
    engine = engine_of(jobs, cluster)
    if not (seconds > 0 and shortest >= 0):
        raise InputError("--seconds must be above 0, --shortest 0 or more: give a larger number")
    from violute.voices.load import find_voice, load_voice

    for ending in (*REPORT_ENDINGS, *[WEBMUSHRA_ENDING] * webmushra):
        refuse_existing(out.with_name(out.name + ending), replace=force)
    for name in voices:
        find_voice(name)
    _require_files(data)
    require_extra(
        "bench", "the bench needs", "violute.evaluation.bench.run", "violute.evaluation.report.html"
    )
    from violute.data.recordings import read_patterns
    from violute.evaluation.bench.clips import find_clips
    from violute.evaluation.bench.contenders import voice_files
    from violute.evaluation.bench.run import run_bench

    patterns = None if select is None else read_patterns(select)
    files = voice_files(voices)
    ends = load_voice(files[0].path).card.ends
    played = find_clips(
        data,
        ends,
        select=patterns,
        limit=limit,
        clip_seconds=seconds,
        shortest_seconds=shortest,
        clips_per_recording=clips,
    )
    lineup = _lineup(files, ends, learn_from or data, played, patterns, with_baselines=not no_baselines)
    if not all(lineup.references) and not (no_baselines or quiet):
        complain(
            "warning: no recordings are left to learn from, so some baselines stay out: give --learn-from"
        )
    with progress_bars(shown=not (quiet or json)) as start:
        document, done = run_bench(
            lineup,
            played,
            out.with_name(out.name + ".work"),
            pitch_judge=pitch_judge,
            engine=engine,
            arguments=sys.argv[1:],
            with_cost=not no_cost,
            on_stage=start,
        )
        start("writing the report")
        paths = _write_report(document, done, played, out, heard, overwrite=force, with_webmushra=webmushra)
    for failure in document["failures"]:
        complain(f"warning: {failure['contender']} did not play {failure['clip']}: {failure['message']}")
    say_done("\n".join(map(str, paths)), document, json=json, quiet=quiet)
    return 0


@bench_app.command
def compare(
    old: Annotated[Path, Parameter(name="OLD.json")],
    new: Annotated[Path, Parameter(name="NEW.json")],
    /,
    *,
    json: Json = False,
) -> int:
    """Say what got better or worse from one report to another, beyond chance.

    Contenders are matched by name and recordings by theirs; differences are paired by recording,
    and corrected for how many figures are looked at (Holm).

    Parameters
    ----------
    old
        Written by an earlier `violute bench`.
    new
        Written by a later one.
    """
    _require_files(old, new)
    require_extra("bench", "the bench needs", "violute.evaluation.bench.compare")
    from violute.evaluation.bench.compare import compare_documents, markdown_comparison
    from violute.evaluation.bench.schema import read_document

    compared = compare_documents(read_document(old), read_document(new))
    say_done(markdown_comparison(compared).rstrip(), compared, json=json, quiet=False)
    return 0


@bench_app.command
def listen(
    *answers: Annotated[Path, Parameter(name="ANSWERS.json...")],
    json: Json = False,
) -> int:
    """Put listeners' answers together: who could be told from whom, who was rated how, with intervals.

    Parameters
    ----------
    answers
        Files that the page of one report has saved.
    """
    _require_files(*answers)
    require_extra("bench", "the bench needs", "violute.evaluation.report.listening_results")
    from violute.evaluation.report.listening_results import aggregate, markdown_results, read_answers

    found = aggregate(read_answers(answers))
    say_done(markdown_results(found).rstrip(), found, json=json, quiet=False)
    return 0


def _require_files(*paths: Path) -> None:
    """Make sure that files or folders are there before anything heavy is imported."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path}: there is no such file or folder: check the path")


def _lineup(
    files: tuple[VoiceFile, ...],
    ends: tuple[str, str],
    folder: Path,
    played: Sequence[Clip],
    patterns: Sequence[str] | None,
    *,
    with_baselines: bool,
) -> Lineup:
    """Return who plays, and what the baselines learn from."""
    from violute.evaluation.bench.clips import find_references, recording_seconds
    from violute.evaluation.bench.contenders import Lineup, pick_references

    real = find_references(folder, ends, played, select=patterns)
    picked = [
        pick_references(recordings, [recording_seconds(recording) for recording in recordings])
        for recordings in (real.get(end, []) for end in ends)
    ]
    return Lineup(files, ends, (picked[0], picked[1]), with_baselines)


def _write_report(
    document: Document,
    done: Sequence[Job],
    played: Sequence[Clip],
    out: Path,
    n_heard: int,
    *,
    overwrite: bool,
    with_webmushra: bool,
) -> list[Path]:
    """Write JSON, Markdown, the page and, if asked for, the trials for webMUSHRA; return their paths."""
    from violute.evaluation.bench.job import hear
    from violute.evaluation.bench.schema import to_json
    from violute.evaluation.report.html import report_html
    from violute.evaluation.report.tables import markdown
    from violute.evaluation.report.webmushra import write_webmushra

    sounds = hear(done, played, n_heard)
    texts = (to_json(document), markdown(document), report_html(document, sounds))
    paths = []
    for ending, text in zip(REPORT_ENDINGS, texts, strict=True):
        path = out.with_name(out.name + ending)
        with named_file(path, "name another report", overwrite=overwrite) as partial:
            partial.write_text(text, encoding="utf-8")
        paths.append(path)
    if with_webmushra:
        names = [entry["name"] for entry in document["contenders"] if entry["kind"] == "voice"]
        folder = out.with_name(out.name + WEBMUSHRA_ENDING)
        with disk_errors(folder, "name another report", error=InputError):
            paths.append(write_webmushra(sounds, names, folder, out.name))
    return paths
