"""A headless Chromium driven by its DevTools protocol over two pipes: no driver, no port, no package."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

KEY_CODES = {
    "Enter": 13,
    " ": 32,
    "End": 35,
    "Home": 36,
    "ArrowLeft": 37,
    "ArrowUp": 38,
    "ArrowRight": 39,
    "ArrowDown": 40,
}


def find_chromium() -> str | None:
    """The browser's command, if there is one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class PageLeftError(RuntimeError):
    """The page went away while it was asked, as it does where it is loaded anew."""


class Browser:
    """One page of a browser of its own; a context manager.

    Args:
        folder: For its profile and for what it downloads.
        microphone: A WAV file that its microphone hears, over and over; beeps otherwise.
    """

    def __init__(self, folder: Path, *, microphone: Path | None = None) -> None:
        self.downloads = folder / "downloads"
        self.downloads.mkdir(parents=True)
        self.errors: list[str] = []
        self.dialogs: list[str] = []
        self._count = 0
        self._buffer = b""
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        # The protocol speaks on descriptors 3 and 4, whatever numbers the pipes got here.
        command = (
            f'exec "$0" "$@" 3<&{to_browser} 4>&{from_browser}',
            find_chromium(),
            "--headless=new",
            "--remote-debugging-pipe",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--mute-audio",
            "--ignore-certificate-errors",  # as a person does who has looked at the fingerprint
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--user-data-dir={folder / 'profile'}",
            *([] if microphone is None else [f"--use-file-for-fake-audio-capture={microphone}"]),
        )
        self._process = subprocess.Popen(
            ["bash", "-c", *map(str, command)],
            pass_fds=(to_browser, from_browser),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_browser)
        os.close(from_browser)
        self._session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(self.downloads))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._write)
        os.close(self._read)
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Leader of the browser's group of processes."""
        return self._process.pid

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and return its result; what the page complains of meanwhile is kept."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session is not None and not method.startswith(("Target.", "Browser.")):
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            answer = self._receive(deadline)
            if answer.get("method") == "Runtime.exceptionThrown":
                self.errors.append(json.dumps(answer["params"]["exceptionDetails"])[:500])
            elif answer.get("method") == "Log.entryAdded" and answer["params"]["entry"]["level"] == "error":
                self.errors.append(answer["params"]["entry"]["text"])
            elif answer.get("method") == "Runtime.consoleAPICalled" and answer["params"]["type"] == "error":
                self.errors.append(json.dumps(answer["params"]["args"])[:500])
            elif answer.get("method") == "Page.javascriptDialogOpening":
                self.dialogs.append(answer["params"]["type"])
                accept = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": True}}
                os.write(self._write, json.dumps(accept | {"sessionId": self._session}).encode() + b"\0")
            if answer.get("id") == self._count:
                if "error" in answer:
                    has_left = any(word in answer["error"]["message"] for word in ("navigated", "context"))
                    raise (PageLeftError if has_left else RuntimeError)(f"{method}: {answer['error']}")
                return answer["result"]

    def open(self, path: Path) -> None:
        """Open a page from disk and wait until it has run."""
        self.call("Page.navigate", url=path.resolve().as_uri())
        self.wait_for("document.readyState === 'complete' && location.protocol === 'file:'")

    def visit(self, address: str) -> None:
        """Open a page from a server and wait until it has run."""
        self.call("Page.navigate", url=address)
        self.wait_for(
            f"document.readyState === 'complete' && location.href.startsWith({json.dumps(address)})"
        )

    def click(self, selector: str) -> None:
        """Click the middle of an element, as a person would: once it stands still."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).scrollIntoView({{block: 'nearest'}})")
        before, box = None, self._box(selector)
        while box != before:
            time.sleep(0.03)
            before, box = box, self._box(selector)
        self.drag(selector, [(0.5, 0.5)])

    def _box(self, selector: str) -> list[float]:
        """Left, top, width and height of an element."""
        box: list[float] = self.evaluate(
            f"(({{left, top, width, height}}) => [left, top, width, height])"
            f"(document.querySelector({json.dumps(selector)}).getBoundingClientRect())"
        )
        return box

    def drag(self, selector: str, places: Sequence[tuple[float, float]]) -> None:
        """Press at the first place on an element, move through the others, let go.

        Args:
            selector: Of the element.
            places: Across and down, as shares of its size.
        """
        box = self._box(selector)
        points = [{"x": box[0] + x * box[2], "y": box[1] + y * box[3]} for x, y in places]
        button = {"button": "left", "clickCount": 1}
        self.call("Input.dispatchMouseEvent", type="mouseMoved", **points[0])
        self.call("Input.dispatchMouseEvent", type="mousePressed", buttons=1, **button, **points[0])
        for point in points[1:]:
            self.call("Input.dispatchMouseEvent", type="mouseMoved", buttons=1, button="left", **point)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", **button, **points[-1])

    def history_before(self) -> int:
        """The entry of the history to which Back leads."""
        history = self.call("Page.getNavigationHistory")
        return history["entries"][history["currentIndex"] - 1]["id"]

    def choose_file(self, selector: str, *paths: Path) -> None:
        """Choose files in a file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path) for path in paths])

    def resize(self, width: int, height: int, *, is_dark: bool = False, scale: float = 1.0) -> None:
        """Give the page a size in CSS pixels, and a preference of colours."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        # Colours that are still on their way to others have any contrast.
        motion = {"name": "prefers-reduced-motion", "value": "reduce"}
        self.call("Emulation.setEmulatedMedia", features=[scheme, motion])

    def screenshot(self) -> bytes:
        """A PNG of what is seen."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, awaited if it is a promise."""
        done = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(json.dumps(done["exceptionDetails"])[:500])
        return done["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 60.0) -> Any:
        """Wait until an expression is true."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(PageLeftError):
                value = self.evaluate(expression)
                if value:
                    return value
            time.sleep(0.02)
        raise TimeoutError(f"{expression} did not come true within {seconds:g} s")

    def press(self, key: str, *, shift: bool = False, ctrl: bool = False) -> None:
        """Press and let go of one key, as a person would."""
        text = "" if ctrl else "\r" if key == "Enter" else key if len(key) == 1 else ""
        code = KEY_CODES.get(key, ord(key.upper()[0]))
        about = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 8 * shift + 2 * ctrl}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **about)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser did not answer")
            received = os.read(self._read, 1 << 20)
            if not received:
                raise RuntimeError("the browser ended")
            self._buffer += received
        line, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(line)
