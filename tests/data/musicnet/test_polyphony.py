"""Several notes at once, by the labels: left out of what training lists, or kept on request."""

import json

import numpy as np
import pytest
from archive_server import (
    ARCHIVE,
    CHORD_LABELS,
    FILES,
    HEADER,
    pack,
    wav,
)

from violute.data.musicnet.labels import LABEL_RATE_HZ, Label, polyphonic_share, single_line_passages
from violute.data.recordings import list_recordings, read_recording

SECONDS = 8.0
CHORDS = [(0.0, 3.0, 67), (3.0, 3.5, 67), (3.0, 3.5, 76), (3.5, 8.0, 69)]
"""A line, half a second of two notes at 3 s, a line."""


@pytest.fixture(autouse=True)
def chords(server):
    """Serve an archive in which 2241, and 2191 by its labels, play two notes at once for a while."""
    rows = [
        f"{start * LABEL_RATE_HZ:.0f},{end * LABEL_RATE_HZ:.0f},41,{midi},0.0,1.0,Half"
        for start, end, midi in CHORDS
    ]
    labels = (HEADER + "\n".join(rows) + "\n").encode()
    files = FILES | {
        "musicnet/train_data/2241.wav": wav(330.0, SECONDS),
        "musicnet/train_labels/2241.csv": labels,
        "musicnet/test_labels/2191.csv": labels,
    }
    server.files[ARCHIVE] = pack(files)


def test_training_lists_the_single_lines_alone(fetch):
    entries = {entry.path: entry for entry in fetch().manifest.recordings}
    assert entries["violin/2241.wav"].left_out_seconds == pytest.approx(0.7)
    listed = [r for r in list_recordings(fetch.out / "violin") if r.path.stem == "2241"]
    assert [(r.name, r.source) for r in listed] == [("2241-1", "2241.wav"), ("2241-2", "2241.wav")]
    ends = [(r.start_seconds, r.end_seconds) for r in listed]
    assert ends == [(0.0, pytest.approx(2.9)), (pytest.approx(3.6), SECONDS)]
    whole = np.concatenate([read_recording(r, LABEL_RATE_HZ) for r in listed])
    assert len(whole) == pytest.approx((SECONDS - 0.7) * LABEL_RATE_HZ, abs=2)


def test_a_pattern_of_a_recording_fits_each_of_its_passages(fetch):
    fetch()
    names = [r.name for r in list_recordings(fetch.out / "violin", hold_out=["2241"])]
    assert names == ["2186", "2191"]  # held-out recordings have no map


def test_chords_are_kept_on_request_and_left_out_again(fetch):
    fetch()
    fetch(leave_out_chords=False)
    assert [r.name for r in list_recordings(fetch.out / "violin")] == ["2186", "2191", "2241"]
    assert not (fetch.out / "violin" / "2241.wav.json").exists()
    fetch()
    assert (fetch.out / "violin" / "2241.wav.json").is_file()


@pytest.mark.parametrize("text", [json.dumps({"gain": 1.0, "items": []}), "{", "[]"])
def test_a_map_that_somebody_else_wrote_stays(fetch, text):
    fetch(leave_out_chords=False)
    place = fetch.out / "violin" / "2241.wav.json"
    place.write_text(text)
    for leave_out_chords in (True, False):
        fetch(leave_out_chords=leave_out_chords)
        assert place.read_text() == text


def test_ensembles_of_several_notes_by_nature_stay_whole(fetch, server):
    labels = CHORD_LABELS.encode()
    server.files[ARCHIVE] = pack(FILES | {"musicnet/train_labels/1727.csv": labels})
    fetch(ensembles=["Piano Quintet"])
    assert not list(fetch.out.rglob("*.wav.json"))


@pytest.mark.parametrize(
    ("notes", "passages"),
    [
        ([], [(0.0, 10.0)]),
        ([(0, 5), (5, 10)], [(0.0, 10.0)]),
        ([(0, 5.04), (5, 10)], [(0.0, 10.0)]),  # legato by labels that are a little off
        ([(0, 10), (4, 5)], [(0.0, 3.9), (5.1, 10.0)]),
        ([(0, 10), (0, 5)], [(5.1, 10.0)]),
        ([(0, 10), (4, 5), (5, 6)], [(0.0, 3.9), (6.1, 10.0)]),
        ([(0, 10), (3, 4), (5, 9)], [(0.0, 2.9)]),  # 0.8 s between two chords
        ([(0, 30), (4, 30)], [(0.0, 3.9)]),  # labels that run past the end
        ([(0, 10), (0, 10)], []),
    ],
)
def test_passages_by_hand(notes, passages):
    labels = [Label(start, end, 69) for start, end in notes]
    assert single_line_passages(labels, 10.0) == [pytest.approx(passage) for passage in passages]


def test_passages_have_no_chords_left():
    rng = np.random.default_rng(4)
    for _ in range(50):
        starts = rng.uniform(0.0, 60.0, 40)
        labels = [
            Label(start, start + length, 60)
            for start, length in zip(starts, rng.uniform(0.1, 3.0, 40), strict=True)
        ]
        passages = single_line_passages(labels, 64.0)
        for since, until in passages:
            assert until - since >= 1.0
            inside = [
                Label(max(label.start_seconds, since), min(label.end_seconds, until), 60)
                for label in labels
                if label.start_seconds < until and label.end_seconds > since
            ]
            assert not inside or polyphonic_share(inside) < 0.2  # overlaps of under 50 ms alone
