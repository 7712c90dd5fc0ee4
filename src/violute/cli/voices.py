"""`violute voices`: which voices there are."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from violute.cli.terminal.options import Json
from violute.cli.terminal.output import complain, say, say_json

if TYPE_CHECKING:
    from violute.voices.load import VoiceListing


def voices(*, json: Json = False) -> int:
    """List the voices that --voice finds by name: built-in ones and those in ./voices; --json for cards."""
    from violute.voices.load import list_voices

    listings = list_voices()
    if json:
        say_json([_entry(listing) for listing in listings])
        return 0
    rows = [("NAME", "FAMILY", "MIX 0", "MIX 1", "SIZE", "WHERE")]
    for listing in listings:
        if listing.card is None:
            complain(f"warning: {listing.problem}")
            continue
        card = listing.card
        size = f"{listing.n_bytes / 1e6:.1f} MB"
        rows.append((listing.name, card.family, card.ends[0], card.ends[1], size, str(listing.path)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _entry(listing: VoiceListing) -> dict[str, Any]:
    """Return one listing as JSON knows it."""
    return {
        "name": listing.name,
        "path": str(listing.path),
        "where": listing.where,
        "n_bytes": listing.n_bytes,
        "problem": listing.problem,
        "card": None if listing.card is None else asdict(listing.card),
    }
