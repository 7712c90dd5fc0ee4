"""The bench's document: its layout, its tables, and what two of them say about each other."""

import json
import math

import bench_document
import numpy as np
import pytest
from command_line import complaint_of, violute, violute_here
from hypothesis import given
from hypothesis import strategies as st

from violute.errors import InputError
from violute.evaluation.bench.compare import compare_documents, markdown_comparison
from violute.evaluation.bench.schema import figure, number, read_document, to_json
from violute.evaluation.bench.summary import mean_difference, summarise, values_by_group
from violute.evaluation.bench.targets import fault
from violute.evaluation.report.tables import markdown, rival_table, tables


def put(path, document):
    path.write_text(to_json(document), encoding="utf-8")
    return path


def test_a_document_survives_its_file(tmp_path):
    document = bench_document.document()
    assert read_document(put(tmp_path / "a.json", document)) == json.loads(to_json(document))
    again = to_json(read_document(tmp_path / "a.json"))
    assert again == (tmp_path / "a.json").read_text(encoding="utf-8")


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_figures_that_are_not_finite_become_null_and_back(value):
    assert figure(value) == (value if math.isfinite(value) else None)
    assert math.isnan(number(figure(value))) != math.isfinite(value)


def test_a_document_never_holds_nan():
    with pytest.raises(ValueError, match="JSON compliant"):
        to_json({"value": math.nan})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not JSON", "is not JSON"),
        ("[]", "is no violute.bench document"),
        ('{"schema": "violute.listening", "schema_version": 1}', "is no violute.bench document"),
        ('{"schema": "violute.bench", "schema_version": 99}', "upgrade violute"),
        ('{"schema": "violute.bench"}', "has version None"),
        ('{"schema": "violute.bench", "schema_version": 1}', "lacks 'environment'"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, text, says):
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says):
        read_document(tmp_path / "a.json")
    assert says in complaint_of(violute_here("bench", "compare", "a.json", "a.json", cwd=tmp_path))


def test_clips_of_one_recording_count_once():
    clips = [
        {
            "name": f"violin/{name}",
            "instrument": "violin",
            "group": name[0],
            "seconds": 1.0,
            "source": {},
            "timbre": [],
        }
        for name in ("a", "a@1", "a@2", "b")
    ]
    results = [
        {"contender": "x", "clip": clip["name"], "mixes": [{"mix": 0.5, "onsets/f1": value}], "path": {}}
        for clip, value in zip(clips, (0.1, 0.2, 0.3, 1.0), strict=True)
    ]
    entry, everything = summarise(results, clips)
    assert (entry["instrument"], everything["instrument"]) == ("violin", "all")
    assert entry["value"] == pytest.approx(np.median([0.2, 1.0]))
    assert entry["n"] == 2
    # Four clips, but two recordings: too few for an interval.
    assert entry["low"] is entry["high"] is None


@pytest.mark.parametrize(
    ("name", "mix", "good", "bad"),
    [
        ("pitch/raw_accuracy", 0.5, 0.9, 0.8),
        ("loudness/l1_db", 0.5, 1.0, 2.0),
        ("judge/posterior", 0.0, 0.05, 0.3),
        ("judge/posterior", 0.5, 0.5, 0.9),
        ("judge/posterior", 1.0, 0.95, 0.5),
        ("cost/peak_memory_mb", None, 100.0, 200.0),
    ],
)
def test_faults_rise_as_figures_get_worse(name, mix, good, bad):
    assert fault(name, good, mix=mix) < fault(name, bad, mix=mix)


def test_figures_without_a_direction_say_nothing():
    assert fault("pitch/coverage", 0.5, mix=0.5) is None
    assert fault("judge/posterior", 0.5, mix=0.25) is None
    assert fault("onsets/f1", None) is None
    assert mean_difference({"a": 1.0}, {"b": 1.0}, "onsets/f1", 0.5) is None


def test_a_document_is_the_same_as_itself():
    document = bench_document.document()
    changes = compare_documents(document, document)["changes"]
    assert changes
    assert {change["verdict"] for change in changes if change["instrument"] == "flute"} == {"same"}
    # One violin recording is too few to tell.
    assert {change["verdict"] for change in changes if change["instrument"] == "violin"} == {"unknown"}


