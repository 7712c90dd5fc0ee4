"""Is the road of translated pairs viable: CycleGAN, what it taught, VAE and the default voice, side by side.

    python bench/translation.py --data DIR --voices cyclegan=voices/cyclegan.onnx ...
        --out bench/translation.json --plot translation.png

DIR has folders flute, violin and polyphonic. One-line pieces are those of bench/held_out_pieces.txt,
measured as `violute bench` measures; of polyphonic pieces, where no pitch track is to be trusted, the judge's
posterior and the notes that sound together are measured. A CycleGAN's windows are also sent to the other end
and back, and the error is set beside that of codes of the same size. Figures that OUT holds already are kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from held_out_figures import hear, medians
from picture_codes.reconstruction import low_passed, mean_error_db, mean_pictures

from violute.analysis.analyser import analyse
from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.evaluation.bench.clips import find_clips
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.notes import chord_notes, note_f1
from violute.families.pictures.rows import FRAMES_A_STEP, ROWS_A_NODE, DrawingConfig
from violute.families.pictures.told_pitch import ToldPitch
from violute.families.pictures.voice import SpectrogramVoice
from violute.transforms.spectrogram import PEAK, normalise, stft
from violute.voices.load import load_voice

RATE = 44_100
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
CLIP_SECONDS = 6.0
MOST_CLIPS = 4
POLYPHONIC_STARTS = (20.0, 60.0)
N_CYCLE_WINDOWS = 24
INSTRUMENTS = ("flute", "violin")


def one_line(voice: Any, data: Path, limit: int | None, judge: Judge) -> dict[str, Any]:
    """Medians of the bench's figures, by instrument, on some pieces of each."""
    patterns = read_patterns(Path(__file__).with_name("held_out_pieces.txt"))
    clips = find_clips(
        data,
        INSTRUMENTS,
        select=patterns,
        limit=limit,
        clip_seconds=CLIP_SECONDS,
        clips_per_recording=MOST_CLIPS,
    )
    return medians(voice, hear(clips, judge), judge)


def polyphonic(voice: Any, data: Path, judge: Judge) -> dict[str, Any]:
    """Posterior and notes of chords at every mix, means over the clips."""
    rows = []
    for recording in list_recordings(data / "polyphonic"):
        whole = read_recording(recording, RATE, peak=PEAK)
        for start in POLYPHONIC_STARTS:
            audio = whole[round(start * RATE) : round((start + CLIP_SECONDS) * RATE)]
            if len(audio) < RATE:
                continue
            take = voice.analyse(audio, RATE)
            notes = chord_notes(audio, RATE)
            rendered = [take.render(mix) for mix in MIXES]
            posteriors = [judge.posterior(one, RATE) for one in rendered]
            chords = [note_f1(notes, chord_notes(one, RATE)) for one in rendered]
            rows.append([posteriors, chords])
    means = np.mean(rows, axis=0)
    return {
        "n_clips": len(rows),
        "judge/posterior": [round(float(v), 4) for v in means[0]],
        "notes/chords_f1": [round(float(v), 4) for v in means[1]],
    }


