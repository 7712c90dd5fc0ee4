"""`violute convert`: recordings in, hybrids out."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from violute.cli.terminal.extras import engine_of, require_extra
from violute.cli.terminal.options import (
    Attack,
    ClusterAddress,
    Flag,
    Jobs,
    Json,
    Level,
    MixPlace,
    Moves,
    Noise,
    Quiet,
    Room,
    Tone,
    Transpose,
    Vibrato,
    Wet,
)
from violute.cli.terminal.output import complain, say, say_json
from violute.cli.terminal.progress import StartTask, progress_bars
from violute.errors import InputError, VioluteError
from violute.worklist.places import name_of

if TYPE_CHECKING:
    from violute.voices.conversion.convert import Conversion
    from violute.voices.conversion.destinations import PlannedConversion
    from violute.voices.conversion.work_list import ConversionManifest, ConversionWork, Converted
    from violute.voices.family import FamilyVoice
    from violute.worklist.engine import Engine
    from violute.worklist.places import Place


HYPHEN = "<stdin>"
"""What `main` puts in place of a lone `-`, which would be read as the beginning of an option."""

MOST_NAMES = 5
"""So many files that were left out are named."""


def convert(
    *paths: Annotated[str, Parameter(name="IN... [OUT]")],
    mix: MixPlace = None,
    tone: Tone = None,
    noise: Noise = None,
    attack: Attack = None,
    vibrato: Vibrato = None,
    room: Room = None,
    automation: Moves = None,
    wet: Wet = 1.0,
    level: Level = 0.0,
    transpose: Transpose = 0.0,
    voice: str | None = None,
    lines: Annotated[str, Parameter(name=("--lines", "--voices"))] = "auto",
    from_: Annotated[float, Parameter(name="--from", show_default=False)] = 0.0,
    to: float | None = None,
    bits: Literal[16, 24] | None = None,
    force: Flag = False,
    jobs: Jobs = None,
    cluster: ClusterAddress = None,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Play recordings in a voice made of two instruments.

    With one path, the hybrid goes beside the recording as NAME-violute-mix0.50.wav; a folder's
    hybrids go into FOLDER-violute, its tree kept. With two or more paths the last one is OUT: a file
    for one recording, or a folder. Nothing is replaced without --force: an OUT that is a file and
    exists is refused, and hybrids that are already there under the names made here are skipped.
    Rate, length, channels and loudness stay the recording's; the format follows the name of OUT
    (.wav .flac .ogg .opus .mp3 .aiff).

    Folders are worked on by all cores, or by a Ray cluster with --cluster, and may lie in an object store
    (s3:// or gs://; `pip install 'violute[cluster]'`). What became of each file stands in
    violute-manifest.jsonl among the hybrids; a run that was stopped, whatever stopped it, is run again.

    Parameters
    ----------
    paths
        Recordings or folders (WAV, FLAC, Ogg, Opus, MP3, AIFF; any rate and channels; m4a, aac, wma and
        others where ffmpeg is installed), then OUT. `-` is a recording from standard input.
    voice
        Name of a voice (see `violute voices`) or path of a voice file. Default: violute-violin-flute. Also a
        model.ts in the form of nn~, such as an export of RAVE (needs `pip install 'violute[train]'`): it runs
        as a program, and the mix leads from the recording (0) to what it plays (1).
    lines
        How many notes may sound at once, 1 to 4; auto finds out where there are chords. For voices of the
        family ddsp; the others play the sound as a whole.
    from_
        Write the hybrid from this second on alone; all is played for it, so that it sounds as in the whole.
    to
        Write the hybrid up to this second. Default: to its end.
    bits
        Of a sample, in .wav, .flac and .aiff. Default: as the recording.
    force
        Replace OUT, and convert again what is already there.
    """
    from violute.analysis.polyphony.chords import checked_lines
    from violute.audio.span import Span
    from violute.voices.automation import read_automation, read_dials
    from violute.voices.conversion.destinations import mix_label
    from violute.voices.conversion.work_list import ConversionManifest, ConversionWork, maker_of
    from violute.voices.load import DEFAULT_VOICE
    from violute.voices.mix import Output, mix_of_settings

    engine = engine_of(jobs, cluster)
    moves = read_automation(automation) if automation else None
    dials = read_dials(tone=tone, noise=noise, attack=attack, vibrato=vibrato, room=room)
    settings = mix_of_settings(mix, moves, **dials)
    finish = Output(wet, level, transpose)
    span = Span(from_, math.inf if to is None else to)
    label = mix_label(settings) + finish.label + span.label
    if voice is not None:
        label = f"{Path(voice).stem.removeprefix('violute-')}-{label}"
    n_lines = checked_lines(lines)
    plans, folder, others = _planned(*_inputs_and_output(paths), label=label, force=force)
    maker = maker_of(_opened(voice), voice)
    todo: list[PlannedConversion] = []
    skipped: list[PlannedConversion] = []
    for plan in plans:
        (todo if force or plan.is_named or not plan.is_done() else skipped).append(plan)
    manifest = None if folder is None else ConversionManifest(folder, maker)
    work = ConversionWork(voice, settings, finish, n_lines, force, span, bits)
    with _folders_that_hold_something(todo):
        if manifest is not None and (made_by := manifest.begin(plans, force=force)) and not quiet:
            complain(f"warning: {made_by[0]} made what is there already: --force makes it anew")
        says = not (quiet or json)
        done, failed = _converted(
            work, todo, engine, manifest, is_alone=len(plans) == 1, warns=not quiet, says=says
        )
        if manifest is not None and todo:
            manifest.end()
    if json:
        say_json(_document(voice or DEFAULT_VOICE, done, skipped, failed, others))
    elif not quiet:
        _say_rest(skipped, others)
    if failed and len(plans) > 1:
        complain(f"{len(failed)} of {len(plans)} files failed:")
    for _, message in failed:
        complain(message)
    return 2 if failed else 0


