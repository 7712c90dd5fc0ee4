"""Object stores by URL, against a real S3 server on the loopback: convert, resume, refuse in one line."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

pytest.importorskip("moto")

SERVER = """
import sys
from moto.server import ThreadedMotoServer

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""

CLIENT = """
import json, sys
import fsspec

store = fsspec.filesystem("s3")
for verb, *rest in json.loads(sys.stdin.read()):
    if verb == "put":
        store.makedirs(rest[1].split("/")[0], exist_ok=True)
        store.put_file(*rest)
    elif verb == "remove":
        store.rm(rest[0])
    else:
        found = store.find(rest[0], detail=True)
        told = {}
        for name, entry in found.items():
            told[name] = [entry["LastModified"].isoformat(), store.cat_file(name).hex()]
        print(json.dumps(told))
"""


class Store:
    """A server of S3, and a client of it in a process of its own."""

    def __init__(self) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self._server.stdout is not None
        port = next(line for line in self._server.stdout if line.strip().isdecimal()).strip()
        self.environment = os.environ | {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
            "OMP_NUM_THREADS": "1",
            "PYTHONUTF8": "1",
        }

    def do(self, *commands: tuple[str, ...]) -> str:
        done = subprocess.run(
            [sys.executable, "-c", CLIENT],
            input=json.dumps(commands),
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def files(self, url: str) -> dict[str, tuple[str, bytes]]:
        """Time and content of each file below a URL, by name."""
        told = json.loads(self.do(("list", url)))
        root = url.removeprefix("s3://") + "/"
        return {
            name.removeprefix(root): (time, bytes.fromhex(content)) for name, (time, content) in told.items()
        }

    def close(self) -> None:
        self._server.communicate("", timeout=120)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store()
    yield store
    store.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Path:
    """Recordings here and in the store, and hybrids of those here."""
    place = tmp_path_factory.mktemp("store")
    (place / "rec" / "deep").mkdir(parents=True)
    for i, name in enumerate(("a.wav", "deep/b.flac")):
        audio = 0.2 * np.sin(2 * np.pi * (300 + 90 * i) * np.arange(44_100) / 44_100)
        soundfile.write(place / "rec" / name, audio, 44_100)
    (place / "rec" / "bad.wav").write_text("no audio")
    (place / "rec" / "cover.jpg").write_text("no recording")
    names = ("a.wav", "deep/b.flac", "bad.wav", "cover.jpg")
    store.do(
        *(("put", str(place / "rec" / name), f"archive/rec/{name}") for name in names),
        ("put", __file__, "other/x"),
    )
    assert convert(store, place, "rec", "here").returncode == 2
    return place


def convert(store: Store, place: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "violute", "convert", *options],
        cwd=place,
        env=store.environment | environment,
        capture_output=True,
        text=True,
    )
    assert "Traceback" not in done.stderr
    return done


def test_a_prefix_becomes_another_to_the_byte_and_is_resumed(store: Store, place: Path) -> None:
    first = convert(store, place, "s3://archive/rec", "s3://other/hybrids")
    assert first.returncode == 2
    assert "1 of 3 files failed" in first.stderr
    found = store.files("s3://other/hybrids")
    hybrids = {name: content for name, (_, content) in found.items() if not name.endswith(".jsonl")}
    here = [path for path in (place / "here").rglob("*-violute-*") if path.is_file()]
    assert hybrids == {path.relative_to(place / "here").as_posix(): path.read_bytes() for path in here}
    assert len(hybrids) == 2

    rows = [json.loads(line) for line in found["violute-manifest.jsonl"][1].splitlines()]
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in hybrids.items()}
    assert {row["output"]: row["sha256"] for row in rows if row["state"] == "done"} == digests
    assert [row["input"] for row in rows if row["state"] == "failed"] == ["s3://archive/rec/bad.wav"]

    lost, kept = sorted(hybrids)
    store.do(("remove", f"other/hybrids/{lost}"))
    second = convert(store, place, "s3://archive/rec", "s3://other/hybrids")
    assert "1 file was already there" in second.stdout
    after = store.files("s3://other/hybrids")
    assert after[kept] == found[kept]
    assert after[lost][1] == hybrids[lost]
    assert after["violute-manifest.jsonl"][1] == found["violute-manifest.jsonl"][1]


def test_what_is_here_goes_to_a_store(store: Store, place: Path) -> None:
    assert convert(store, place, "rec/deep", "s3://other/deep/").returncode == 0
    assert sorted(store.files("s3://other/deep")) == ["b-violute-mix0.50.flac", "violute-manifest.jsonl"]


REFUSED = """
import os, sys
import fsspec
from violute.errors import InputError
from violute.voices.conversion.destinations import plan_conversions

def complaint(url, **environment):
    os.environ.update(environment)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    try:
        plan_conversions([url], label="x")
    except InputError as error:
        print(error)

complaint("nowhere://archive/rec")
complaint("s3://no-such-bucket/rec")
complaint("s3://archive/rec", AWS_ENDPOINT_URL="http://127.0.0.1:1", AWS_MAX_ATTEMPTS="1")
for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
    del os.environ[name]
complaint("s3://archive/rec", AWS_EC2_METADATA_DISABLED="true", HOME=os.getcwd())
"""


def test_what_a_store_refuses_is_one_line(store: Store, place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REFUSED], cwd=place, env=store.environment, capture_output=True, text=True
    )
    protocol, bucket, endpoint, credentials = done.stdout.splitlines()
    assert protocol.startswith("nowhere://archive/rec: ")
    assert bucket.startswith("s3://no-such-bucket/rec: there are no recordings below it")
    assert "the store cannot be used (Could not connect to the endpoint" in endpoint
    assert "credentials" in credentials
