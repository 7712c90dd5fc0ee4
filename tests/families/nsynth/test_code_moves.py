"""Codes moved between instruments by means and to nearest neighbours: functions, and `violute decode`."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import tiny_nsynth
from command_line import complaint_of, files_below, violute
from tones import SAMPLE_RATE, tone

from violute.errors import InputError
from violute.families.nsynth.code_moves import moved, moved_by_means, moved_to_nearest
from violute.families.nsynth.codes import Codes, read_codes
from violute.families.nsynth.voice import NsynthPerformance
from violute.voices.load import load_voice
from violute.voices.mix import dials

RNG = np.random.default_rng(3)
FIRST = RNG.uniform(-0.4, 0.0, (600, 4)).astype(np.float32)
SECOND = RNG.uniform(0.1, 0.5, (700, 4)).astype(np.float32)
PIECE = FIRST[100:200] + np.float32(0.01)
ALL_THE_WAY = np.linspace(0.0, 1.0, 100, dtype=np.float32)


def test_means_move_every_frame_alike_to_where_the_mix_says():
    for mix in (0.0, 0.3, 1.0):
        got = moved_by_means(PIECE, (FIRST, SECOND), np.full(100, mix, np.float32))
        step = got - PIECE
        assert np.allclose(step, step[0], atol=1e-6), "what lies between the frames is kept"
        wanted = (1.0 - mix) * FIRST.mean(axis=0) + mix * SECOND.mean(axis=0)
        assert np.allclose(got.mean(axis=0), wanted, atol=1e-5)


def test_nearest_takes_the_frames_most_alike():
    got = moved_to_nearest(PIECE, (FIRST, SECOND), ALL_THE_WAY)
    by_hand = []
    for frame, mix in zip(PIECE, ALL_THE_WAY, strict=True):
        ends = []
        for others in (FIRST, SECOND):
            order = np.argsort(np.square(others - frame).sum(axis=1))
            ends.append(others[order[:4]].mean(axis=0))
        by_hand.append((1.0 - mix) * ends[0] + mix * ends[1])
    assert np.allclose(got, by_hand, atol=1e-5)


def test_a_code_stays_where_codes_can_lie():
    far = np.full((5, 4), 0.9, np.float32)
    got = moved_by_means(far, (-far, far), np.ones(5, np.float32))
    assert np.abs(got).max() <= 1.0


def test_codes_of_two_voices_do_not_go_together():
    with pytest.raises(InputError, match="one voice"):
        moved(PIECE, (FIRST, SECOND[:, :3]), ALL_THE_WAY, "means")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A tiny voice, and codes of a piece and of both instruments."""
    place = tmp_path_factory.mktemp("moves")
    tiny_nsynth.task().export(place / "voice.onnx")
    for name, slope, f0_hz in (("solo", -12.0, 440.0), ("reed", -24.0, 330.0), ("string", -3.0, 660.0)):
        soundfile.write(place / f"{name}.wav", 0.3 * tone(f0_hz, 0.4, db_per_octave=slope), SAMPLE_RATE)
        ended = violute("encode", f"{name}.wav", f"{name}.npz", "--voice", "voice.onnx", cwd=place)
        assert ended.returncode == 0, ended.stderr
    return place


def decoded(place, *words):
    ended = violute("decode", "solo.npz", "out.wav", "--voice", "voice.onnx", "--force", *words, cwd=place)
    assert ended.returncode == 0, ended.stderr
    return soundfile.read(place / "out.wav")[0]


def test_decode_moves_codes_by_either_method(place):
    towards = ("--a", "reed.npz", "--b", "string.npz", "--mix", "1")
    by_embedding = decoded(place, "--mix", "1")
    by_means = decoded(place, *towards)
    by_nearest = decoded(place, *towards, "--method", "nearest")
    assert np.array_equal(by_means, decoded(place, *towards, "--method", "means")), "means are the default"
    assert not np.array_equal(by_means, by_embedding)
    assert not np.array_equal(by_nearest, by_means)


def test_decode_plays_what_the_function_moves_at_the_pitch_of_the_piece(place):
    solo = read_codes(place / "solo.npz")
    towards = (read_codes(place / "reed.npz").code, read_codes(place / "string.npz").code)
    mix = np.full(len(solo.code), 0.25, np.float32)
    going = replace(solo, code=moved(solo.code, towards, mix, "nearest"))
    voice = load_voice(place / "voice.onnx")
    performance = NsynthPerformance(voice, going)
    blocks = list(performance.blocks(dials(0.25, performance.n_frames, performance.frame_rate_hz)))
    by_hand = np.concatenate(blocks)[: solo.n_samples]
    going.write(place / "moved.npz")
    ended = violute(
        *("decode", "moved.npz", "moved.wav", "--voice", "voice.onnx", "--mix", "0.25"), cwd=place
    )
    assert ended.returncode == 0, ended.stderr
    wanted = decoded(place, "--a", "reed.npz", "--b", "string.npz", "--mix", "0.25", "--method", "nearest")
    assert np.abs(wanted - by_hand).max() < 1e-4
    assert np.array_equal(soundfile.read(place / "moved.wav")[0], wanted), "codes carry the pitch as it was"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("--a reed.npz", "both --a and --b"),
        ("--method means", "give both"),
        ("--a reed.npz --b string.npz --method median", "no method 'median'"),
        ("--a reed.npz --b nowhere.npz", "no such file"),
        ("--a reed.npz --b wide.npz", "wide.npz: was not made by voice"),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(place, words, complaint):
    string = read_codes(place / "string.npz")
    replace(string, code=np.tile(string.code, 2)).write(place / "wide.npz")
    before = files_below(place)
    ended = violute("decode", "solo.npz", "new.wav", "--voice", "voice.onnx", *words.split(), cwd=place)
    assert complaint in complaint_of(ended)
    assert files_below(place) == before


def test_codes_of_another_voice_are_refused(place):
    string = read_codes(place / "string.npz")
    replace(string, code=np.tile(string.code, 2)).write(place / "wide.npz")
    ended = violute("decode", "wide.npz", "new.wav", "--voice", "voice.onnx", cwd=place)
    assert "was not made by voice" in complaint_of(ended)


@pytest.mark.parametrize(("place", "value"), [(6, 137), (8, 1), (10, 8), (10, 12), (10, 14)])
def test_an_archive_of_a_later_zip_or_with_a_password_or_badly_packed_holds_no_codes(tmp_path, place, value):
    path = tmp_path / "codes.npz"
    tracks = (np.zeros(n, np.float32) for n in (2, 6, 6))
    Codes(np.zeros((2, 3), np.float32), *tracks, 1024, 16_000, 512).write(path)
    content = bytearray(path.read_bytes())
    # Of the first member: the version that is needed to extract it, its flags, its method.
    content[content.index(b"PK\x01\x02") + place] = value
    path.write_bytes(content)
    with pytest.raises(InputError, match="holds no codes"):
        read_codes(path)
