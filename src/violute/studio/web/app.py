"""The HTTP interface: every route of the studio, and nothing but routes.

The page uses it, and so can a script:

    curl -F file=@solo.wav http://127.0.0.1:8765/takes
    curl http://127.0.0.1:8765/takes/ID
    curl -o hybrid.wav 'http://127.0.0.1:8765/takes/ID/render?mix=0.5'
"""

from __future__ import annotations

import json
import mimetypes
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, FastAPI, Query, Request
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
from violute.studio.takes.rendering import (
    MEDIA_TYPES,
    DialSettings,
    DialValue,
    FormatName,
    RenderSettings,
    parse_automation,
)
from violute.studio.takes.take_record import TakeRecord, TakeState
from violute.studio.web.errors import HANDLERS
from violute.studio.web.schemas import (
    CommandResponse,
    ErrorResponse,
    ExampleChoice,
    ExampleEntry,
    LimitsResponse,
    VoiceChoice,
)
from violute.studio.web.upload import receive_file
from violute.voices.mix import DEFAULT_ROOM

PAGE_FOLDER = Path(__file__).parents[1] / "page"
BINARY = "application/octet-stream"

EXAMPLE_TITLES = {
    "flute": "Bach, Allemande from BWV 1013, flute",
    "violin": "Bach, Preludio from BWV 1006, violin",
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


def _file_of(description: str, *media_types: str) -> dict[int | str, dict[str, Any]]:
    """Describe a response that is a file."""
    schema = {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {200: {"content": content, "description": description}}


WARNINGS_HEADER = "Violute-Warnings"
"""Of a rendering: a JSON list of what to know about it, such as dials that the voice passes over."""

_RENDERING = _file_of(
    f"The file that `violute convert` makes with the same settings; `{WARNINGS_HEADER}` holds its warnings.",
    *MEDIA_TYPES.values(),
)
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
    app.include_router(router)
    mimetypes.add_type("text/javascript", ".js")  # a system's own table may call scripts plain text
    app.mount("/page", StaticFiles(directory=PAGE_FOLDER), name="page")
    return app


async def _library(request: Request) -> TakeLibrary:
    library: TakeLibrary = request.app.state.library
    return library


async def _catalogue(request: Request) -> Catalogue:
    catalogue: Catalogue = request.app.state.catalogue
    return catalogue


Library = Annotated[TakeLibrary, Depends(_library)]
Voices = Annotated[Catalogue, Depends(_catalogue)]


async def _take(take_id: str, library: Library) -> TakeRecord:
    return library.find(take_id)


async def _ready_take(take_id: str, library: Library) -> TakeRecord:
    return library.find_ready(take_id)


async def _scratch_folder(library: Library) -> AsyncIterator[Path]:
    """Make a folder that goes once the response was sent, or could not be."""
    with library.new_folder() as folder:
        yield folder


async def _settings(
    mix: DialValue | None = None,
    tone: DialValue | None = None,
    noise: DialValue | None = None,
    attack: DialValue | None = None,
    vibrato: DialValue | None = None,
    room: DialValue = DEFAULT_ROOM,
    format: FormatName = "wav",  # noqa: A002 - the name of the query
    automation: Annotated[str | None, Query(description="JSON: [[seconds, mix], ...]")] = None,
    voice: Annotated[str | None, Query(max_length=200)] = None,
) -> RenderSettings:
    """Read the settings of a rendering out of a query."""
    return RenderSettings(
        mix=mix,
        dials=DialSettings(tone=tone, noise=noise, attack=attack, vibrato=vibrato, room=room),
        automation=parse_automation(automation),
        format=format,
        voice=voice,
    )


Take = Annotated[TakeRecord, Depends(_take)]
ReadyTake = Annotated[TakeRecord, Depends(_ready_take)]
ScratchFolder = Annotated[Path, Depends(_scratch_folder)]
QuerySettings = Annotated[RenderSettings, Depends(_settings)]


@router.get("/", include_in_schema=False)
async def page() -> FileResponse:
    """Open the page."""
    return FileResponse(PAGE_FOLDER / "index.html", media_type="text/html; charset=utf-8")


@router.get("/voices")
async def voices(catalogue: Voices) -> list[VoiceEntry]:
    """List the voices, the default one first."""
    return await catalogue.entries()


@router.get("/examples")
async def examples() -> list[ExampleEntry]:
    """List the pieces that ship with Violute."""
    return [ExampleEntry(name=name, title=EXAMPLE_TITLES.get(name, name)) for name in example_paths()]


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
) -> TakeState:
    """Send a recording as the field `file` of a form, or name an example; the analysis begins."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    example = await _example(request) if content_type == "application/json" else None
    chosen = await catalogue.find(voice)
    with library.new_take() as folder:
        source = folder / "source"
        if example is not None:
            library.claim(folder, example.stat().st_size)
            shutil.copyfile(example, source)
            return library.add(folder, example.name, chosen)
        name = await receive_file(
            request.headers,
            request.stream(),
            source,
            limits=library.limits,
            claim=lambda n_bytes: library.claim(folder, n_bytes),
        )
        return library.add(folder, name, chosen)


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
    return library.analyse(library.find(take_id), chosen)


@router.get(
    "/takes/{take_id}/parameters",
    response_class=FileResponse,
    responses=_file_of(
        "Parameters of both ends; the format is that of `violute.voices.live_parameters`.", BINARY
    ),
)
async def parameters(take: ReadyTake) -> FileResponse:
    """Fetch what a live synthesiser needs."""
    if not take.state.is_live:
        raise RefusalError(404, "this voice has no live parameters: fetch a rendering instead")
    return FileResponse(take.parameters, media_type=BINARY)


@router.get(
    "/takes/{take_id}/source",
    response_class=FileResponse,
    responses=_file_of("The recording as WAV of 16 bits, times `source_gain`.", MEDIA_TYPES["wav"]),
)
async def source(take: ReadyTake) -> FileResponse:
    """Fetch the recording in a form that every browser plays."""
    return FileResponse(take.preview, media_type=MEDIA_TYPES["wav"])


@router.get("/takes/{take_id}/render", response_class=FileResponse, responses=_RENDERING)
async def render(
    request: Request, take: ReadyTake, settings: QuerySettings, folder: ScratchFolder
) -> FileResponse:
    """Render the recording at these dials, as `violute convert` does."""
    return await _rendered(request, take, settings, folder)


@router.post("/takes/{take_id}/render", response_class=FileResponse, responses=_RENDERING)
async def render_body(
    request: Request, take: ReadyTake, settings: RenderSettings, folder: ScratchFolder
) -> FileResponse:
    """Render the recording; for automations that are too long for an address."""
    return await _rendered(request, take, settings, folder)


@router.get("/takes/{take_id}/command")
async def command(take: Take, settings: QuerySettings) -> CommandResponse:
    """Write the command line that makes the same file as `render` with the same query."""
    return _command(take.state, settings)


@router.post("/takes/{take_id}/command")
async def command_body(take: Take, settings: RenderSettings) -> CommandResponse:
    """Write the command line that makes the same file as `render` with the same body."""
    return _command(take.state, settings)


async def _rendered(
    request: Request, take: TakeRecord, settings: RenderSettings, folder: Path
) -> FileResponse:
    library, catalogue = await _library(request), await _catalogue(request)
    mix = settings.as_mix()
    voice = await catalogue.find(settings.voice or take.state.voice)
    path = folder / f"hybrid.{settings.format}"
    warnings = await library.render(take, voice, mix, path, request.is_disconnected)
    name = settings.model_copy(update={"voice": voice.name}).file_name(take.state.name)
    headers = {WARNINGS_HEADER: json.dumps(warnings)}
    return FileResponse(path, headers=headers, media_type=MEDIA_TYPES[settings.format], filename=name)


def _command(state: TakeState, settings: RenderSettings) -> CommandResponse:
    chosen = settings.model_copy(update={"voice": settings.voice or state.voice})
    return CommandResponse(command=chosen.command_line(state.name), automation_csv=chosen.automation_csv())


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
