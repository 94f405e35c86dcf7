"""A server that is spoken to over HTTP: where it is, who we are there, and with what limits.

No request follows a redirect, takes a proxy or a password from the environment, or waits for ever.
Certificates are checked; there is no way to switch that off, only to say whom to trust.
"""

from __future__ import annotations

from typing import Any

import requests

from gatehouse.adapters.destinations.configuration import HttpServer
from gatehouse.errors import UnavailableError

CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0
"""Without a byte of its answer for this long; storing a large instance may take its time."""

TEST_TIMEOUT_S = 15.0
"""The same where a person waits for the outcome of a test."""


class HttpError(UnavailableError):
    """A server did not do what it was asked for. Names the request, never a value.

    Parameters
    ----------
    status : int
        HTTP status; 0 if there was no answer.
    """

    def __init__(self, what: str, status: int, reason: str = "") -> None:
        super().__init__(what, status, reason)
        self.what = what
        self.status = status
        self.reason = reason

    def __str__(self) -> str:
        said = f"status {self.status}" if self.status else f"no answer ({self.reason})"
        return f"{self.what}: {said}"


class HttpClient:
    """A session with one server; for one thread."""

    def __init__(self, server: HttpServer, read_timeout_s: float = READ_TIMEOUT_S) -> None:
        self._url = server.url.rstrip("/")
        self._timeout = (CONNECT_TIMEOUT_S, read_timeout_s)
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers.update(server.headers)
        if server.user:
            self._session.auth = (server.user, server.password)
        self._session.verify = str(server.trusted) if server.trusted else True
        if server.certificate is not None:
            key = str(server.key or server.certificate)
            self._session.cert = (str(server.certificate), key)

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def request(self, what: str, method: str, path: str, **about: Any) -> requests.Response:
        """Send a request.

        Parameters
        ----------
        what : str
            What it is for, in words: an address may hold values.

        Raises
        ------
        HttpError
            If there is no answer.
        """
        try:
            return self._session.request(
                method, self._url + path, timeout=self._timeout, allow_redirects=False, **about
            )
        except (requests.RequestException, OSError) as error:
            raise HttpError(what, 0, type(error).__name__) from None
