"""A miniature MusicNet of the same layout, and a server of it on this machine that can misbehave."""

import csv
import gzip
import hashlib
import io
import re
import tarfile
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest.mock import patch

import numpy as np
import soundfile

from violute.data.musicnet.catalogue import Release, RemoteFile
from violute.data.musicnet.fetch import fetch_musicnet

SAMPLE_RATE = 44_100
ARCHIVE, METADATA = "musicnet.tar.gz", "musicnet_metadata.csv"

ROWS = [
    (1727, "Schubert", "Piano Quintet in A major", "2. Andante", "Piano Quintet", 1),
    (2186, "Bach", "Violin Partita No 3 in E major", "1. Preludio", "Solo Violin", 1),
    (2191, "Bach", "Violin Partita No 3 in E major", "6. Bourree", "Solo Violin", 1),
    (2202, "Bach", "Partita in A minor", "1. Allemande", "Solo Flute", 1),
    (2204, "Bach", "Partita in A minor", "3. Sarabande", "Solo Flute", 1),
    (2241, "Bach", "Violin Sonata No 1 in G minor", "1. Adagio", "Solo Violin", 1),
]
TEST_IDS = {2191}

HEADER = "start_time,end_time,instrument,note,start_beat,end_beat,note_value\n"
LABELS = HEADER + "0,22050,41,69,0.0,1.0,Quarter\n22050,44100,41,76,1.0,1.0,Quarter\n"
CHORD_LABELS = HEADER + "0,44100,42,67,0.0,2.0,Half\n22050,44100,43,74,1.0,1.0,Quarter\n"


def wav(f0_hz=440.0, seconds=1.0, seed=0):
    """A recording as MusicNet has them: mono, 44.1 kHz, IEEE float32."""
    t = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    audio = sum(0.2 / k * np.sin(2 * np.pi * k * f0_hz * t) for k in range(1, 6))
    audio = audio + 1e-3 * np.random.default_rng(seed).standard_normal(len(t))
    return as_wav(audio)


def as_wav(audio):
    buffer = io.BytesIO()
    soundfile.write(buffer, audio.astype(np.float32), SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return buffer.getvalue()


def members():
    """The files of the archive by name, in the archive's order; all of one second."""
    files = {}
    for kind in ("data", "labels"):
        for number, *_ in ROWS:
            split = "test" if number in TEST_IDS else "train"
            name = f"musicnet/{split}_{kind}/{number}.{'wav' if kind == 'data' else 'csv'}"
            text = CHORD_LABELS if number == 2241 else LABELS
            files[name] = wav(220.0 + number % 100 * 8, seed=number) if kind == "data" else text.encode()
    return files


def pack(files):
    """A tar.gz of files by name, with the folders that the real one has."""
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=1) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for folder in dict.fromkeys(name.rsplit("/", 1)[0] for name in files):
            info = tarfile.TarInfo(folder)
            info.type = tarfile.DIRTYPE
            archive.addfile(info)
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def metadata(rows=ROWS):
    """The table of the recordings, quoted as MusicNet's."""
    header = ["id", "composer", "composition", "movement", "ensemble", "source"]
    header += ["transcriber", "catalog_name", "seconds"]
    lines = [header] + [[*row[:5], "A player", "someone", "BWV 1", row[5]] for row in rows]
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n").writerows(lines)
    return buffer.getvalue().encode()


def release_of(url, archive, table, *, sized=True):
    """The release that a server holds, with the checksums of what it holds."""
    files = [
        RemoteFile(name, len(content) if sized else None, hashlib.md5(content).hexdigest())
        for name, content in ((ARCHIVE, archive), (METADATA, table))
    ]
    return Release(url + "/{name}", *files)


class Behaviour:
    """What a server does; tests change it as they go.

    Attributes:
        files: Contents by name.
        cuts: For the archive: bytes after which each of the next connections is cut.
        codes: For the archive: statuses with which the next requests are refused.
        has_ranges: Whether `Range` is heeded.
        has_length: Whether `Content-Length` is told.
        asked: `Range` of each request for the archive so far; None where there was none.
    """

    def __init__(self, files):
        self.files = files
        self.cuts = []
        self.codes = []
        self.has_ranges = True
        self.has_length = True
        self.asked = []
        self.url = ""


@contextmanager
def serving(files):
    """Serve files until the block ends; yield the server's `Behaviour`."""
    behaviour = Behaviour(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self, behaviour)

        def log_message(self, *arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    behaviour.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield behaviour
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(request, behaviour):
    name = request.path.lstrip("/")
    if name not in behaviour.files:
        request.send_error(404)
        return
    content, start = behaviour.files[name], 0
    is_archive = name == ARCHIVE
    if is_archive:
        behaviour.asked.append(request.headers.get("Range"))
        if behaviour.codes:
            request.send_response(behaviour.codes.pop(0))
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
    asked = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    tag = f'"{hashlib.md5(content).hexdigest()}"'
    if asked and behaviour.has_ranges and int(asked[1]) >= len(content):
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{len(content)}")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    if asked and behaviour.has_ranges and request.headers.get("If-Range", tag) == tag:
        start = int(asked[1])
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
    else:
        request.send_response(200)
    request.send_header("ETag", tag)
    if behaviour.has_length:
        request.send_header("Content-Length", str(len(content) - start))
    request.end_headers()
    stop = start + behaviour.cuts.pop(0) if is_archive and behaviour.cuts else len(content)
    try:
        request.wfile.write(content[start:stop])
    except OSError:  # the reader had enough
        return


FILES = members()
PACKED = pack(FILES)
TABLE = metadata()

WHOLE = [
    "flute/2202.wav",
    "flute/2204.wav",
    "held_out.txt",
    *(f"labels/{number}.csv" for number in (2186, 2191, 2202, 2204, 2241)),
    "manifest.json",
    "metadata.csv",
    *(f"violin/{number}.wav" for number in (2186, 2191, 2241)),
    "violin/2241.wav.json",
]
"""What a fetch of the solo recordings leaves in its folder."""


class Fetcher:
    """Fetches from a server as it is now, without waiting between tries; gathers pauses and notices.

    Before each further try it calls `meanwhile`.
    """

    def __init__(self, server, out):
        self.server, self.out = server, out
        self.notices, self.pauses = [], []
        self.meanwhile = lambda: None

    def __call__(self, *, sized=True, **options):
        files = self.server.files
        release = release_of(self.server.url, files[ARCHIVE], files[METADATA], sized=sized)
        self.notices, self.pauses = [], []
        given = {"release": release, "on_notice": self.notices.append}

        def pause(seconds):
            self.pauses.append(seconds)
            self.meanwhile()

        with patch("violute.data.musicnet.http_stream.time.sleep", pause):
            return fetch_musicnet(self.out, **(given | options))

    def is_whole(self):
        """Whether the solo recordings and their labels are those of the archive, bit by bit."""
        places = [name for name in WHOLE if name.endswith(".wav") or name.startswith("labels/")]
        content_of = {name.split("/")[-1]: content for name, content in FILES.items()}
        return all((self.out / place).read_bytes() == content_of[place.split("/")[-1]] for place in places)
