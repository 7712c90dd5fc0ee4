"""Write the folder: the page, what it shares with the studio's, the core, voices and example pieces.

What both pages need lies in the studio's folder alone, and is copied when a site is written. `site.json`
names voices and pieces for the page, and all files for whoever writes the site again.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from violute import studio
from violute.errors import InputError
from violute.examples import pieces_for
from violute.families.ddsp.live_file import live_bytes
from violute.voices.file import open_voice_file
from violute.voices.load import DEFAULT_VOICE, find_voice
from violute.whole_file import disk_errors, partial_path

PAGE = Path(__file__).parent / "page"
STUDIO_PAGE = Path(studio.__file__).parent / "page"

SHARED = (
    "colours.css", "controls.css", "dials.css", "touch.css", "icon.svg", "icons.svg",
    "automation.js", "dial.js", "dials.js", "sliders.js", "output.js", "theme.js", "timeline.js",
    "microphone.js", "offer.js", "wav.js",
    "instance.js", "live.js", "live_node.js", "live_processor.js", "live.wasm",
)  # fmt: skip
"""What the page needs of the studio's; the modules that these import come with them."""

LIST = "site.json"
WORKER = "service_worker.js"


@dataclass(frozen=True)
class Site:
    """What was written.

    Args:
        folder: Where it is.
        n_files: In it.
        n_bytes: Of all of them.
    """

    folder: Path
    n_files: int
    n_bytes: int


def write_site(folder: Path, voices: Sequence[str] = (DEFAULT_VOICE,)) -> Site:
    """Write a site, in place of one that was written there before.

    Args:
        folder: Appears whole or not at all.
        voices: Names or paths of voices of the family ddsp; the first is chosen when the page opens.

    Raises:
        InputError: The folder holds something else, or two voices have one name.
        VoiceError: A voice is unknown or damaged, or none that the core plays.
    """
    _check_replaceable(folder)
    contents = site_files(voices)
    with disk_errors(folder, "make room or name another folder", error=InputError):
        _put(folder, contents)
    return Site(folder, len(contents), sum(map(len, contents.values())))


def site_files(voices: Sequence[str]) -> dict[str, bytes]:
    """Return the files of a site by name."""
    contents = {path.name: path.read_bytes() for path in sorted(PAGE.iterdir()) if path.is_file()}
    contents |= shared_files()
    offered: list[dict[str, object]] = []
    pieces: dict[str, Path] = {}
    for voice in voices:
        path = find_voice(voice)
        card = open_voice_file(path)[1]
        file = f"{re.sub(r'[^A-Za-z0-9_-]+', '-', path.stem)}.live"
        if file in contents:
            raise InputError(f"{path}: another voice of this site is called {path.stem}, too: rename one")
        contents[file] = live_bytes(voice)
        offered.append({"name": card.name, "file": file, "ends": card.ends})
        pieces |= pieces_for(card.ends)
    for path in pieces.values():
        contents[path.name] = path.read_bytes()
    examples = [{"instrument": instrument, "file": path.name} for instrument, path in pieces.items()]
    files = sorted([*contents, LIST])
    about = {"written_by": "violute site", "voices": offered, "examples": examples, "files": files}
    contents[LIST] = json.dumps(about, indent=1).encode()
    contents[WORKER] = _worker(contents)
    return contents


def shared_files() -> dict[str, bytes]:
    """Return what is the studio's, by name."""
    shared: dict[str, bytes] = {}
    wanted = list(SHARED)
    while wanted:
        name = wanted.pop()
        shared[name] = content = _beside(STUDIO_PAGE / name)
        if name.endswith(".js"):
            imported = re.findall(r'^import [^;]*"\./([^"]+)"', content.decode(), re.MULTILINE)
            wanted += sorted(set(imported) - set(shared))
    return shared


def _beside(path: Path) -> bytes:
    """Return a file of the studio's page, for a page that lies beside it."""
    content = path.read_bytes()
    return content.replace(b"/page/", b"./") if path.suffix in (".js", ".css", ".svg") else content


def _worker(contents: dict[str, bytes]) -> bytes:
    """Return the service worker, which keeps all files under a version that is made of them."""
    version = hashlib.sha256()
    for name, content in sorted(contents.items()):
        version.update(name.encode() + b"\0" + hashlib.sha256(content).digest())
    kept = {"./": ""} | {name: _integrity(name, contents[name]) for name in sorted(set(contents) - {WORKER})}
    text = contents[WORKER].replace(b"@VERSION@", version.hexdigest()[:16].encode())
    return text.replace(b"@FILES@", json.dumps(kept).encode())


def _integrity(name: str, content: bytes) -> str:
    """Return what a browser holds a file to, nothing for a page."""
    if name.endswith(".html"):
        return ""
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


def _check_replaceable(folder: Path) -> None:
    """Let nothing be replaced but a site, whole, without anything that was added to it."""
    if folder.is_symlink() or folder.is_file():
        raise InputError(f"{folder}: is no folder: name another")
    here = Path.cwd()
    if folder.resolve() in (here, *here.parents):
        raise InputError(f"{folder}: is where this command runs, and would be replaced: name a folder in it")
    if not folder.exists():
        return
    with disk_errors(folder, "name another folder", error=InputError):
        there = {path.name for path in folder.iterdir()}
    if not there:
        return
    written: set[str] = set()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        about = json.loads((folder / LIST).read_text(encoding="utf-8"))
        if about["written_by"] == "violute site":
            written = set(about["files"])
    if not written:
        raise InputError(f"{folder}: holds something else than a site: name a new or an empty folder")
    if added := sorted(there - written):
        raise InputError(
            f"{folder}: holds {added[0]}, which `violute site` did not write: name another folder, then copy"
        )


def _put(folder: Path, contents: dict[str, bytes]) -> None:
    """Write a folder under another name, and let it take its own, in place of what is there.

    Raises:
        OSError: The disk refuses; what was there before is still there.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, former = partial_path(folder), partial_path(folder)
    try:
        partial.mkdir()
        for name, content in contents.items():
            (partial / name).write_bytes(content)
        if folder.exists():
            folder.rename(former)
        try:
            partial.rename(folder)
        except BaseException:
            if former.exists():
                former.rename(folder)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    shutil.rmtree(former, ignore_errors=True)  # no sooner, or both would be lost where the disk refuses
