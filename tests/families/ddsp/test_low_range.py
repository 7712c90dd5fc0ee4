"""Two instruments that play below the violin: trained by the same command, heard in the low range."""

import numpy as np
import pytest
import soundfile
from tones import SAMPLE_RATE, cents_apart, tone, vibrato

from violute.analysis.analyser import analyse
from violute.analysis.pitch_range import HIGH, LOW
from violute.data.low_notes import low_share
from violute.data.recordings import list_recordings
from violute.errors import TrainingError
from violute.families.ddsp.calibration.refit import check_parity, decoder_of
from violute.families.ddsp.recipes import DDSP_RECIPES, DdspRecipe
from violute.families.train import train_family
from violute.training.request import TrainingRequest
from violute.training.settings import LoopSettings
from violute.voices.file import open_voice_file
from violute.voices.load import load_voice

NAMES = ("pipe", "bass")
SLOPES_DB = (-15.0, -5.0)
PITCHES_HZ = (82.4, 110.0, 174.6, 261.6)
EDGE = 8
LOOP = LoopSettings(
    n_steps=20, validate_every=20, checkpoint_every=20, warmup_steps=0, averaging_decay=None, best_by=None
)
RECIPE = DdspRecipe(loop=LOOP, learning_rate=0.03, batch_size=4, n_frames=50, channels=8, dilations=(1, 2))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("low")
    for name, slope_db in zip(NAMES, SLOPES_DB, strict=True):
        (root / name).mkdir()
        for i, f0_hz in enumerate(PITCHES_HZ):
            note = tone(vibrato(f0_hz, 10.0, 5.0, 0.6), db_per_octave=slope_db, noise_db=-60.0)
            soundfile.write(root / name / f"{i}.wav", note, SAMPLE_RATE)
    return root / NAMES[0], root / NAMES[1]


def trained(folders, out, changes=None):
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DDSP_RECIPES, "twenty", lambda: RECIPE)
        request = TrainingRequest(source=folders, out=out, names=NAMES, device="cpu")
        train_family("ddsp", request, recipe="twenty", changes=changes)
    return out


@pytest.fixture(scope="module")
def voice_path(folders, tmp_path_factory):
    return trained(folders, tmp_path_factory.mktemp("voice") / "pipe-bass.onnx")


def test_low_notes_are_listened_for_once(folders, tmp_path, monkeypatch):
    share = low_share(list_recordings(folders[0]), tmp_path)
    assert share > 0.3
    monkeypatch.setattr("violute.data.low_notes.analyse", None)
    assert low_share(list_recordings(folders[0]), tmp_path) == share


def test_low_notes_choose_the_low_range(folders, voice_path):
    _, card = open_voice_file(voice_path)
    assert card.settings["pitch_range"] == LOW.name
    assert card.pitch_range_hz["bass"][0] == pytest.approx(PITCHES_HZ[0], rel=0.02)


def test_a_range_can_be_named_and_must_be_known(folders, tmp_path):
    _, card = open_voice_file(trained(folders, tmp_path / "high.onnx", {"pitch_range": HIGH.name}))
    assert "pitch_range" not in card.settings
    with pytest.raises(TrainingError, match="pitch_range is 'deep': give high, low or auto"):
        trained(folders, tmp_path / "deep.onnx", {"pitch_range": "deep"})


@pytest.mark.parametrize("true_hz", [65.4, 130.8, 523.3, 1760.0])
def test_low_and_high_notes_keep_their_pitch(voice_path, true_hz):
    """Notes of a cello, and those of a violin that are played in its voice."""
    take = load_voice(voice_path).analyse(tone(true_hz, 0.8, db_per_octave=-6.0), SAMPLE_RATE)
    for mix in (0.0, 0.5, 1.0):
        controls = analyse(take.render(mix), pitch_range=LOW)
        heard_hz = controls.f0_hz[0, EDGE:-EDGE]
        assert np.abs(cents_apart(heard_hz, true_hz)).max() < 15


def test_a_stream_of_a_low_voice_follows_low_notes(voice_path):
    stream = load_voice(voice_path).stream(1.0)
    played = stream.push(np.concatenate([tone(98.0, 0.6, db_per_octave=-6.0), np.zeros(882, np.float32)]))
    heard_hz = analyse(played, pitch_range=LOW).f0_hz[0, 30:50]
    assert np.abs(cents_apart(heard_hz, 98.0)).max() < 15


def test_the_network_of_a_low_voice_can_be_read_back(voice_path):
    decoder = decoder_of(voice_path)
    assert decoder.body.lowest_hz == LOW.filter_lowest_hz
    check_parity(decoder, voice_path)
