"""Spectrograms for the cards of translating voices: to the other end and back, and where it goes wrong.

    python bench/translation_pictures.py --data DIR --voice voices/cyclegan.onnx --out cycle.png

Windows are of bench/held_out_pieces.txt: of each instrument one drawn by chance, and of many the one
that returned with the largest error. No sound is kept.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from picture_codes.drawings import draw_grid
from picture_codes.reconstruction import mean_error_db

from violute.data.recordings import list_recordings, read_patterns, read_recording
from violute.families.pictures.voice import SpectrogramVoice
from violute.transforms.spectrogram import PEAK, normalise, stft
from violute.voices.load import load_voice

N_WINDOWS = 12


def windows_of(data: Path, name: str, voice: SpectrogramVoice) -> np.ndarray:
    """Cut one window from each of the held-out pieces of an instrument, again and again."""
    settings = voice.settings
    patterns = read_patterns(Path(__file__).with_name("held_out_pieces.txt"))
    recordings = list_recordings(data / name, select=patterns)
    rng = np.random.default_rng(0)
    windows = []
    for i in range(N_WINDOWS):
        audio = read_recording(recordings[i % len(recordings)], settings.sample_rate, peak=PEAK)
        start = int(rng.integers(max(len(audio) - settings.n_samples, 1)))
        piece = audio[start : start + settings.n_samples]
        picture = normalise(np.abs(stft(piece, settings)), settings)[:, : settings.n_frames]
        windows.append(np.pad(picture, ((0, 0), (0, settings.n_frames - picture.shape[1]))))
    return np.stack(windows).astype(np.float32)


def main() -> None:
    """Draw the grid."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--voice", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--path", action="store_true", help="draw five mixes of each window instead")
    arguments = parser.parse_args()
    voice = load_voice(arguments.voice)
    assert isinstance(voice, SpectrogramVoice)
    rows = {}

    def drawn(pictures: np.ndarray, mix: float) -> np.ndarray:
        mixes = np.full(len(pictures), mix, np.float32)
        made: np.ndarray = voice.session.run(None, {"spectrogram": pictures, "mix": mixes})[0]
        return made

    for end, name in enumerate(voice.card.ends):
        windows = windows_of(arguments.data, name, voice)
        if arguments.path:
            rows[f"{name} in"] = [
                ("source", windows[0]),
                *((f"mix {mix:g}", drawn(windows[:1], mix)[0]) for mix in (0.0, 0.25, 0.5, 0.75, 1.0)),
            ]
            continue
        other = voice.card.ends[1 - end]
        there = drawn(windows, 1.0 - end)
        back = drawn(there, float(end))
        errors = [
            mean_error_db(back[i : i + 1], windows[i : i + 1], voice.settings) for i in range(N_WINDOWS)
        ]
        for title, i in ((name, 0), (f"worst of {N_WINDOWS}", int(np.argmax(errors)))):
            rows[f"{title}, {errors[i]:.1f} dB"] = [
                ("source", windows[i]),
                (f"to {other}", there[i]),
                ("and back", back[i]),
            ]
    draw_grid(rows, voice.settings, arguments.out)


if __name__ == "__main__":
    main()
