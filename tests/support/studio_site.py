"""A web server for one test: files of a folder, under the policy of the studio unless another is given."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from violute.studio.web.gate import POLICY


class _Handler(http.server.SimpleHTTPRequestHandler):
    extensions_map: ClassVar = {
        **http.server.SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
    }
    policy: str | None = POLICY

    def end_headers(self):
        # Browsers keep what says nothing for a tenth of its age, and tests change files that are older.
        self.send_header("Cache-Control", "no-store")
        if self.policy is not None:
            self.send_header("Content-Security-Policy", self.policy)
        super().end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def serve(folder: Path, *, policy: str | None = POLICY) -> Iterator[str]:
    """Serve a folder on a free port and return its address."""
    handler = type("Handler", (_Handler,), {"policy": policy})
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(handler, directory=str(folder))
    )
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
