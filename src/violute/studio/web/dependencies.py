"""What routes ask for beside their own parameters: the library, a take, a folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from violute.studio.takes.catalogue import Catalogue
from violute.studio.takes.library import TakeLibrary
from violute.studio.takes.take_record import TakeRecord

BINARY = "application/octet-stream"


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


Take = Annotated[TakeRecord, Depends(_take)]
ReadyTake = Annotated[TakeRecord, Depends(_ready_take)]
ScratchFolder = Annotated[Path, Depends(_scratch_folder)]


def owner_of(request: Request) -> str:
    """Return the machine that a request comes from."""
    return request.client.host if request.client else ""


def file_of(description: str, *media_types: str) -> dict[int | str, dict[str, Any]]:
    """Describe a response that is a file."""
    schema = {"type": "string", "format": "binary"}
    content = {media_type: {"schema": schema} for media_type in media_types}
    return {200: {"content": content, "description": description}}
