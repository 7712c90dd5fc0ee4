"""Fitting a voice anew: its weights come back to the bit, and only a voice of the family is taken."""

import numpy as np
import pytest
import soundfile
import tiny_ddsp
import torch
from command_line import complaint_of, violute_here
from tones import tone

from violute.cli.refit import refit
from violute.errors import TrainingError
from violute.families.ddsp.calibration.refit import check_parity, decoder_of, refit_voice
from violute.families.ddsp.network import VoiceGraph
from violute.voices.builtin_voices import BUILTIN_FOLDER
from violute.voices.file import open_voice_file


@pytest.fixture(scope="module")
def voice_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("refit") / "tiny.onnx"
    tiny_ddsp.walk(tiny_ddsp.task(), 5).export(path)
    return path


def test_weights_come_back_to_the_bit(voice_path):
    trained = tiny_ddsp.walk(tiny_ddsp.task(), 5).decoder
    read = decoder_of(voice_path)
    check_parity(read, voice_path)
    for name, value in trained.state_dict().items():
        if not name.startswith("room"):
            torch.testing.assert_close(read.state_dict()[name], value, rtol=0.0, atol=0.0)


def test_the_built_in_voice_can_be_read_back():
    path = BUILTIN_FOLDER / "violin-flute.onnx"
    check_parity(decoder_of(path), path)


def test_another_network_is_noticed(voice_path):
    other = tiny_ddsp.walk(tiny_ddsp.task(3), 5).decoder
    with pytest.raises(TrainingError, match="another model"):
        check_parity(other.eval(), voice_path)


def test_noise_is_trimmed_by_register():
    decoder, given = tiny_ddsp.task(2).decoder.eval(), tiny_ddsp.inputs(30, 8)
    trim = torch.zeros(2, 13, 64)
    trim[1, :, 20] = 5.0
    trim[1, 12, 30] = 3.0
    features = given["features"].clone()
    features[:, :, 1:14] = 0.0
    features[:, :15, 1] = features[:, 15:, 13] = 0.7  # the first register, then the last
    with torch.no_grad():
        plain = VoiceGraph(decoder)(features, given["f0_hz"])
        trimmed = VoiceGraph(decoder, noise_trim_db=trim)(features, given["f0_hz"])
    added = (trimmed.noise_db - plain.noise_db).numpy()
    assert not added[0].any()
    np.testing.assert_allclose(added[1, :, 20], 5.0, atol=1e-4)
    np.testing.assert_allclose(added[1, :, 30], np.repeat([0.0, 3.0], 15), atol=1e-4)
    np.testing.assert_array_equal(trimmed.harmonic_db, plain.harmonic_db)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two folders of three notes each."""
    place = tmp_path_factory.mktemp("notes")
    for name, slope in (("a", -12.0), ("b", -6.0)):
        (place / name).mkdir()
        for i, f0_hz in enumerate((330.0, 494.0, 659.0)):
            struck = tone(f0_hz, 1.5, db_per_octave=slope)
            audio = np.concatenate([np.zeros(22_050), struck, np.zeros(11_025)])
            audio += 1e-4 * np.random.default_rng(i).standard_normal(len(audio))
            soundfile.write(place / name / f"{i}.wav", audio, 44_100)
    return place


def test_a_voice_is_fitted_to_folders(voice_path, place, tmp_path):
    out = tmp_path / "fitted.onnx"
    shares: list[float] = []
    folders = (place / "a", place / "b")
    refit_voice(voice_path, folders, out, tilt_db_per_octave=(0.0, -1.0), on_progress=shares.append)
    _, before = open_voice_file(voice_path)
    _, after = open_voice_file(out)
    assert after.name == before.name
    assert after.settings["tilt_db_per_octave"]["bright"] == -1.0
    assert after.pitch_range_hz != before.pitch_range_hz
    assert {"unrest_db", "ripple_db", "dial"} <= after.settings.keys()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fitted.features", "fitted.onnx"]
    assert shares[-1] == 1.0


def test_refit_holds_out_what_training_does_and_says_so_first(voice_path, place, tmp_path, monkeypatch):
    given = {}

    def stopped(*arguments, on_begin, **options):
        given.update(options)
        on_begin()

    monkeypatch.setattr("violute.families.ddsp.calibration.refit.refit_voice", stopped)
    said = []
    monkeypatch.setattr("violute.cli.train.complain", said.append)
    assert refit(voice_path, a=place / "a", b=place / "b", out=tmp_path / "x.onnx", quiet=False) == 0
    assert given["hold_out"] == ["2204", "2191"]
    assert said == ["held out: nothing; what is by default, MusicNet's 2204 and 2191, is not here"]


def test_of_two_refits_with_one_output_the_later_loses(voice_path, place, tmp_path, monkeypatch):
    out, measured = tmp_path / "x.onnx", []
    folders = (place / "a", place / "b")

    def overtaken(decoder, lines, names, path, *, card):
        path.write_bytes(b"of the second")
        out.write_bytes(b"of the first")

    monkeypatch.setattr("violute.families.ddsp.calibration.refit.export_ddsp", overtaken)
    with pytest.raises(TrainingError, match="exists already: name another file or add --force"):
        refit_voice(voice_path, folders, out, cache=tmp_path / "cache", overwrite=False)
    with pytest.raises(TrainingError, match="x.onnx exists: name another file"):
        refit_voice(voice_path, folders, out, overwrite=False, on_progress=measured.append)
    assert (out.read_bytes(), measured) == (b"of the first", [])
    refit_voice(voice_path, folders, out, cache=tmp_path / "cache")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "x.onnx"]


def test_an_error_in_a_value_is_not_taken_for_one_of_the_disk(voice_path, place, tmp_path, monkeypatch):
    """A bug is a traceback; only what the disk refuses asks for another place."""

    def broken(*arguments, **options):
        raise ValueError("zip() argument 2 is shorter than argument 1")

    monkeypatch.setattr("violute.families.ddsp.calibration.refit.export_ddsp", broken)
    with pytest.raises(ValueError, match="zip"):
        refit_voice(voice_path, (place / "a", place / "b"), tmp_path / "x.onnx", cache=tmp_path / "cache")
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="cannot be written"):
        refit_voice(voice_path, (place / "a", place / "b"), tmp_path / "file" / "x.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", "file"]


def test_what_is_no_voice_is_refused_in_a_line(tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    soundfile.write(tmp_path / "note.wav", tone(440.0, 0.2), 44_100)
    folders = ["--a", ".", "--b", "."]
    line = complaint_of(violute_here("refit", "bad.onnx", *folders, "--out", "x.onnx", cwd=tmp_path))
    assert line.startswith("bad.onnx")
    line = complaint_of(violute_here("refit", "bad.onnx", *folders, "--out", "bad.onnx", cwd=tmp_path))
    assert "bad.onnx exists" in line
