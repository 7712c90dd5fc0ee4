"""Entries of a card that a person wrote: taken as they are, or refused in a line."""

import json

import pytest

from violute.errors import VoiceError
from violute.voices.card_entries import read_card_entries


def test_entries_come_back_as_they_were_written(tmp_path):
    path = tmp_path / "card.json"
    written = {
        "name": "flöte-geige",
        "description": "",
        "licence": "CC BY 4.0",
        "training_data": ["flute: mine", "violin: yours"],
        "figures": {"pitch/raw_accuracy": {"value": 0.98, "command": "python bench/pitch.py"}},
        "command": "make voice",
    }
    path.write_text(json.dumps(written), encoding="utf-8")
    entries = read_card_entries(path)
    assert entries == written | {"training_data": ("flute: mine", "violin: yours")}
    path.write_text("{}")
    assert read_card_entries(path) == {}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, r"cannot be read \(no such file"),
        ("", "line 1: malformed JSON"),
        ('{"name": "a",\n "licence" "b"}', "line 2: malformed JSON"),
        ('{"figures": {"pitch": NaN}}', "malformed JSON .NaN is no number"),
        ('["name"]', "holds no JSON object: give entries in braces, out of name, description"),
        ('{"licens": "MIT"}', "unknown entry 'licens': give entries out of name, description, licence"),
        ('{"family": "vae"}', "unknown entry 'family'"),
        ('{"settings": {}}', "unknown entry 'settings'"),
        ('{"licence": 4}', "licence is 4: give text"),
        ('{"name": " "}', 'name is " ": give a name'),
        ('{"training_data": "flutes"}', 'training_data is "flutes": give a list of text'),
        ('{"training_data": ["flutes", 7]}', "give a list of text"),
        ('{"figures": [0.5]}', r"figures is \[0.5\]: give an object"),
    ],
)
def test_what_is_no_card_is_refused_in_one_line(tmp_path, content, reason):
    path = tmp_path / "card.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(VoiceError, match=reason) as caught:
        read_card_entries(path)
    assert str(caught.value).startswith(f"{path}")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "card.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(VoiceError, match="it is no text"):
        read_card_entries(tmp_path / "card.json")
