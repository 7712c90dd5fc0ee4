"""Pairs: blends between two aligned sounds, and a set of them that survives a stop."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from command_line import violute
from tones import SAMPLE_RATE, tone

from violute.data.recordings import list_recordings
from violute.errors import DataError, InputError, ShapeError
from violute.families.paired.blends import BLENDS, blend, lag_samples
from violute.families.paired.pairs import PAIRS_VERSION, PairSettings, make_pairs, read_pairs
from violute.whole_file import replace_text
from violute.worklist.engine import Engine

F0_HZ = 440.0
DULL, BRIGHT = (0.3 * tone(F0_HZ, 1.0, db_per_octave=slope) for slope in (-18.0, -6.0))


def _level_db(audio, k):
    """Of harmonic k, by a Fourier transform of the middle half."""
    inside = audio[SAMPLE_RATE // 4 : 3 * SAMPLE_RATE // 4]
    bins = np.abs(np.fft.rfft(inside * np.hanning(len(inside))))
    at = round(k * F0_HZ * len(inside) / SAMPLE_RATE)
    return 20.0 * np.log10(bins[at - 3 : at + 4].max() + 1e-9)


@pytest.mark.parametrize("how", ["log-magnitude", "harmonic"])
def test_halfway_every_harmonic_lies_halfway_in_db(how):
    middle = blend(DULL, BRIGHT, 0.5, source=DULL, how=how)
    assert len(middle) == len(DULL)
    for k in (1, 2, 3, 4):
        wanted = 0.5 * (_level_db(DULL, k) + _level_db(BRIGHT, k))
        assert _level_db(middle, k) == pytest.approx(wanted, abs=1.5)


def test_a_waveform_blend_is_the_sum_of_shares():
    assert np.allclose(
        blend(DULL, BRIGHT, 0.25, source=DULL, how="waveform"), 0.75 * DULL + 0.25 * BRIGHT, atol=1e-6
    )


@pytest.mark.parametrize("how", sorted(BLENDS))
@pytest.mark.parametrize("mix", [0.0, 1.0])
def test_the_ends_of_a_blend_are_the_two_sounds(how, mix):
    end = (DULL, BRIGHT)[round(mix)]
    made = blend(DULL, BRIGHT, mix, source=DULL, how=how)
    for k in (1, 2, 3):
        assert _level_db(made, k) == pytest.approx(_level_db(end, k), abs=1.0)


@pytest.mark.unchecked
def test_lengths_and_names_are_checked():
    with pytest.raises(ShapeError, match="one length"):
        blend(DULL, BRIGHT[:-1], 0.5, source=DULL, how="waveform")
    with pytest.raises(InputError, match="name one of"):
        blend(DULL, BRIGHT, 0.5, source=DULL, how="sum")


@pytest.mark.parametrize("lag", [-300, 0, 441, 1500])
def test_a_lag_is_found(lag):
    rng = np.random.default_rng(0)
    level = np.repeat(rng.uniform(0.1, 1.0, 20), SAMPLE_RATE // 20)
    source = (level * DULL).astype(np.float32)
    translation = np.roll(level * BRIGHT, lag).astype(np.float32)
    assert abs(lag_samples(source, translation) - lag) <= 5


@pytest.mark.parametrize("mixes", [(), (0.5, 0.5), (0.5, 0.25), (-0.1, 1.0), (0.0, 1.1)])
def test_mixes_must_rise_within_the_dial(mixes):
    with pytest.raises(DataError, match="rising"):
        PairSettings("x", ("a", "b"), "waveform", mixes, None)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two notes of each instrument."""
    folder = tmp_path_factory.mktemp("data")
    for name, slope in (("flute", -18.0), ("violin", -6.0)):
        (folder / name).mkdir()
        for f0_hz in (440.0, 587.3):
            soundfile.write(
                folder / name / f"{f0_hz:g}.wav", 0.3 * tone(f0_hz, 0.8, db_per_octave=slope), SAMPLE_RATE
            )
    return folder


def _pairs(data, out, *more):
    return violute(
        "pairs",
        "--data",
        data,
        "--out",
        out,
        "--mixes",
        "0",
        "0.5",
        "1",
        "--jobs",
        "1",
        "--json",
        *more,
        cwd=data,
    )


