"""Requests to an Orthanc with user and password: for ``gatehouse up`` and other commands."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 10.0
ASK_TIMEOUT_S = 60.0

# No proxy: the servers are on this machine, whatever the environment says.
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class OrthancHttp:
    """One Orthanc, as one of its users sees it.

    Parameters
    ----------
    url : str
        E.g. ``"http://127.0.0.1:8052"``.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url.rstrip("/")
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body; status 0 means that nobody answered."""
        request = urllib.request.Request(self.url + path, headers=self._headers)  # noqa: S310
        return self._answer(request, TIMEOUT_S)

    def ask(
        self, method: str, path: str, about: Mapping[str, Any] | None = None
    ) -> tuple[int, bytes]:
        """Send JSON, if there is any; return status and body. Status 0: nobody answered."""
        if method == "GET":
            return self.get(path)
        headers = {**self._headers, "Content-Type": "application/json", "X-Gatehouse": "1"}
        # A request without a body can't have a type of content in Orthanc 1.10.
        body = None if method == "DELETE" else json.dumps(about or {}).encode()
        request = urllib.request.Request(self.url + path, body, headers, method=method)  # noqa: S310
        return self._answer(request, ASK_TIMEOUT_S)

    def _answer(self, request: urllib.request.Request, timeout_s: float) -> tuple[int, bytes]:
        try:
            with _OPENER.open(request, timeout=timeout_s) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()
        except (OSError, http.client.HTTPException):
            return 0, b""

    def get_json(self, path: str) -> Any:
        """Return what the body holds, or None unless the status is 200."""
        status, body = self.get(path)
        if status != 200:
            return None
        try:
            return json.loads(body)
        except ValueError:
            return None
