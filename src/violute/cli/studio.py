"""`violute studio`: a page on which the dial turns while the music plays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from violute.cli.terminal.extras import require_extra
from violute.cli.terminal.output import say
from violute.errors import InputError

if TYPE_CHECKING:
    from violute.studio.server import Address


def studio(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    token: str | None = None,
    voice: str | None = None,
    max_megabytes: float = 250.0,
    max_minutes: float = 10.0,
    max_disk_megabytes: float = 4000.0,
    browser: Annotated[bool, Parameter(negative="--no-browser", show_default=False)] = True,
) -> int:
    """Open a page on which a recording is played in a voice made of two instruments, live.

    Needs `pip install 'violute[studio]'`. Recordings stay on this machine and go when the studio ends,
    which Ctrl-C does. Its HTTP interface is described at /openapi.json.

    Parameters
    ----------
    host
        Address to listen at. Any but this machine's own demands a token.
    port
        Port to listen at; 0 takes any that is free.
    token
        What every request must show, 12 or more letters and digits. Default: none on this machine, a
        random one, part of the printed address, anywhere else.
    voice
        Name of the voice to begin with (see `violute voices`). Default: violute-violin-flute.
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
    for name, value in settings.items():
        if not 0.0 < value < 1e9:
            raise InputError(f"{name} is {value:g}: give a number above 0")
    require_extra("studio", "the studio needs", "violute.studio.server")
    from violute.studio.limits import Limits
    from violute.studio.server import choose_address, serve
    from violute.voices.load import DEFAULT_VOICE, list_voices

    chosen = DEFAULT_VOICE if voice is None else voice
    usable = [listing.name for listing in list_voices() if listing.card is not None]
    if chosen not in usable:
        raise InputError(f"unknown voice {chosen!r}: here are {', '.join(usable) or 'none'}")
    limits = Limits(
        max_upload_bytes=max(1, round(max_megabytes * 1e6)),
        max_seconds=max_minutes * 60.0,
        max_store_bytes=max(1, round(max_disk_megabytes * 1e6)),
    )

    def greet(address: Address) -> None:
        say(f"the studio is open at {address.url} (Ctrl-C closes it)")
        if address.is_every:
            say("from other machines, with this one's name in place of localhost")
        if browser:
            _open_browser(address.url)

    try:
        serve(choose_address(host, port, token), limits=limits, voice=chosen, on_ready=greet)
    except KeyboardInterrupt:
        # The way to close it, so no error.
        return 0
    return 0


def _open_browser(url: str) -> None:
    """Open the page beside the server, which must not wait for a browser to start."""
    import threading
    import webbrowser

    threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()
