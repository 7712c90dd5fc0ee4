"""`violute notes`: what was played, as MIDI or as a table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from violute.cli.terminal.options import Flag, Force, Json, LineCount, Quiet
from violute.cli.terminal.output import complain, refuse_existing, say_done
from violute.cli.terminal.progress import progress_bars
from violute.errors import InputError

if TYPE_CHECKING:
    from violute.analysis.controls import Controls
    from violute.analysis.pitch_range import PitchRange


def notes(
    recording: Annotated[Path, Parameter(name="IN")],
    out: Annotated[Path | None, Parameter(name="OUT")] = None,
    /,
    *,
    frames: Flag = False,
    lines: LineCount = "auto",
    range_: Annotated[Literal["auto", "high", "low"], Parameter(name="--range")] = "auto",
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write the notes of a recording: a MIDI file, or a table as CSV.

    MIDI has the nearest key of each note, where it was played (120 beats a minute), as loud as it was; the
    lines of chords have a channel each. The table keeps pitch in Hz, and cents as fractions of a key.

    Parameters
    ----------
    recording
        Recording of any format, rate and number of channels.
    out
        File to write, .mid or .csv. Default: NAME.mid beside the recording.
    frames
        Write into OUT.csv what is measured each 10 ms instead: pitch, periodicity, loudness and onsets of
        each line.
    range_
        Where pitch is sought: high, 160 Hz to 3.9 kHz; low, 55 Hz to 4 kHz, for cellos, clarinets and the
        like, in one line unless --lines says how many; auto takes low where one line goes below 185 Hz.
    """
    from violute.analysis.analyser import analyse_blocks
    from violute.analysis.note_files import write_controls, write_midi, write_note_table
    from violute.analysis.notes import notes_of
    from violute.analysis.pitch_range import HIGH, LOW
    from violute.analysis.polyphony.below_range import BELOW_SHARE
    from violute.analysis.polyphony.chords import checked_lines
    from violute.audio.channels import measure
    from violute.audio.file_source import FileSource
    from violute.rates import SAMPLE_RATE
    from violute.voices.recording import resampled_blocks

    out = recording.with_suffix(".mid") if out is None else out
    kind = out.suffix.lower()
    if kind not in (".mid", ".midi", ".csv"):
        raise InputError(f"{out}: notes are written as .mid or .csv: name it {out.with_suffix('.mid').name}")
    if frames and kind != ".csv":
        raise InputError(f"{out}: --frames are a table: name it {out.with_suffix('.csv').name}")
    refuse_existing(out, replace=force)
    n_lines = checked_lines(lines)
    source = FileSource(recording)
    with progress_bars(shown=not (quiet or json)) as start:
        measurement = measure(source)

        def analysed(pitch_range: PitchRange) -> Controls:
            blocks = resampled_blocks(source, measurement, SAMPLE_RATE, start(recording.name))
            return analyse_blocks(blocks, lines=n_lines, pitch_range=pitch_range)

        controls = analysed(LOW if range_ == "low" else HIGH)
        if range_ == "auto" and controls.n_lines == 1 and controls.below_share > BELOW_SHARE:
            controls = analysed(LOW)
    found = notes_of(controls)
    if frames:
        write_controls(controls, out, overwrite=force)
    else:
        (write_note_table if kind == ".csv" else write_midi)(found, out, overwrite=force)
    if not found and not quiet:
        complain(
            f"warning: {recording}: no steady pitch was found, so there are no notes: "
            "choose a solo of a pitched instrument"
        )
    document = {"out": str(out), "notes": len(found), "lines": controls.n_lines}
    notes = "1 note" if len(found) == 1 else f"{len(found)} notes"
    chords = f" in {controls.n_lines} lines" if controls.n_lines > 1 else ""
    say_done(f"{out} ({notes}{chords})", document, json=json, quiet=quiet)
    return 0
