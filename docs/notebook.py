"""Write the musician's tutorial as a notebook, beside its page.

    python docs/notebook.py

Text becomes cells of Markdown, and each block of Python a cell that runs.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

PAGE = Path(__file__).parent / "tutorials" / "musician.md"
NOTEBOOK = PAGE.with_suffix(".ipynb")


def notebook(page: str) -> str:
    """Return a page of Markdown as a notebook (nbformat 4.5), as JSON."""
    cells = []
    for i, part in enumerate(re.split(r"^```python\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)):
        text = part.strip()
        if not text:
            continue
        cell = {"cell_type": "code" if i % 2 else "markdown", "id": f"cell-{i}", "metadata": {}}
        cell |= {"source": text.splitlines(keepends=True)}
        cells.append(cell | ({"execution_count": None, "outputs": []} if i % 2 else {}))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    document = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    NOTEBOOK.write_text(notebook(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
