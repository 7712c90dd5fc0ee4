"""The HTTP interface: every route of the studio, and nothing but routes.

The page uses it, and so can a script, which shows the token (`-H 'Authorization: Bearer TOKEN'`):

    curl -F file=@solo.wav http://127.0.0.1:8765/takes
    curl http://127.0.0.1:8765/takes/ID
    curl -o hybrid.wav 'http://127.0.0.1:8765/takes/ID/render?mix=0.5'
"""

from __future__ import annotations

import asyncio
import mimetypes
import shutil
from collections.abc import AsyncIterator
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import soundfile
from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.responses import FileResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent
from fastapi.staticfiles import StaticFiles
from pydantic import ValidationError

from violute import __version__
from violute.examples import example_paths
from violute.studio.limits import MAX_REQUEST_BYTES
from violute.studio.refusal import RefusalError
from violute.studio.takes.catalogue import Catalogue, VoiceEntry
from violute.studio.takes.library import TakeLibrary
from violute.studio.takes.rendering import MEDIA_TYPES
from violute.studio.takes.take_record import TakeState
from violute.studio.web import live_voices, renderings
from violute.studio.web.dependencies import Library, ReadyTake, Take, Voices, file_of, owner_of
from violute.studio.web.errors import HANDLERS
from violute.studio.web.schemas import (
    ErrorResponse,
    ExampleChoice,
    ExampleEntry,
    LimitsResponse,
    LinesChoice,
    VoiceChoice,
)
from violute.studio.web.upload import receive_file

PAGE_FOLDER = Path(__file__).parents[1] / "page"

N_PEAKS = 160
"""Of an example's waveform."""

EXAMPLE_TITLES = {
    "flute": "Bach, Allemande from BWV 1013, flute",
    "violin": "Bach, Preludio from BWV 1006, violin",
    "clarinet": "Dvořák, Largo of the ninth symphony, clarinet",
    "cello": "Bach, Prelude from BWV 1007, cello",
}

_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse, "description": description}
    for status, description in (
        ("4XX", "It cannot be done so; the sentence says why."),
        (422, "A value is malformed or out of range, or there is no such voice."),
        ("5XX", "It cannot be done now; the sentence says why."),
    )
}
_UPLOAD = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            },
            "application/json": {"schema": ExampleChoice.model_json_schema()},
        },
    }
}


router = APIRouter()


def make_app(library: TakeLibrary, catalogue: Catalogue) -> FastAPI:
    """Build the application."""
    app = FastAPI(
        title="Violute studio",
        version=__version__,
        description="Play a recording in a voice made of two instruments. Nothing leaves this machine.",
        docs_url=None,  # both would load scripts from elsewhere
        redoc_url=None,
        lifespan=lambda _: library,
        responses=_ERRORS,
        exception_handlers=HANDLERS,
    )
    app.state.library, app.state.catalogue = library, catalogue
    app.state.live_voices = live_voices.LiveVoices()
    app.include_router(router)
    app.include_router(renderings.router)
    app.include_router(live_voices.router)
    mimetypes.add_type("text/javascript", ".js")  # a system's own table may call scripts plain text
    app.mount("/page", StaticFiles(directory=PAGE_FOLDER), name="page")
    return app


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Open the page."""
    return FileResponse(PAGE_FOLDER / "index.html", media_type="text/html; charset=utf-8")


@router.get("/voices")
async def voices(catalogue: Voices) -> list[VoiceEntry]:
    """List the voices, the default one first."""
    return await catalogue.entries()


@router.post("/voices", status_code=201, openapi_extra=_UPLOAD)
async def add_voice(request: Request, library: Library, catalogue: Voices) -> VoiceEntry:
    """Send a voice file as the field `file` of a form; it can be chosen until the studio ends."""

    async def receive(path: Path) -> str:
        return await receive_file(
            request.headers,
            request.stream(),
            path,
            limits=library.limits,
            claim=lambda n_bytes: library.claim(path.parent, n_bytes, owner_of(request)),
        )

    return await library.keep_voice(catalogue, owner_of(request), receive)


@router.get("/examples")
async def examples() -> list[ExampleEntry]:
    """List the pieces that ship with Violute."""
    return await asyncio.to_thread(_example_entries)


@router.get("/limits")
async def limits(library: Library) -> LimitsResponse:
    """Tell what recordings the studio takes."""
    return LimitsResponse.model_validate(library.limits)


@router.post("/takes", status_code=202, openapi_extra=_UPLOAD)
async def add_take(
    request: Request,
    library: Library,
    catalogue: Voices,
    voice: Annotated[str | None, Query(max_length=200)] = None,
    lines: LinesChoice = "auto",
) -> TakeState:
    """Send a recording as the field `file` of a form, or name an example; the analysis begins."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    example = await _example(request) if content_type == "application/json" else None
    chosen = await catalogue.find(voice)
    owner = owner_of(request)
    with library.new_take(owner) as folder:
        source = folder / "source"
        if example is not None:
            library.claim(folder, example.stat().st_size, owner)
            shutil.copyfile(example, source)
            return library.add(folder, example.name, chosen, owner, lines)
        name = await receive_file(
            request.headers,
            request.stream(),
            source,
            limits=library.limits,
            claim=lambda n_bytes: library.claim(folder, n_bytes, owner),
        )
        return library.add(folder, name, chosen, owner, lines)


