"""Voice files: any ONNX reader opens them, and no damaged byte passes."""

import json
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from violute.errors import VoiceError
from violute.voices.card import FORMAT_VERSION, Card
from violute.voices.file import LIVE_MAGIC, open_voice_file, seal

CARD = Card(
    name="tiny",
    family="ddsp",
    ends=("flöte", "ヴァイオリン"),
    sample_rate=44100,
    training_data=("a scale, CC0",),
    pitch_range_hz={"flöte": (260.0, 2100.0)},
    settings={"table": [1.0, 2.5]},
)


def doubling_model() -> bytes:
    """An ONNX model that doubles a vector, with metadata of its own."""
    graph = helper.make_graph(
        [helper.make_node("Add", ["x", "x"], ["y"])],
        "doubling",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {"author": "a test"})
    return model.SerializeToString()


MODEL = doubling_model()
SEALED = seal(MODEL, CARD)


@pytest.fixture
def voice_path(tmp_path):
    path = tmp_path / "tiny.onnx"
    path.write_bytes(SEALED)
    return path


def test_what_was_sealed_comes_back(voice_path):
    assert open_voice_file(voice_path) == (MODEL, CARD)


def test_onnx_and_onnxruntime_open_a_sealed_file(voice_path):
    model = onnx.load(voice_path)
    onnx.checker.check_model(model)
    props = {entry.key: entry.value for entry in model.metadata_props}
    assert list(props) == ["author", "violute.card", "violute.sha256"]
    assert Card.from_json(props["violute.card"], source="test") == CARD
    x = np.arange(5, dtype=np.float32)
    for content in (SEALED, open_voice_file(voice_path)[0]):
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], 2 * x)
        assert session.get_modelmeta().custom_metadata_map["author"] == "a test"


def test_sealing_again_replaces_the_card():
    other = replace(CARD, name="other", description="x" * 300)
    assert seal(SEALED, other) == seal(MODEL, other)


@given(st.text(max_size=400), st.text(max_size=50))
def test_cards_of_every_length_and_alphabet_survive(tmp_path_factory, description, name):
    path = tmp_path_factory.mktemp("voice") / "v.onnx"
    card = replace(CARD, name=name, description=description)
    path.write_bytes(seal(MODEL, card))
    assert open_voice_file(path) == (MODEL, card)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_no_changed_byte_passes(tmp_path_factory, at, difference):
    path = tmp_path_factory.mktemp("voice") / "v.onnx"
    content = bytearray(SEALED)
    content[at] ^= difference
    path.write_bytes(content)
    with pytest.raises(VoiceError, match="damaged|not a Violute voice"):
        open_voice_file(path)


@given(st.integers(0, len(SEALED) - 1))
def test_no_cut_file_passes(tmp_path_factory, length):
    path = tmp_path_factory.mktemp("voice") / "v.onnx"
    path.write_bytes(SEALED[:length])
    with pytest.raises(VoiceError, match="damaged|not a Violute voice"):
        open_voice_file(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "not a Violute voice"),
        (b"RIFF....WAVEfmt ", "not a Violute voice"),
        (b"# a text\n" * 100, "not a Violute voice"),
        (MODEL, "not a Violute voice"),
        (LIVE_MAGIC, "for the real-time core"),
        (MODEL[: len(MODEL) // 2], "is damaged"),
        (SEALED[:-1], "is damaged"),
        (SEALED + b"\n", "is damaged"),
    ],
)
def test_other_files_are_refused(tmp_path, content, complaint):
    path = tmp_path / "other.onnx"
    path.write_bytes(content)
    with pytest.raises(VoiceError, match=complaint) as caught:
        open_voice_file(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(VoiceError, match="no such voice file"):
        open_voice_file(tmp_path / "gone.onnx")
    with pytest.raises(VoiceError, match="this is a folder"):
        open_voice_file(tmp_path)


def test_a_newer_format_asks_for_an_upgrade(tmp_path):
    path = tmp_path / "newer.onnx"
    path.write_bytes(seal(MODEL, replace(CARD, format_version=FORMAT_VERSION + 1)))
    with pytest.raises(VoiceError, match=f"has format {FORMAT_VERSION + 1}.*upgrade"):
        open_voice_file(path)


@pytest.mark.parametrize(
    ("entry", "value"),
    [
        ("format_version", float("inf")),
        ("family", ["ddsp"]),
        ("name", None),
        ("ends", ["flute"]),
        ("ends", ["flute", ""]),
        ("sample_rate", "44100"),
        ("sample_rate", 0),
        ("pitch_range_hz", {"flute": [{}, 2000.0]}),
        ("pitch_range_hz", {"flute": [200.0, []]}),
        ("pitch_range_hz", {"flute": [2000.0, 200.0]}),
        ("pitch_range_hz", {"flute": 1.0}),
        ("pitch_range_hz", []),
        ("training_data", [1]),
        ("figures", "good"),
        ("settings", []),
    ],
)
def test_a_card_whose_entry_is_of_another_kind_is_damaged(entry, value):
    entries = json.loads(CARD.to_json()) | {entry: value}
    with pytest.raises(VoiceError, match="card is damaged"):
        Card.from_json(json.dumps(entries), source="v.onnx")
