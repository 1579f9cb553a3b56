"""A headless Chromium, driven over its DevTools protocol: opens a page, presses keys, lists errors.

Needs a `chromium` on the path (Debian's and Ubuntu's package of that name); tests without one are skipped.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
_MAX_SECONDS: Final = 60.0


class Browser:
    """One page. `errors` and `requests` hold what it has logged and requested so far."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._number = 0
        self.errors: list[str] = []
        self.requests: list[str] = []
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")

    def open(self, path: Path, fragment: str = "", width: int = 1200, height: int = 900, *, dark: bool = False) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self._ask("Emulation.setEmulatedMedia", features=scheme)
        self._ask(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self._ask("Page.navigate", url="about:blank")
        self.errors, self.requests = [], []
        self._ask("Page.navigate", url=path.resolve().as_uri() + fragment)
        self.wait_for("document.body && document.body.dataset.ready")

    def evaluate(self, script: str) -> Any:
        """Returns the value of an expression; a promise is awaited."""
        answer = self._ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Waits until the expression is true, and returns its value."""
        give_up_at = time.monotonic() + _MAX_SECONDS
        while not (value := self.evaluate(script)):
            assert time.monotonic() < give_up_at, f"{script} stays false"
            time.sleep(0.02)
        return value

    def press(self, key: str) -> None:
        text = key if len(key) == 1 else "\r" if key == "Enter" else ""
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path: Path) -> None:
        data = self._ask("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def _ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._connection.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._connection.recv(timeout=_MAX_SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, message["error"]
                return message["result"]
            self._note(message["method"], message["params"])

    def _note(self, event: str, parameters: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.errors.append(str(parameters["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.errors.append(str(parameters["args"]))
        elif event == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.errors.append(parameters["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])


@contextmanager
def open_browser() -> Generator[Browser]:
    """Opens a browser with a fresh profile, and ends it after the block."""
    assert CHROMIUM is not None, "see CHROMIUM"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run"]
        command += ["--remote-debugging-port=0", f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_page_address(Path(profile)), max_size=None) as connection:
                yield Browser(connection)
        finally:
            process.terminate()
            process.wait()


def _page_address(profile: Path) -> str:
    port_file = profile / "DevToolsActivePort"
    give_up_at = time.monotonic() + _MAX_SECONDS
    while not (port_file.exists() and "\n" in port_file.read_text()):
        assert time.monotonic() < give_up_at, "the browser did not start"
        time.sleep(0.05)
    port = port_file.read_text().split("\n")[0]
    while True:
        with urlopen(f"http://127.0.0.1:{port}/json") as answer:
            pages = [page for page in json.load(answer) if page["type"] == "page"]
        if pages:
            return pages[0]["webSocketDebuggerUrl"]
        time.sleep(0.05)
