"""What the voice's adaptation of a performance to each end is worth: each part beside going without it.

    python bench/adaptation.py --data DIR --select bench/held_out_pieces.txt [--voice FILE]

DIR holds a folder for each instrument. Prints a Markdown table, medians over the held-out pieces:

- loudness: what the network hears of the loudness with and without the map by quantiles, and the judge;
- vibrato: its depth in pitch (by WORLD's harvest) and how much of the loudness goes in step with the
  source's vibrato, with the dial at 0 and at 1;
- attack: how far the sound moves with the dial, in the first tenth of a second of notes and later;
- legato: how far a note that is slurred sounds from the same note struck again;
- range: pieces moved below the flute or above the violin, with and without the clip to the range heard.

Distances are mean differences of log-mel levels, in dB.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import librosa
import numpy as np

from violute.analysis.analyser import analyse
from violute.analysis.conditioning import frames_since, pitch_changes, reference_loudness_db
from violute.analysis.controls import Controls
from violute.analysis.onsets import pick_onsets
from violute.data.recordings import read_patterns
from violute.evaluation.bench.clips import find_clips
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.loudness import frame_loudness_db
from violute.evaluation.metrics.pitch import judge_f0
from violute.families.ddsp.adaptation import Vibrato, adapted_loudness, loudness_quantiles
from violute.families.ddsp.voice import HarmonicPerformance, HarmonicVoice
from violute.voices.load import load_voice
from violute.voices.mix import Mix, MixLike, dials

RATE = 44_100
EARLY_FRAMES, LATE_FRAMES = 10, 20
LEAST_VIBRATO_CENTS = 8.0
BELOW_SEMITONES, ABOVE_SEMITONES = -9.0, 19.0
Piece = tuple[str, Controls]


def play(performance: HarmonicPerformance, mix: MixLike) -> np.ndarray:
    """Render a performance in mono."""
    dry = mix if isinstance(mix, Mix) else Mix.at(mix, room=0.0)
    laid = dials(dry, performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))


def mel_db(audio: np.ndarray) -> np.ndarray:
    """Return log-mel levels, a row a frame of 10 ms."""
    power = librosa.feature.melspectrogram(y=audio, sr=RATE, n_fft=1024, hop_length=441, n_mels=64, fmax=12e3)
    return librosa.power_to_db(power, ref=np.max, top_db=60.0).T


def apart_db(a: np.ndarray, b: np.ndarray, frames: np.ndarray) -> float:
    """Return the mean difference of two sounds over some frames, in dB."""
    n = min(len(a), len(b), len(frames))
    return float(np.abs(a[:n] - b[:n])[frames[:n]].mean()) if frames[:n].any() else float("nan")


def vibrato_depths(audio: np.ndarray, frames: np.ndarray, own: Vibrato) -> tuple[float, float]:
    """Return effective depths over some frames: of the pitch, and of the loudness in step with the source.

    In cents and in dB.
    """
    f0_hz, level_db = judge_f0(audio, RATE), frame_loudness_db(audio, RATE)
    n = min(len(f0_hz), len(level_db), len(frames))
    found = Vibrato.measure(f0_hz[:n], level_db[:n], f0_hz[:n] > 0.0, frame_rate_hz=100.0)
    chosen = frames[:n] & (f0_hz[:n] > 0.0)
    cents = own.cents[:n][chosen]
    in_step = float(np.mean(found.loudness_db[chosen] * cents) / max(float(cents.std()), 1e-9))
    return float(found.cents[chosen].std()), in_step


class Adaptation:
    """The voice, the pieces and the judge.

    Args:
        voice: To measure.
        pieces: Instrument and controls.
    """

    def __init__(self, voice: HarmonicVoice, pieces: Sequence[Piece]) -> None:
        self.voice, self.pieces, self.judge = voice, pieces, Judge()

    def perform(
        self, controls: Controls, end_loudness_db: Sequence[np.ndarray] | None = None
    ) -> HarmonicPerformance:
        """Make a performance of the voice; the loudness that each end hears is mapped unless it is given."""
        return HarmonicPerformance(
            self.voice.session, self.voice.settings, controls, end_loudness_db=end_loudness_db
        )

    def median(self, end: str, figure: Callable[[Controls], Sequence[float]]) -> list[float]:
        """Return the medians of figures over the pieces of an instrument."""
        rows = [figure(controls) for instrument, controls in self.pieces if instrument == end]
        return [float(value) for value in np.nanmedian(np.array(rows), axis=0)]

    def heard(self, audio: np.ndarray, mix: float) -> list[float]:
        """Return what the judge takes for the target, and for neither."""
        posterior, other = self.judge.hear(audio, RATE)
        return [posterior if mix == 1.0 else 1.0 - posterior, other]

    def loudness(self, mix: float, controls: Controls) -> list[float]:
        """Shift of the loudness, and the judge with and without the map."""
        relative_db = controls.loudness_db[0] - reference_loudness_db(controls)
        is_voiced = controls.periodicity[0] > 0.0
        target = self.voice.settings.loudness_quantiles[int(mix)]
        mapped_db = adapted_loudness(relative_db, loudness_quantiles(relative_db[is_voiced]), target)
        without = self.perform(controls, end_loudness_db=[relative_db] * 2)
        shift_db = float(np.abs(mapped_db - relative_db)[is_voiced].mean())
        sounds = [play(p, mix) for p in (self.perform(controls), without)]
        return [shift_db, *self.heard(sounds[0], mix), *self.heard(sounds[1], mix)]

    def vibrato(self, controls: Controls) -> list[float]:
        """Depths with the dial at 0 and 1, where the source has a vibrato."""
        performance = self.perform(controls)
        own = Vibrato.measure(
            np.maximum(controls.f0_hz[0], 1.0),
            controls.loudness_db[0],
            controls.periodicity[0] > 0.0,
            frame_rate_hz=100.0,
        )
        window = np.hanning(52)[1:-1]
        power = np.convolve(np.square(own.cents), window / window.sum(), mode="same")[: len(own.cents)]
        frames = np.sqrt(power) > LEAST_VIBRATO_CENTS
        if frames.sum() < 50:
            return [float("nan")] * 4
        return [
            depth
            for dial in (0.0, 1.0)
            for depth in vibrato_depths(play(performance, Mix(0.5, 0.5, 0.5, dial, 0.0)), frames, own)
        ]

    def attack(self, controls: Controls) -> list[float]:
        """Movement with the attack dial, early in notes and later."""
        performance = self.perform(controls)
        low, high = (mel_db(play(performance, Mix(0.5, 0.5, dial, 0.5, 0.0))) for dial in (0.0, 1.0))
        age = frames_since(pick_onsets(controls.onset_strength), controls.n_frames)
        sounding = controls.periodicity[0] > 0.0
        return [
            apart_db(low, high, sounding & (age < EARLY_FRAMES)),
            apart_db(low, high, sounding & (age > LATE_FRAMES)),
        ]

    def legato(self, mix: float, controls: Controls) -> list[float]:
        """Distance of slurred from struck notes, just after the pitch changed and later."""
        changes = np.flatnonzero(pitch_changes(np.maximum(controls.f0_hz[0], 1.0)))
        slurred = replace(controls, onset_strength=np.zeros_like(controls.onset_strength))
        struck_at = np.zeros_like(controls.onset_strength)
        struck_at[changes[np.diff(changes, prepend=-10) > 3]] = 1.0
        struck = replace(controls, onset_strength=struck_at)
        low, high = (mel_db(play(self.perform(c), mix)) for c in (slurred, struck))
        age, sounding = frames_since(changes, controls.n_frames), controls.periodicity[0] > 0.0
        early, late = sounding & (age < EARLY_FRAMES), sounding & (age > LATE_FRAMES)
        return [apart_db(low, high, early), apart_db(low, high, late)]

    def beyond(self, mix: float, semitones: float, controls: Controls) -> list[float]:
        """Judge of a piece moved out of the range of an end, with and without the clip to it."""
        moved = replace(controls, f0_hz=controls.f0_hz * 2.0 ** (semitones / 12.0))
        settings = self.voice.settings
        ranges = settings.pitch_range_hz
        figures = []
        for allowed in (ranges, [(1.0, 20_000.0)] * 2):
            settings.pitch_range_hz = allowed
            figures += self.heard(play(self.perform(moved), mix), mix)
        settings.pitch_range_hz = ranges
        return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, type=Path)
    parser.add_argument("--select", required=True, type=Path)
    parser.add_argument("--voice")
    given = parser.parse_args()
    voice = load_voice(given.voice)
    if not isinstance(voice, HarmonicVoice):
        parser.error(f"{given.voice} is a voice of the family {voice.card.family}: give one of ddsp")
    ends = voice.card.ends
    clips = find_clips(given.data, ends, select=read_patterns(given.select), clips_per_recording=4)
    adaptation = Adaptation(voice, [(clip.instrument, analyse(clip.read(RATE))) for clip in clips])
    print("| part | end | in | effect |\n|---|---|---|---|")
    for mix, end in enumerate(ends):
        for played in ends:
            told = adaptation.median(played, partial(adaptation.loudness, float(mix)))
            print(
                f"| loudness by quantiles | {end} | {played} | moves it by {told[0]:.1f} dB; "
                f"target {told[1]:.3f} (without {told[3]:.3f}), other {told[2]:.3f} ({told[4]:.3f}) |"
            )
    for played in ends:
        told = adaptation.median(played, adaptation.vibrato)
        print(
            f"| vibrato, dial from 0 to 1 | middle | {played} | pitch {told[0]:.1f} to {told[2]:.1f} cents, "
            f"loudness in step with it {told[1]:+.2f} to {told[3]:+.2f} dB |"
        )
    for played in ends:
        told = adaptation.median(played, adaptation.attack)
        print(
            f"| attack, dial from 0 to 1 | middle | {played} "
            f"| {told[0]:.1f} dB in the first tenth of a second, {told[1]:.2f} dB after two |"
        )
    for mix, end in enumerate(ends):
        for played in ends:
            told = adaptation.median(played, partial(adaptation.legato, float(mix)))
            print(
                f"| slurred or struck | {end} | {played} "
                f"| {told[0]:.1f} dB in the first tenth of a second, {told[1]:.1f} dB after two |"
            )
    for mix, played, semitones in ((0, ends[1], BELOW_SEMITONES), (1, ends[0], ABOVE_SEMITONES)):
        told = adaptation.median(played, partial(adaptation.beyond, float(mix), semitones))
        print(
            f"| {semitones:+g} semitones | {ends[mix]} | {played} "
            f"| target {told[0]:.3f} (without the clip {told[2]:.3f}), other {told[1]:.3f} ({told[3]:.3f}) |"
        )


if __name__ == "__main__":
    main()
