"""A few GET requests to an Orthanc, with user and password: for ``gatehouse up`` and its tests."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.error
import urllib.request
from typing import Any

TIMEOUT_S = 10.0

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
        try:
            with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
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
