"""Running the studio: one socket, one server, one private folder, and nothing left when it ends."""

from __future__ import annotations

import contextlib
import errno
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import uvicorn

from violute.errors import InputError
from violute.studio.address import Address
from violute.studio.certificate import Certificate, make_certificate
from violute.studio.limits import Limits
from violute.studio.own_names import (
    in_network,
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

MAX_CONNECTIONS = 256
GRACE_SECONDS = 2
TICKS_PER_SWEEP = 20
"""uvicorn ticks ten times a second."""


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
