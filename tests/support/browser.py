"""A real, headless Chromium, driven by Playwright: people who use the pages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import axe_core_python
from playwright.sync_api import Browser, Page, sync_playwright

COMMAND = "/usr/bin/chromium"

ARGUMENTS = (
    # Tests run as root in a network namespace, where Chromium can't make its own sandbox; what is
    # opened are our own pages.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

AXE = (Path(axe_core_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")

WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
"""Levels A and AA of WCAG 2.2, as axe-core calls them."""

PAGE_MAX_BYTES = 300_000
"""No page takes more than this, with all that it loads but images."""

LONGEST_MS = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser, and end it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=COMMAND, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """Somebody who uses the pages with their own password. ``trouble`` is what the browser says.

    Parameters
    ----------
    url : str
        Of the Orthanc.
    about : Any
        More for the browser's context, e.g. ``color_scheme="dark"``.
    """

    def __init__(self, browser: Browser, url: str, user: str, password: str, **about: Any) -> None:
        about = {"viewport": {"width": 1280, "height": 800}, **about}
        self.context = browser.new_context(
            base_url=url,
            http_credentials={"username": user, "password": password},
            **about,
        )
        self.context.set_default_timeout(LONGEST_MS)
        self.page: Page = self.context.new_page()
        self.trouble: list[str] = []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.trouble.append(str(error)))
        self.page.on("request", self._asked)
        self._url = url

    def _heard(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.trouble.append(message.text)

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((self._url, "data:", "blob:", "about:")):
            self.trouble.append(f"a request that leaves the machine: {request.url}")

    def open(self, path: str) -> Page:
        """Open a page under ``/gatehouse/ui``."""
        self.page.goto(f"/gatehouse/ui/{path}")
        return self.page

    def violations(self, rule: str = "") -> list[str]:
        """Return what axe-core finds on the page that is open: rule, and where.

        Parameters
        ----------
        rule : str
            Only this one; else all of WCAG 2.2, levels A and AA.
        """
        asked = {"type": "rule", "values": [rule]} if rule else {"type": "tag", "values": WCAG}
        told = "[v.id, v.help, v.nodes.map(n => n.html + ' ' + n.failureSummary)]"
        script = (
            # Without a description of all that is right, which takes ten times as long.
            f"axe.run(document, {{runOnly: {json.dumps(asked)}, resultTypes: ['violations']}})"
            f".then(found => JSON.stringify(found.violations.map(v => {told})))"
        )
        # Over the debugging protocol, so that the page's Content-Security-Policy does not refuse.
        session = self.context.new_cdp_session(self.page)
        session.send("Runtime.evaluate", {"expression": AXE})
        found = session.send(
            "Runtime.evaluate",
            {"expression": script, "awaitPromise": True, "returnByValue": True},
        )
        session.detach()
        rules: list[Any] = json.loads(found["result"]["value"])
        return [f"{rule}: {text}: {' | '.join(nodes)}" for rule, text, nodes in rules]

    def loaded_bytes(self) -> int:
        """Return how much the page that is open took over the network, images left out."""
        return int(
            self.page.evaluate(
                """() => performance.getEntriesByType('navigation')
                    .concat(performance.getEntriesByType('resource'))
                    .filter(one => one.initiatorType !== 'img')
                    .reduce((sum, one) => sum + one.encodedBodySize, 0)"""
            )
        )

    def close(self) -> None:
        """Leave."""
        self.context.close()
