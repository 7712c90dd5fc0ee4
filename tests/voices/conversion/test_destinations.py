"""Names of results: one for each recording, never a recording's own."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import AudioError, InputError
from violute.voices.conversion.destinations import (
    PlannedConversion,
    left_out,
    mix_label,
    plan_conversions,
    refuse_to_replace,
)
from violute.voices.mix import Mix


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Recordings in a tree, among other things."""
    for name in (
        "solo.wav",
        "rec/a.flac",
        "rec/a.mp3",
        "rec/notes.txt",
        "rec/.a.1234.wav",
        "rec/deep/b c.WAV",
        "rec/deep/ヴァイオリン.caf",
        "rec/deep/b-violute-mix0.50.wav",
        "texts/read.txt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(plans, root):
    return {
        str(plan.source.relative_to(root) if plan.source.is_absolute() else plan.source): str(
            plan.destination.relative_to(root) if plan.destination.is_absolute() else plan.destination
        )
        for plan in plans
    }


def test_one_file_without_output_gets_a_neighbour(tree):
    assert plan_conversions(["solo.wav"], label="mix0.50") == [
        PlannedConversion(Path("solo.wav"), Path("solo-violute-mix0.50.wav"))
    ]


def test_a_named_file_is_taken_at_its_word(tree):
    for output in ("hybrid.flac", "elsewhere/hybrid.wav"):
        (plan,) = plan_conversions(["solo.wav"], output, label="x")
        assert plan == PlannedConversion(Path("solo.wav"), Path(output), is_named=True)


@pytest.mark.parametrize("output", ["texts", "new/", "new", "new.d/"])
def test_a_folder_receives_a_made_name(tree, output):
    (plan,) = plan_conversions(["solo.wav"], output, label="x")
    assert plan == PlannedConversion(Path("solo.wav"), Path(output) / "solo-violute-x.wav")


def test_a_folder_keeps_its_tree(tree):
    assert pairs(plan_conversions(["rec"], "out", label="x"), tree) == {
        "rec/a.flac": "out/a-violute-x.flac",
        "rec/a.mp3": "out/a-violute-x.mp3",
        "rec/deep/b c.WAV": "out/deep/b c-violute-x.WAV",
        "rec/deep/ヴァイオリン.caf": "out/deep/ヴァイオリン-violute-x.wav",
    }


def test_what_is_left_out_of_a_folder_is_known(tree):
    assert left_out(["rec", "solo.wav"]) == [Path("rec/notes.txt")]
    assert left_out(["rec"], "rec/deep") == [Path("rec/notes.txt")]


def test_a_long_name_stays_one_that_can_be(tree):
    names = ["n" * 250 + "a", "n" * 250 + "b", "é" * 124]
    plans = plan_conversions([f"{name}.wav" for name in names], "out/", label="mix0.50")
    made = [plan.destination.name for plan in plans]
    assert len(set(made)) == 3
    assert all(len(name.encode()) <= 255 and name.endswith("-violute-mix0.50.wav") for name in made)
    assert made == [
        plan_conversions([f"{name}.wav"], "out/", label="mix0.50")[0].destination.name for name in names
    ]


def test_a_folder_without_output_gets_a_neighbour(tree):
    found = pairs(plan_conversions(["rec"], label="x"), tree)
    assert found["rec/deep/b c.WAV"] == "rec-violute/deep/b c-violute-x.WAV"


def test_an_output_inside_the_input_is_not_converted_again(tree):
    first = plan_conversions(["rec"], "rec/hybrids", label="x")
    for plan in first:
        plan.destination.parent.mkdir(parents=True, exist_ok=True)
        # Under a name that does not tell where it is from.
        plan.destination.with_name("renamed.wav").write_bytes(b"")
    assert plan_conversions(["rec"], "rec/hybrids", label="x") == first


def test_files_and_folders_go_together(tree):
    found = pairs(plan_conversions(["solo.wav", "rec/deep"], "out", label="x"), tree)
    assert set(found.values()) == {
        "out/solo-violute-x.wav",
        "out/b c-violute-x.WAV",
        "out/ヴァイオリン-violute-x.wav",
    }


def test_only_a_named_destination_is_in_the_way(tree):
    made = PlannedConversion(Path("rec/a.mp3"), Path("solo.wav"))
    named = PlannedConversion(Path("rec/a.mp3"), Path("solo.wav"), is_named=True)
    free = PlannedConversion(Path("rec/a.mp3"), Path("free.wav"), is_named=True)
    refuse_to_replace([made, free])
    for source in (named.source, Path("gone.wav")):
        with pytest.raises(InputError, match=r"solo\.wav exists: give --force to replace it"):
            refuse_to_replace([free, PlannedConversion(source, named.destination, is_named=True)])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["", "p/", "q/"]),
            st.sampled_from(["a", "b", "a-wav", "a-2"]),
            st.sampled_from([".wav", ".flac", ".caf", ".au"]),
        ),
        min_size=1,
        unique=True,
    )
)
def test_no_two_recordings_share_a_result_or_overwrite_one(recordings):
    sources = [Path(f"{folder}{stem}{extension}") for folder, stem, extension in recordings]
    plans = plan_conversions(sources, "out/", label="x")
    assert [plan.source for plan in plans] == sources
    destinations = [plan.destination for plan in plans]
    assert len(set(destinations)) == len(sources)
    assert not set(destinations) & set(sources)


@pytest.mark.parametrize(
    ("inputs", "output", "error", "complaint"),
    [
        ([], None, InputError, "no recording was given"),
        (["solo.wav", "rec"], "out.wav", InputError, "out.wav: this is one file, and 2 inputs need a folder"),
        (["rec"], "out.wav", InputError, "out.wav: this is one file, and a folder need"),
        (["rec"], "solo.wav", InputError, "solo.wav: this is one file"),
        (["texts"], "out", AudioError, r"texts: the folder holds no recordings.*\.wav"),
    ],
)
def test_what_cannot_be_planned_is_refused(tree, inputs, output, error, complaint):
    with pytest.raises(error, match=complaint):
        plan_conversions(inputs, output, label="x")


@pytest.mark.parametrize(
    ("mix", "label"),
    [
        (0.5, "mix0.50"),
        (Mix.at(0.25), "mix0.25"),
        (Mix.at(0.25, room=0.5), "mix0.25-room0.50"),
        (Mix(0.3, 0.8, 0.5, 0.2), "tone0.30-noise0.80-attack0.50-vibrato0.20"),
        (0.504, "mix0.504"),
    ],
)
def test_a_label_tells_the_mix(mix, label):
    assert mix_label(mix) == label


def test_moving_mixes_are_named_by_what_they_do() -> None:
    up, down = [(0.0, 0.0), (1.0, 1.0)], [(0.0, 1.0), (1.0, 0.0)]
    assert re.fullmatch(r"mix-moving-[0-9a-f]{6}", mix_label(up))
    assert mix_label(up) == mix_label(list(up)) == mix_label(Mix.at(up))
    assert mix_label(up) != mix_label(down)
    assert re.fullmatch(r"tone-moving-[0-9a-f]{6}-noise0\.50-.*", mix_label(Mix(tone=up)))
