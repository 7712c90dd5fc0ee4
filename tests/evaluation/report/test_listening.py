"""Trials and answers: what is asked, and what many answers say together."""

import json
import math

import numpy as np
import pytest
from bench_document import heard_clip
from command_line import complaint_of, violute, violute_here
from tones import tone

from violute.audio.loudness import LoudnessMeter
from violute.errors import InputError
from violute.evaluation.report.audio import LOUDNESS_LUFS, SoundStore, excerpt, layered, low_passed
from violute.evaluation.report.listening import make_trials
from violute.evaluation.report.listening_results import aggregate, markdown_results, read_answers

RATE = 44_100


def abx(answer, x="a", a="hybrid", b="cross_fade"):
    who = lambda name: {"contender": name, "mix": 0.5}
    return {"id": "t", "kind": "abx", "clip": "c", "a": who(a), "b": who(b), "x": x, "answer": answer}


def rating(reference=100, anchor=20, hybrid=70, question="quality"):
    rows = [
        ("reference", "", None, reference),
        ("anchor", "", None, anchor),
        ("contender", "hybrid", 0.5, hybrid),
    ]
    return {
        "id": "t",
        "kind": "rating",
        "clip": "c",
        "question": question,
        "ratings": [{"role": r, "contender": c, "mix": m, "rating": n} for r, c, m, n in rows],
    }


def answers(*given, listener="ann", session="1", report="r"):
    return {
        "schema": "violute.listening",
        "schema_version": 1,
        "report": report,
        "listener": listener,
        "session": session,
        "answers": list(given),
    }


def put(folder, name, document):
    (folder / name).write_text(json.dumps(document), encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(("right", "n"), [(0, 5), (5, 10), (9, 10), (16, 16)])
def test_shares_have_wilson_s_interval_and_the_binomial_p(right, n):
    found = aggregate([answers(*[abx("a")] * right, *[abx("b")] * (n - right))])["abx"][0]
    z, p = 1.959964, right / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert (found["n_correct"], found["n"]) == (right, n)
    assert found["low"] == pytest.approx(max(centre - half, 0.0), abs=1e-4)
    assert found["high"] == pytest.approx(min(centre + half, 1.0), abs=1e-4)
    assert found["p"] == pytest.approx(sum(math.comb(n, k) for k in range(right, n + 1)) / 2**n)


def test_the_right_answer_is_x_and_not_a():
    found = aggregate([answers(abx("b", x="b"), abx("a", x="b"))])["abx"][0]
    assert found["n_correct"] == 1


def test_ratings_are_means_with_intervals_over_listeners():
    documents = [answers(rating(hybrid=h), listener=str(h), session=str(h)) for h in (50, 60, 70)]
    rows = {(row["role"], row["contender"]): row for row in aggregate(documents)["ratings"]}
    hybrid = rows["contender", "hybrid"]
    assert hybrid["mean"] == pytest.approx(60.0)
    # 4.303 standard errors of 10 / sqrt(3) on both sides, by Student's table for three listeners.
    assert (hybrid["low"], hybrid["high"]) == pytest.approx((35.16, 84.84), abs=0.01)
    assert rows["anchor", ""]["low"] == rows["anchor", ""]["high"] == 20.0
    assert [row["role"] for row in aggregate(documents)["ratings"]] == ["reference", "contender", "anchor"]


def test_who_misses_the_hidden_reference_is_left_out_of_that_question():
    deaf = answers(
        rating(reference=40, hybrid=0), rating(hybrid=10, question="fusion"), listener="bob", session="2"
    )
    found = aggregate([answers(rating()), deaf])
    assert found["screened"] == [{"listener": "bob", "question": "quality"}]
    means = {(row["question"], row["contender"]): row["mean"] for row in found["ratings"]}
    assert means["quality", "hybrid"] == 70.0
    assert means["fusion", "hybrid"] == 10.0
    assert "bob, who missed the hidden reference" in markdown_results(found)
    seldom = answers(*[rating()] * 9, rating(reference=40))
    assert aggregate([seldom])["screened"] == []


def test_a_session_that_comes_twice_counts_once(tmp_path):
    paths = [put(tmp_path, name, answers(abx("a"))) for name in ("a.json", "copy of a.json")]
    paths.append(put(tmp_path, "b.json", answers(abx("a"), session="2")))
    assert aggregate(read_answers(paths))["abx"][0]["n"] == 2


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ({"schema": "violute.bench", "schema_version": 1}, "is no violute.listening document"),
        (answers(abx("c")), "malformed answer"),
        (answers({"kind": "abx"}), "malformed answer"),
        (answers(rating(hybrid=101)), "malformed answer"),
        (answers(rating(hybrid="x")), "malformed answer"),
        (answers({"kind": "triangle"}), "malformed answer"),
        (answers(abx("a")) | {"answers": None}, "malformed answer"),
        (answers(abx("a")) | {"schema_version": 2}, "upgrade violute"),
    ],
)
def test_malformed_answers_are_refused(tmp_path, document, says):
    with pytest.raises(InputError, match=says):
        read_answers([put(tmp_path, "a.json", document)])


