"""By which names and addresses other machines may reach this one."""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address

LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
ELSEWHERE = ("192.0.2.1", 9)
"""An address of documentation (RFC 5737): asking for the way there sends nothing."""

IsOurs = Callable[[str], bool]
"""Whether a value of `Host`, in lower case, leads to this studio."""


def network_address() -> str:
    """Return the address by which the machines around know this one; its name where it has none."""
    with suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(ELSEWHERE)
        return str(probe.getsockname()[0])
    return socket.gethostname()


def network_names(more: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of this machine, and `more` that it goes by."""
    name = socket.gethostname().lower()
    return (*dict.fromkeys((name, f"{name}.local", "localhost", *map(str.lower, more))),)


def is_this_machine(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    return host.lower() == "localhost" or (is_address(host) and ip_address(host).is_loopback)


def is_address(host: str) -> bool:
    """Whether a host is given by number, without brackets."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def only_here(host: str, port: int) -> IsOurs:
    """Tell the names of a studio that this machine alone can reach."""
    names = {*LOCAL_NAMES, f"[{host}]" if ":" in host else host.lower()}
    values = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
    return values.__contains__


def in_network(names: tuple[str, ...]) -> IsOurs:
    """Tell the names of a studio that other machines can reach, at whatever port they see.

    Any address by number will do: a foreign page can make its own name lead here, and never a number.
    """

    def is_ours(host: str) -> bool:
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        return name in names or is_address(name)

    return is_ours
