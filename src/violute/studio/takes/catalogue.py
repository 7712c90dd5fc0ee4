"""`Catalogue`: the voices that the page offers, by name; a page never names a path, but may send a voice."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from pydantic import BaseModel, Field

from violute.errors import VoiceError
from violute.voices.card import Card
from violute.voices.file import open_voice_file
from violute.voices.load import DEFAULT_VOICE, check_family, family_loader, find_voice, list_voices

FRESH_SECONDS = 5.0
"""So long a list of voices stands before the folders are looked through again."""


class VoiceEntry(BaseModel):
    """A voice that can be chosen."""

    name: str = Field(description="As in `violute convert --voice`.")
    family: str
    ends: list[str] = Field(description="What mix 0 and mix 1 sound like.")
    is_live: bool = Field(description="Whether it sounds while it is turned; if not, the server renders it.")
    is_default: bool
    is_own: bool = Field(description="Whether it was given as a file, not found among the voices.")
    description: str
    key: str = Field(exclude=True, description="By which a worker loads it: name or path.")
    argument: str = Field(exclude=True, description="As in a command.")


class Catalogue:
    """The usable voices, found again every few seconds, for a training may have added one.

    Args:
        default: Name of the voice to begin with, or its file.
    """

    def __init__(self, default: str = DEFAULT_VOICE) -> None:
        self._entries: list[VoiceEntry] = []
        self._own: dict[str, VoiceEntry] = {}
        self._found_at = float("-inf")
        self._lock = asyncio.Lock()
        path = find_voice(default)
        names = {one.path: one.name for one in list_voices()}
        self.default = names.get(path) or self.add(path, argument=default).name

    def add(self, path: Path, *, argument: str) -> VoiceEntry:
        """Offer a voice file; one of the same name that was added before goes, an installed one stays.

        Raises:
            VoiceError: It is no voice, or none of a family that this version plays.
        """
        _, card = open_voice_file(path)
        check_family(card, source=path.name)
        installed = {one.name for one in list_voices()}
        name = path.stem if path.stem not in installed else f"{path.stem} (file)"
        entry = _entry(name, card, key=str(path), argument=argument, is_own=True)
        self._own[entry.name] = entry
        self._found_at = float("-inf")
        return entry

    async def entries(self) -> list[VoiceEntry]:
        """Return the voices that can be used, the default one first."""
        async with self._lock:
            if time.monotonic() - self._found_at > FRESH_SECONDS:
                listings = await asyncio.to_thread(list_voices)
                found = {one.name: _entry(one.name, one.card) for one in listings if one.card is not None}
                found |= self._own
                entries = [
                    entry.model_copy(update={"is_default": entry.name == self.default})
                    for entry in found.values()
                ]
                self._entries = sorted(entries, key=lambda entry: not entry.is_default)
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


def _entry(
    name: str, card: Card, *, key: str | None = None, argument: str | None = None, is_own: bool = False
) -> VoiceEntry:
    return VoiceEntry(
        name=name,
        family=card.family,
        ends=list(card.ends),
        is_live=bool(getattr(family_loader(card.family), "is_live", False)),
        is_default=False,
        is_own=is_own,
        description=card.description,
        key=key or name,
        argument=argument or name,
    )
