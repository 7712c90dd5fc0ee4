"""How well a spectrogram model codes windows: which ones, what is measured, what is drawn."""

import numpy as np
import pytest
import soundfile
from code_figures import measure_run
from picture_codes.drawings import (
    LOWEST_HZ,
    by_octaves,
    draw_mixes,
    draw_reconstructions,
    draw_traversals,
    row_of,
)
from picture_codes.reconstruction import (
    WindowSet,
    even_windows,
    mean_error_db,
    measure_code,
)
from PIL import Image
from spectrogram_graphs import identity
from tones import SAMPLE_RATE, tone

from violute.errors import InputError
from violute.families.pictures.corpus import PictureLine
from violute.families.train import train_family
from violute.training.request import TrainingRequest
from violute.transforms.spectrogram import SpectrogramSettings

SMALL = SpectrogramSettings(8_000, 256, 64, n_bins=128, n_frames=16)
ENDS = ("flute", "violin")


class MeanCoder:
    """A code of two channels by four steps: the mean level of the low and of the high half, in quarters."""

    def encode(self, pictures, ends):
        n, n_bins, n_frames = pictures.shape
        return pictures.reshape(n, 2, n_bins // 2, 4, n_frames // 4).mean(axis=(2, 4))

    def decode(self, latents, ends, partials=None):
        return latents.repeat(SMALL.n_bins // 2, axis=1).repeat(SMALL.n_frames // 4, axis=2)


def line(name, end, n_frames, level=0.5, seed=0):
    rng = np.random.default_rng(seed)
    picture = (level * rng.uniform(0.5, 1.5, (n_frames, SMALL.n_bins))).astype(np.float16)
    return PictureLine(name, name, end, picture, 4_000.0)


def windows(n=40, seed=0):
    """Windows that the code above holds but for a little noise."""
    rng = np.random.default_rng(seed)
    latents = rng.uniform(0.2, 0.8, (n, 2, 4)).astype(np.float32)
    ends = np.arange(n) % 2
    pictures = MeanCoder().decode(latents, ends)
    pictures = pictures + rng.uniform(-0.01, 0.01, pictures.shape).astype(np.float32)
    return WindowSet(pictures, ends, tuple(f"recording {i}" for i in range(n)))


def test_windows_are_whole_sounding_and_of_both_ends_alike():
    lines = [
        line("long", 0, 100 * 16),
        line("rest", 0, 160, level=0.0001),
        line("short", 1, 15),
        line("other", 1, 3 * 16 + 5),
    ]
    found = even_windows(lines, SMALL, 20)
    assert found.pictures.shape == (13, SMALL.n_bins, SMALL.n_frames)
    assert list(found.ends) == [0] * 10 + [1] * 3
    assert found.names == ("long",) * 10 + ("other",) * 3
    np.testing.assert_allclose(found.pictures[0], lines[0].picture[:16].T)
    np.testing.assert_allclose(found.pictures[9], lines[0].picture[-16:].T)
    np.testing.assert_allclose(found.pictures[12], lines[3].picture[32:48].T)


def test_an_instrument_without_a_whole_window_is_named():
    with pytest.raises(InputError, match="of mix 1 lasts a window of 0.13 s"):
        even_windows([line("long", 0, 160), line("short", 1, 15)], SMALL, 20)


def test_a_code_that_fits_beats_the_trivial_ones():
    training, held_out = windows(), windows(20, seed=1)
    figures = measure_code(MeanCoder(), training, held_out, SMALL)
    assert (figures["latent_size"], figures["active_units"]) == (8, 8)
    assert (figures["n_training_windows"], figures["n_held_out_windows"]) == (40, 20)
    errors_db = figures["errors_db"]
    assert errors_db["model"]["all"] == pytest.approx(0.4, abs=0.05)  # half of 0.01 of 80 dB
    assert errors_db["model"]["all"] < 0.5 * errors_db["low-pass"]["all"]
    assert errors_db["low-pass"]["all"] < errors_db["mean spectrogram"]["all"]
    second = held_out.ends == 1
    drawn = MeanCoder().decode(MeanCoder().encode(held_out.pictures, None), None)
    assert errors_db["model"]["1"] == pytest.approx(
        mean_error_db(drawn[second], held_out.pictures[second], SMALL)
    )


def test_rows_of_a_picture_are_notes():
    """A partial an octave up lies as many rows up at any pitch."""
    settings = SpectrogramSettings(44_100, 2048, 431)
    found = []
    for hz in (1_000.0, 2_000.0, 4_000.0):
        picture = np.zeros((1024, 2), np.float32)
        picture[round(hz * 2048 / 44_100)] = 1.0
        found.append(np.median(np.flatnonzero(by_octaves(picture, settings)[:, 0])))
    assert np.abs(np.diff(found) - 24.0).max() <= 1.0
    assert row_of(LOWEST_HZ) == 0.0


def test_pictures_are_drawn_and_small(tmp_path):
    held_out, training = windows(20, seed=1), windows()
    draw_reconstructions(MeanCoder(), training, held_out, SMALL, tmp_path / "reconstructions.png")
    draw_traversals(MeanCoder(), held_out, SMALL, tmp_path / "traversals.png")
    whole = WindowSet(np.tile(held_out.pictures, (1, 8, 8)), held_out.ends, held_out.names)
    settings = SpectrogramSettings(44_100, 2048, 431)
    draw_mixes(identity(), whole, ENDS, settings, tmp_path / "mixes.png")
    for path in tmp_path.iterdir():
        with Image.open(path) as image:
            assert image.width > 300
            assert len(image.convert("RGB").getcolors(1_000)) > 20
        assert path.stat().st_size < 300_000


def test_too_few_windows_to_draw_are_told(tmp_path):
    few = windows(5)  # three of mix 0, two of mix 1
    with pytest.raises(InputError, match="mix 1 has 2 held-out windows, 3 are drawn"):
        draw_traversals(MeanCoder(), few, SMALL, tmp_path / "traversals.png")
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of seconds from two folders, each with a recording that was held out, and its voice."""
    place = tmp_path_factory.mktemp("card")
    for name, slope_db in (("reed", -15.0), ("string", -4.0)):
        (place / name).mkdir()
        for kind, seconds in (("heard", 14.0), ("unheard", 4.0)):
            course_hz = np.repeat([440.0, 523.3, 392.0, 660.0], round(seconds * SAMPLE_RATE / 4))
            sound = tone(course_hz, db_per_octave=slope_db, noise_db=-50.0)
            soundfile.write(place / name / f"{kind}-{name}.wav", sound, SAMPLE_RATE)
    (place / "held_out.txt").write_text("unheard*\n")
    train_family(
        "vae",
        TrainingRequest(
            source=(place / "reed", place / "string"),
            out=place / "toy.onnx",
            names=("reed", "string"),
            hold_out=["unheard*"],
            run_dir=place / "run",
            device="cpu",
            card={"licence": "CC0"},
        ),
        recipe="tiny",
    )
    return place


def measure(place, *, select="held_out.txt", run="run"):
    """Measure the run and draw into a folder of its own."""
    return measure_run(place / "toy.onnx", place / run, place, place / select, place / "drawn" / "toy")


def test_a_run_is_measured_and_drawn(trained):
    figures = measure(trained)
    assert figures["latent_size"] == 16
    assert 1 <= figures["active_units"] <= 16
    assert figures["n_held_out_windows"] == 6  # three whole windows of each held-out recording
    assert (
        figures["errors_db"]["principal components"]["all"] < figures["errors_db"]["mean spectrogram"]["all"]
    )
    files = {path.name for path in (trained / "drawn").iterdir()}
    assert files == {f"toy_{kind}.png" for kind in ("reconstructions", "traversals", "mixes")}


def test_what_the_run_learned_from_is_not_measured_on(trained):
    (trained / "everything.txt").write_text("*\n")
    with pytest.raises(InputError, match=r"everything.txt: the run learned from heard-reed: select what it"):
        measure(trained, select="everything.txt")


def test_a_folder_without_a_run_is_refused(trained):
    with pytest.raises(InputError, match="drawn: holds no training run"):
        measure(trained, run="drawn")
