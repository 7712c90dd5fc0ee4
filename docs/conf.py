"""The site: `sphinx-build -W docs site`. Why Sphinx: see CONTRIBUTING.md."""

import re
from pathlib import Path

from violute import __version__

project, author = "Violute", "The Violute authors"
release = version = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["**.ipynb"]

html_theme, html_title = "furo", "Violute"
html_theme_options = {"navigation_with_keys": True}
html_copy_source = False

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

default_role = "code"  # docstrings quote code as Markdown does
autodoc_member_order, autodoc_preserve_defaults = "bysource", True
napoleon_google_docstring, napoleon_numpy_docstring = True, False
napoleon_custom_sections = [("Source", "notes_style")]

_OUTSIDE = re.compile(r"\[([^\]]+)\]\((\.\./[\w./-]+\.(?:md|json))\)")


def link_files_of_the_repository(app, docname, source):
    """Hand out files outside the site, such as bench/ENDS.md, where a repository would show them."""
    root = (Path(app.srcdir) / docname).parent

    def handed_out(link):
        is_page = (root / link[2]).resolve().is_relative_to(Path(app.srcdir).resolve())
        return link[0] if is_page else f"{{download}}`{link[1]} <{link[2]}>`"

    source[0] = _OUTSIDE.sub(handed_out, source[0])


def setup(app):
    """Join the build."""
    app.connect("source-read", link_files_of_the_repository)
