"""Cards of the models to study: from a run, a voice file, the exam and what a person wrote."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import study_cards
from exam.conditions import CONDITIONS
from exam.figures import MIXES
from exam.page import verdicts
from PIL import Image
from spectrogram_graphs import tilt
from study_card.text import how_dialled
from study_card.training import read_trained
from study_cards import main
from tones import SAMPLE_RATE, tone

from violute.transforms.spectrogram import DETAIL
from violute.voices.card import Card
from violute.voices.file import open_voice_file, seal
from violute.voices.mix import DIAL

NAMES = ("flute", "violin")
POSTERIORS = (0.02, 0.3, 0.5, 0.8, 0.6)


def examined(instrument, number):
    """What the exam says of a recording; the violin's end is not reached."""
    rows = [
        {
            "mix": mix,
            "judge/posterior": posterior + 0.01 * number,
            "judge/other": 0.05,
            "pitch/raw_accuracy": 0.97,
            "pitch/octave_errors": 0.0,
        }
        for mix, posterior in zip(MIXES, POSTERIORS, strict=True)
    ]
    one = {"source": {}, "mixes": rows, "mix/spearman": 1.0}
    return {
        "voice": "toy",
        "family": "vae",
        "clip": f"{instrument}/{number}",
        "instrument": instrument,
        "group": str(number),
        "conditions": dict.fromkeys(CONDITIONS, one),
    }


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run, its voice, two strangers, their exam, and what a person wrote."""
    place = tmp_path_factory.mktemp("cards")
    for name in NAMES:
        (place / "strangers" / name).mkdir(parents=True)
        sound = tone(np.full(SAMPLE_RATE // 2, 523.3), db_per_octave=-9.0)
        soundfile.write(place / "strangers" / name / f"stranger_{name}.wav", sound, SAMPLE_RATE)
    card = Card("toy", "vae", NAMES, 44_100, settings={"spectrogram": DETAIL.to_dict(), "told": []})
    (place / "toy.onnx").write_bytes(seal(tilt(), card))
    (place / "run").mkdir()
    loop = {"best_by": "total"}
    config = {"family": "vae", "recipe": "small", "names": NAMES, "settings": {"loop": loop}}
    config["recordings"] = [["a", "b"], ["c"]]
    (place / "run" / "config.json").write_text(json.dumps(config))
    start = {"command": ["/home/ann/__main__.py", "train", "vae", "--a", "/home/ann/flute"], "versions": {}}
    (place / "run" / "starts.jsonl").write_text(json.dumps(start) + "\n")
    rows = [{"step": 10 * i, "seconds": 60.0 * i, "total": 9.0 - i} for i in range(1, 6)]
    for row, total in ((rows[1], 8.0), (rows[3], 6.0), (rows[4], 7.0)):
        row["validation/total"] = total
        row["validation/health/diversity"] = 1.0
    (place / "run" / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    results = [examined(name, number) for name in NAMES for number in range(3)]
    exam = {"title": "Strangers", "holds": {"toy": verdicts(results)}, "results": results}
    (place / "exam.json").write_text(json.dumps(exam))
    (place / "written" / "study_card").mkdir(parents=True)
    (place / "written" / "study_card" / "toy.md").write_text("## Limits\n\n- It is a toy.\n")
    entries = {"description": "A toy.", "licence": "CC0", "training_data": ["flute: nobody (CC0)"]}
    (place / "written" / "toy_card.json").write_text(json.dumps(entries))
    return place


def written(place, folder, *more, exam=None):
    """Write the card into a folder; return the exit code and the text."""
    run = f"toy={place / 'run'}"
    given = ["--strangers", str(place / "strangers"), "--exam", str(exam or place / "exam.json")]
    code = main([run, *given, "--voices", str(folder), *more])
    path = folder / "toy.md"
    return code, path.read_text() if path.exists() else ""


@pytest.fixture(scope="module")
def text(place):
    """The card, written beside the voice with its pictures."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(study_cards, "HERE", place / "written")
        code, text = written(place, place)
    assert code == 0
    return text


