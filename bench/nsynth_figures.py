"""Measure a trained WaveNet autoencoder on held-out recordings, as JSON.

    python bench/nsynth_figures.py --voice voices/nsynth.onnx --data DATA --out nsynth.json

Bits a sample: see `nsynth_bits`. Notes: decoded from their own codes, free-running, beside a decoding of the
mean code, by WORLD's harvest, which conditions nothing here. Moves: one piece of each instrument at five
mixes, by the judge, with the codes moved too.
"""

import argparse
import json
import shlex
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from environment import ROOT
from nsynth_bits import NAMES, bits_a_sample
from scipy.stats import spearmanr

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.data.sampling import window_of
from violute.evaluation.judge.classifier import Judge
from violute.evaluation.metrics.loudness import to_mono
from violute.evaluation.metrics.pitch import cents_apart, compared_frames, judge_f0, raw_pitch_accuracy
from violute.families.nsynth.code_moves import CODE_MOVES, moved
from violute.families.nsynth.codes import Codes
from violute.families.nsynth.network import SAMPLE_RATE
from violute.families.nsynth.voice import NsynthPerformance, NsynthVoice
from violute.voices.load import load_voice
from violute.voices.mix import dials
from violute.voices.take import Take

MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
TAUGHT_SECONDS = 60.0
"""Of each instrument's training recordings, whose codes say where it lies."""

GATE = 0.1
"""Frames whose RMS is below this share of the loudest are not compared."""


def main() -> None:
    """Measure what was asked for and merge it into the document."""
    options = _options()
    out: Path = options.out
    measured: dict[str, Callable[[argparse.Namespace], dict[str, object]]] = {
        "bits": bits_a_sample,
        "notes": notes,
        "moves": moves,
    }
    figures = {name: measured[name](options) for name in options.only}
    # Read only now: another run may have measured something else meanwhile.
    document = json.loads(out.read_text()) if out.is_file() else {}
    for name, own in figures.items():
        document[name] = {**document.get(name, {}), **own}
    document["command"] = shlex.join(["python", *sys.argv])
    out.write_text(json.dumps(document, indent=1) + "\n")
    for name in options.only:
        shown = {key: value for key, value in document[name].items() if key != "each"}
        print(json.dumps({name: shown}, indent=1))


def notes(options: argparse.Namespace) -> dict[str, object]:
    """Decode held-out notes from their own codes, each as its own instrument.

    Beside them what one code gives for all frames: the mean of the instrument's training recordings, or the
    note's own, which still tells what a steady note is.
    """
    voice = nsynth_voice(options)
    rng = np.random.default_rng(5)
    each = []
    for end, name in enumerate(NAMES):
        found = list_recordings(options.data / name, select=read_patterns(ROOT / "bench" / "held_out.txt"))
        found = [r for r in found if "notes" in r.source]
        chosen = [found[i] for i in sorted(rng.choice(len(found), options.notes, replace=False))]
        mean_code = taught_codes(options, voice, name).mean(axis=0)
        for recording in chosen:
            audio = loudest(read_recording(recording, SAMPLE_RATE, peak=0.8), 1.5)
            take = voice.analyse(audio, SAMPLE_RATE)
            own = take.render(float(end))
            codes = codes_of(take)
            of_mean = played(voice, with_code(codes, mean_code), float(end))
            of_own_mean = played(voice, with_code(codes, codes.code.mean(axis=0)), float(end))
            each.append(
                {
                    "note": recording.name,
                    "played_by": name,
                    "raw_pitch_accuracy": accuracy(audio, own),
                    "spectral_db": spectral_db(audio, own),
                    "mean_code_raw_pitch_accuracy": accuracy(audio, of_mean),
                    "mean_code_spectral_db": spectral_db(audio, of_mean),
                    "own_mean_raw_pitch_accuracy": accuracy(audio, of_own_mean),
                    "own_mean_spectral_db": spectral_db(audio, of_own_mean),
                }
            )

    def mean_of(key: str, *names: str) -> float:
        return float(np.nanmean([note[key] for note in each if note["played_by"] in names]))

    figures = {key: mean_of(key, *NAMES) for key in each[0] if key not in ("note", "played_by")}
    by_instrument = {f"raw_pitch_accuracy_{name}": mean_of("raw_pitch_accuracy", name) for name in NAMES}
    return {**figures, **by_instrument, "notes": len(each), "each": each}


def moves(options: argparse.Namespace) -> dict[str, object]:
    """Move the codes of one piece of each instrument by every method, at five mixes."""
    voice, judge = nsynth_voice(options), Judge()
    flute, violin = (taught_codes(options, voice, name) for name in NAMES)
    summary: dict[str, object] = {}
    for name in NAMES:
        _, audio = next(iter(excerpts(options, name)))
        codes = codes_of(voice.analyse(audio, SAMPLE_RATE))
        for method in CODE_MOVES:
            made = []
            for mix in MIXES:
                tone = np.full(len(codes.code), mix, np.float32)
                going = replace(codes, code=moved(codes.code, (flute, violin), tone, method))
                made.append(played(voice, going, mix))
            posterior = [judge.hear(sound, SAMPLE_RATE).posterior for sound in made]
            summary[f"{name}_{method}"] = {
                "posterior": posterior,
                "spearman": spearman(np.array(posterior)),
                "raw_pitch_accuracy": [accuracy(audio, sound) for sound in made],
            }
    return {**summary, "mixes": MIXES, "seconds": options.seconds}


