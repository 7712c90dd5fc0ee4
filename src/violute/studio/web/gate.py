"""`Gate`: what every request passes before the studio looks at it, and what every response carries.

Any page that a musician visits can send requests to this machine. So the name in `Host` has to be ours
(a foreign name that leads here is DNS rebinding), whatever changes something has to come from our own
page or from no page at all, and pages get nothing but what this server serves. Every request shows a token,
for other people may use this machine, or reach it.

Source:
    OWASP, Cross-Site Request Forgery Prevention and Content Security Policy cheat sheets; W3C, Content
    Security Policy Level 3; Fetch Metadata Request Headers.
"""

from __future__ import annotations

import asyncio
import hmac
from contextlib import suppress
from urllib.parse import urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from violute.studio.limits import MAX_REQUEST_BYTES, in_megabytes
from violute.studio.own_names import IsOurs
from violute.studio.web.errors import error_response

POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; img-src 'self' blob: data:; "
    "media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
}
READING = frozenset({"GET", "HEAD", "OPTIONS"})
SHOWN = ("token", "once")
"""What an address may bring that opens the page, and that must not stay in it."""

UPLOADS = frozenset({"/takes", "/voices"})
"""The only addresses to which more may be sent than `MAX_REQUEST_BYTES`."""

STALL_SECONDS = 60.0
"""A response of which nothing is taken for so long is given up."""


class StalledError(Exception):
    """The other side takes nothing of its response."""


class Gate:
    """Middleware that lets through what may pass.

    Args:
        app: What responds.
        is_ours: Which values of `Host` lead to this studio.
        token: What every request must show.
        once: Opens the page in place of the token, one time.
        port: Of the studio; each has a cookie of its own.
    """

    def __init__(self, app: ASGIApp, *, is_ours: IsOurs, token: str, once: str, port: int) -> None:
        self._app = app
        self._is_ours = is_ours
        self._token = token
        self._once = once
        self._cookie = f"violute-studio-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or pass it on."""
        if scope["type"] != "http":
            # There are no web sockets here; the messages of start and stop carry nothing to check.
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        guarded = _guarded(send, scope["path"])
        refusal = self._refusal(HTTPConnection(scope), scope["method"] in READING)
        if refusal is not None:
            await refusal(scope, receive, guarded)
            return
        # Whoever takes nothing of a response for too long doesn't get the rest.
        with suppress(StalledError):
            await self._app(scope, _bounded(scope, receive), guarded)

    def _refusal(self, request: HTTPConnection, is_reading: bool) -> Response | None:
        """Return the response to a request that may not pass, or None."""
        host = request.headers.get("host", "").lower()
        if not self._is_ours(host):
            sentence = "the studio does not go by this name: open the address that it printed, or give --name"
            return error_response(421, sentence)
        query = request.query_params
        if is_reading and self._opens(query.get("token", ""), query.get("once", "")):
            return self._redirect(request)
        scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
        is_bearer = scheme.lower() == "bearer" and _is_same(bearer.strip(), self._token)
        if not is_bearer and not _is_same(request.cookies.get(self._cookie, ""), self._token):
            sentence = "the token is missing or wrong: open the whole address that the studio printed"
            return error_response(401, sentence)
        if not is_reading and not _is_own_page(request.headers, host):
            return error_response(403, "another page sent this request: use the page of the studio itself")
        return None

    def _opens(self, token: str, once: str) -> bool:
        """Whether an address brings what opens the page; what does so once is then used up."""
        if self._once and _is_same(once, self._once):
            self._once = ""
            return True
        return _is_same(token, self._token)

    def _redirect(self, request: HTTPConnection) -> Response:
        """Hand the token over to a cookie: it leaves the address before anybody sees or stores it."""
        # One slash: an address that begins with two leads to another server.
        path = "/" + request.scope["path"].lstrip("/")
        rest = urlencode([pair for pair in request.query_params.multi_items() if pair[0] not in SHOWN])
        response = RedirectResponse(path + (f"?{rest}" if rest else ""), status_code=303)
        # Lax, for whoever follows a link on another page; changes are refused to other pages anyway.
        is_secure = request.scope["scheme"] == "https"
        response.set_cookie(
            self._cookie, self._token, httponly=True, samesite="lax", path="/", secure=is_secure
        )
        return response


def _is_same(shown: str, secret: str) -> bool:
    """Compare in constant time: how long it takes tells nothing about how much is right."""
    return hmac.compare_digest(shown.encode(), secret.encode())


def _is_own_page(headers: Headers, host: str) -> bool:
    """Whether a request comes from our page, or from a program that is no browser and sends no origin."""
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in (f"http://{host}", f"https://{host}"):
        return False
    return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


def _guarded(send: Send, path: str) -> Send:
    """Return what sends responses with our headers, and gives up on those who take nothing."""
    is_page = path == "/" or path.startswith("/page/")

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-cache" if is_page else "no-store")
        try:
            async with asyncio.timeout(STALL_SECONDS):
                await send(message)
        except TimeoutError:
            raise StalledError from None

    return guarded


def _bounded(scope: Scope, receive: Receive) -> Receive:
    """Return what receives a request's body up to `MAX_REQUEST_BYTES`; uploads count their own bytes."""
    if scope["path"] in UPLOADS:
        return receive
    n_bytes = 0

    async def bounded() -> Message:
        nonlocal n_bytes
        message = await receive()
        n_bytes += len(message.get("body", b""))
        if n_bytes > MAX_REQUEST_BYTES:
            # The one error that FastAPI passes on from where it reads a body.
            raise HTTPException(
                413, f"the request is larger than {in_megabytes(MAX_REQUEST_BYTES)}: send less at once"
            )
        return message

    return bounded
