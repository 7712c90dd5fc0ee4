"""`violute convert`: recordings in, hybrids out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from violute.cli.terminal.extras import require_extra
from violute.cli.terminal.options import Attack, Flag, Json, MixPlace, Moves, Noise, Quiet, Room, Tone
from violute.cli.terminal.output import complain, make_folder, say, say_json
from violute.cli.terminal.progress import progress_bars
from violute.errors import InputError, VioluteError

if TYPE_CHECKING:
    from violute.analysis.polyphony.chords import Lines
    from violute.voices.contract import OnProgress
    from violute.voices.convert import Conversion
    from violute.voices.destinations import PlannedConversion
    from violute.voices.family import FamilyVoice
    from violute.voices.mix import Mix


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
    vibrato: float | None = None,
    room: Room = None,
    automation: Moves = None,
    voice: str | None = None,
    lines: Annotated[str, Parameter(name=("--lines", "--voices"))] = "auto",
    force: Flag = False,
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

    Parameters
    ----------
    paths
        Recordings or folders (WAV, FLAC, Ogg, Opus, MP3, AIFF; any rate and channels; m4a, aac, wma and
        others where ffmpeg is installed), then OUT. `-` is a recording from standard input.
    vibrato
        Dial from vibrato in loudness (0) to vibrato in pitch (1). Default: as --mix.
    voice
        Name of a voice (see `violute voices`) or path of a voice file. Default: violute-violin-flute. Also a
        model.ts in the form of nn~, such as an export of RAVE (needs `pip install 'violute[train]'`): it runs
        as a program, and the mix leads from the recording (0) to what it plays (1).
    lines
        How many notes may sound at once, 1 to 4; auto finds out where there are chords. For voices of the
        family ddsp; the others play the sound as a whole.
    force
        Replace OUT, and convert again what is already there.
    """
    from violute.analysis.polyphony.chords import checked_lines
    from violute.voices.automation import read_automation
    from violute.voices.destinations import left_out, mix_label, plan_conversions, refuse_to_replace
    from violute.voices.load import DEFAULT_VOICE
    from violute.voices.mix import mix_of_settings

    moves = read_automation(automation) if automation else None
    settings = mix_of_settings(mix, moves, tone=tone, noise=noise, attack=attack, vibrato=vibrato, room=room)
    inputs, output = _inputs_and_output(paths)
    label = mix_label(settings)
    if voice is not None:
        label = f"{Path(voice).stem.removeprefix('violute-')}-{label}"
    n_lines = checked_lines(int(lines) if lines.isdecimal() else lines)
    try:
        plans = plan_conversions(inputs, output, label=label)
        others = left_out(inputs, output)
        if not force:
            refuse_to_replace(plans)
    except OSError as error:
        raise InputError(f"{error.filename}: it cannot be looked at ({_reason(error)})") from None
    player = _opened(voice)

    done: list[Conversion] = []
    skipped: list[PlannedConversion] = []
    failed: list[tuple[PlannedConversion, str]] = []
    with progress_bars(shown=not (quiet or json)) as start:
        for i, plan in enumerate(plans, start=1):
            title = plan.source.name if len(plans) == 1 else f"{i}/{len(plans)} {plan.source.name}"
            try:
                if plan.destination.exists() and not (force or plan.is_named):
                    skipped.append(plan)
                    continue
                conversion = _convert_into_folder(
                    plan, settings, player, lines=n_lines, overwrite=force, on_progress=start(title)
                )
            except VioluteError as error:
                failed.append((plan, str(error)))
                continue
            except Exception as error:
                # Whatever is wrong with one file of many is that file's. Alone, a bug shows its traceback.
                if len(plans) == 1 and not isinstance(error, OSError):
                    raise
                failed.append((plan, f"{plan.source}: it cannot be converted ({_reason(error)})"))
                continue
            done.append(conversion)
            for warning in conversion.warnings if not quiet else ():
                complain(f"warning: {plan.source}: {warning}")
            if not (quiet or json):
                say(_line(conversion))
    if json:
        say_json(_document(voice or DEFAULT_VOICE, done, skipped, failed, others))
    elif skipped and not quiet:
        files = "1 file was" if len(skipped) == 1 else f"{len(skipped)} files were"
        say(
            f"{files} already there (--force converts again): {skipped[0].destination}"
            + " ..." * (len(skipped) > 1)
        )
    if others and not (json or quiet):
        say(_line_of_others(others))
    if failed and len(plans) > 1:
        complain(f"{len(failed)} of {len(plans)} files failed:")
    for _, message in failed:
        complain(message)
    return 2 if failed else 0


def _opened(voice: str | None) -> FamilyVoice:
    """Load a voice; a TorchScript file needs torch, and a word about trust before it runs.

    Raises:
        VioluteError: It is unknown or damaged, or torch is missing.
    """
    from violute.voices.load import load_voice

    if voice is None or Path(voice).suffix.lower() != ".ts":
        return load_voice(voice)
    require_extra("train", "a TorchScript voice needs", "violute.families.rave.torchscript")
    from violute.families.rave.torchscript import TRUST

    complain(f"warning: {voice} {TRUST}")
    return load_voice(voice, trust=True)


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


def _convert_into_folder(
    plan: PlannedConversion,
    settings: Mix,
    player: FamilyVoice,
    *,
    lines: Lines,
    overwrite: bool,
    on_progress: OnProgress,
) -> Conversion:
    """Convert one file; folders made for it go again where it fails."""
    from violute.voices.convert import convert_file

    folder = plan.destination.parent
    made = [] if plan.is_named else [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        if not plan.is_named:
            make_folder(folder, remedy="name another output")
        return convert_file(
            plan.source,
            plan.destination,
            mix=settings,
            voice=player,
            lines=lines,
            overwrite=overwrite,
            on_progress=on_progress,
        )
    except BaseException:
        for path in made:
            with suppress(OSError):
                path.rmdir()
        raise


def _line(conversion: Conversion) -> str:
    chords = f", up to {conversion.n_lines} notes at once" if conversion.n_lines > 1 else ""
    return (
        f"{conversion.source} -> {conversion.destination} "
        f"({conversion.seconds:.1f} s{chords}, {conversion.real_time_factor:.0f}x real time)"
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
