"""From pictures back to sound: above 60 dB with phases, a stated error without."""

import json

import librosa
import numpy as np
import pytest
import soundfile
from tones import SAMPLE_RATE, tone, vibrato

from violute.data.pictures.images import image_path, write_images
from violute.data.pictures.invert import invert
from violute.data.pictures.prepare import prepare
from violute.errors import DataError
from violute.transforms.spectrogram import PRESETS

SECONDS = 6.1


@pytest.fixture(scope="module", params=PRESETS)
def prepared(request, tmp_path_factory):
    """A piece of two vibrato notes with breath over 6.1 s, and its store with phases."""
    place = tmp_path_factory.mktemp("piece")
    (place / "violin").mkdir()
    notes = [tone(vibrato(f0_hz, 30, 5, SECONDS / 2), noise_db=-60) for f0_hz in (440.0, 660.0)]
    soundfile.write(place / "violin" / "piece.wav", np.concatenate(notes), SAMPLE_RATE, subtype="FLOAT")
    settings = PRESETS[request.param]
    store = prepare({"violin": place / "violin"}, place / "store", settings, hold_out=(), with_phase=True)
    audio, _ = soundfile.read(place / "violin" / "piece.wav", dtype="float32")
    if settings.sample_rate != SAMPLE_RATE:
        audio = librosa.resample(
            audio, orig_sr=SAMPLE_RATE, target_sr=settings.sample_rate, res_type="soxr_hq"
        )
    return place, store, audio


def snr_db(heard, true):
    return 10 * np.log10(np.sum(true.astype(float) ** 2) / np.sum((heard.astype(float) - true) ** 2))


def true_sound(store, audio, number):
    entry = store.train.entries[number]
    start = round(entry.start_seconds * store.settings.sample_rate)
    return audio[start : start + round(entry.seconds * store.settings.sample_rate)]


def test_kept_phases_give_every_snippet_back_above_60_db(prepared):
    _, store, audio = prepared
    for number in range(len(store.train)):
        inverted = invert(f"{store.folder}:{number}")
        true = true_sound(store, audio, number)
        assert inverted.phase == "stored"
        assert len(inverted.audio) == len(true)
        assert snr_db(inverted.audio, true) > 60
        assert inverted.spectral_convergence < 1e-3


def test_without_kept_phases_the_recording_gives_them(prepared):
    place, store, audio = prepared
    bare = prepare({"violin": place / "violin"}, place / "bare", store.settings, hold_out=())
    for number in (0, len(bare.train) - 1):
        inverted = invert(f"{bare.folder}:{number}")
        true = true_sound(bare, audio, number)
        assert inverted.phase == "recording"
        assert len(inverted.audio) == len(true)
        assert snr_db(inverted.audio, true) > 60


def test_segments_of_any_rate_give_the_phases_that_were_prepared(prepared, tmp_path):
    _, store, _ = prepared
    (tmp_path / "flute").mkdir()
    sound = np.concatenate([tone(660.0, 0.7), np.zeros(999, np.float32), tone(880.0, 0.7, db_per_octave=0.0)])
    soundfile.write(tmp_path / "flute" / "notes.flac", sound, 48_000)
    items = [{"src": "a", "start": 0.0, "end": 0.6431}, {"src": "b", "start": 0.66391, "end": 1.2345}]
    (tmp_path / "flute" / "notes.flac.json").write_text(json.dumps({"items": items}))
    folders = {"flute": tmp_path / "flute"}
    kept = prepare(folders, tmp_path / "kept", store.settings, hold_out=(), with_phase=True)
    bare = prepare(folders, tmp_path / "bare", store.settings, hold_out=())
    for number in range(2):
        ours, true = invert(f"{bare.folder}:{number}"), invert(f"{kept.folder}:{number}")
        assert (ours.phase, true.phase) == ("recording", "stored")
        assert snr_db(ours.audio, true.audio) > 60


def test_an_image_and_found_phases_miss_little_of_the_magnitudes(prepared):
    _, store, _ = prepared
    write_images(store)
    image = image_path(store.folder, "train", 0, store.train)
    from_image = invert(str(image))
    from_store = invert(f"{store.folder}:0", always_find=True)
    assert from_image.phase == from_store.phase == "griffin-lim"
    np.testing.assert_allclose(from_image.audio, from_store.audio, atol=1e-6)
    assert from_image.spectral_convergence < 0.05
    assert from_image.sample_rate == store.settings.sample_rate


def test_recordings_that_have_moved_are_done_without(prepared):
    place, _, _ = prepared
    (place / "moved").mkdir()
    soundfile.write(place / "moved" / "a.wav", tone(440.0, 0.5), SAMPLE_RATE)
    prepare({"moved": place / "moved"}, place / "gone", PRESETS["detail"], hold_out=())
    (place / "moved" / "a.wav").unlink()
    assert invert(f"{place / 'gone'}:0").phase == "griffin-lim"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("store:99", "holds pictures 0 to"),
        ("store:held_out:0", "holds no pictures"),
        ("store:-1", "name an image"),
        ("store:first", "name an image"),
        ("store", "name an image"),
        (":3", "name an image"),
        ("nowhere:3", "no prepared store"),
        ("nowhere.png", "no such file"),
    ],
)
def test_pictures_that_are_not_there_are_told_in_one_line(prepared, name, reason, monkeypatch):
    place, _, _ = prepared
    monkeypatch.chdir(place)
    with pytest.raises(DataError, match=reason) as told:
        invert(name)
    assert name.split(":")[0] in str(told.value)
