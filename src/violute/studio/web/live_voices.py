"""The route of voices as the page plays along with them: files for the real-time core."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from violute.studio.takes.take_record import outcome_of
from violute.studio.web.dependencies import BINARY, Library, ScratchFolder, Voices, file_of, owner_of
from violute.studio.work.jobs import ExportJob

MAX_BYTES = 16_000_000
"""More than such a file ever holds."""

router = APIRouter()


@router.get(
    "/voices/{name}/live",
    response_class=FileResponse,
    responses=file_of(
        "What `violute export VOICE voice.live` writes; only voices that are live have it.", BINARY
    ),
)
async def live_voice(
    request: Request, name: str, folder: ScratchFolder, library: Library, catalogue: Voices
) -> FileResponse:
    """Fetch a voice for the real-time core, which plays it behind a microphone."""
    voice = await catalogue.find(name)
    path = folder / "voice.live"
    library.claim(folder, MAX_BYTES, owner_of(request))
    await outcome_of(library.pool.submit(ExportJob.of(voice.key, voice.name, path)), request.is_disconnected)
    return FileResponse(path, media_type=BINARY)