def _planned(
    inputs: Sequence[str], output: str | None, *, label: str, force: bool
) -> tuple[list[PlannedConversion], Place | None, list[Path]]:
    """Return what is to be converted, the folder that gets a manifest, and the files that are left out."""
    from violute.voices.conversion.destinations import left_out, plan_conversions, refuse_to_replace

    try:
        plans = plan_conversions(inputs, output, label=label)
        others = left_out(inputs, output)
        if not force:
            refuse_to_replace(plans)
    except OSError as error:
        raise InputError(f"{error.filename}: it cannot be looked at ({_reason(error)})") from None
    folder = next((plan.folder for plan in plans if plan.folder is not None), None)
    return plans, folder, others


def _opened(voice: str | None) -> FamilyVoice:
    """Load a voice; a TorchScript file needs torch, and a word about trust before it runs."""
    from violute.voices.conversion.work_list import opened_voice

    if voice is not None and Path(voice).suffix.lower() == ".ts":
        require_extra("train", "a TorchScript voice needs", "violute.families.rave.torchscript")
        from violute.families.rave.torchscript import TRUST

        complain(f"warning: {voice} {TRUST}")
    return opened_voice(voice)


@contextmanager
def _folders_that_hold_something(plans: list[PlannedConversion]) -> Iterator[None]:
    """Remove at the end of the block those folders made in it that nothing came into."""
    made = {path for plan in plans for path in plan.folders_to_make()}
    try:
        yield
    finally:
        for path in sorted(made, reverse=True):
            with suppress(OSError):  # those that hold something stay
                path.rmdir()