def test_the_command_makes_aligned_pairs_and_goes_on_after_a_stop(data, tmp_path):
    out = tmp_path / "pairs"
    ended = _pairs(data, out)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["pairs"] == 12
    settings, pairs = read_pairs(out)
    assert settings["blend"] == "log-magnitude"
    assert {(pair.end, pair.mix) for pair in pairs} == {(e, m) for e in (0, 1) for m in (0.0, 0.5, 1.0)}
    for pair in pairs:
        lengths = {soundfile.info(out / name).frames for name in (pair.source, pair.translation, pair.hybrid)}
        assert len(lengths) == 1
        assert abs(pair.lag_samples) < SAMPLE_RATE // 50
    # Stopped before the last recording was sealed: only that one is made again.
    kept, lost = out / pairs[0].hybrid, out / pairs[-1].hybrid
    written = kept.stat().st_mtime_ns
    manifest = json.loads((out / "manifest.json").read_text())
    (out / "manifest.json").write_text(json.dumps({**manifest, "pairs": []}))
    with pytest.raises(DataError, match="not finished"):
        read_pairs(out)
    known = lost.parent / f"{pairs[-1].recording}.json"
    # Then deleted by hand, then damaged.
    for damage in (known.unlink, lambda: None, lambda: known.write_text('{"key"')):
        lost.unlink()
        damage()
        ended = _pairs(data, out)
        assert ended.returncode == 0, ended.stderr
        assert lost.is_file()
        assert kept.stat().st_mtime_ns == written
        assert read_pairs(out)[1] == pairs


def test_a_full_disk_is_one_line_and_the_set_goes_on(data, tmp_path, monkeypatch):
    ends = (list_recordings(data / "flute"), list_recordings(data / "violin"))
    settings = PairSettings("violin-flute", ("flute", "violin"), "waveform", (0.0, 1.0), None)
    whole = make_pairs(ends, tmp_path / "whole", settings, engine=Engine(1))
    written: list[Path] = []

    def full(path, text):
        if len(written) == n_before:
            raise OSError(errno.ENOSPC, "No space left on device")
        written.append(path)
        replace_text(path, text)

    for n_before in (0, 2, 5):  # the claim, the pairs of the second recording, the list of all
        written.clear()
        with monkeypatch.context() as patch:
            patch.setattr("violute.families.paired.pairs.replace_text", full)
            with pytest.raises(DataError, match="the disk is full: make room"):
                make_pairs(ends, tmp_path / f"{n_before}", settings, engine=Engine(1))
        assert make_pairs(ends, tmp_path / f"{n_before}", settings, engine=Engine(1)) == whole


def test_both_ends_can_be_the_teachers(data, tmp_path):
    out = tmp_path / "pairs"
    ended = _pairs(data, out, "--own-end", "rendering", "--blend", "waveform")
    assert ended.returncode == 0, ended.stderr
    for pair in read_pairs(out)[1]:
        at_home, source = (soundfile.read(out / name)[0] for name in (pair.own, pair.source))
        assert at_home.shape == source.shape
        assert np.abs(at_home - source).max() > 0.01
        if pair.mix == pair.end:
            assert np.allclose(soundfile.read(out / pair.hybrid)[0], at_home, atol=2**-15)


def test_where_only_one_end_has_partials_a_blend_has_its_phases():
    high = 0.3 * tone(3.0 * F0_HZ, 1.0)
    made = blend(np.zeros_like(high), high, 1.0, source=DULL, how="log-magnitude")
    inside = slice(SAMPLE_RATE // 4, 3 * SAMPLE_RATE // 4)
    assert np.corrcoef(made[inside], high[inside])[0, 1] > 0.999


def test_a_set_of_another_version_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text(json.dumps({"version": 1, "settings": {}, "pairs": [{}]}))
    with pytest.raises(DataError, match=f"is of version 1, not {PAIRS_VERSION}: make the pairs again"):
        read_pairs(tmp_path)


def test_bad_input_is_one_line_and_nothing_is_lost(data, tmp_path):
    (tmp_path / "mine.txt").write_text("keep me")
    for more, word in (
        (["--data", tmp_path / "nowhere"], "no such folder"),
        (["--out", tmp_path], "other files"),
        (["--voice", tmp_path / "none.onnx"], "no such voice"),
        (["--mixes", "0.5", "0.2"], "rising"),
        (["--seconds", "0"], "seconds"),
        (["--jobs", "0"], "above 0"),
        (["--hold-out", "*"], "held out"),
    ):
        given = {"--data": data, "--out": tmp_path / "new"} | {more[0]: more[1:]}
        words = [
            w
            for flag, value in given.items()
            for w in (flag, *(value if isinstance(value, list) else [value]))
        ]
        ended = violute("pairs", *words, cwd=data)
        assert ended.returncode == 2, ended.stdout
        assert ended.stderr.count("\n") == 1
        assert word in ended.stderr
    assert (tmp_path / "mine.txt").read_text() == "keep me"
