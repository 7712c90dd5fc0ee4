"""Sections of a page of results, each written by a bench of its own and leaving the others as they are."""

import re
from pathlib import Path


def write_section(path: Path, section: str) -> None:
    """Replace the section of the same heading, or add it at the end.

    Args:
        path: Page of sections that begin with `# ` and a heading.
        section: The new one, its heading on its first line.
    """
    heading = section.splitlines()[0]
    held = path.read_text(encoding="utf-8") if path.is_file() else ""
    sections = [text.strip() for text in re.split(r"^(?=# )", held, flags=re.MULTILINE) if text.strip()]
    if heading in (text.splitlines()[0] for text in sections):
        sections = [section.strip() if text.splitlines()[0] == heading else text for text in sections]
    else:
        sections.append(section.strip())
    path.write_text("\n\n".join(sections) + "\n", encoding="utf-8")
