"""A real, headless Chromium, driven over its debugging pipe (Chrome DevTools Protocol).

Only what the tests of pages need: open a page as a user, run JavaScript in it, wait for something.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import tempfile
from typing import Any

from support.orthanc import eventually

COMMAND = "/usr/bin/chromium"

SWITCHES = (
    "--headless=new",
    "--remote-debugging-pipe",
    # Tests run as root in a network namespace, where Chromium can't make its own sandbox; what is
    # opened are our own pages.
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
)


class Chromium:
    """A browser with one page. A context manager that starts it and ends it."""

    def __enter__(self) -> Chromium:
        self._folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        commands_out, commands_in = os.pipe()
        answers_out, answers_in = os.pipe()
        # The protocol is spoken over the file descriptors 3 and 4.
        line = f'exec "$@" 3<&{commands_out} 4>&{answers_in}'
        profile = f"--user-data-dir={self._folder.name}"
        self._process = subprocess.Popen(
            ["bash", "-c", line, "bash", COMMAND, *SWITCHES, profile, "about:blank"],
            pass_fds=(commands_out, answers_in),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands_out)
        os.close(answers_in)
        self._commands = os.fdopen(commands_in, "wb", buffering=0)
        self._answers = os.fdopen(answers_out, "rb")
        self._number = 0
        self._session: str | None = None
        self.console: list[str] = []
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        attached = self._call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._call(f"{domain}.enable")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._commands.close()
        self._answers.close()
        self._folder.cleanup()

    def open(self, url: str, user: str, password: str) -> None:
        """Open a page as somebody who has typed user and password."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        headers = {"Authorization": f"Basic {token}"}
        self._call("Network.setExtraHTTPHeaders", headers=headers)
        # Between two addresses that differ behind the # only, nothing would be loaded.
        self._call("Page.navigate", url="about:blank")
        self.console.clear()
        self._call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """Return what an expression of JavaScript is in the page; None if it can't be said yet."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True)
        return answer["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Wait until an expression of JavaScript is true; return it."""
        return eventually(lambda: self.run(script), message=f"the page never got so far: {script}")

    def _call(self, method: str, **parameters: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("method") in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled"):
                self.console.append(json.dumps(answer["params"]))
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return answer["result"]

    def _read(self) -> Any:
        read = bytearray()
        while not read.endswith(b"\0"):
            byte = self._answers.read(1)
            assert byte, "Chromium has ended"
            read += byte
        return json.loads(read[:-1])
