"""Pictures as PNG: the store's numbers exactly, low notes at the bottom, and what is refused."""

import numpy as np
import pytest
import soundfile
from command_line import files_below
from PIL import Image, PngImagePlugin
from tones import SAMPLE_RATE, tone

from violute.data.pictures.contact_sheet import THUMB_HEIGHT, THUMB_WIDTH, contact_sheet
from violute.data.pictures.images import read_image, write_image, write_images
from violute.data.pictures.prepare import prepare
from violute.data.pictures.store import FULL_SCALE, Entry, to_16_bits
from violute.errors import DataError
from violute.transforms.spectrogram import DETAIL, SpectrogramSettings, normalise, stft

SMALL = SpectrogramSettings(sample_rate=8000, n_fft=64, hop_length=16, n_bins=32, n_frames=10)
ENTRY = Entry("flute", "étude № 1", "a.wav", "/home/me/a.wav", (0.0, None), 1.5, 0.02, 0.7, 4000.0)


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "a.png"
    stored = np.random.default_rng(0).integers(0, 65536, (32, 10)).astype(np.uint16)
    write_image(path, stored, SMALL, ENTRY)
    return path, stored


def test_numbers_come_back_exactly(image):
    path, stored = image
    picture, settings, origin = read_image(path)
    np.testing.assert_array_equal(to_16_bits(picture), stored)
    assert settings == SMALL
    assert origin["recording"] == "étude № 1"
    assert origin["gain"] == 0.7


def test_a_picture_loses_half_a_step(tmp_path):
    picture = normalise(np.abs(stft(tone(440.0), DETAIL, n_frames=128)), DETAIL)
    write_image(tmp_path / "a.png", to_16_bits(picture), DETAIL, ENTRY)
    back, _, _ = read_image(tmp_path / "a.png")
    assert np.abs(back - picture).max() <= 0.501 / FULL_SCALE


def test_folders_of_the_owner_stay_private(image):
    assert b"/home/me" not in image[0].read_bytes()


def test_any_viewer_shows_low_notes_at_the_bottom_in_sixteen_bits(tmp_path):
    picture = normalise(np.abs(stft(tone(440.0), DETAIL, n_frames=128)), DETAIL)
    write_image(tmp_path / "a.png", to_16_bits(picture), DETAIL, ENTRY)
    with Image.open(tmp_path / "a.png") as shown:
        assert shown.size == (128, 1024)
        grey = np.asarray(shown)
    assert grey.max() > 256
    loudest = 1023 - grey[:, 50].argmax()
    assert loudest == pytest.approx(440 * DETAIL.n_fft / SAMPLE_RATE, abs=1)


def test_nothing_is_left_of_an_image_that_could_not_be_written(tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        write_image(tmp_path / "a.png", np.zeros((32, 10), np.uint16), SMALL, ENTRY)
    assert files_below(tmp_path) == []


def resave(path, change, text=None):
    with Image.open(path) as image:
        image.load()
        info = PngImagePlugin.PngInfo()
        info.add_itxt("violute", image.text["violute"] if text is None else text)
        change(image).save(path, format="PNG", pnginfo=info)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.unlink(), "no such file"),
        (lambda path: path.write_bytes(b""), "cannot be read as PNG"),
        (lambda path: path.write_bytes(b"not a picture"), "cannot be read as PNG"),
        (lambda path: path.write_bytes(path.read_bytes()[:-300]), "cannot be read as PNG"),
        (lambda path: Image.new("L", (10, 32)).save(path), "no scale"),
        (lambda path: resave(path, lambda image: image.resize((5, 32))), "do not scale"),
        (lambda path: resave(path, lambda image: image.convert("RGB")), "do not scale"),
        (lambda path: resave(path, lambda image: image.convert("L")), "do not scale"),
        (lambda path: resave(path, lambda image: image, "{"), "text entry is damaged"),
        (lambda path: resave(path, lambda image: image, '{"settings": {}}'), "text entry is damaged"),
    ],
)
def test_other_images_are_refused_in_one_line(image, damage, reason):
    path, _ = image
    damage(path)
    with pytest.raises(DataError, match=reason) as told:
        read_image(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("prepared")
    for instrument, f0_hz in (("flute", 880.0), ("violin", 220.0)):
        (place / instrument).mkdir()
        soundfile.write(place / instrument / "a b.wav", tone(f0_hz, 2.0), SAMPLE_RATE)
    folders = {name: place / name for name in ("flute", "violin")}
    return prepare(folders, place / "store", DETAIL, hold_out=())


def test_every_picture_of_a_store_is_an_image_and_is_written_once(store):
    assert write_images(store) == 4
    folder = store.folder / "images"
    assert files_below(folder) == [
        "train/flute/000000_a_b.png",
        "train/flute/000001_a_b.png",
        "train/violin/000002_a_b.png",
        "train/violin/000003_a_b.png",
    ]
    for number in range(4):
        (path,) = folder.rglob(f"{number:06d}*.png")
        np.testing.assert_array_equal(read_image(path)[0], store.train.read(number))
    (folder / "train/flute/000001_a_b.png").unlink()
    kept = folder / "train/flute/000000_a_b.png"
    kept.write_bytes(b"mine")
    write_images(store)
    assert kept.read_bytes() == b"mine"
    assert len(files_below(folder)) == 4


def test_a_contact_sheet_shows_each_instrument_at_its_pitch(store):
    page = np.asarray(contact_sheet(store).convert("L")).astype(int)
    # Thumbnails are dark on paper: find where they stand.
    dark = page < 40
    columns = np.flatnonzero(dark.mean(axis=0) > 0.2)
    assert len(columns) > THUMB_WIDTH
    left = columns[0]
    rows = np.flatnonzero(dark[:, left : left + 50].mean(axis=1) > 0.5)
    tops = [row for row in rows if row - 1 not in rows]
    heights = []
    for top in (rows[0], next(row for row in tops if row > rows[0] + THUMB_HEIGHT)):
        lightness = page[top : top + THUMB_HEIGHT, left : left + 50].mean(axis=1)
        lit = np.flatnonzero(lightness > 0.5 * lightness.max())
        heights.append(THUMB_HEIGHT - lit.max())
    # Two octaves lie between the lowest partials: 147 to 1 in frequency makes the whole height.
    expected = THUMB_HEIGHT * np.log(4) / np.log(SAMPLE_RATE / 2 / 150.0)
    assert heights[0] - heights[1] == pytest.approx(expected, rel=0.25)
