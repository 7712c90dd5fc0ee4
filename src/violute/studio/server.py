"""Running the studio: one socket, one server, one private folder, and nothing left when it ends."""

from __future__ import annotations

import contextlib
import errno
import re
import secrets
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import cast

import uvicorn

from violute.errors import InputError
from violute.studio.certificate import Certificate, make_certificate
from violute.studio.limits import Limits
from violute.studio.own_names import (
    in_network,
    is_address,
    is_this_machine,
    network_address,
    network_names,
    only_here,
)
from violute.studio.takes.catalogue import Catalogue
from violute.studio.takes.library import TakeLibrary
from violute.studio.takes.storage import Storage
from violute.studio.web.app import make_app
from violute.studio.web.connections import Connection, IdleConnections
from violute.studio.web.gate import Gate
from violute.studio.work.pool import WorkerPool
from violute.voices.load import DEFAULT_VOICE

MIN_TOKEN_LENGTH = 12
MAX_CONNECTIONS = 256
GRACE_SECONDS = 2
TICKS_PER_SWEEP = 20
"""uvicorn ticks ten times a second."""


@dataclass(frozen=True)
class Address:
    """Where a studio is to be found, and what it takes to get in.

    Attributes:
        host: Address to listen at.
        port: Port; 0 for any that is free.
        token: What requests must show.
        names: More names that this machine goes by, as behind a router.
        certificate: For HTTPS; None where only this machine gets in.
        once: Opens the page in place of the token, one time: other people of this machine see with what a
            browser is started.
    """

    host: str = "127.0.0.1"
    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    names: tuple[str, ...] = ()
    certificate: Certificate | None = None
    once: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def root(self) -> str:
        """The address of the page, without a token."""
        # Every address of this machine is none that a browser could open.
        name = network_address() if self.host in ("0.0.0.0", "::", "") else self.host
        if ":" in name:
            name = f"[{name}]"
        return f"http{'s' if self.certificate else ''}://{name}:{self.port}/"

    @property
    def url(self) -> str:
        """The address for a browser."""
        return f"{self.root}?token={self.token}"


def choose_address(
    host: str,
    port: int,
    token: str | None,
    *,
    names: tuple[str, ...] = (),
    certificate: Certificate | None = None,
) -> Address:
    """Make an address; without a token it gets a random one.

    Raises:
        InputError: The port or a name is none, or the token is too short or can't stand in an address.
    """
    if not 0 <= port <= 65_535:
        raise InputError(f"port {port}: give one from 1 to 65535, or 0 for any that is free")
    if token is not None and not re.fullmatch(rf"[A-Za-z0-9_-]{{{MIN_TOKEN_LENGTH},}}", token):
        raise InputError(
            f"the token has to be {MIN_TOKEN_LENGTH} or more letters, digits, - or _: leave it out to get one"
        )
    for name in names:
        if not (is_address(name) or re.fullmatch(r"[A-Za-z0-9._-]{1,253}", name)):
            raise InputError(f"--name {name}: is no name of a machine: give one such as studio.example")
    address = Address(host, port, names=names, certificate=certificate)
    return address if token is None else replace(address, token=token)


def serve(
    address: Address,
    *,
    limits: Limits | None = None,
    voice: str = DEFAULT_VOICE,
    on_ready: Callable[[Address], None] = lambda _: None,
) -> None:
    """Run the studio until it is interrupted.

    Once the page can be opened, `on_ready` is called with the address as it is: its true port, and the
    certificate that was made where other machines get in and none was given.

    Raises:
        InputError: The address is taken or is none of this machine's, or no folder can be made.
    """
    limits = limits or Limits()
    with _bound(address) as listener:
        bound = replace(address, port=listener.getsockname()[1])
        storage = Storage(limits.max_store_bytes)
        try:
            names = network_names(bound.names)
            is_ours = only_here(bound.host, bound.port)
            if not is_this_machine(bound.host):
                is_ours = in_network(names)
                if bound.certificate is None:
                    made = make_certificate(storage.root, (*names, network_address(), "127.0.0.1"))
                    bound = replace(bound, certificate=made)
            library = TakeLibrary(limits, storage, WorkerPool(limits, voice, storage.root))
            app = make_app(library, Catalogue(voice))
            gate = Gate(app, is_ours=is_ours, token=bound.token, once=bound.once, port=bound.port)
            _Server(gate, library, bound.certificate, lambda: on_ready(bound)).run(sockets=[listener])
        finally:
            storage.close()


class _Server(uvicorn.Server):
    """The web server of a studio; it tells when it is ready and ends streams when it stops."""

    def __init__(
        self, gate: Gate, library: TakeLibrary, certificate: Certificate | None, on_ready: Callable[[], None]
    ) -> None:
        self._library = library
        self._on_ready = on_ready
        self._idle = IdleConnections()
        super().__init__(
            uvicorn.Config(
                gate,
                log_level="warning",
                access_log=False,
                server_header=False,
                http="h11",
                ws="none",
                lifespan="on",
                limit_concurrency=MAX_CONNECTIONS,
                timeout_graceful_shutdown=GRACE_SECONDS,
                ssl_certfile=certificate.path if certificate else None,
                ssl_keyfile=certificate.key if certificate else None,
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop in good order on a terminal that is closed too, as uvicorn does on Ctrl-C and SIGTERM."""
        with super().capture_signals():
            if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
                yield
                return
            before = signal.signal(signal.SIGHUP, self.handle_exit)
            try:
                yield
            finally:
                signal.signal(signal.SIGHUP, before)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections, every few seconds."""
        if counter % TICKS_PER_SWEEP == 0:
            self._idle.sweep(cast(set[Connection], self.server_state.connections))
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let whoever listens for events go, and stop."""
        self._library.stop_streams()
        await super().shutdown(sockets)


def _bound(address: Address) -> socket.socket:
    """Bind a socket.

    Raises:
        InputError: The address is taken or is none of this machine's.
    """
    listener = None
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(target)
    except OSError as error:
        advice = "choose another --port, or 0 for any that is free"
        if listener is None or error.errno == errno.EADDRNOTAVAIL:
            advice = "give --host an address of this machine, as 127.0.0.1"
        if listener is not None:
            listener.close()
        reason = (error.strerror or str(error)).lower()
        raise InputError(f"{address.host}:{address.port}: {reason}: {advice}") from None
    return listener
