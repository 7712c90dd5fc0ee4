"""How well the instrument judge tells: accuracy by condition and by source, and calibration.

Clips of held-out recordings are put through what training never drew (other equalisers, other rooms, another
codec) and through the conditions of the strangers exam.

Source:
    Guo et al., On Calibration of Modern Neural Networks (ICML 2017): temperature (section 4.2) and
    expected calibration error (section 2).
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from itertools import groupby

import numpy as np
import soundfile
import soxr
import torch
from exam.conditions import CONDITIONS, Change
from jaxtyping import Bool, Float, Float32, Int
from torch import nn

from judge_training.augmentation import draw_equaliser_db, draw_room
from violute.evaluation.judge.classifier import FLUTE, INSTRUMENTS, SAMPLE_RATE, VIOLIN, cut_patches, log_mel

CLIP_SECONDS = 5.0
"""Length of what is judged when the judge is measured."""

MOST_CLIPS = 24
"""Clips of one source that are judged, so that no source speaks for its instrument."""

EXAM_RATE = 44_100

CODEC_RATE = 24_000
"""Rate at which Opus is measured, in Hz; it does not know the judge's own."""

Clip = tuple[str, str, Float32[np.ndarray, " _sample"]]
"""Source, instrument, and the sound at the judge's rate."""


def cut_clips(clip: Clip) -> list[Clip]:
    """Cut a recording into clips of about `CLIP_SECONDS`, so that long ones count for more."""
    source, instrument, audio = clip
    n_clips = max(1, round(len(audio) / SAMPLE_RATE / CLIP_SECONDS))
    return [(source, instrument, part) for part in np.array_split(audio, n_clips)]


def evenly(clips: Sequence[Clip]) -> list[Clip]:
    """Pick at most `MOST_CLIPS` of each source, evenly."""
    picked: list[Clip] = []
    for _, group in groupby(clips, key=lambda clip: clip[0]):
        members = list(group)
        places = np.linspace(0, len(members) - 1, min(len(members), MOST_CLIPS)).round().astype(int)
        picked += [members[place] for place in places]
    return picked


@torch.no_grad()
def clip_scores(
    network: nn.Module, audio: Float32[np.ndarray, " sample"]
) -> Float[np.ndarray, " instrument"]:
    """Return the mean scores over a clip's patches; 0 for silence."""
    patches = cut_patches(audio)
    if not len(patches):
        return np.zeros(len(INSTRUMENTS))
    return network(torch.from_numpy(log_mel(patches))).mean(dim=0).numpy().astype(np.float64)


