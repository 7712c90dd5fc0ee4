"""Errors as responses: whatever goes wrong is answered by `{"error": "one sentence"}`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from violute.errors import VioluteError
from violute.studio.refusal import RefusalError

_SENTENCES = {
    404: "there is nothing at this address",
    405: "this address takes other methods: see /openapi.json",
}


def error_response(status: int, sentence: str) -> JSONResponse:
    """Write an error."""
    return JSONResponse({"error": sentence}, status_code=status)


async def _refuse(_: Request, error: VioluteError) -> JSONResponse:
    return error_response(error.status if isinstance(error, RefusalError) else 422, str(error))


async def _refuse_values(_: Request, error: RequestValidationError) -> JSONResponse:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"] if part not in ("query", "body", "path"))
    what = str(problem["msg"])
    return error_response(422, f"{(where or 'the body')[:100]}: {what[:1].lower()}{what[1:300]}")


async def _refuse_request(_: Request, error: HTTPException) -> JSONResponse:
    sentence = _SENTENCES.get(error.status_code, str(error.detail))
    return JSONResponse({"error": sentence}, status_code=error.status_code, headers=error.headers)


async def _forget(_: Request, _error: ClientDisconnect) -> Response:
    return Response(status_code=400)  # nobody is there to read it


HANDLERS: dict[int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]] = {
    VioluteError: _refuse,
    RequestValidationError: _refuse_values,
    HTTPException: _refuse_request,
    ClientDisconnect: _forget,
}
