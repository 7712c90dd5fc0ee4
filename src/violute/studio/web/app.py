"""The HTTP interface: every route of the studio, and nothing but routes.

The page uses it, and so can a script:

    curl -F file=@solo.wav http://127.0.0.1:8765/takes
    curl http://127.0.0.1:8765/takes/ID
    curl -o hybrid.wav 'http://127.0.0.1:8765/takes/ID/render?mix=0.5'
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response, StreamingResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from violute import __version__
from violute.errors import VioluteError
from violute.examples import example_paths
from violute.studio.limits import MAX_REQUEST_BYTES
from violute.studio.refusal import RefusalError
from violute.studio.takes.catalogue import Catalogue, VoiceEntry
from violute.studio.takes.desk import Desk
from violute.studio.takes.rendering import (
    MEDIA_TYPES,
    DialSettings,
    DialValue,
    FormatName,
    RenderSettings,
    automation_csv,
    command_line,
    parse_automation,
)
from violute.studio.takes.takes import PARAMETERS_NAME, PREVIEW_NAME, TakeState
from violute.studio.web.answers import (
    CommandAnswer,
    ErrorAnswer,
    ExampleChoice,
    ExampleEntry,
    LimitsAnswer,
    VoiceChoice,
)
from violute.studio.web.events import MEDIA_TYPE, event_stream
from violute.studio.web.files import PAGE_FOLDER, PageFiles, PassingFile
from violute.studio.web.gate import refusal_response

ACCEPTED, BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, TOO_LARGE, UNUSABLE = 202, 400, 404, 405, 413, 422
BINARY = "application/octet-stream"
MAX_DIGITS = 19
"""Of a length that is believed; longer ones count as unknown, and the bytes are counted anyway."""

EXAMPLE_TITLES = {
    "flute": "Bach, Allemande from BWV 1013, flute",
    "violin": "Bach, Preludio from BWV 1006, violin",
}

_SENTENCES = {
    NOT_FOUND: "there is nothing at this address",
    NOT_ALLOWED: "this address takes other methods: see /openapi.json",
}
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": description}
    for status, description in (
        ("4XX", "It cannot be done so; the sentence says why."),
        (UNUSABLE, "A value is malformed or out of range, or there is no such voice."),
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
    """Describe an answer that is a file."""
    schema = {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {200: {"content": content, "description": description}}


_RENDERING = _file_of("The file that `violute convert` makes with the same settings.", *MEDIA_TYPES.values())


def make_app(desk: Desk, catalogue: Catalogue) -> FastAPI:
    """Build the application.

    Args:
        desk: Where the recordings are.
        catalogue: The voices there are.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        desk.open()
        try:
            yield
        finally:
            desk.close()

    app = FastAPI(
        title="Violute studio",
        version=__version__,
        description="Play a recording in a voice made of two instruments. Nothing leaves this machine.",
        docs_url=None,  # both would load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        responses=_ERRORS,
    )
    _answer_errors(app)
    _add_page(app)
    _add_catalogues(app, desk, catalogue)
    _add_takes(app, desk)
    _add_renderings(app, desk)
    return app


def _answer_errors(app: FastAPI) -> None:
    """Answer whatever goes wrong by one sentence."""

    @app.exception_handler(VioluteError)
    async def refuse(_: Request, error: VioluteError) -> JSONResponse:
        return refusal_response(
            error if isinstance(error, RefusalError) else RefusalError(UNUSABLE, str(error))
        )

    @app.exception_handler(RequestValidationError)
    async def refuse_values(_: Request, error: RequestValidationError) -> JSONResponse:
        return refusal_response(_sentence(error.errors()[0]))

    @app.exception_handler(HTTPException)
    async def refuse_request(_: Request, error: HTTPException) -> JSONResponse:
        sentence = _SENTENCES.get(error.status_code, str(error.detail))
        return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)

    @app.exception_handler(ClientDisconnect)
    async def forget(_: Request, _error: ClientDisconnect) -> Response:
        return Response(status_code=BAD_REQUEST)  # nobody is there to read it


def _add_page(app: FastAPI) -> None:
    app.mount("/page", PageFiles(), name="page")

    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(PAGE_FOLDER / "index.html", media_type="text/html; charset=utf-8")


def _add_catalogues(app: FastAPI, desk: Desk, catalogue: Catalogue) -> None:
    @app.get("/voices")
    async def voices() -> list[VoiceEntry]:
        """List the voices, the default one first."""
        return await catalogue.entries()

    @app.get("/examples")
    async def examples() -> list[ExampleEntry]:
        """List the pieces that ship with Violute."""
        return [ExampleEntry(name=name, title=EXAMPLE_TITLES.get(name, name)) for name in example_paths()]

    @app.get("/limits")
    async def limits() -> LimitsAnswer:
        """Tell what recordings the studio takes."""
        return LimitsAnswer.of(desk.limits)