def excerpts(options: argparse.Namespace, name: str) -> list[tuple[str, np.ndarray]]:
    """Return seconds of held-out pieces: the beginnings of flute phrases, parts of a violin performance."""
    found = list_recordings(options.data / name, select=read_patterns(ROOT / "bench" / "held_out_pieces.txt"))
    found = [r for r in found if "mov3" not in r.name][: options.pieces]
    made = []
    for recording in found:
        whole = read_recording(recording, SAMPLE_RATE, peak=0.8)
        n_parts = options.pieces // len(found) if name == "violin" else 1
        for part in range(n_parts):
            start = round((part + 1) * len(whole) / (n_parts + 1)) if name == "violin" else 0
            made.append(
                (
                    recording.name,
                    window_of(whole, start, min(round(options.seconds * SAMPLE_RATE), len(whole))),
                )
            )
    return made


def nsynth_voice(options: argparse.Namespace) -> NsynthVoice:
    """Return the voice to measure."""
    voice = load_voice(options.voice)
    if not isinstance(voice, NsynthVoice):
        raise SystemExit(f"{options.voice} is a voice of the family {voice.card.family}: give one of nsynth")
    return voice


def codes_of(take: Take) -> Codes:
    """Return what a performance became in the encoder."""
    assert isinstance(take.performance, NsynthPerformance)
    return take.performance.codes


def taught_codes(options: argparse.Namespace, voice: NsynthVoice, name: str) -> np.ndarray:
    """Return the codes of training recordings of an instrument, chosen by chance."""
    patterns = read_patterns(ROOT / "bench" / "held_out.txt")
    found = list_recordings(options.data / name, hold_out=patterns)
    codes, seconds = [], 0.0
    for i in np.random.default_rng(8).permutation(len(found)):
        audio = read_recording(found[i], SAMPLE_RATE, peak=0.8)[: round(10.0 * SAMPLE_RATE)]
        codes.append(codes_of(voice.analyse(audio, SAMPLE_RATE)).code)
        seconds += len(audio) / SAMPLE_RATE
        if seconds > TAUGHT_SECONDS:
            break
    return np.concatenate(codes)


def played(voice: NsynthVoice, codes: Codes, mix: float) -> np.ndarray:
    """Play codes at a mix, as long as their recording."""
    performance = NsynthPerformance(voice, codes)
    laid = dials(mix, performance.n_frames, performance.frame_rate_hz)
    return np.concatenate(list(performance.blocks(laid)))[: codes.n_samples]


def with_code(codes: Codes, code: np.ndarray) -> Codes:
    """Return codes that say the same in every frame."""
    return replace(codes, code=np.broadcast_to(code, codes.code.shape).copy())


def spearman(values: np.ndarray) -> float:
    """Rank correlation with the mixes."""
    return float(spearmanr(MIXES, values).statistic)


def accuracy(source: np.ndarray, made: np.ndarray) -> float:
    """Share of the source's sounding, pitched frames made within 50 cents; an unpitched one is wrong."""
    source_hz, made_hz = judge_f0(source, SAMPLE_RATE), judge_f0(made, SAMPLE_RATE)
    n_frames = min(len(source_hz), len(made_hz))
    hop = SAMPLE_RATE // 100
    padded = np.pad(source, (hop, n_frames * hop))
    rms = np.sqrt([np.mean(np.square(padded[i * hop : (i + 2) * hop])) for i in range(n_frames)])
    source_hz, made_hz = source_hz[:n_frames], made_hz[:n_frames]
    sounding = (rms > GATE * rms.max()) & (source_hz > 0.0)
    both = compared_frames(source_hz, made_hz, sounding)
    if not sounding.any():
        return float("nan")
    right = raw_pitch_accuracy(cents_apart(source_hz, made_hz)[both]) if both.any() else 0.0
    return right * float(both.sum() / sounding.sum())


def spectral_db(source: np.ndarray, made: np.ndarray) -> float:
    """Mean distance of log magnitudes, floored 60 dB below the source's loudest."""
    window = np.hanning(1025)[:-1]

    def level_db(audio: np.ndarray) -> np.ndarray:
        frames = np.lib.stride_tricks.sliding_window_view(np.pad(to_mono(audio), 512), 1024)[::256]
        return 20.0 * np.log10(np.abs(np.fft.rfft(frames * window)) + 1e-9)

    wanted, got = level_db(source), level_db(made)
    floor = wanted.max() - 60.0
    n = min(len(wanted), len(got))
    return float(np.abs(np.maximum(wanted[:n], floor) - np.maximum(got[:n], floor)).mean())


def loudest(audio: np.ndarray, seconds: float) -> np.ndarray:
    """Return the seconds from a little before the loudest sample on."""
    start = max(int(np.argmax(np.abs(audio))) - SAMPLE_RATE // 2, 0)
    return audio[start : start + round(seconds * SAMPLE_RATE)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--voice", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("nsynth.json"), help="to write, or to add to")
    parser.add_argument("--recipe", default="small", help="of the run")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="+", default=["bits", "notes", "moves"])
    parser.add_argument("--crops", type=int, default=64)
    parser.add_argument("--notes", type=int, default=12, help="of each instrument")
    parser.add_argument("--pieces", type=int, default=3, help="of each instrument")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each piece")
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("runs/features"),
        help="folder for what is measured in the recordings",
    )
    parser.add_argument("--short-minutes", type=float, default=30.0, help="of training the short convolution")
    parser.add_argument("--short-steps", type=int, default=9000, help="of it at most")
    return parser.parse_args()


if __name__ == "__main__":
    main()
