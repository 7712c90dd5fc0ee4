"""A server of a miniature MusicNet, and what fetches from it into a folder of its own."""

import pytest
from archive_server import ARCHIVE, METADATA, PACKED, TABLE, Fetcher, serving


@pytest.fixture
def server():
    with serving({ARCHIVE: PACKED, METADATA: TABLE}) as behaviour:
        yield behaviour


@pytest.fixture
def fetch(server, tmp_path):
    return Fetcher(server, tmp_path / "musicnet")