def _add_takes(app: FastAPI, desk: Desk) -> None:
    @app.post("/takes", status_code=ACCEPTED, openapi_extra=_UPLOAD)
    async def add_take(
        request: Request, voice: Annotated[str | None, Query(max_length=200)] = None
    ) -> TakeState:
        """Send a recording as the field `file` of a form, or name an example; the analysis begins."""
        content_type = request.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() == "application/json":
            example = await _example(request)
            return (await desk.add_example(example, voice)).state
        length = request.headers.get("content-length", "")
        declared = int(length) if length.isdecimal() and len(length) < MAX_DIGITS else None
        return (await desk.add_upload(request.stream(), content_type, declared, voice)).state

    @app.get("/takes/{take_id}")
    async def take(take_id: str) -> TakeState:
        """Tell how far a recording is."""
        return desk.find(take_id).state

    @app.get(
        "/takes/{take_id}/events",
        response_class=StreamingResponse,
        responses={200: {"content": {MEDIA_TYPE: {}}, "description": "The state now and after each change."}},
    )
    async def events(take_id: str) -> StreamingResponse:
        """Follow a recording until it is ready, failed or cancelled."""
        return StreamingResponse(event_stream(desk.find(take_id), desk.closing), media_type=MEDIA_TYPE)

    @app.delete("/takes/{take_id}")
    async def remove(take_id: str) -> TakeState:
        """Cancel whatever is done with a recording, and remove all of it."""
        return desk.remove(take_id)

    @app.post("/takes/{take_id}/voice", status_code=ACCEPTED)
    async def choose_voice(take_id: str, choice: VoiceChoice) -> TakeState:
        """Listen to the recording again with another voice."""
        return (await desk.choose_voice(take_id, choice.voice)).state

    @app.get(
        "/takes/{take_id}/parameters",
        response_class=FileResponse,
        responses=_file_of(
            "Parameters of both ends; the format is that of `violute.voices.live_parameters`.", BINARY
        ),
    )
    async def parameters(take_id: str) -> FileResponse:
        """Fetch what a live synthesiser needs."""
        record = desk.find_ready(take_id)
        if not record.state.is_live:
            raise RefusalError(NOT_FOUND, "this voice has no live parameters: fetch a rendering instead")
        return FileResponse(record.folder / PARAMETERS_NAME, media_type=BINARY)

    @app.get(
        "/takes/{take_id}/source",
        response_class=FileResponse,
        responses=_file_of("The recording as WAV of 16 bits, times `source_gain`.", MEDIA_TYPES["wav"]),
    )
    async def source(take_id: str) -> FileResponse:
        """Fetch the recording in a form that every browser plays."""
        return FileResponse(desk.find_ready(take_id).folder / PREVIEW_NAME, media_type="audio/wav")


def _add_renderings(app: FastAPI, desk: Desk) -> None:
    @app.get("/takes/{take_id}/render", response_class=FileResponse, responses=_RENDERING)
    async def render(
        request: Request, take_id: str, settings: Annotated[RenderSettings, Depends(_settings)]
    ) -> FileResponse:
        """Render the recording at these dials, as `violute convert` does."""
        return PassingFile(await desk.render(take_id, settings, request.is_disconnected))

    @app.post("/takes/{take_id}/render", response_class=FileResponse, responses=_RENDERING)
    async def render_body(request: Request, take_id: str, settings: RenderSettings) -> FileResponse:
        """Render the recording; for automations that are too long for an address."""
        return PassingFile(await desk.render(take_id, settings, request.is_disconnected))

    @app.get("/takes/{take_id}/command")
    async def command(take_id: str, settings: Annotated[RenderSettings, Depends(_settings)]) -> CommandAnswer:
        """Write the command line that makes the same file as `render` with the same query."""
        return _command(desk, take_id, settings)

    @app.post("/takes/{take_id}/command")
    async def command_body(take_id: str, settings: RenderSettings) -> CommandAnswer:
        """Write the command line that makes the same file as `render` with the same body."""
        return _command(desk, take_id, settings)


def _command(desk: Desk, take_id: str, settings: RenderSettings) -> CommandAnswer:
    state = desk.find(take_id).state
    chosen = settings.model_copy(update={"voice": settings.voice or state.voice})
    return CommandAnswer(command=command_line(state.name, chosen), automation_csv=automation_csv(chosen))


def _settings(
    mix: DialValue | None = None,
    tone: DialValue | None = None,
    noise: DialValue | None = None,
    attack: DialValue | None = None,
    vibrato: DialValue | None = None,
    room: DialValue = 0.0,
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


async def _example(request: Request) -> str:
    """Read the name of an example out of a JSON body.

    Raises:
        RefusalError: The body is too large or something else.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise RefusalError(TOO_LARGE, "a JSON body names an example: send recordings as a form")
    try:
        return ExampleChoice.model_validate_json(bytes(body)).example
    except ValidationError:
        raise RefusalError(UNUSABLE, 'the JSON names no example: send {"example": "flute"}') from None


def _sentence(problem: dict[str, Any]) -> RefusalError:
    """Say in one line which value is wrong, and why."""
    where = (
        ".".join(str(part) for part in problem["loc"] if part not in ("query", "body", "path")) or "the body"
    )
    what = str(problem["msg"])
    return RefusalError(UNUSABLE, f"{where[:100]}: {what[:1].lower()}{what[1:300]}")
