"""`violute encode` and `violute decode`: the codes of a WaveNet autoencoder as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import Flag
from violute.cli.terminal.output import say, say_json
from violute.cli.terminal.progress import progress_bars
from violute.errors import InputError

if TYPE_CHECKING:
    from violute.families.nsynth.voice import NsynthVoice


def encode(
    recording: Annotated[Path, Parameter(name="IN")],
    out: Annotated[Path, Parameter(name="OUT.npz")],
    /,
    *,
    voice: str,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Write what a voice of the family nsynth makes of a recording: 16 numbers every 512 samples.

    OUT.npz holds `code` (frame, number), `level_db` (frame), `n_samples`, `sample_rate` and `hop_length`,
    for NumPy to read and to change; `violute decode` plays it.

    Parameters
    ----------
    recording
        Recording of any format, rate and number of channels.
    out
        File to write.
    voice
        Name of a voice of the family nsynth (see `violute voices`) or path of a voice file.
    force
        Replace OUT if it exists.
    json
        Print one JSON document.
    quiet
        Print nothing but errors.
    """
    from violute.audio.channels import measure
    from violute.audio.file_source import FileSource

    _check_out(out, ".npz", replace=force)
    player = _player(voice)
    source = FileSource(recording)
    with progress_bars(shown=not (quiet or json)) as start:
        codes = player.encode(source, measure(source), start("encoding"))
    codes.write(out)
    n_frames, size = codes.code.shape
    if json:
        say_json({"out": str(out), "frames": n_frames, "numbers": size, "seconds": codes.seconds})
    elif not quiet:
        say(f"{out} ({n_frames} frames of {size} numbers, {codes.seconds:.1f} s)")
    return 0


def decode(
    codes: Annotated[Path, Parameter(name="CODES.npz")],
    out: Annotated[Path, Parameter(name="OUT")],
    /,
    *,
    voice: str,
    mix: float | None = None,
    automation: Path | None = None,
    a: Path | None = None,
    b: Path | None = None,
    method: str | None = None,
    force: Flag = False,
    json: Flag = False,
    quiet: Flag = False,
) -> int:
    """Play a file of codes with the voice that encoded it, at any mix: mono, at the voice's rate.

    The mix moves the voice's embedding of the instrument. With --a and --b it moves the codes too, between
    those of two instruments; the pitch stays that of CODES.

    Parameters
    ----------
    codes
        File that `violute encode` made.
    out
        Audio file to write (.wav .flac .ogg .opus .mp3 .aiff).
    voice
        Name of a voice of the family nsynth (see `violute voices`) or path of a voice file.
    mix
        From the first instrument, flute (0), to the second, violin (1). Default: 0.5.
    automation
        CSV file of `seconds,mix` lines: the dial moves in straight lines between them.
    a
        Codes of recordings of the first instrument, by the same voice.
    b
        Codes of recordings of the second instrument.
    method
        How codes move: means (all frames alike, as far as the means lie apart) or nearest (each to what lies
        between the most similar frames of A and of B). Default: means.
    force
        Replace OUT if it exists.
    json
        Print one JSON document.
    quiet
        Print nothing but errors.
    """
    from violute.audio.write import AudioWriter
    from violute.families.nsynth.code_moves import moved
    from violute.families.nsynth.codes import read_codes
    from violute.families.nsynth.voice import NsynthPerformance
    from violute.voices.automation import read_automation
    from violute.voices.mix import dials, mix_of_settings

    settings = mix_of_settings(mix, read_automation(automation) if automation else None)
    _check_out(out, "", replace=force)
    held = notes = read_codes(codes)
    if (a is None) != (b is None):
        raise InputError("codes move between two instruments: give both --a and --b, or neither")
    if a is None and method is not None:
        raise InputError("--method says how codes move between those of --a and --b: give both")
    player = _player(voice)
    player.check_codes(held, codes)
    tracks = dials(settings, len(held.code), held.sample_rate / held.hop_length)
    if a is not None and b is not None:
        first, second = read_codes(a), read_codes(b)
        for other, path in ((first, a), (second, b)):
            player.check_codes(other, path)
        towards = (first.code, second.code)
        held = replace(held, code=moved(held.code, towards, tracks.tone, method or "means"))
    performance = NsynthPerformance(player, held, notes)
    n_done = 0
    with (
        progress_bars(shown=not (quiet or json)) as start,
        AudioWriter(out, held.sample_rate, 1) as writer,
    ):
        show = start("decoding")
        for block in performance.blocks(tracks):
            piece = block[: held.n_samples - n_done]
            writer.write(piece[None])
            n_done += len(piece)
            show(n_done / held.n_samples)
    if json:
        say_json({"out": str(out), "seconds": held.seconds})
    elif not quiet:
        say(f"{out} ({held.seconds:.1f} s)")
    return 0


def _player(name: str) -> NsynthVoice:
    """Load a voice that has codes."""
    from violute.families.nsynth.voice import NsynthVoice
    from violute.voices.load import load_voice

    player = load_voice(name)
    if not isinstance(player, NsynthVoice):
        raise InputError(
            f"voice {player.card.name} is of the family {player.card.family}, which has no codes: "
            "name one of the family nsynth"
        )
    return player


def _check_out(out: Path, suffix: str, *, replace: bool) -> None:
    if suffix and out.suffix.lower() != suffix:
        raise InputError(f"{out}: a file of codes ends in {suffix}: name it {out.with_suffix(suffix).name}")
    if out.exists() and not replace:
        raise InputError(f"{out} exists: name another file, or add --force")
