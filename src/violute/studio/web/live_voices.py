"""The route of voices as the page plays along with them: files for the real-time core."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import Response

from violute.studio.takes.take_record import outcome_of
from violute.studio.web.dependencies import BINARY, Library, ScratchFolder, Voices, file_of, owner_of
from violute.studio.work.jobs import ExportJob
from violute.voices.load import find_voice

MAX_BYTES = 16_000_000
"""More than such a file ever holds; the built-in voice's has 1.8 MB."""

MAX_KEPT = 4

router = APIRouter()


class LiveVoices:
    """The last few voices as the core reads them, each as long as its file stays what it was."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Path, tuple[tuple[int, int], bytes]] = OrderedDict()

    def find(self, path: Path, stamp: tuple[int, int]) -> bytes | None:
        """Return what was made of a voice file, unless that has another stamp by now."""
        if path not in self._kept or self._kept[path][0] != stamp:
            return None
        self._kept.move_to_end(path)
        return self._kept[path][1]

    def keep(self, path: Path, stamp: tuple[int, int], content: bytes) -> None:
        """Keep what was made of a voice file, at the cost of the one that was not asked for for longest."""
        self._kept[path] = (stamp, content)
        self._kept.move_to_end(path)
        while len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)


@router.get(
    "/voices/{name}/live",
    response_class=Response,
    responses=file_of(
        "What `violute export VOICE voice.live` writes; only voices that are live have it.", BINARY
    ),
)
async def live_voice(
    request: Request, name: str, folder: ScratchFolder, library: Library, catalogue: Voices
) -> Response:
    """Fetch a voice for the real-time core, which plays it behind a microphone."""
    voice = await catalogue.find(name)
    kept: LiveVoices = request.app.state.live_voices
    source, stamp = await asyncio.to_thread(_found, voice.key)
    content = kept.find(source, stamp)
    if content is None:
        path = folder / "voice.live"
        library.claim(folder, MAX_BYTES, owner_of(request))
        job = ExportJob.of(voice.key, voice.name, path)
        await outcome_of(library.pool.submit(job), request.is_disconnected, "the voice")
        content = await asyncio.to_thread(path.read_bytes)
        kept.keep(source, stamp, content)
    return Response(content, media_type=BINARY)


def _found(key: str) -> tuple[Path, tuple[int, int]]:
    """Return the file of a voice, and its stamp: when it was written, and its size."""
    path = find_voice(key)
    status = path.stat()
    return path.absolute(), (status.st_mtime_ns, status.st_size)
