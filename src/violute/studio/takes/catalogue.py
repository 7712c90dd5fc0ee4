"""`Catalogue`: the voices that the page offers, by name; a page never names a path."""

from __future__ import annotations

import asyncio
import time

from pydantic import BaseModel, Field

from violute.errors import VoiceError
from violute.voices.card import Card
from violute.voices.load import DEFAULT_VOICE, family_loader, list_voices

FRESH_SECONDS = 5.0
"""So long a list of voices stands before the folders are looked through again."""


class VoiceEntry(BaseModel):
    """A voice that can be chosen."""

    name: str = Field(description="As in `violute convert --voice`.")
    family: str
    ends: list[str] = Field(description="What mix 0 and mix 1 sound like.")
    is_live: bool = Field(description="Whether it sounds while it is turned; if not, the server renders it.")
    is_default: bool
    description: str


class Catalogue:
    """The usable voices, found again every few seconds, for a training may have added one."""

    def __init__(self, default: str = DEFAULT_VOICE) -> None:
        self.default = default
        self._entries: list[VoiceEntry] = []
        self._found_at = float("-inf")
        self._lock = asyncio.Lock()

    async def entries(self) -> list[VoiceEntry]:
        """Return the voices that can be used, the default one first."""
        async with self._lock:
            if time.monotonic() - self._found_at > FRESH_SECONDS:
                listings = await asyncio.to_thread(list_voices)
                found = [self._entry(one.name, one.card) for one in listings if one.card is not None]
                self._entries = sorted(found, key=lambda entry: not entry.is_default)
                self._found_at = time.monotonic()
        return self._entries

    async def find(self, name: str | None) -> VoiceEntry:
        """Return a voice by name; None is the default one.

        Raises:
            VoiceError: There is no such voice.
        """
        entries = {entry.name: entry for entry in await self.entries()}
        wanted = self.default if name is None else name
        if wanted not in entries:
            raise VoiceError(f"unknown voice {wanted!r}: here are {', '.join(entries) or 'none'}")
        return entries[wanted]

    def _entry(self, name: str, card: Card) -> VoiceEntry:
        return VoiceEntry(
            name=name,
            family=card.family,
            ends=list(card.ends),
            is_live=bool(getattr(family_loader(card.family), "is_live", False)),
            is_default=name == self.default,
            description=card.description,
        )
