"""The card of a spectrogram voice: its windows, its figures, its pictures and its words."""

import json
from dataclasses import replace

import bench_document
import numpy as np
import pytest
import soundfile
from picture_card import make_card
from picture_codes.card_text import markdown_card
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
from violute.voices.card import Card

SMALL = SpectrogramSettings(8_000, 256, 64, n_bins=128, n_frames=16)
CARD = Card(
    name="toy",
    family="vae",
    ends=("flute", "violin"),
    sample_rate=8_000,
    licence="CC0",
    training_data=("flute: a.wav", "violin: b.wav"),
    command="violute train vae --out toy.onnx",
)


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
    draw_mixes(identity(), whole, CARD.ends, settings, tmp_path / "mixes.png")
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


def test_the_card_tells_figures_commands_and_pictures():
    figures = measure_code(MeanCoder(), windows(), windows(20, seed=1), SMALL)
    text = markdown_card(CARD, figures, None, n_bytes=2_100_000, name="toy", command="python -m x --out toy")
    for said in (
        "# toy",
        "## Limits\n- One dial",
        "2.1 MB",
        "Licence: CC0",
        "- violin: b.wav",
        "    violute train vae --out toy.onnx",
    ):
        assert said in text
    assert f"| model | {figures['errors_db']['model']['all']:.2f} |" in text
    assert "dB nearer than the low-pass, " in text
    assert "    python -m x --out toy\n" in text
    for kind in ("curves", "reconstructions", "traversals", "mixes"):
        assert f"(./toy_{kind}.png)" in text
    worse = {**figures, "errors_db": {**figures["errors_db"], "model": {"all": 99.0, "0": 99.0, "1": 99.0}}}
    hidden = markdown_card(CARD, worse, None, n_bytes=1, name="toy", command="x --out /home/ann/secret/toy")
    assert "dB farther than the low-pass" in hidden
    assert "    x --out toy\n" in hidden
    assert "secret" not in hidden


def test_conversions_come_from_a_report_with_this_voice():
    figures = measure_code(MeanCoder(), windows(), windows(20, seed=1), SMALL)
    card = replace(CARD, name="hybrid")
    report = bench_document.document()
    text = markdown_card(card, figures, report, n_bytes=1, name="toy", command="")
    assert "| judge/posterior | hybrid | flute | 0.00 | 0.25 | 0.50 | 0.75 | 1.00 |" in text
    assert "| pitch/raw_accuracy | hybrid | violin | 0.95 |" in text
    assert "posterior with the mix: 1.00 from flute (hybrid), 1.00 from violin (hybrid)" in text
    assert report["environment"]["command"] in text
    with pytest.raises(InputError, match="the report is of hybrid, .* not of toy"):
        markdown_card(CARD, figures, report, n_bytes=1, name="toy", command="")


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


def make(place, *, select="held_out.txt", run="run", bench=None):
    """Make the card in a folder of its own."""
    return make_card(
        place / "toy.onnx",
        place / run,
        place,
        place / select,
        place / "cards" / "toy",
        bench=bench,
        command="it",
    )


def test_a_run_and_its_voice_make_a_card(trained):
    figures = make(trained)
    assert figures["latent_size"] == 16
    assert 1 <= figures["active_units"] <= 16
    assert figures["n_held_out_windows"] == 6  # three whole windows of each held-out recording
    assert (
        figures["errors_db"]["principal components"]["all"] < figures["errors_db"]["mean spectrogram"]["all"]
    )
    files = {path.name for path in (trained / "cards").iterdir()}
    pictures = {f"toy_{kind}.png" for kind in ("curves", "reconstructions", "traversals", "mixes")}
    assert files == {"toy.md", *pictures}
    text = (trained / "cards" / "toy.md").read_text()
    assert all(f"(./{name})" in text for name in pictures)
    assert "unheard" not in text.split("## Training")[0]


def test_what_the_run_learned_from_is_not_measured_on(trained):
    (trained / "everything.txt").write_text("*\n")
    with pytest.raises(InputError, match=r"everything.txt: the run learned from heard-reed: select what it"):
        make(trained, select="everything.txt")


def test_a_folder_without_a_run_is_refused(trained):
    with pytest.raises(InputError, match="cards: holds no training run"):
        make(trained, run="cards")


def test_a_report_on_another_file_of_that_name_is_refused(trained):
    report = bench_document.document()
    report["contenders"][0] |= {"name": "toy", "sha256": "0" * 64}
    (trained / "report.json").write_text(json.dumps(report))
    with pytest.raises(InputError, match="report.json: is of another file named toy: run the bench again"):
        make(trained, bench=trained / "report.json")
