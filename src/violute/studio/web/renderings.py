"""Routes of renderings: the file at some dials, how far it is, and the command that makes the same."""

from __future__ import annotations

import filecmp
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse

from violute.examples import example_paths
from violute.studio.own_names import is_this_machine
from violute.studio.refusal import RefusalError
from violute.studio.takes.catalogue import Catalogue
from violute.studio.takes.library import TakeLibrary
from violute.studio.takes.rendering import (
    MEDIA_TYPES,
    DialSettings,
    DialValue,
    FormatName,
    RenderSettings,
    Shift,
    parse_automation,
)
from violute.studio.takes.take_record import TakeRecord
from violute.studio.web.dependencies import BINARY, Library, ReadyTake, ScratchFolder, Take, Voices, file_of
from violute.studio.web.schemas import CommandResponse, RenderingState
from violute.voices.mix import DEFAULT_ROOM

WARNINGS_HEADER = "Violute-Warnings"
"""Of a rendering: a JSON list of what to know about it, such as dials that the voice passes over."""

GAINS_HEADER = "Violute-Live-Gains"
"""Of live parameters: the gains that go with them, as JSON."""

_RENDERING = file_of(
    f"The file that `violute convert` makes with the same settings; `{WARNINGS_HEADER}` holds its warnings.",
    *MEDIA_TYPES.values(),
)
router = APIRouter()


async def _settings(
    mix: DialValue | None = None,
    tone: DialValue | None = None,
    noise: DialValue | None = None,
    attack: DialValue | None = None,
    vibrato: DialValue | None = None,
    room: DialValue = DEFAULT_ROOM,
    wet: DialValue = 1.0,
    level_db: Shift = 0.0,
    transpose: Shift = 0.0,
    format: FormatName = "wav",  # noqa: A002 - the name of the query
    automation: Annotated[str | None, Query(description="JSON: [[seconds, mix], ...]")] = None,
    voice: Annotated[str | None, Query(max_length=200)] = None,
) -> RenderSettings:
    """Read the settings of a rendering out of a query."""
    return RenderSettings(
        mix=mix,
        dials=DialSettings(tone=tone, noise=noise, attack=attack, vibrato=vibrato, room=room),
        automation=parse_automation(automation),
        wet=wet,
        level_db=level_db,
        transpose=transpose,
        format=format,
        voice=voice,
    )


QuerySettings = Annotated[RenderSettings, Depends(_settings)]


@router.get(
    "/takes/{take_id}/parameters",
    response_class=FileResponse,
    responses=file_of(
        "Parameters of both ends; the format is that of `violute.voices.live_parameters`, and "
        f"`{GAINS_HEADER}` holds the gains that go with them, as in the state.",
        BINARY,
    ),
)
async def parameters(
    request: Request,
    take: ReadyTake,
    folder: ScratchFolder,
    library: Library,
    catalogue: Voices,
    transpose: Shift = 0.0,
) -> FileResponse:
    """Fetch what a live synthesiser needs, at the recording's pitch or semitones above it."""
    path, gains = take.parameters, take.state.live_gains
    if gains is None:
        raise RefusalError(404, "this voice has no live parameters: fetch a rendering instead")
    if transpose != 0.0:
        path, voice = folder / "parameters.bin", await catalogue.find(take.state.voice)
        gains = await library.transpose(take, voice, transpose, path, request.is_disconnected)
    return FileResponse(path, headers={GAINS_HEADER: json.dumps(asdict(gains))}, media_type=BINARY)


@router.get("/takes/{take_id}/renderings/{label}")
async def rendering(label: str, take: Take) -> RenderingState:
    """Tell how far a rendering is that was asked for under a label."""
    return RenderingState(progress=take.renderings.get(label))


@router.get("/takes/{take_id}/render", response_class=FileResponse, responses=_RENDERING)
async def render(
    request: Request,
    take: ReadyTake,
    settings: QuerySettings,
    folder: ScratchFolder,
    library: Library,
    catalogue: Voices,
) -> FileResponse:
    """Render the recording at these dials, as `violute convert` does."""
    return await _rendered(request, take, settings, folder, library, catalogue)


@router.post("/takes/{take_id}/render", response_class=FileResponse, responses=_RENDERING)
async def render_body(
    request: Request,
    take: ReadyTake,
    settings: RenderSettings,
    folder: ScratchFolder,
    library: Library,
    catalogue: Voices,
) -> FileResponse:
    """Render the recording; for automations that are too long for an address."""
    return await _rendered(request, take, settings, folder, library, catalogue)


@router.get("/takes/{take_id}/command")
async def command(
    request: Request, take: Take, settings: QuerySettings, catalogue: Voices
) -> CommandResponse:
    """Write the command line that makes the same file as `render` with the same query."""
    return await _command(request, take, settings, catalogue)


@router.post("/takes/{take_id}/command")
async def command_body(
    request: Request, take: Take, settings: RenderSettings, catalogue: Voices
) -> CommandResponse:
    """Write the command line that makes the same file as `render` with the same body."""
    return await _command(request, take, settings, catalogue)


async def _rendered(
    request: Request,
    take: TakeRecord,
    settings: RenderSettings,
    folder: Path,
    library: TakeLibrary,
    catalogue: Catalogue,
) -> FileResponse:
    settings.as_mix()  # what is wrong with it is told before any work
    voice = await catalogue.find(settings.voice or take.state.voice)
    path = folder / f"hybrid.{settings.format}"
    warnings = await library.render(take, voice, settings, path, request.is_disconnected)
    name = settings.model_copy(update={"voice": voice.name}).file_name(take.state.name)
    headers = {WARNINGS_HEADER: json.dumps(warnings)}
    return FileResponse(path, headers=headers, media_type=MEDIA_TYPES[settings.format], filename=name)


async def _command(
    request: Request, take: TakeRecord, settings: RenderSettings, catalogue: Catalogue
) -> CommandResponse:
    voice = await catalogue.find(settings.voice or take.state.voice)
    chosen = settings.model_copy(update={"voice": voice.name})
    command = chosen.command_line(_source(request, take), voice.argument, take.state.lines)
    return CommandResponse(command=command, files=chosen.course_files())


def _source(request: Request, take: TakeRecord) -> str:
    """Name a recording in a command: an example by where it lies, for whoever sits at this machine."""
    example = {path.name: path for path in example_paths().values()}.get(take.state.name)
    if example is None or request.client is None or not is_this_machine(request.client.host):
        return take.state.name
    is_it = take.source.exists() and filecmp.cmp(example, take.source, shallow=False)
    return str(example) if is_it else take.state.name
