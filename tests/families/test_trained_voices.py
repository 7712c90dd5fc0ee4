"""Every trained voice of the checkout opens with this code and plays."""

from pathlib import Path

import numpy as np
import pytest
from tones import SAMPLE_RATE, tone

from violute.errors import VoiceError
from violute.transforms.spectra import count_frames
from violute.voices.load import load_voice

FOLDER = Path(__file__).resolve().parents[2] / "voices"
FILES = sorted(FOLDER.glob("*.onnx"))


def test_there_are_some():
    assert {path.stem for path in FILES} >= {"vae", "mevae", "cyclegan", "paired", "nsynth", "rave"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_plays_and_has_a_card_beside_it(path):
    assert path.with_suffix(".md").exists()
    audio = np.float32(0.3) * tone(440.0, 0.25)
    take = load_voice(path).analyse(audio, SAMPLE_RATE)
    if path.stem == "nsynth":
        with pytest.raises(VoiceError, match="measures no pitch"):
            _ = take.controls
    else:
        assert take.controls.f0_hz.shape[1] == count_frames(len(audio))
    low, high = take.render(0.0), take.render(1.0)
    for rendering in (low, high):
        assert rendering.shape == audio.shape
        assert np.isfinite(rendering).all()
        assert np.abs(rendering).max() > 0.01
    assert not np.array_equal(low, high)
