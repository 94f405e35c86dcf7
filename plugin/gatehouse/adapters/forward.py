"""Forwards requests under ``/gatehouse`` from Orthanc to the service's private Unix socket.

Runs inside Orthanc: standard library only. Orthanc has authenticated the user; the service learns
the name from a header that only this module writes, together with a secret that only the two know.
When the service does not answer, neither does Gatehouse: 503, so that a health check fails closed.
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlencode

from gatehouse.adapters.profiles import Profiles

BODY_MAX_BYTES = 1 << 20
"""Largest request; policies and justifications are far smaller."""

UPLOAD_MAX_BYTES = 64 << 20
"""Largest request for a preview, which may bring files."""

UPLOADS = frozenset({"/gatehouse/preview"})

ANSWER_MAX_BYTES = 64 << 20
"""Largest answer; Orthanc wants it in memory as a whole."""

URI_MAX_CHARACTERS = 4096

TIMEOUT_S = 30.0

USER_HEADER = "X-Gatehouse-User"
ROLES_HEADER = "X-Gatehouse-Roles"
"""Roles that a profile gives; absent where the setting ``Roles`` decides."""

SECRET_HEADER = "X-Gatehouse-Secret"  # noqa: S105  the header's name

PASSED_TO_SERVICE = ("accept", "content-type", "if-none-match", "x-gatehouse")
"""What a client may say. Everything else is dropped, above all the headers that we write."""

PASSED_TO_CLIENT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-security-policy",
    "etag",
    "location",
    "referrer-policy",
    "retry-after",
    "x-content-type-options",
    "x-gatehouse-picture",
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back to the client."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class Forwarder:
    """The way to the service.

    Parameters
    ----------
    socket_path : Path
        Unix socket of the service, in a folder that only its owner may enter.
    secret : str
        Shown with each request.
    compresses : bool
        Let the service compress its answers; not where Orthanc does it itself, and would do it
        twice.
    profiles : Profiles, optional
        Where callers are told by tokens.
    """

    def __init__(
        self,
        socket_path: Path,
        secret: str,
        timeout_s: float = TIMEOUT_S,
        *,
        compresses: bool = False,
        profiles: Profiles | None = None,
    ) -> None:
        self._profiles = profiles
        self._compresses = compresses
        self._socket_path = socket_path
        self._secret = secret
        self._timeout_s = timeout_s

    def forward(
        self,
        method: str,
        uri: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """Ask the service. Never raises.

        Parameters
        ----------
        uri : str
            Path, decoded, as Orthanc gives it.
        headers : Mapping
            Names in lower case, as Orthanc gives them.
        """
        body_max = UPLOAD_MAX_BYTES if uri in UPLOADS else BODY_MAX_BYTES
        if len(body) > body_max:
            return problem(413, f"a request may have at most {body_max} bytes")
        target = quote(uri) + (f"?{urlencode(query)}" if query else "")
        if len(target) > URI_MAX_CHARACTERS:
            return problem(414, f"an address may have at most {URI_MAX_CHARACTERS} characters")
        # A value with a line break would begin a header of its own.
        said = {
            name: headers[name]
            for name in PASSED_TO_SERVICE
            if name in headers and headers[name].isprintable() and headers[name].isascii()
        }
        if self._compresses and "gzip" in headers.get("accept-encoding", ""):
            said["accept-encoding"] = "gzip"
        said |= self._who(headers)
        said[SECRET_HEADER] = self._secret
        connection = _UnixConnection(self._socket_path, self._timeout_s)
        try:
            connection.request(method, target, body or None, said)
            return _read(connection.getresponse())
        except (OSError, http.client.HTTPException):
            return problem(503, "the Gatehouse service does not answer")
        finally:
            connection.close()

    def _who(self, headers: Mapping[str, str]) -> dict[str, str]:
        caller = self._profiles.caller(headers) if self._profiles else None
        if caller is None:
            return {USER_HEADER: quote(user_of(headers), safe="")}
        # Also where it is empty: then this caller has no role, whatever the table says.
        return {
            USER_HEADER: quote(caller.name, safe=""),
            ROLES_HEADER: ",".join(sorted(caller.roles)),
        }


def user_of(headers: Mapping[str, str]) -> str:
    """Return the name that Orthanc authenticated (RFC 7617), or "" if it was not by password."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        name, colon, _ = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return name if colon else ""


def problem(status: int, message: str) -> Answer:
    """Return an answer of our own, in the form that the service uses."""
    body = json.dumps({"error": message}).encode()
    return Answer(status, body, headers={"Cache-Control": "no-store"})


def _read(response: http.client.HTTPResponse) -> Answer:
    body = response.read(ANSWER_MAX_BYTES + 1)
    if len(body) > ANSWER_MAX_BYTES:
        return problem(502, f"the answer has more than {ANSWER_MAX_BYTES} bytes; ask for less")
    return Answer(
        response.status,
        body,
        response.headers.get("Content-Type", "application/octet-stream"),
        {
            name: value
            for name, value in response.headers.items()
            if name.lower() in PASSED_TO_CLIENT
        },
    )


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
