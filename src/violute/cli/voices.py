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
    for place, listing in enumerate(listings):
        if listing.card is None:
            complain(f"warning: {listing.problem}")
            continue
        card = listing.card
        blank = "\n" if place else ""
        say(f"{blank}{listing.name}: {card.ends[0]} (mix 0) to {card.ends[1]} (mix 1)")
        say(f"  {card.description or 'no description'}")
        live = "live: the studio's dial and violute stream" if listing.is_live else "not live: convert files"
        say(f"  family {card.family}, {live}, {listing.n_bytes / 1e6:.1f} MB, {listing.path}")
    return 0


def _entry(listing: VoiceListing) -> dict[str, Any]:
    """Return one listing as JSON knows it."""
    return {
        "name": listing.name,
        "path": str(listing.path),
        "where": listing.where,
        "n_bytes": listing.n_bytes,
        "is_live": listing.is_live,
        "problem": listing.problem,
        "card": None if listing.card is None else asdict(listing.card) | {"name": listing.name},
    }