def cycle(voice: SpectrogramVoice, data: Path) -> dict[str, float]:
    """Mean error in dB after going to the other end and back, beside codes of the change's own size."""
    settings = voice.settings
    patterns = read_patterns(Path(__file__).with_name("held_out_pieces.txt"))
    windows: list[np.ndarray] = []
    training: list[np.ndarray] = []
    partials: list[np.ndarray] = []
    ends: list[int] = []
    rng = np.random.default_rng(0)
    for end, name in enumerate(INSTRUMENTS):
        for kept, wanted in ((windows, {"select": patterns}), (training, {"hold_out": ["*_0*", *patterns]})):
            recordings = list_recordings(data / name, **wanted)
            for _ in range(N_CYCLE_WINDOWS):
                recording = recordings[rng.integers(len(recordings))]
                audio = read_recording(recording, settings.sample_rate, peak=PEAK)
                start = int(rng.integers(max(len(audio) - settings.n_samples, 0) + 1))
                piece = audio[start : start + settings.n_samples]
                cut = normalise(np.abs(stft(piece, settings)), settings)[:, : settings.n_frames]
                kept.append(np.pad(cut, ((0, 0), (0, settings.n_frames - cut.shape[1]))))
                if voice.is_told and kept is windows:
                    partials.append(ToldPitch(analyse(piece)).partials(0, settings.n_frames, settings))
        ends += [end] * N_CYCLE_WINDOWS
    wanted_pictures, training_pictures = np.stack(windows), np.stack(training)
    which = np.array(ends)

    def drawn(pictures: np.ndarray, mixes: np.ndarray) -> np.ndarray:
        given = {"spectrogram": pictures, "mix": mixes.astype(np.float32)}
        if voice.is_told:
            given["partials"] = np.stack(partials)
        groups = [
            dict(zip(given, parts, strict=True))
            for parts in zip(*(np.array_split(one, 12) for one in given.values()), strict=True)
        ]
        return np.concatenate([voice.session.run(None, group)[0] for group in groups])

    there = drawn(wanted_pictures, 1.0 - which)
    back = drawn(there, 1.0 * which)
    config = DrawingConfig()
    rows, columns = config.n_rows // ROWS_A_NODE, config.n_frames // FRAMES_A_STEP
    means = mean_pictures(training_pictures, which, which)
    silent = np.zeros_like(wanted_pictures)
    return {
        "there": mean_error_db(there, wanted_pictures, settings),
        "there and back": mean_error_db(back, wanted_pictures, settings),
        f"low-pass of {rows} x {columns} numbers": mean_error_db(
            low_passed(wanted_pictures, rows, columns), wanted_pictures, settings
        ),
        "low-pass of 16 x 8 numbers": mean_error_db(
            low_passed(wanted_pictures, 16, 8), wanted_pictures, settings
        ),
        "mean picture of the instrument": mean_error_db(means, wanted_pictures, settings),
        "silence": mean_error_db(silent, wanted_pictures, settings),
    }


def draw(results: dict[str, Any], path: Path) -> None:
    """One panel for each kind of source: posterior over the mix, a line a voice."""
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(12, 4), sharey=True, layout="constrained")
    for name, result in results.items():
        for panel, instrument in zip(axes, INSTRUMENTS, strict=False):
            medians = result["one_line"][instrument]
            pitch = min(row["pitch/raw_accuracy"] for row in medians["mixes"])
            posteriors = [row["judge/posterior"] for row in medians["mixes"]]
            panel.plot(MIXES, posteriors, marker="o", label=f"{name}, pitch {pitch:.2f}")
            panel.set_title(f"{instrument} in, one line", fontsize=10)
        chords = result["polyphonic"]
        label = f"{name}, notes {min(chords['notes/chords_f1']):.2f}"
        axes[2].plot(MIXES, chords["judge/posterior"], marker="o", label=label)
    axes[2].set_title("violin in, double stops and chords", fontsize=10)
    axes[0].set_ylabel("judge's posterior of violin")
    for panel in axes:
        panel.set_xlabel("mix")
        panel.set_ylim(-0.02, 1.02)
        panel.legend(fontsize=7)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure the voices, write the figures and draw them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voices", nargs="+", required=True, metavar="NAME=VOICE")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--limit", type=int, help="one-line pieces of each instrument; all of them without")
    arguments = parser.parse_args()
    results = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    judge = Judge()
    for entry in arguments.voices:
        name, _, path = entry.partition("=")
        if name in results:
            continue
        voice = load_voice(path)
        result = {
            "one_line": one_line(voice, arguments.data, arguments.limit, judge),
            "polyphonic": polyphonic(voice, arguments.data, judge),
        }
        if voice.card.family == "cyclegan":
            assert isinstance(voice, SpectrogramVoice)
            result["cycle_db"] = cycle(voice, arguments.data)
        results[name] = result
        arguments.out.write_text(json.dumps(results, indent=1) + "\n")
        for instrument in INSTRUMENTS:
            medians = result["one_line"][instrument]
            print(
                name,
                instrument,
                [row["judge/posterior"] for row in medians["mixes"]],
                "pitch",
                [row["pitch/raw_accuracy"] for row in medians["mixes"]],
                "spearman",
                medians["path"]["mix/spearman"],
                flush=True,
            )
        print(name, "polyphonic", result["polyphonic"], result.get("cycle_db", ""), flush=True)
    if arguments.plot:
        draw(results, arguments.plot)


if __name__ == "__main__":
    main()
