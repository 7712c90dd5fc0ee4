"""The studio's page under a test's hands: what it plays is recorded, and axe looks at it."""

from __future__ import annotations

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
from browser import Browser
from jaxtyping import Float32
from studio_server import StudioServer

# Whatever is connected to the loudspeakers is also recorded, by the page's own recorder of the microphone;
# and the takes that the page removed are counted.
EAR = """
globalThis.removals = 0;
const ask = globalThis.fetch;
globalThis.fetch = async (path, options) => {
  const answer = await ask(path, options);
  if (options?.method === "DELETE") globalThis.removals += 1;
  return answer;
};
globalThis.heard = [];
const connect = AudioNode.prototype.connect;
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode && this.context instanceof AudioContext) {
    this.context.audioWorklet.addModule("/page/capture_processor.js").then(() => {
      const ear = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
      ear.port.onmessage = ({ data }) => globalThis.heard.push(data);
      connect.call(this, ear);
    });
  }
  return connect.call(this, target, ...rest);
};
"""


def axe_source() -> str | None:
    """The script of axe-core, if the package that brings it is installed."""
    found = importlib.util.find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        return None
    return (Path(found.origin).parent / "axe.min.js").read_text(encoding="utf-8")


class StudioPage:
    """The page, opened anew.

    Args:
        browser: To open it in.
        server: The studio.
    """

    def __init__(self, browser: Browser, server: StudioServer) -> None:
        self.browser = browser
        self._server = server
        kinds = "indexeddb,local_storage"
        browser.visit("about:blank")
        browser.call("Storage.clearDataForOrigin", origin=server.url, storageTypes=kinds)
        self.enter()

    def enter(self) -> None:
        """Open the page, with whatever the browser kept of it."""
        self.browser.errors.clear()
        self.browser.call("Page.navigate", url=self._server.address)
        self.browser.wait_for("document.querySelector('[data-example]') !== null", 90)

    @property
    def state(self) -> str:
        """As the page has it: empty, recording, working, failed or ready."""
        return self.browser.evaluate("document.body.dataset.state")

    def wait_for(self, state: str) -> None:
        """Wait until the page is in a state."""
        self.browser.wait_for(f"document.body.dataset.state === '{state}'")

    def open_example(self, name: str = "violin") -> None:
        """Open a shipped example, which then plays by itself, and stop it at its beginning."""
        self.browser.click(f"[data-example={name}]")
        self.wait_for("ready")
        label = "document.querySelector('#play').getAttribute('aria-label')"
        self.browser.wait_for(f"{label} === 'Pause'")
        self.browser.click("#play")
        self.browser.wait_for(f"{label} === 'Play'")
        self.rest()
        self.browser.press("Home")

    def choose(self, *paths: Path) -> None:
        """Choose files."""
        self.browser.choose_file("#file", *paths)

    def open(self, path: Path) -> None:
        """Choose a file and wait until it can be played."""
        self.choose(path)
        self.wait_for("ready")

    def wait_for_command(self, part: str) -> None:
        """Wait until the command line shown holds a part."""
        shown = "document.querySelector('#command').textContent"
        self.browser.wait_for(f"{shown}.includes({json.dumps(part)})")

    def text(self, selector: str) -> str:
        """What an element says."""
        return self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).textContent.trim()")

    def texts(self, selector: str) -> list[str]:
        """What each of some elements says."""
        found = f"[...document.querySelectorAll({json.dumps(selector)})]"
        return self.browser.evaluate(f"{found}.map((one) => one.textContent.trim())")

    def settle(self) -> None:
        """Wait until the page has taken down what was done, as it does when hands rest."""
        self.browser.evaluate("new Promise((resolve) => setTimeout(resolve, 800))")

    def attribute(self, selector: str, name: str) -> str:
        """An attribute of an element."""
        return self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).getAttribute('{name}')")

    def focus(self, selector: str) -> None:
        """Put the focus on an element, or nowhere in particular."""
        self.browser.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")

    def rest(self) -> None:
        """Take the focus from wherever it is."""
        self.browser.evaluate("document.activeElement.blur()")

    def listen(self, seconds: float, sample_rate: int = 44_100) -> Float32[np.ndarray, " sample"]:
        """Hear what the page plays, left channel, from now on."""
        self.browser.evaluate("(heard.length = 0, 0)")
        n_blocks = int(np.ceil(seconds * sample_rate / 2048))
        self.browser.wait_for(f"heard.length >= {n_blocks}")
        encoded = self.browser.evaluate(
            f"btoa(heard.slice(0, {n_blocks}).map((block) => "
            "String.fromCharCode(...new Uint8Array(block.buffer))).join(''))"
        )
        return np.frombuffer(base64.b64decode(encoded), np.float32)[: round(seconds * sample_rate)]

    def complaints(self, axe: str) -> list[dict[str, Any]]:
        """What axe finds on the page as it is."""
        self.browser.evaluate(f"{axe};0")
        return self.browser.evaluate(
            "axe.run().then(({ violations }) => violations.map(({ id, impact, nodes }) =>"
            " ({ id, impact, where: nodes.map((node) => node.target.join(' ')) })))"
        )

    def boxes(self, *selectors: str) -> dict[str, list[int]]:
        """Where elements stand, in whole pixels."""
        return {
            selector: self.browser.evaluate(
                "(({ left, top, width, height }) => [left, top, width, height].map(Math.round))"
                f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
            )
            for selector in selectors
        }

    def download(self, pattern: str) -> Path:
        """Wait for a file that the page saved."""
        for _ in range(600):
            found = [path for path in self.browser.downloads.glob(pattern) if path.suffix != ".crdownload"]
            if found:
                return found[0]
            self.browser.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
        raise AssertionError(f"nothing named {pattern} was saved")
