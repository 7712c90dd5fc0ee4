"""Files on their way to the browser: those of the page, and renderings, which go when they were sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

PAGE_FOLDER = Path(__file__).parents[1] / "page"


class PageFiles(StaticFiles):
    """The files of the page, called what they are: a system's own table of types may call scripts text."""

    def __init__(self) -> None:
        super().__init__(directory=PAGE_FOLDER)

    def file_response(self, full_path: Any, *arguments: Any, **options: Any) -> Response:
        """Answer with a file."""
        response = super().file_response(full_path, *arguments, **options)
        if str(full_path).endswith(".js"):
            response.headers["content-type"] = "text/javascript; charset=utf-8"
        return response


@dataclass(frozen=True)
class RenderedFile:
    """A rendering.

    Attributes:
        path: The file.
        name: What the browser is told to call it.
        media_type: Of its format.
        drop: Removes it.
    """

    path: Path
    name: str
    media_type: str
    drop: Callable[[], None]


class PassingFile(FileResponse):
    """A rendering on its way out; it goes when it was sent, or when it could not be.

    Args:
        rendered: The rendering.
    """

    def __init__(self, rendered: RenderedFile) -> None:
        super().__init__(rendered.path, media_type=rendered.media_type, filename=rendered.name)
        self._rendered = rendered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file and drop it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._rendered.drop()
