"""Voices by name and path, and what is said about those that cannot be played."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fake_voice import CARD, SineVoice

from violute.errors import VoiceError
from violute.families.table import FAMILIES, Family
from violute.voices import builtin_voices
from violute.voices.file import seal
from violute.voices.load import find_voice, list_voices, load_voice

MODEL = b"\x08\x08"  # the shortest ONNX message: ir_version 8


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A package with one built-in voice and a checkout with two, one of them damaged."""
    builtin, checkout = tmp_path / "builtin", tmp_path / "checkout"
    (checkout / "voices").mkdir(parents=True)
    builtin.mkdir()
    (builtin / "violin-flute.onnx").write_bytes(seal(MODEL, replace(CARD, name="violute-violin-flute")))
    (checkout / "voices" / "rave.onnx").write_bytes(seal(MODEL, replace(CARD, name="rave")))
    (checkout / "voices" / "torn.onnx").write_bytes(seal(MODEL, CARD)[:-5])
    monkeypatch.setattr(builtin_voices, "BUILTIN_FOLDER", builtin)
    monkeypatch.setitem(FAMILIES, "sines", Family("fake_voice:SineVoice"))
    monkeypatch.chdir(checkout)
    return tmp_path


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        (None, "violute-violin-flute"),
        ("violute-violin-flute", "violute-violin-flute"),
        ("violin-flute", "violute-violin-flute"),
        ("rave", "rave"),
        ("voices/rave.onnx", "rave"),
        (Path("voices/rave.onnx"), "rave"),
    ],
)
def test_a_voice_answers_to_its_name_and_to_its_path(house, asked, name):
    voice = load_voice(asked)
    assert isinstance(voice, SineVoice)
    assert voice.card.name == name


def test_a_family_that_joins_the_register_is_woken_with_model_and_card(house, monkeypatch):
    woken = []
    monkeypatch.setattr(
        "fake_voice.SineVoice.__init__", lambda self, model, card: woken.append((model, card))
    )
    load_voice("rave")
    assert woken == [(MODEL, replace(CARD, name="rave"))]


def test_the_list_names_every_voice_and_what_is_wrong_with_it(house):
    listings = {listing.name: listing for listing in list_voices()}
    assert list(listings) == ["violute-violin-flute", "rave", "torn"]
    assert listings["violute-violin-flute"].where == "built-in"
    assert listings["rave"].card.ends == ("low", "high")
    assert listings["rave"].n_bytes == len(seal(MODEL, replace(CARD, name="rave")))
    assert listings["torn"].card is None
    assert "damaged" in listings["torn"].problem


def test_a_checkout_does_not_hide_a_built_in_voice(house):
    Path("voices/violin-flute.onnx").write_bytes(b"")
    assert find_voice("violin-flute").parent == house / "builtin"


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        ("oboe", "unknown voice 'oboe': here are violute-violin-flute, rave, torn"),
        ("gone.onnx", "gone.onnx: there is no such voice file"),
        ("elsewhere/oboe", "elsewhere/oboe: there is no such voice file"),
        ("torn", "torn.onnx: the voice file is damaged"),
        ("voices", "voices: this is a folder"),
    ],
)
def test_what_cannot_be_loaded_is_said_in_one_line(house, asked, complaint):
    with pytest.raises(VoiceError, match=complaint) as caught:
        load_voice(asked)
    assert "\n" not in str(caught.value)


def test_a_family_of_the_future_asks_for_an_upgrade(house):
    Path("voices/new.onnx").write_bytes(seal(MODEL, replace(CARD, family="telepathy")))
    with pytest.raises(VoiceError, match=r"new.onnx: unknown family 'telepathy'.*ddsp.*upgrade"):
        load_voice("new")
    (listing,) = [listing for listing in list_voices() if listing.name == "new"]
    assert "telepathy" in listing.problem


def test_a_program_is_opened_only_where_it_is_trusted(tmp_path, monkeypatch):
    (tmp_path / "model.ts").write_bytes(b"PK")
    with pytest.raises(VoiceError, match="trust=True"):
        load_voice(tmp_path / "model.ts")
    opened = SineVoice()
    where = "violute.families.rave.torchscript.open_torchscript_voice"
    monkeypatch.setattr(where, lambda path: opened if path.name == "model.ts" else None)
    assert load_voice(tmp_path / "model.ts", trust=True) is opened
    monkeypatch.setitem(sys.modules, "violute.families.rave.torchscript", None)
    with pytest.raises(VoiceError, match=r"pip install 'violute\[train\]'"):
        load_voice(tmp_path / "model.ts", trust=True)
