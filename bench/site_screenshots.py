"""Take the pictures of the page without a server in `docs/`: desktop and phone, light and dark.

python bench/site_screenshots.py
"""

import sys
import tempfile
from pathlib import Path

from environment import ROOT
from studio_screenshots import keep

from violute.site.write import write_site

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have a browser and a server already

from browser import Browser
from studio_site import serve

PICTURES = {
    "site.png": (1180, 700, 1.0, False),
    "site_dark.png": (1180, 700, 1.0, True),
    "site_phone.png": (390, 844, 2.0, False),
}


def main() -> None:
    """Play the example, turn a dial, and take a picture at each size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_site(folder / "site")
        with serve(folder / "site", policy=None) as address, Browser(folder / "browser") as browser:
            for picture, (width, height, scale, is_dark) in PICTURES.items():
                browser.resize(width, height, is_dark=is_dark, scale=scale)
                browser.visit(f"{address}/")
                browser.wait_for("'isReady' in document.body.dataset")
                browser.click("[data-example=violin]")
                browser.wait_for("document.querySelector('#played').ariaValueNow > 30")
                browser.evaluate("document.querySelector('#dial').focus()")
                for _ in range(12):
                    browser.press("ArrowLeft")
                browser.evaluate("document.activeElement.blur(); scrollTo(0, 0)")
                browser.wait_for("Number(document.querySelector('#seek').value) > 4")
                keep(browser, picture)
            if browser.errors:
                raise RuntimeError(f"the page complained: {browser.errors}")


if __name__ == "__main__":
    main()