@pytest.fixture
def card(place, tmp_path, monkeypatch):
    """Return a function that writes the card without pictures into `tmp_path`."""
    monkeypatch.setattr(study_cards, "HERE", place / "written")
    shutil.copy(place / "toy.onnx", tmp_path)
    return lambda *more, exam=None: written(place, tmp_path, "--keep-pictures", *more, exam=exam)


def test_a_card_leads_with_strangers_and_says_what_fails(text):
    assert text.index("## Strangers") < text.index("## Limits") < text.index("## Training")
    assert "3 recordings of flute and 3 recordings of violin" in text
    assert "**8 of 10 requirements hold" in text
    assert "| flute in, mix 1: violin at least 0.85 | **no** | 0.61 |" in text
    assert "| violin | in a room | 0.03 (" in text
    assert "- flute: nobody (CC0)" in text
    assert "- It is a toy." in text


def test_it_tells_how_the_run_went(text, place):
    trained = read_trained(place / "run")
    assert trained.last_validation == {"total": 6.0}
    assert "on recordings, 2 of flute and 1 of violin: 50 steps in 5.0 minutes on a CPU." in text
    assert "those after step 40, " in text
    assert "    violute train vae --a flute\n" in text
    assert "ann" not in text
    assert str(place) not in text


def test_pictures_are_drawn_and_small(text, place):
    for kind in ("losses", "strangers"):
        assert f"(./toy-{kind}.png)" in text
        path = place / f"toy-{kind}.png"
        assert path.stat().st_size < 400_000
        with Image.open(path) as image:
            assert image.width > 1_000
    assert "stranger_flute and stranger_violin as they came" in text


def test_another_run_is_told_beside(card, place):
    text = card("--beside", f"toy:literal={place / 'run'}", f"vae:other={place / 'run'}")[1]
    assert "## Trained beside it: literal" in text
    assert "(./literal-losses.png)" in text
    assert "--beside toy:literal=RUN" in text
    assert "other=RUN" not in text


def test_only_sealing_changes_the_file_and_never_the_sound(card, tmp_path):
    path = tmp_path / "toy.onnx"
    before, graph = path.read_bytes(), open_voice_file(path)[0]
    first = card()[1]
    assert path.read_bytes() == before
    sealed = card("--seal")[1]
    assert open_voice_file(path)[1].description == "A toy."
    assert open_voice_file(path)[1].training_data == ("flute: nobody (CC0)",)
    assert open_voice_file(path)[0] == graph
    assert sealed == first


def test_the_middle_of_the_dial_is_told(place):
    content, card = open_voice_file(place / "toy.onnx")
    assert "dial is even" in how_dialled(card)
    card.settings[DIAL] = [[0.0, 0.0], [0.5, 0.7], [1.0, 1.0]]
    (place / "dialled.onnx").write_bytes(seal(content, card))
    assert "mix 0.5 lies at 0.70 of the way" in how_dialled(open_voice_file(place / "dialled.onnx")[1])


def test_a_voice_that_was_not_examined_says_so(card, tmp_path):
    (tmp_path / "other.json").write_text('{"holds": {"vae": []}, "results": []}')
    text = card(exam=tmp_path / "other.json")[1]
    assert "Not examined yet." in text
    assert "requirements hold" not in text


def test_results_that_are_none_are_one_line(card, tmp_path, capsys):
    (tmp_path / "other.json").write_text("")
    assert card(exam=tmp_path / "other.json") == (2, "")
    assert (
        capsys.readouterr().err
        == f"{tmp_path / 'other.json'}: holds no results of an exam: run bench/strangers.py\n"
    )


def test_a_run_of_another_family_is_refused(card, place, tmp_path, capsys):
    content, known = open_voice_file(place / "toy.onnx")
    (tmp_path / "toy.onnx").write_bytes(seal(content, replace(known, family="mevae")))
    assert card() == (2, "")
    assert "is of the family mevae, its run of vae: name its own" in capsys.readouterr().err
