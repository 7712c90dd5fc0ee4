"""Every trained voice of the package and of the checkout opens with this code and plays."""

from pathlib import Path

import numpy as np
import pytest
from tones import SAMPLE_RATE, cents_apart, tone

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import LOW
from violute.errors import VoiceError
from violute.transforms.spectra import count_frames
from violute.voices.builtin_voices import BUILTIN_FOLDER
from violute.voices.load import load_voice

FOLDER = Path(__file__).resolve().parents[2] / "voices"
BUILT_IN = sorted(BUILTIN_FOLDER.glob("*.onnx"))
FILES = BUILT_IN + sorted(FOLDER.glob("*.onnx"))


def test_there_are_some():
    assert [path.stem for path in BUILT_IN] == ["clarinet-cello", "violin-flute"]
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


@pytest.mark.parametrize("path", BUILT_IN, ids=lambda path: path.stem)
def test_a_built_in_voice_is_small_and_credits_its_recordings(path):
    assert path.stat().st_size < 10_000_000
    card = load_voice(path).card
    assert len(card.training_data) > 1
    assert all("CC" in line or "bench/" in line for line in card.training_data)


@pytest.mark.parametrize("true_hz", [65.4, 146.8, 220.0, 659.3, 1318.5])
def test_clarinet_and_cello_keep_the_pitch_of_low_and_high_instruments(true_hz):
    voice = load_voice("clarinet-cello")
    assert voice.settings.pitch_range == LOW
    take = voice.analyse(np.float32(0.3) * tone(true_hz, 0.6, db_per_octave=-9.0), SAMPLE_RATE)
    for mix in (0.0, 0.5, 1.0):
        heard_hz = analyse(take.render(mix), pitch_range=LOW).f0_hz[0, 10:-10]
        assert np.abs(cents_apart(heard_hz, true_hz)).max() < 20