def _converted(
    work: ConversionWork,
    plans: list[PlannedConversion],
    engine: Engine,
    manifest: ConversionManifest | None,
    *,
    is_alone: bool,
    warns: bool,
    says: bool,
) -> tuple[list[Conversion], list[tuple[PlannedConversion, str]]]:
    """Convert recordings, and write down and say what becomes of each."""
    done, failed = [], []
    local = (plan.source for plan in plans if isinstance(plan.source, Path))
    engine = engine.for_bytes(sum(path.stat().st_size for path in local if path.is_file()))
    with progress_bars(shown=says) as start:
        for i, result in _attempts(work, plans, engine, start):
            plan = plans[i]
            if isinstance(result, Exception):
                # Whatever is wrong with one file of many is that file's. Alone, a bug shows itself.
                if is_alone and not isinstance(result, OSError | VioluteError):
                    raise result
                reason = f"{plan.source}: it cannot be converted ({_reason(result)})"
                reason = str(result) if isinstance(result, VioluteError) else reason
                failed.append((plan, reason))
                if manifest is not None:
                    manifest.failed(plan, reason)
                continue
            if manifest is not None:
                manifest.done(plan, result)
            done.append(result.conversion)
            for warning in result.conversion.warnings if warns else ():
                complain(f"warning: {plan.source}: {warning}")
            if says:
                say(_line(result.conversion))
    return done, failed


def _say_rest(skipped: list[PlannedConversion], others: list[Path]) -> None:
    """Say what was there already, and what is no recording."""
    if skipped:
        files = "1 file was" if len(skipped) == 1 else f"{len(skipped)} files were"
        more = " ..." * (len(skipped) > 1)
        say(f"{files} already there (--force converts again): {skipped[0].destination}{more}")
    if others:
        say(_line_of_others(others))


def _inputs_and_output(paths: Sequence[str]) -> tuple[Sequence[str], str | None]:
    if not paths:
        raise InputError("no recording was given: name a file or a folder, as in `violute convert solo.wav`")
    paths = ["-" if path == HYPHEN else path for path in paths]
    if len(paths) > 1 and paths[-1] == "-":
        raise InputError("-: results are not written to standard output: name a file")
    return (paths, None) if len(paths) == 1 else (paths[:-1], paths[-1])


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return f"{type(error).__name__}: {error}"


def _attempts(
    work: ConversionWork, plans: list[PlannedConversion], engine: Engine, start: StartTask
) -> Iterator[tuple[int, Converted | Exception]]:
    """Convert recordings; alone each has a bar of its own, many share one."""
    if engine.cluster is None and engine.n_at_once(len(plans)) <= 1:
        numbers = {plan: f"{i}/{len(plans)} " if len(plans) > 1 else "" for i, plan in enumerate(plans, 1)}
        yield from engine.attempts(
            lambda plan: work(plan, start(numbers[plan] + name_of(plan.source))), plans
        )
        return
    report = start(f"converting {len(plans)} recordings")
    for n_done, attempt in enumerate(engine.attempts(work, plans), 1):
        report(n_done / len(plans))
        yield attempt


def _line(conversion: Conversion) -> str:
    chords = f", up to {conversion.n_lines} notes at once" if conversion.n_lines > 1 else ""
    is_part = conversion.written_seconds < conversion.seconds
    part = f"{conversion.written_seconds:.1f} of " if is_part else ""
    return (
        f"{conversion.source} -> {conversion.destination} "
        f"({part}{conversion.seconds:.1f} s{chords}, {conversion.real_time_factor:.0f}x real time)"
    )


def _line_of_others(paths: list[Path]) -> str:
    """Count the files that are no recordings by their names, kind by kind, and name the first."""
    kinds = Counter(path.suffix.lower() or "no ending" for path in paths)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    files = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
    names = ", ".join(map(str, paths[:MOST_NAMES])) + ", ..." * (len(paths) > MOST_NAMES)
    return f"{files} of no kind that can be converted and left out ({counts}): {names}"


def _document(
    voice: str,
    done: list[Conversion],
    skipped: list[PlannedConversion],
    failed: list[tuple[PlannedConversion, str]],
    others: list[Path],
) -> dict[str, Any]:
    return {
        "voice": voice,
        "converted": [conversion.as_json() for conversion in done],
        "skipped": [{"source": str(plan.source), "destination": str(plan.destination)} for plan in skipped],
        "failed": [{"source": str(plan.source), "error": message} for plan, message in failed],
        "left_out": list(map(str, others)),
    }
