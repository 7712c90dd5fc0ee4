"""Automation from a CSV file: a dial that moves, written as `seconds,mix` a line."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from violute.errors import MixError
from violute.voices.mix import check_breakpoint


def read_automation(path: str | Path) -> tuple[tuple[float, float], ...]:
    """Read break-points from a CSV file.

    Each line is `seconds,mix`. A first line of words is a header; empty lines and lines that begin
    with `#` are passed over.

    Returns:
        (seconds, mix) pairs, seconds strictly rising.

    Raises:
        MixError: The file is missing, holds no break-points, or a line is malformed; the message
            names file and line.
    """
    path = Path(path)
    points: list[tuple[float, float]] = []
    rows = csv.reader(io.StringIO(_read_text(path)))
    try:
        for i, row in enumerate(rows):
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            where = f"{path}, line {rows.line_num}"
            if len(cells) != 2:
                raise MixError(
                    f"{where}: {','.join(row)!r} is not a pair: write seconds,mix such as 1.5,0.25"
                )
            try:
                point = (float(cells[0]), float(cells[1]))
            except ValueError:
                if i == 0 and not any(_is_number(cell) for cell in cells):
                    continue
                raise MixError(
                    f"{where}: {','.join(row)!r} is not two numbers: write seconds,mix such as 1.5,0.25"
                ) from None
            points.append(check_breakpoint(point, points[-1][0] if points else None, where))
    except csv.Error as error:
        raise MixError(f"{path}, line {rows.line_num}: {error}: write seconds,mix on each line") from None
    if not points:
        raise MixError(f"{path}: no break-points: write lines of seconds,mix such as 1.5,0.25")
    return tuple(points)


def _read_text(path: Path) -> str:
    """Read a text file, or raise `MixError` saying why not."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise MixError(f"{path}: there is no such automation file: check the path") from None
    except UnicodeDecodeError:
        raise MixError(f"{path}: not a text file: give a CSV of seconds,mix in UTF-8") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MixError(f"{path}: the automation cannot be read ({reason}): give a CSV file") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