def test_answers_to_different_trials_are_not_mixed(tmp_path):
    paths = [put(tmp_path, f"{r}.json", answers(abx("a"), session=r, report=r)) for r in "ab"]
    with pytest.raises(InputError, match="different trials"):
        read_answers(paths)


def test_the_command_puts_answers_together(tmp_path):
    put(tmp_path, "a.json", answers(abx("a"), rating()))
    done = violute("bench", "listen", "a.json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "| hybrid at 0.5 | cross_fade at 0.5 | 1 | 1 | 1.00 |" in done.stdout
    assert "| hybrid at 0.5 | 70.0 |" in done.stdout
    assert json.loads(violute("bench", "listen", "a.json", "--json", cwd=tmp_path).stdout)["n_listeners"] == 1
    assert "no answers were given" in complaint_of(violute_here("bench", "listen", cwd=tmp_path))
    assert "no such file" in complaint_of(violute_here("bench", "listen", "none.json", cwd=tmp_path))


def test_every_rating_has_its_reference_and_its_anchor_and_nobody_twice():
    store = SoundStore()
    trials = make_trials([heard_clip()], ["hybrid"], store)
    assert [trial["kind"] for trial in trials] == ["abx", "rating", "rating"]
    assert len({trial["id"] for trial in trials}) == 3
    asked = {trial["question"]: trial for trial in trials[1:]}
    for trial in asked.values():
        roles = [stimulus["role"] for stimulus in trial["stimuli"]]
        assert roles.count("reference") == roles.count("anchor") == 1
        (reference,) = (s for s in trial["stimuli"] if s["role"] == "reference")
        assert reference["sound"] == trial["reference"]
        names = [s["contender"] for s in trial["stimuli"] if s["role"] == "contender"]
        assert len(set(names)) == len(names)
        assert "source" not in names
        assert {s["sound"] for s in trial["stimuli"]} <= store.sounds.keys()
    assert "layering" in str(asked["quality"])
    assert "layering" not in str(asked["fusion"])


def test_equal_sounds_are_stored_once_and_trials_repeat_themselves():
    first, second = SoundStore(), SoundStore()
    assert make_trials([heard_clip()], ["hybrid"], first) == make_trials([heard_clip()], ["hybrid"], second)
    # Four contenders and two anchors; the source at 0.5 is no recording of its own.
    n_sounds = len(first.sounds)
    assert first.add(heard_clip().source, RATE) in first.sounds
    assert len(first.sounds) == n_sounds


@pytest.mark.parametrize("gain", [1e-3, 0.1, 1.0])
def test_sounds_are_equally_loud(gain):
    audio = excerpt(gain * tone(440.0, 2.0), RATE)
    meter = LoudnessMeter(RATE, 1)
    meter.push(audio[None])
    assert meter.integrated_lufs() == pytest.approx(LOUDNESS_LUFS, abs=0.2)


def test_the_anchor_of_quality_has_nothing_above_its_edge():
    noise = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    before, after = (np.abs(np.fft.rfft(audio)) ** 2 for audio in (noise, low_passed(noise, RATE)))
    assert after[4500:].sum() < 1e-6 * before[4500:].sum()
    assert after[100:3400].sum() == pytest.approx(before[100:3400].sum(), rel=1e-3)


def test_the_anchor_of_fusion_holds_both_sounds_equally_loud():
    both = layered(
        tone(440.0, 1.0, db_per_octave=-np.inf), 0.01 * tone(1000.0, 1.0, db_per_octave=-np.inf), RATE
    )
    spectrum = np.abs(np.fft.rfft(both))
    assert 0.3 < spectrum[440] / spectrum[1000] < 3.0
