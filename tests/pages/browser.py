"""A headless Chromium, by chromedriver and the WebDriver protocol over plain HTTP.

Source: W3C WebDriver, sections 8 (sessions), 13 (scripts) and 17 (screenshots).
"""

from __future__ import annotations

import base64
import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
DRIVER = "chromedriver"


def missing() -> str:
    """Return what is not installed, or nothing."""
    if not shutil.which(DRIVER):
        return DRIVER
    return "" if any(map(shutil.which, BROWSERS)) else "Chromium"


class Browser:
    """One window."""

    def __init__(self, port: int, session: str = "") -> None:
        self._port = port
        self._session = session

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """Send one command; return its value, or fail with what the driver says."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=200)
        sent = json.dumps(body if body is not None else {}) if method == "POST" else None
        connection.request(method, f"/session{self._session}{path}", sent)
        value = json.loads(connection.getresponse().read())["value"]
        connection.close()
        assert not (isinstance(value, dict) and "error" in value), value
        return value

    def open(self, page: Path) -> None:
        self.ask("POST", "/url", {"url": page.as_uri()})

    def run(self, script: str, *arguments: object) -> Any:
        """Run the body of a function in the page, and return what it returns."""
        return self.ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def settle(self) -> None:
        """Wait until what was asked for is drawn."""
        script = (
            "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(done))"
        )
        self.ask("POST", "/execute/async", {"script": script, "args": []})

    def click(self, x: float, y: float) -> None:
        """Click at a place of the window, as a person does."""
        steps = [
            {"type": "pointerMove", "duration": 0, "x": round(x), "y": round(y)},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        mouse = {"type": "pointer", "id": "mouse", "actions": steps}
        self.ask("POST", "/actions", {"actions": [mouse]})
        self.settle()

    def screenshot(self) -> bytes:
        """Return a PNG of the window."""
        return base64.b64decode(self.ask("GET", "/screenshot"))

    def complaints(self) -> list[str]:
        """Return the errors in the console since the last call."""
        entries = self.ask("POST", "/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


@contextmanager
def open_browser(width: int = 1200, height: int = 760) -> Iterator[Browser]:
    """Give a browser of its own, with no profile and no network but what a page asks for."""
    program = next(filter(None, map(shutil.which, BROWSERS)))
    with subprocess.Popen(
        [DRIVER, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as driver:
        assert driver.stdout is not None
        try:
            started = next(line for line in driver.stdout if "successfully on port" in line)
            port = int(started.rstrip(".\n").rpartition(" ")[2])
            browser = Browser(port)
            made = browser.ask(
                "POST", "", {"capabilities": {"alwaysMatch": _wishes(program, width, height)}}
            )
            browser = Browser(port, f"/{made['sessionId']}")
            try:
                yield browser
            finally:
                browser.ask("DELETE", "")
        finally:
            driver.terminate()


def _wishes(program: str, width: int, height: int) -> dict[str, Any]:
    arguments = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--hide-scrollbars", f"--window-size={width},{height}",
        # No name is resolved: a page that needs the network fails here.
        "--host-resolver-rules=MAP * ~NOTFOUND",
    ]  # fmt: skip
    return {
        "browserName": "chrome",
        "goog:chromeOptions": {"binary": program, "args": arguments},
        "goog:loggingPrefs": {"browser": "ALL"},
    }
