"""`violute studio`: a page on which the dial turns while the music plays."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.terminal.extras import require_extra
from violute.cli.terminal.output import say
from violute.errors import InputError

if TYPE_CHECKING:
    from violute.studio.address import Address


def studio(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    cert: Path | None = None,
    key: Path | None = None,
    name: tuple[str, ...] = (),
    voice: str | None = None,
    max_megabytes: float = 250.0,
    max_minutes: float = 10.0,
    max_disk_megabytes: float = 4000.0,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
) -> int:
    """Open a page on which a recording is played in a voice made of two instruments, live.

    Needs `pip install 'violute[studio]'`. Recordings stay on this machine and go when the studio ends,
    which Ctrl-C does; the browser keeps the last one, to go on with. Its HTTP interface is described at
    /openapi.json.

    Parameters
    ----------
    host
        Address to listen at. Any but this machine's own, as 0.0.0.0, lets others in, over HTTPS.
    port
        Port to listen at; 0 takes any that is free.
    token
        What every request must show, 12 or more letters and digits. Default: a random one, which is part of
        the printed address.
    cert
        Certificate for HTTPS, in PEM. Default: one made at the start, of which browsers warn once.
    key
        Private key of the certificate, in PEM.
    name
        Another name that this machine goes by, as behind a router; may be repeated.
    voice
        Voice to begin with: a name (see `violute voices`) or a voice file. Default: violute-violin-flute.
    max_megabytes
        Largest recording, in MB.
    max_minutes
        Longest recording, in minutes.
    max_disk_megabytes
        Most disk for all recordings together, in MB, in the folder for temporary files.
    browser
        Open the page in the browser, unless --no-browser.
    """
    settings = {
        "--max-megabytes": max_megabytes,
        "--max-minutes": max_minutes,
        "--max-disk-megabytes": max_disk_megabytes,
    }
    for option, value in settings.items():
        if not 0.0 < value < 1e9:
            raise InputError(f"{option} is {value:g}: give a number above 0")
    from violute.studio.address import choose_address
    from violute.studio.certificate import Certificate
    from violute.voices.file import open_voice_file
    from violute.voices.load import DEFAULT_VOICE, find_voice

    if (cert is None) != (key is None):
        raise InputError("--cert and --key go together: give both, or neither to have a certificate made")
    certificate = Certificate(cert, key) if cert is not None and key is not None else None
    address = choose_address(host, port, token, names=name, certificate=certificate)
    chosen = DEFAULT_VOICE if voice is None else voice
    open_voice_file(find_voice(chosen))
    require_extra("studio", "the studio needs", "violute.studio.server")
    from violute.studio.limits import Limits
    from violute.studio.server import serve

    limits = Limits(
        max_upload_bytes=max(1, round(max_megabytes * 1e6)),
        max_seconds=max_minutes * 60.0,
        max_store_bytes=max(1, round(max_disk_megabytes * 1e6)),
    )

    def greet(bound: Address) -> None:
        say(f"the studio is open at {bound.url} (Ctrl-C closes it)")
        if bound.certificate is not None:
            _tell_others(bound)
        if browser:
            _open_browser(f"{bound.root}?once={bound.once}")

    try:
        serve(address, limits=limits, voice=chosen, on_ready=greet)
    except KeyboardInterrupt:
        # The way to close it, so no error.
        return 0
    return 0


def _tell_others(address: Address) -> None:
    """Write what others need: the address as a picture, and what to hold the browser's warning against."""
    import segno

    if sys.stdout.isatty():
        segno.make(address.url, error="l").terminal(sys.stdout, compact=True)
    certificate = address.certificate
    if certificate is not None and not certificate.is_own:
        say("its certificate was made just now, so a browser warns once: go on if it shows this SHA-256")
        say(certificate.fingerprint)


def _open_browser(url: str) -> None:
    """Open the page beside the server, which must not wait for a browser to start."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
