"""Automation from a CSV file: a dial that moves, written as `seconds,mix` a line."""

from __future__ import annotations

import codecs
import csv
import io
from pathlib import Path

from violute.errors import MixError
from violute.voices.mix import Dial, check_breakpoint


def read_automation(path: str | Path) -> tuple[tuple[float, float], ...]:
    """Read break-points from a CSV file.

    Each line is `seconds,mix`; spreadsheets also write a semicolon or a tab between the two, and then
    commas for the decimal points. A first line of words is a header; empty lines and lines that begin
    with `#`, or with `sep=` as Excel writes it, are passed over. UTF-8 and UTF-16 are read.

    Returns:
        (seconds, mix) pairs, seconds strictly rising.

    Raises:
        MixError: The file is missing, holds no break-points, or a line is malformed; the message
            names file and line.
    """
    path = Path(path)
    text = _read_text(path)
    content = "".join(line for line in text.splitlines(True) if not line.lstrip().startswith("#"))
    delimiter = ";" if ";" in content else "\t" if "\t" in content and ",\t" not in content else ","
    points: list[tuple[float, float]] = []
    has_header = False
    rows = csv.reader(io.StringIO(text, newline=None), delimiter=delimiter)
    try:
        for row in rows:
            cells = [cell.strip().replace(",", ".") for cell in row]
            if not any(cells) or cells[0].startswith(("#", "sep=")):
                continue
            where, line = f"{path}, line {rows.line_num}", delimiter.join(row)
            if len(cells) != 2:
                hint = "; with decimal commas, a semicolon between the two" if len(cells) in (3, 4) else ""
                raise MixError(f"{where}: {line!r} is not a pair: write seconds,mix such as 1.5,0.25{hint}")
            try:
                point = (float(cells[0]), float(cells[1]))
            except ValueError:
                if not (points or has_header or any(_is_number(cell) for cell in cells)):
                    if cells[1].lower().startswith(("time", "sec")):
                        raise MixError(f"{where}: {line!r} puts seconds second: write seconds,mix") from None
                    has_header = True
                    continue
                raise MixError(
                    f"{where}: {line!r} is not two numbers: write seconds,mix such as 1.5,0.25"
                ) from None
            points.append(check_breakpoint(point, points[-1][0] if points else None, where))
    except csv.Error as error:
        raise MixError(f"{path}, line {rows.line_num}: {error}: write seconds,mix on each line") from None
    if not points:
        raise MixError(f"{path}: no break-points: write lines of seconds,mix such as 1.5,0.25")
    return tuple(points)


def read_dials(**dials: float | Path | None) -> dict[str, Dial | None]:
    """Read those dials that are named as CSV files; numbers are what they are.

    Raises:
        MixError: A file is missing or malformed.
    """
    return {name: read_automation(dial) if isinstance(dial, Path) else dial for name, dial in dials.items()}


def _read_text(path: Path) -> str:
    """Read a text file, or raise `MixError` saying why not."""
    try:
        content = path.read_bytes()
        if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return content.decode("utf-16")
        if b"\0" in content[:2]:  # UTF-16 without a mark of its order: digits have a zero byte each
            return content.decode("utf-16-be" if content[0] == 0 else "utf-16-le")
        return content.decode("utf-8-sig")
    except FileNotFoundError:
        raise MixError(f"{path}: there is no such automation file: check the path") from None
    except UnicodeDecodeError:
        raise MixError(f"{path}: not a text file: give a CSV of seconds,mix in UTF-8 or UTF-16") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MixError(f"{path}: the automation cannot be read ({reason}): give a CSV file") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
