"""Hear notes with basic-pitch, in an environment of its own, and print them as JSON: a list a file.

    python3 -m venv judge
    judge/bin/pip install --no-deps basic-pitch
    judge/bin/pip install 'numpy<2' 'setuptools<81' 'resampy<0.4.3' librosa mir_eval onnxruntime pretty_midi
    judge/bin/python bench/basic_pitch_notes.py FILE...

Source:
    Bittner et al., A lightweight instrument-agnostic model for polyphonic note transcription and multipitch
    estimation (ICASSP 2022).
"""

import contextlib
import json
import sys
from pathlib import Path

import basic_pitch
from basic_pitch.inference import Model, predict


def main() -> None:
    """Print [[onset in seconds, offset, MIDI pitch], ...] for each file of the command line."""
    network = Path(basic_pitch.__file__).parent / "saved_models" / "icassp_2022" / "nmp.onnx"
    with contextlib.redirect_stdout(sys.stderr):
        model = Model(network)
        heard = []
        for path in sys.argv[1:]:
            _, _, events = predict(path, model)
            heard.append(sorted([float(e[0]), float(e[1]), int(e[2])] for e in events))
    print(json.dumps(heard))


if __name__ == "__main__":
    main()
