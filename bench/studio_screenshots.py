"""Take the pictures of the studio in `docs/`: wide, laptop, phone and enlarged, light and dark.

    python bench/studio_screenshots.py

`docs/studio.png` is the laptop's in the light, for README.
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from environment import ROOT
from PIL import Image

sys.path.insert(0, str(ROOT / "tests" / "support"))  # the tests have a browser and a server already

from browser import Browser
from studio_page import StudioPage
from studio_server import StudioServer

SIZES = {
    "laptop": (1280, 800, 1.0),
    "wide": (1920, 1080, 1.0),
    "phone": (390, 844, 2.0),
    "enlarged": (320, 640, 2.0),
}
LARGEST_BYTES = 400_000
N_COLOURS = 256
STRONG = 55  # apart: the largest and the smallest of red, green and blue
WIDTH = 64


def main() -> None:
    """Open the example, draw a course of the dial, and take a picture at each size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "voices").mkdir()  # none but the built-in voice
        with StudioServer(folder) as server, Browser(folder / "browser") as browser:
            for size, (width, height, scale) in SIZES.items():
                for is_dark in (False, True):
                    browser.resize(width, height, is_dark=is_dark, scale=scale)
                    if not is_dark:
                        page = StudioPage(browser, server)
                        if size == "laptop":
                            keep(browser, "studio_start.png")
                        if size == "phone":
                            play_along(page)
                            keep(browser, "studio_playing_along.png")
                            browser.click("#record-cancel")
                        set_scene(page)
                    rest(browser)
                    is_front = size == "laptop" and not is_dark
                    theme = "dark" if is_dark else "light"
                    keep(browser, "studio.png" if is_front else f"studio_{size}_{theme}.png")
                    if size == "phone" and not is_dark:
                        browser.click("#tabs [data-tab=dials]")
                        keep(browser, "studio_phone_dials.png")
                        browser.click("#tabs [data-tab=picture]")
            if browser.errors:
                raise RuntimeError(f"the page complained: {browser.errors}")


def play_along(page: StudioPage) -> None:
    """Record from the microphone, and hear it in the voice."""
    page.browser.click("#record")
    page.wait_for("recording")
    page.browser.click("#monitor")
    page.browser.wait_for("document.querySelector('#about-monitor').textContent.includes(' later')")
    page.browser.wait_for("document.querySelector('#recorded').textContent >= '0:04'")


def set_scene(page: StudioPage) -> None:
    """A piece at rest in its middle, a course drawn, a loop marked."""
    page.open_example("violin")
    page.browser.drag("#lane", [(0.06, 0.85), (0.3, 0.8), (0.52, 0.2), (0.7, 0.3), (0.94, 0.62)])
    page.browser.drag("#panel-source .view", [(0.38, 0.5), (0.45, 0.5), (0.62, 0.5)])
    page.rest()
    page.browser.evaluate("scrollTo(0, 0)")


def rest(browser: Browser) -> None:
    """Wait until the pictures of a new size are drawn and nothing is said any more."""
    browser.evaluate("new Promise((resolve) => setTimeout(resolve, 4000))")
    browser.wait_for("document.querySelector('#notice').hidden")


def keep(browser: Browser, name: str) -> None:
    """Save what is seen as a small PNG."""
    picture = Image.open(io.BytesIO(browser.screenshot())).convert("RGB")
    path = ROOT / "docs" / name
    palette = weighed(picture).quantize(N_COLOURS, method=Image.Quantize.MEDIANCUT, kmeans=2)
    for dither in (Image.Dither.FLOYDSTEINBERG, Image.Dither.NONE):
        picture.quantize(palette=palette, dither=dither).save(path, optimize=True)
        if path.stat().st_size <= LARGEST_BYTES:
            break
    print(
        f"{path.relative_to(ROOT)}: {picture.width} x {picture.height}, {path.stat().st_size / 1000:.0f} kB"
    )
    if path.stat().st_size > LARGEST_BYTES:
        raise RuntimeError(f"{name} is larger than {LARGEST_BYTES / 1000:.0f} kB")


def weighed(picture: Image.Image) -> Image.Image:
    """Show saturated pixels as often as all others: gradients of the dial need their share of colours."""
    pixels = np.asarray(picture).reshape(-1, 3)
    strong = pixels[np.ptp(pixels.astype(int), axis=1) > STRONG]
    plain = pixels[:: max(1, len(pixels) // max(1, len(strong)))]
    both = np.concatenate([strong, plain])
    both = both[: len(both) // WIDTH * WIDTH]
    return Image.fromarray(both.reshape(-1, WIDTH, 3))


if __name__ == "__main__":
    main()
