"""`violute encode` and `violute decode`: the codes of a WaveNet autoencoder as files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.terminal.options import CodecName, Force, Json, MixPlace, Moves, Quiet
from violute.cli.terminal.output import refuse_existing, say_done
from violute.cli.terminal.progress import progress_bars
from violute.errors import InputError

if TYPE_CHECKING:
    from violute.families.nsynth.voice import NsynthVoice


def encode(
    recording: Annotated[Path, Parameter(name="IN")],
    out: Annotated[Path, Parameter(name="OUT.npz")],
    /,
    *,
    voice: CodecName,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write what a voice of the family nsynth makes of a recording: 16 numbers every 512 samples.

    OUT.npz holds `code` (frame, number), `level_db` (frame), `f0_hz` and `loudness_db` (each 10 ms),
    `n_samples`, `sample_rate` and `hop_length`, for NumPy to read and to change; `violute decode` plays it.

    Parameters
    ----------
    recording
        Recording of any format, rate and number of channels.
    out
        File to write.
    """
    from violute.audio.channels import measure
    from violute.audio.file_source import FileSource

    if out.suffix.lower() != ".npz":
        raise InputError(f"{out}: a file of codes ends in .npz: name it {out.with_suffix('.npz').name}")
    refuse_existing(out, replace=force)
    player = _player(voice)
    source = FileSource(recording)
    with progress_bars(shown=not (quiet or json)) as start:
        codes = player.encode(source, measure(source), start("encoding"))
    codes.write(out, overwrite=force)
    n_frames, size = codes.code.shape
    line = f"{out} ({n_frames} frames of {size} numbers, {codes.seconds:.1f} s)"
    document = {"out": str(out), "frames": n_frames, "numbers": size, "seconds": codes.seconds}
    say_done(line, document, json=json, quiet=quiet)
    return 0


def decode(
    codes: Annotated[Path, Parameter(name="CODES.npz")],
    out: Annotated[Path, Parameter(name="OUT")],
    /,
    *,
    voice: CodecName,
    mix: MixPlace = None,
    automation: Moves = None,
    a: Path | None = None,
    b: Path | None = None,
    method: str | None = None,
    force: Force = False,
    json: Json = False,
    quiet: Quiet = False,
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
    a
        Codes of recordings of the first instrument, by the same voice.
    b
        Codes of recordings of the second instrument.
    method
        How codes move: means (all frames alike, as far as the means lie apart) or nearest (each to what lies
        between the most similar frames of A and of B). Default: means.
    """
    from violute.audio.write import AudioWriter
    from violute.families.nsynth.code_moves import moved
    from violute.families.nsynth.codes import read_codes
    from violute.families.nsynth.voice import NsynthPerformance
    from violute.voices.automation import read_automation
    from violute.voices.mix import dials, mix_of_settings

    settings = mix_of_settings(mix, read_automation(automation) if automation else None)
    refuse_existing(out, replace=force)
    held = read_codes(codes)
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
    performance = NsynthPerformance(player, held)
    n_done = 0
    with (
        progress_bars(shown=not (quiet or json)) as start,
        AudioWriter(out, held.sample_rate, 1, overwrite=force) as writer,
    ):
        show = start("decoding")
        for block in performance.blocks(tracks):
            piece = block[: held.n_samples - n_done]
            writer.write(piece[None])
            n_done += len(piece)
            show(n_done / held.n_samples)
    document = {"out": str(out), "seconds": held.seconds}
    say_done(f"{out} ({held.seconds:.1f} s)", document, json=json, quiet=quiet)
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