@router.get("/takes")
async def find_takes(library: Library, id: Annotated[str, Query(max_length=40)]) -> list[TakeState]:  # noqa: A002
    """Tell whether a recording is here still: its state, or an empty list."""
    return library.states_of(id)


@router.get("/takes/{take_id}")
async def state(take: Take) -> TakeState:
    """Tell how far a recording is."""
    return take.state


@router.get("/takes/{take_id}/events", response_class=EventSourceResponse)
async def events(take: Take) -> AsyncIterator[ServerSentEvent]:
    """Follow a recording until it is ready, failed or cancelled: its state now and after each change."""
    async for changed in take.states():
        yield ServerSentEvent(raw_data=changed.model_dump_json())


@router.delete("/takes/{take_id}")
async def remove(take_id: str, library: Library) -> TakeState:
    """Cancel whatever is done with a recording, and remove all of it."""
    return library.remove(take_id)


@router.post("/takes/{take_id}/voice", status_code=202)
async def choose_voice(take_id: str, choice: VoiceChoice, library: Library, catalogue: Voices) -> TakeState:
    """Analyse the recording again with another voice."""
    chosen = await catalogue.find(choice.voice)
    return library.analyse(library.find(take_id), chosen, choice.lines)


@router.get(
    "/takes/{take_id}/source",
    response_class=FileResponse,
    responses=file_of("The recording as WAV of 16 bits, times `source_gain`.", MEDIA_TYPES["wav"]),
)
async def source(take: ReadyTake) -> FileResponse:
    """Fetch the recording in a form that every browser plays."""
    return FileResponse(take.preview, media_type=MEDIA_TYPES["wav"])


@lru_cache(1)
def _example_entries() -> list[ExampleEntry]:
    """Describe the pieces that ship with Violute, waveforms included."""
    entries = []
    for name, path in example_paths().items():
        audio, sample_rate = soundfile.read(path, dtype="float32", always_2d=True)
        stretches = np.array_split(np.abs(audio).max(axis=1), N_PEAKS)
        peaks = np.array([stretch.max() for stretch in stretches])
        entries.append(
            ExampleEntry(
                name=name,
                title=EXAMPLE_TITLES.get(name, name),
                seconds=len(audio) / sample_rate,
                peaks=[round(float(peak), 3) for peak in peaks / peaks.max()],
            )
        )
    return entries


async def _example(request: Request) -> Path:
    """Read the name of an example out of a JSON body, and find it.

    Raises:
        RefusalError: The body is too large or something else, or there is no such piece.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise RefusalError(413, "a JSON body names an example: send recordings as a form")
    try:
        example = ExampleChoice.model_validate_json(bytes(body)).example
    except ValidationError:
        raise RefusalError(422, 'the JSON names no example: send {"example": "flute"}') from None
    path = example_paths().get(example)
    if path is None:
        names = " or ".join(example_paths())
        raise RefusalError(404, f"there is no example {example[:40]!r}: choose {names}")
    return path