def test_what_changed_is_told_with_its_direction(tmp_path):
    old, new = bench_document.document(hybrid=0.8), bench_document.document(hybrid=0.9)
    new["costs"]["source"]["cost/peak_memory_mb"] = 600.0
    told = {
        (c["contender"], c["figure"]): c["verdict"]
        for c in compare_documents(old, new)["changes"]
        if c["mix"] in (None, 0.5) and c["instrument"] in ("flute", "all")
    }
    assert told["hybrid", "pitch/raw_accuracy"] == "better"
    assert told["hybrid", "fusion/roughness"] == "better"
    assert told["source", "pitch/raw_accuracy"] == "same"
    assert told["source", "cost/peak_memory_mb"] == "worse"
    back = compare_documents(new, old)
    assert {
        c["verdict"]
        for c in back["changes"]
        if c["contender"] == "hybrid" and c["figure"] == "pitch/raw_accuracy"
    } == {"worse", "unknown"}
    put(tmp_path / "old.json", old)
    put(tmp_path / "new.json", new)
    shown = violute("bench", "compare", "old.json", "new.json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "| hybrid | flute | pitch/raw_accuracy | 0.5 | 0.7867 | 0.8867 | 0.1 |" in shown.stdout
    assert "| source | all | cost/peak_memory_mb |" in shown.stdout.split("## Better")[0]
    as_json = json.loads(violute("bench", "compare", "old.json", "new.json", "--json", cwd=tmp_path).stdout)
    assert as_json == json.loads(
        json.dumps(
            compare_documents(read_document(tmp_path / "old.json"), read_document(tmp_path / "new.json"))
        )
    )


def test_changes_are_corrected_for_how_many_figures_are_looked_at():
    old, new = bench_document.document(), bench_document.document()
    for entry in new["results"]:
        place = bench_document.CLIPS.index(entry["clip"]) % 3 - 1
        for row in entry["mixes"]:
            row["pitch/raw_accuracy"] -= 0.1 + 1e-4 * place
            row["fusion/roughness"] += 0.1 + 0.02 * place
    tested = [c for c in compare_documents(old, new)["changes"] if c["p"] is not None]
    alone = {c["figure"] for c in tested if c["high"] < 0.0}
    changed = {c["figure"] for c in tested if c["verdict"] == "worse"}
    assert alone == {"pitch/raw_accuracy", "fusion/roughness"}
    assert changed == {"pitch/raw_accuracy"}
    assert all((c["p"] <= 0.05) == (c["verdict"] == "worse") for c in tested)
    assert f"corrected for the {len(tested)} figures" in markdown_comparison(compare_documents(old, new))


def test_documents_that_share_nothing_are_refused():
    document = bench_document.document()
    renamed = bench_document.document()
    for entry in [*renamed["contenders"]]:
        entry["name"] += " of another"
    with pytest.raises(InputError, match="share no contender"):
        compare_documents(document, renamed)
    moved = bench_document.document()
    for clip in moved["clips"]:
        clip["group"] += " of another"
    with pytest.raises(InputError, match="share no recording"):
        compare_documents(document, moved)


def test_who_is_in_one_document_only_is_named():
    old, new = bench_document.document(), bench_document.document(newcomer=0.5)
    assert compare_documents(old, new)["only_new"] == ["newcomer"]
    assert "Only in the old document: newcomer." in markdown_comparison(compare_documents(new, old))


def test_values_are_found_by_recording():
    found = values_by_group(bench_document.document(), "hybrid", "all", "pitch/raw_accuracy", 0.5)
    assert found == pytest.approx(
        {"flute/one": 0.97, "flute/two": 0.96, "violin/three": 0.95, "flute/four": 0.94}
    )


def test_tables_tell_missed_targets_rivals_and_failures():
    document = bench_document.document()
    text = markdown(document)
    assert "## flute in, 3 recordings" in text
    assert "## violin in, 1 recording\n" in text
    accuracies = ">= 0.95 | 0.960 (0.913 to 0.987) | 0.990 (0.908 to 1.000) | **0.790** (0.748 to 0.823)"
    assert f"| pitch within 50 cents | {accuracies} |" in text
    assert "- cross_fade did not play flute/none: it is <silent>" in text
    rows = dict(rival_table(document).rows)
    assert [cell.is_met for cell in rows["pitch within 50 cents"]] == [False, True]
    assert rows["pitch within 50 cents"][1].value == "better by 0.170"
    alone = bench_document.document()
    alone["contenders"] = alone["contenders"][:1]
    assert rival_table(alone) is None
    assert all("beside" not in table.title for table in tables(alone))


def test_the_first_voice_stands_over_the_whole_dial_beside_targets_and_recordings():
    document = bench_document.document()
    table = next(t for t in tables(document) if t.title == "hybrid over the dial, violin in")
    assert list(table.head) == [
        "figure",
        "target",
        "recordings",
        *(f"mix {m:g}" for m in (0, 0.25, 0.5, 0.75, 1)),
    ]
    rows = {name: [cell.value for cell in cells] for name, cells in table.rows}
    assert rows["violin against flute"] == [
        "0-0.1, 0.3-0.7, 0.9-1", "0.500", "0.000", "0.250", "0.500", "0.750", "1.000"
    ]  # fmt: skip
    assert rows["pitch within 50 cents"] == [">= 0.95", "-", *["0.950"] * 5]
    assert "rank with mix" not in rows
