"""Strangers and acquaintances: told apart by what a card says, and reported apart."""

import bench_document
import pytest

from violute.evaluation.bench.strangers import is_stranger
from violute.evaluation.report.tables import strangers_table, tables
from violute.voices.load import load_voice

BY_FILES = ("flute: freesound_373302_c683f28f.flac (11 s), own_77.wav (10 s)", "violin: garner60.flac (60 s)")


@pytest.mark.parametrize(
    ("source", "instrument", "expected"),
    [
        ("john-garner_bwv1002_mov6.mp3", "violin", False),
        ("philharmonia_violin_notes.ogg", "violin", False),
        ("philharmonia_flute_phrases_sustained.ogg", "flute", False),
        ("freesound_354434_07db7f16.flac", "flute", False),
        ("minji-kim_bwv1003_mov4.opus", "violin", True),
        ("john-garner_bwv1002_mov6.mp3", "flute", True),
        ("medley_flute_3.flac", "flute", True),
        ("my solo notes violin.wav", "violin", True),
    ],
)
def test_the_built_in_voice_knows_whom_it_learned_from(source: str, instrument: str, expected: bool) -> None:
    assert is_stranger(source, instrument, load_voice().card.training_data) is expected


def test_cards_that_list_files_know_their_collections() -> None:
    assert not is_stranger("freesound_1_2.flac", "flute", BY_FILES)
    assert is_stranger("freesound_1_2.flac", "violin", BY_FILES)
    assert is_stranger("2202.wav", "flute", BY_FILES)
    assert is_stranger("anything.wav", "flute", ())


def test_the_first_table_has_strangers_and_acquaintances_apart() -> None:
    document = bench_document.document()
    table = strangers_table(document)
    assert tables(document)[0] == table
    assert table.head[2:] == [
        "flute in, 1 strangers",
        "flute in, 2 acquaintances",
        "violin in, 1 acquaintances",
    ]
    cells = dict(table.rows)["pitch within 50 cents"]
    assert [cell.value for cell in cells[1:]] == ["0.970", "0.950", "0.950"]
    assert [cell.interval for cell in cells[1:]] == ["", "", ""], "of fewer than three nothing is said"
