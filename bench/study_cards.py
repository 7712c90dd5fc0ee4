"""Write the cards of the models to study that ship: `voices/NAME.md` and its pictures.

    python bench/study_cards.py vae=RUN mevae=RUN ... --strangers STRANGERS --exam bench/STRANGERS.json

A card is put together from the voice file's own, from `bench/NAME_card.json` and `bench/study_card/NAME.md`,
which a person wrote, from what the strangers exam found (`bench/strangers.py`), and from the run folder that
trained it. `--beside vae:vae-assignment=RUN` reports another run in a voice's card. `--seal` writes what a
person wrote into the voice file, too: what it plays stays the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from study_card.pictures import draw_losses, draw_strangers, first_recordings
from study_card.strangers import strangers_section
from study_card.text import markdown_card
from study_card.training import Trained, read_trained

from violute.errors import InputError, VioluteError
from violute.voices.card import Card
from violute.voices.card_entries import read_card_entries
from violute.voices.file import open_voice_file, seal
from violute.voices.load import load_voice
from violute.whole_file import replace_text, whole_file

HERE = Path(__file__).resolve().parent


def write_card(
    name: str,
    run: Path,
    exam: dict[str, Any],
    *,
    voices: Path,
    strangers: Path,
    beside: dict[str, Path],
    pictured: bool = True,
    sealed: bool = False,
) -> None:
    """Write one card and its pictures beside the voice file.

    Args:
        name: Of the voice.
        run: Folder of the run that trained it.
        exam: Document of the strangers exam.
        voices: Folder with the voice file.
        strangers: Folder with a folder for each instrument.
        beside: Run folders of models that are reported too, by name.
        pictured: Whether pictures are drawn; else those that are there stay.
        sealed: Whether the voice file's card is replaced.

    Raises:
        InputError: What was given does not belong together.
    """
    path = voices / f"{name}.onnx"
    trained = read_trained(run)
    card = whole_card(path, trained, HERE / f"{name}_card.json")
    section = strangers_section(exam, name)
    others = {other: read_trained(folder) for other, folder in beside.items()}
    drawn = first_recordings(strangers, card.ends)
    if pictured:
        draw_strangers(load_voice(path), drawn, voices / f"{name}-strangers.png")
        for which, one in {name: trained, **others}.items():
            draw_losses(one.rows, voices / f"{which}-losses.png")
    if sealed:
        content = seal(path.read_bytes(), card)
        with whole_file(path) as partial:
            partial.write_bytes(content)
    text = markdown_card(
        card,
        trained,
        section,
        (HERE / "study_card" / f"{name}.md").read_text(encoding="utf-8"),
        n_bytes=path.stat().st_size,
        drawn=[recording.name for recording in drawn.values()],
        beside=others,
        command=" ".join(
            [
                f"python bench/study_cards.py {name}=RUN --strangers STRANGERS --exam bench/STRANGERS.json",
                *(f"--beside {name}:{other}=RUN" for other in others),
            ]
        ),
    )
    replace_text(voices / f"{name}.md", text)


def whole_card(voice: Path, trained: Trained, entries: Path) -> Card:
    """Return a voice's card with what a person wrote; a card without a command gets that of the run.

    Raises:
        InputError: The run is of another family.
    """
    card = open_voice_file(voice)[1]
    if trained.family != card.family:
        raise InputError(f"{voice} is of the family {card.family}, its run of {trained.family}: name its own")
    return replace(card, **{"command": card.command or trained.command, **read_card_entries(entries)})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="NAME=RUN", help="voice, and the folder of its run")
    parser.add_argument("--beside", nargs="*", default=[], metavar="NAME:OTHER=RUN", help="a further run")
    parser.add_argument("--strangers", type=Path, required=True, help="folder with flute/ and violin/")
    parser.add_argument("--exam", type=Path, default=HERE / "STRANGERS.json", help="of bench/strangers.py")
    parser.add_argument("--voices", type=Path, default=HERE.parent / "voices", help="folder of the voices")
    parser.add_argument("--keep-pictures", action="store_true", help="write the text alone")
    parser.add_argument("--seal", action="store_true", help="replace the cards in the voice files, too")
    given = parser.parse_args(arguments)
    beside = [(*owner.split(":"), Path(run)) for owner, _, run in (x.partition("=") for x in given.beside)]
    try:
        exam = _exam(given.exam)
        for name, _, run in (one.partition("=") for one in given.runs):
            write_card(
                name,
                Path(run),
                exam,
                voices=given.voices,
                strangers=given.strangers,
                beside={other: folder for owner, other, folder in beside if owner == name},
                pictured=not given.keep_pictures,
                sealed=given.seal,
            )
            print(given.voices / f"{name}.md")
    except VioluteError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def _exam(path: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise InputError(f"{path}: holds no results of an exam: run bench/strangers.py") from None
    return document


if __name__ == "__main__":
    sys.exit(main())