def conditions(rng: np.random.Generator) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return what clips are put through when the judge is measured, by name."""

    def equalise(audio: np.ndarray) -> np.ndarray:
        frequencies = np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE)
        return _filtered(audio, draw_equaliser_db(frequencies, rng))

    def emphasise(audio: np.ndarray) -> np.ndarray:
        # Resonances and holes, where training draws smooth curves.
        octaves = np.log2(np.maximum(np.fft.rfftfreq(len(audio), 1.0 / SAMPLE_RATE), 20.0))
        response_db = np.zeros(len(octaves))
        for centre in rng.uniform(np.log2(150.0), np.log2(9_000.0), 4):
            response_db += rng.choice([-15.0, 12.0]) / (1.0 + np.square((octaves - centre) / 0.15))
        return _filtered(audio, response_db)

    def reverberate(audio: np.ndarray) -> np.ndarray:
        return _convolved(audio, draw_room(rng))

    def coded(audio: np.ndarray) -> np.ndarray:
        # Opus at its lowest, where training draws MP3 and Vorbis.
        file = io.BytesIO()
        resampled = soxr.resample(audio, SAMPLE_RATE, CODEC_RATE)
        soundfile.write(file, resampled, CODEC_RATE, format="OGG", subtype="OPUS", compression_level=0.98)
        file.seek(0)
        decoded, rate = soundfile.read(file, dtype="float32")
        return soxr.resample(decoded, rate, SAMPLE_RATE)

    return {
        "clean": lambda audio: audio,
        "equalised": equalise,
        "resonances and holes": emphasise,
        "reverberant": reverberate,
        "Opus": coded,
        **{
            name: partial(_examined, change, rng) for name, change in CONDITIONS.items() if name != "as it is"
        },
        "12 dB louder, clipped": lambda audio: np.clip(audio * np.float32(4.0), -1.0, 1.0),
    }


def fit_temperature(scores: Float[np.ndarray, "clip instrument"], instruments: Sequence[str]) -> float:
    """Return the temperature from 1 to 8 of least cross-entropy, all classes weighing alike.

    Never below 1: recordings held out by name share rooms with those trained on, so they may show
    that the judge is too sure of itself, but not that it could be surer.
    """
    labels = _labels(instruments)
    weights = 1.0 / np.maximum(np.bincount(labels, minlength=len(INSTRUMENTS)), 1)[labels]
    candidates = np.geomspace(1.0, 8.0, 200)
    losses = [
        np.sum(weights * (_log_sum(scores / t) - (scores / t)[np.arange(len(labels)), labels]))
        for t in candidates
    ]
    return float(candidates[int(np.argmin(losses))])


def measure(
    network: nn.Module, clips: Sequence[Clip], *, heard: AbstractSet[str] = frozenset(), seed: int = 1
) -> dict[str, object]:
    """Measure balanced accuracy by condition, accuracy by source, and calibration.

    Args:
        network: Gives scores of `INSTRUMENTS`.
        clips: Of recordings that training did not hear.
        heard: Sources of which it heard other recordings; figures of `unheard` leave them out.
        seed: Of the conditions.

    Returns:
        `balanced_accuracy/` among the three; `violin_or_flute/`, the balanced accuracy of the
        posterior of violin against flute; `median_posterior/`; `accuracy/` of each source, as
        right and all; expected calibration errors.
    """
    labels = _labels([instrument for _, instrument, _ in clips])
    sources = [source for source, _, _ in clips]
    unheard = np.array([source not in heard for source in sources])
    figures: dict[str, object] = {f"n/{name}": int(np.sum(labels == i)) for i, name in enumerate(INSTRUMENTS)}
    all_scores = []
    for name, change in conditions(np.random.default_rng(seed)).items():
        scores = np.stack([clip_scores(network, change(audio)) for _, _, audio in clips])
        all_scores.append(scores)
        right = scores.argmax(axis=1) == labels
        log_odds = scores[:, VIOLIN] - scores[:, FLUTE]
        right_of_two = (log_odds > 0.0) == (labels == VIOLIN)
        of_two = labels != INSTRUMENTS.index("other")
        for title, members in (("all", np.ones(len(labels), dtype=bool)), ("unheard", unheard)):
            figures[f"balanced_accuracy/{title}/{name}"] = _balanced(right, labels, members)
            figures[f"violin_or_flute/{title}/{name}"] = _balanced(right_of_two, labels, members & of_two)
        posterior = 1.0 / (1.0 + np.exp(-log_odds))
        for label in (FLUTE, VIOLIN):
            figures[f"median_posterior/{INSTRUMENTS[label]}/{name}"] = float(
                np.median(posterior[labels == label])
            )
        if name == "clean":
            for source in sorted(set(sources)):
                member = np.array([s == source for s in sources])
                figures[f"accuracy/{source}"] = [int(right[member].sum()), int(member.sum())]
    scores = np.concatenate(all_scores)
    repeated = np.tile(labels, len(all_scores))
    of_two = repeated != INSTRUMENTS.index("other")
    for title, columns, members in (
        ("three", [0, 1, 2], np.ones(len(repeated), dtype=bool)),
        ("violin_or_flute", [FLUTE, VIOLIN], of_two),
    ):
        figures[f"expected_calibration_error/{title}"] = calibration_error(
            scores[members][:, columns], repeated[members]
        )
    return figures


def calibration_error(
    scores: Float[np.ndarray, "clip instrument"], labels: Int[np.ndarray, " clip"]
) -> float:
    """Return the expected calibration error over ten bins of confidence."""
    probabilities = np.exp(scores - _log_sum(scores)[:, None])
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    bins = np.minimum((confidence * 10.0).astype(int), 9)
    gaps = [
        abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins)
    ]
    return float(sum(gaps))


def _balanced(
    right: Bool[np.ndarray, " clip"], labels: Int[np.ndarray, " clip"], members: Bool[np.ndarray, " clip"]
) -> float:
    """Return the mean of the classes' accuracies, of those that have members."""
    shares = [
        right[members & (labels == label)].mean()
        for label in range(len(INSTRUMENTS))
        if np.any(members & (labels == label))
    ]
    return float(np.mean(shares)) if shares else float("nan")


def _labels(instruments: Sequence[str]) -> Int[np.ndarray, " clip"]:
    return np.array([INSTRUMENTS.index(instrument) for instrument in instruments], dtype=np.int64)


def _log_sum(scores: Float[np.ndarray, "clip instrument"]) -> Float[np.ndarray, " clip"]:
    return np.log(np.exp(scores - scores.max(axis=1, keepdims=True)).sum(axis=1)) + scores.max(axis=1)


def _examined(change: Change, rng: np.random.Generator, audio: np.ndarray) -> np.ndarray:
    changed, rate = change(soxr.resample(audio, SAMPLE_RATE, EXAM_RATE), EXAM_RATE, rng)
    return soxr.resample(changed, rate, SAMPLE_RATE)


def _filtered(audio: np.ndarray, response_db: np.ndarray) -> np.ndarray:
    return np.fft.irfft(np.fft.rfft(audio) * 10.0 ** (response_db / 20.0), len(audio)).astype(np.float32)


def _convolved(audio: np.ndarray, room: np.ndarray) -> np.ndarray:
    n_fft = len(audio) + len(room)
    wet = np.fft.irfft(np.fft.rfft(audio, n_fft) * np.fft.rfft(room, n_fft), n_fft)
    return wet[: len(audio)].astype(np.float32)
