"""Events are what TensorBoard reads: its own messages parse them, and none are there without its writer."""

import struct
import sys

import pytest

from violute.training.plots import EventLog
from violute.training.run_folder import RunFolder


def scalars(folder):
    """(step, name, value) of every record in the event files, by the framing of TFRecord."""
    proto = pytest.importorskip("tensorboardX.proto.event_pb2")
    found = []
    for path in sorted(folder.iterdir()):
        content, place = path.read_bytes(), 0
        while place < len(content):
            (length,) = struct.unpack_from("<Q", content, place)
            event = proto.Event.FromString(content[place + 12 : place + 12 + length])
            found += [(event.step, one.tag, one.simple_value) for one in event.summary.value]
            place += length + 16
    return found


def test_rows_of_metrics_become_scalars(tmp_path):
    folder = RunFolder(tmp_path / "run")
    with folder.alone():
        folder.append_metrics({"step": 10, "seconds": 1.0, "total": 2.5, "pitch/l1": 0.25})
        folder.append_metrics({"step": 20, "seconds": 2.0, "total": 1.5})
    assert sorted(scalars(tmp_path / "run" / "tensorboard")) == [
        (10, "pitch/l1", 0.25),
        (10, "total", 2.5),
        (20, "total", 1.5),
    ]


def test_without_the_writer_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    log = EventLog(tmp_path / "events")
    log.add({"step": 1, "total": 1.0})
    log.close()
    assert not (tmp_path / "events").exists()
