"""From sound to `Controls`, block by block, in constant memory and on several cores."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from violute.analysis.controls import SILENCE_DB, Controls
from violute.analysis.loudness import frame_loudness_db
from violute.analysis.octave_repair import LEAP_OCTAVES
from violute.analysis.onsets import band_levels_db, onset_strength
from violute.analysis.pitch import track_pitch
from violute.analysis.pitch_range import HIGH, PitchRange
from violute.analysis.polyphony.below_range import BELOW_HZ, frames_below
from violute.analysis.polyphony.chords import Lines, checked_lines, chord_controls
from violute.analysis.polyphony.log_spectrum import CONTROLS_FRAMES, N_FFTS
from violute.analysis.polyphony.multipitch import Candidates, find_candidates
from violute.analysis.polyphony.second_notes import doubtful_frames
from violute.rates import HOP_LENGTH, SAMPLE_RATE
from violute.transforms.runs import runs
from violute.transforms.spectra import count_frames, magnitude_frames
from violute.worklist.cores import available_cores
from violute.worklist.memory import return_freed_memory

Track = Float[np.ndarray, " frame"]
"""A value for each frame."""

BLOCK_FRAMES = 1000
CONTEXT_FRAMES = 50
"""Frames on either side of a block that the pitch search sees and then drops."""

VOICED_PERIODICITY = 0.45
VOICED_RANGE_DB = 55.0
"""Frames further than this below the loud parts of the piece have no pitch."""

SHORTEST_NOTE_FRAMES = 5
TRILLED_PERIODICITY = 0.8
TRILLED_FRAMES = 2
"""A clear note so short counts between two others that are near in pitch, as in a trill."""

QUICK_FRAMES = 3
"""A clear note so short counts where another is next to it, whatever its pitch."""

JOINT_FRAMES = 3
"""Frames from one quick note to the next that belong to neither."""

TRILL_OCTAVES = 0.75


_Piece = tuple[np.ndarray, int, int]
"""Sound with context, frames of context before it, frames to keep."""


@dataclass(frozen=True)
class _Measured:
    f0_hz: Track
    periodicity: Track
    loudness_db: Track
    candidates: Candidates
    is_below: Bool[np.ndarray, " frame"]


def analyse(
    audio: Float[np.ndarray, " sample"], *, lines: Lines = 1, pitch_range: PitchRange = HIGH
) -> Controls:
    """Measure a mono recording at `SAMPLE_RATE`: the twin of `analyse_blocks` for arrays."""
    return analyse_blocks([audio], lines=lines, pitch_range=pitch_range)


def analyse_blocks(
    blocks: Iterable[Float[np.ndarray, " _sample"]], *, lines: Lines = 1, pitch_range: PitchRange = HIGH
) -> Controls:
    """Measure a recording that arrives in blocks of any size.

    The result does not depend on how the sound is cut into blocks.

    Args:
        blocks: Mono sound at `SAMPLE_RATE`.
        lines: How many notes may sound at once, 1 to 4; `auto` finds out passage by passage.
        pitch_range: Where pitch is sought. Chords are heard in `HIGH` alone: elsewhere `auto` is one line.

    Returns:
        Controls of one line, or of as many as there are, `count_frames(samples)` frames long.

    Raises:
        InputError: `lines` is something else.
    """
    lines = checked_lines(lines)
    if lines == "auto" and pitch_range != HIGH:
        lines = 1
    measured: list[_Measured] = []
    levels: list[Float[np.ndarray, "_frame band"]] = []
    for piece, levels_db in _in_parallel(_pieces(blocks), lines, pitch_range):
        measured.append(piece)
        levels.append(levels_db)
    return_freed_memory()
    strength = onset_strength(_joined(levels))  # an hour of levels is large enough once, without what follows
    f0_hz, periodicity, loudness_db, is_below = (
        np.concatenate([getattr(m, name) for m in measured])
        for name in ("f0_hz", "periodicity", "loudness_db", "is_below")
    )
    candidates = Candidates.joined([m.candidates for m in measured])
    del measured
    is_voiced = voiced_frames(f0_hz, periodicity, loudness_db)
    if pitch_range == HIGH:
        is_below |= is_voiced & (f0_hz < BELOW_HZ)
    else:
        is_below[:] = False
    is_below &= loudness_db > _gate_db(loudness_db)
    line = Controls(
        f0_hz=carry_pitch(f0_hz, is_voiced, loudness_db)[None],
        periodicity=np.where(is_voiced, periodicity, 0.0).astype(np.float32)[None],
        loudness_db=loudness_db[None],
        onset_strength=strength,
        below_share=float(np.sum(is_below) / max(np.sum(is_below | is_voiced), 1)),
    )
    controls = line if lines == 1 else chord_controls(line, candidates, lines)
    return_freed_memory()
    return controls


def _joined(pieces: list[Float[np.ndarray, "_frame band"]]) -> Float[np.ndarray, "frame band"]:
    """Join pieces, and let go of each as it is copied: the list is empty in the end."""
    joined = np.empty((sum(map(len, pieces)), pieces[0].shape[1]), pieces[0].dtype)
    stop = len(joined)
    while pieces:
        piece = pieces.pop()
        joined[stop - len(piece) : stop] = piece
        stop -= len(piece)
    return joined


def voiced_frames(f0_hz: Track, periodicity: Track, loudness_db: Track) -> Bool[np.ndarray, " frame"]:
    """Frames that carry a pitch: periodic, not far below the piece, and steady or part of a quick figure."""
    is_voiced = (periodicity > VOICED_PERIODICITY) & (loudness_db > _gate_db(loudness_db))
    octaves = np.log2(np.maximum(f0_hz, 1.0))
    leaps = np.abs(np.diff(octaves, prepend=octaves[:1])) > LEAP_OCTAVES
    # A run ends where the pitch leaps or the voice stops.
    run = np.cumsum(leaps | np.diff(is_voiced, prepend=False))
    lengths = np.bincount(run)
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    is_clear = np.bincount(run, periodicity) > TRILLED_PERIODICITY * lengths
    is_note = is_voiced[starts] & (lengths >= np.where(is_clear, TRILLED_FRAMES, SHORTEST_NOTE_FRAMES))
    # What is shorter than a note is an error, unless it is one of several that follow one another.
    notes = np.flatnonzero(is_note)
    middles = octaves[starts[notes] + lengths[notes] // 2]
    is_joined = starts[notes[1:]] - (starts + lengths)[notes[:-1]] <= JOINT_FRAMES
    is_near = is_joined & (np.abs(np.diff(middles)) < TRILL_OCTAVES)
    before, after = np.pad(is_joined, (1, 0)), np.pad(is_joined, (0, 1))
    is_trilled = np.pad(is_near, (1, 0)) & np.pad(is_near, (0, 1))
    is_quick = (lengths[notes] >= QUICK_FRAMES) & (before | after)
    is_note[notes] = (lengths[notes] >= SHORTEST_NOTE_FRAMES) | is_quick | is_trilled
    return is_voiced & is_note[run]


def _gate_db(loudness_db: Track) -> float:
    """Loudness below which nothing has a pitch."""
    audible_db = loudness_db[loudness_db > SILENCE_DB]
    return float(np.percentile(audible_db, 95)) - VOICED_RANGE_DB if len(audible_db) else np.inf


def carry_pitch(f0_hz: Track, is_voiced: Bool[np.ndarray, " frame"], loudness_db: Track) -> Track:
    """Carry the pitch through gaps: the last note's up to the softest frame, the next one's after."""
    carried = np.where(is_voiced, f0_hz, 0.0).astype(f0_hz.dtype)
    if not is_voiced.any():
        return carried
    for start, stop in runs(~is_voiced):
        if start == 0:
            turn = 0
        elif stop == len(f0_hz):
            turn = stop
        else:
            turn = start + int(loudness_db[start:stop].argmin())
        carried[start:turn] = carried[start - 1] if start else 0.0
        carried[turn:stop] = f0_hz[stop] if stop < len(f0_hz) else 0.0
    return carried


def _pieces(blocks: Iterable[Float[np.ndarray, " _sample"]]) -> Iterator[_Piece]:
    """Cut the stream into (sound with context, frames of left context, frames to keep)."""
    context = (CONTEXT_FRAMES + 4) * HOP_LENGTH
    step = BLOCK_FRAMES * HOP_LENGTH
    buffer = np.zeros(0, dtype=np.float32)
    left = 0  # samples of context at the head of the buffer
    n_samples = n_frames = 0
    for block in blocks:
        buffer = np.concatenate([buffer, block.astype(np.float32, copy=False)])
        n_samples += len(block)
        while len(buffer) >= left + step + context:
            yield buffer[: left + step + context], left // HOP_LENGTH, BLOCK_FRAMES
            n_frames += BLOCK_FRAMES
            drop = left + step - context
            buffer, left = buffer[max(drop, 0) :], context if drop >= 0 else left + step
    remaining = count_frames(n_samples) - n_frames
    while remaining > 0:
        keep = min(remaining, 2 * BLOCK_FRAMES)
        yield buffer, left // HOP_LENGTH, keep
        left += keep * HOP_LENGTH
        remaining -= keep


def _measure(
    piece: _Piece, lines: Lines, pitch_range: PitchRange
) -> tuple[_Measured, Float[np.ndarray, "frame band"]]:
    """Measure a piece; apart come the levels of its bands, which are large and soon used."""
    audio, left_frames, keep = piece
    before = min(left_frames, CONTEXT_FRAMES)
    start = (left_frames - before) * HOP_LENGTH
    n_frames = before + keep + CONTEXT_FRAMES
    spectra = [magnitude_frames(audio, window.n_fft, start, n_frames) for window in pitch_range.windows]
    f0_hz, periodicity = track_pitch(spectra, pitch_range)
    short = magnitude_frames(audio, pitch_range.loudness_n_fft, left_frames * HOP_LENGTH, keep)
    kept = slice(before, before + keep)
    candidates, is_below = _candidates(audio, spectra[0], f0_hz, start, kept, lines)
    measured = _Measured(
        f0_hz[before : before + keep],
        periodicity[before : before + keep],
        frame_loudness_db(short, SAMPLE_RATE),
        candidates,
        np.repeat(is_below, CONTROLS_FRAMES)[:keep],
    )
    return measured, band_levels_db(short, SAMPLE_RATE)


def _candidates(
    audio: Float[np.ndarray, " sample"],
    wide: Float[np.ndarray, "frame bin"],
    f0_hz: Track,
    start: int,
    kept: slice,
    lines: Lines,
) -> tuple[Candidates, Bool[np.ndarray, " candidate_frame"]]:
    """Listen for notes that sound together: everywhere if there are said to be some, else where in doubt.

    Where one note below the range sounds there are none, and the frames tell so. `wide` and `f0_hz` are the
    spectra of the pitch search and what it found; the first of these frames is centred on sample `start` of
    the piece, and those beside `kept` are context.
    """
    first, n_kept = kept.start // CONTROLS_FRAMES, -(-(kept.stop - kept.start) // CONTROLS_FRAMES)
    if lines == 1:
        return Candidates.none(n_kept), np.zeros(n_kept, bool)
    is_asked = np.ones(len(f0_hz), bool) if lines != "auto" else doubtful_frames(wide, f0_hz)
    loudest = float(wide.max())
    found: list[Candidates] = []
    is_below = np.zeros(first + n_kept, bool)
    place = 0
    for run_start, run_stop in runs(is_asked[::CONTROLS_FRAMES]):
        long = magnitude_frames(
            audio,
            N_FFTS[0],
            start + run_start * CONTROLS_FRAMES * HOP_LENGTH,
            run_stop - run_start,
            hop_length=CONTROLS_FRAMES * HOP_LENGTH,
        )
        found.append(Candidates.none(run_start - place))
        short = wide[::CONTROLS_FRAMES][run_start:run_stop]
        below = frames_below(short, long)
        found.append(find_candidates(long, short, loudest=loudest).silent_where(below))
        inside = is_below[run_start:run_stop]
        inside[:] = below[: len(inside)]
        place = run_stop
    found.append(Candidates.none(max(first + n_kept - place, 0)))
    return Candidates.joined(found).frames(first, first + n_kept), is_below[first:]


def _in_parallel(
    pieces: Iterable[_Piece], lines: Lines, pitch_range: PitchRange
) -> Iterator[tuple[_Measured, Float[np.ndarray, "_frame band"]]]:
    """Measure pieces in order on all cores, never holding more than a few."""
    n_workers = available_cores()
    with ThreadPoolExecutor(n_workers) as pool:
        waiting: deque[Future[tuple[_Measured, np.ndarray]]] = deque()
        for piece in pieces:
            waiting.append(pool.submit(_measure, piece, lines, pitch_range))
            if len(waiting) > n_workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
