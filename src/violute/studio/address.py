"""Where a studio is to be found, and what it takes to get in; known before the web server is loaded."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field, replace

from violute.errors import InputError
from violute.studio.certificate import Certificate
from violute.studio.own_names import is_address, network_address

MIN_TOKEN_LENGTH = 12


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
