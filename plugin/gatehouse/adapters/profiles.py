"""Asks the web service of Orthanc's authorization plugin who calls, and which roles that gives.

Runs inside Orthanc: standard library only. A request that has one of the named headers is of whom
the profile says, and of nobody else: where there is no answer, or none that can be understood, the
caller has no name and no role, also if a password of Orthanc came along with it. Answers are kept
for as long as they say, a minute at most; tokens are kept as digests, and are in no log.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from gatehouse.adapters.profile_settings import ProfileSettings

VALIDITY_MAX_S = 60.0
"""An answer is asked for again after this time, so that a right that was withdrawn ends soon. The
authorization plugin takes a validity of 0 for ever; here it means this time."""

FAILED_S = 1.0
"""After a failure the same token is not asked for again for so long: a page has many files."""

KEPT_MAX = 1000
"""Answers that are kept; then the oldest goes."""

AT_ONCE = 8
"""Questions at one time: threads of Orthanc's web server wait for them."""

ANSWER_MAX_BYTES = 256 * 1024
TOKEN_MAX_CHARACTERS = 16 * 1024
NAME_MAX_CHARACTERS = 128
WORDS_MAX = 10_000
SAID_AGAIN_S = 10.0


class Caller(NamedTuple):
    """Who calls; a name without a role may do nothing with Gatehouse."""

    name: str
    roles: frozenset[str]


NOBODY = Caller("", frozenset())


class Profiles:
    """Who calls, by the headers of a request.

    Parameters
    ----------
    say : callable, optional
        Is told, not too often, that the web service could not be asked, and the kind of error.
    """

    def __init__(
        self,
        settings: ProfileSettings,
        say: Callable[[str], None] = lambda _text: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._say = say
        self._clock = clock
        self._lock = threading.Lock()
        self._asking = threading.BoundedSemaphore(AT_ONCE)
        self._kept: dict[bytes, tuple[float, Caller]] = {}
        self._said_at = -SAID_AGAIN_S

    def caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Return who calls; None if the request has none of the named headers.

        Parameters
        ----------
        headers : Mapping
            Names in lower case, as Orthanc gives them.
        """
        name = next((one for one in self._settings.headers if one in headers), None)
        if name is None:
            return None
        token = headers[name]
        if not token or len(token) > TOKEN_MAX_CHARACTERS or not token.isprintable():
            return NOBODY
        key = hashlib.sha256(f"{name}\n{token}".encode()).digest()
        with self._lock:
            until, known = self._kept.get(key, (0.0, NOBODY))
        if self._clock() < until:
            return known
        found, validity_s = self._asked(name, token)
        self._keep(key, self._clock() + validity_s, found)
        return found

    def _asked(self, name: str, token: str) -> tuple[Caller, float]:
        if not self._asking.acquire(timeout=self._settings.timeout_s):
            self._complain("too many questions at once")
            return NOBODY, FAILED_S
        try:
            return caller_of(_ask(self._settings, name, token), self._settings)
        # Certificates, sockets, HTTP, JSON, shape: whatever it is, nobody is let in by it.
        except Exception as error:  # noqa: BLE001
            self._complain(type(error).__name__)
            return NOBODY, FAILED_S
        finally:
            self._asking.release()

    def _keep(self, key: bytes, until: float, found: Caller) -> None:
        with self._lock:
            self._kept.pop(key, None)
            if len(self._kept) >= KEPT_MAX:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = (until, found)

    def _complain(self, reason: str) -> None:
        now = self._clock()
        with self._lock:
            is_due = now - self._said_at >= SAID_AGAIN_S
            if is_due:
                self._said_at = now
        if is_due:
            self._say(f"the profile of a user can't be told ({reason}): refused")


def caller_of(profile: object, settings: ProfileSettings) -> tuple[Caller, float]:
    """Return who a profile says it is, and for how long that is true.

    Raises
    ------
    ValueError
        If it is no profile: the fields are those that the authorization plugin asks for.
    """
    if not isinstance(profile, dict):
        raise ValueError("not a profile")  # noqa: TRY004  one error for all shapes
    validity, name = profile.get("validity"), profile.get(settings.name_field)
    if isinstance(validity, bool) or not isinstance(validity, int) or validity < 0:
        raise ValueError("validity")
    if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX_CHARACTERS:
        raise ValueError("name")
    if not name.isprintable() or name != name.strip():
        raise ValueError("name")
    given = [
        settings.permissions.get(word, frozenset()) for word in _words(profile, "permissions")
    ] + [settings.groups.get(word, frozenset()) for word in _words(profile, "groups", default=())]
    kept_s = min(float(validity) or VALIDITY_MAX_S, VALIDITY_MAX_S)
    return Caller(name, frozenset().union(*given)), kept_s


def _words(profile: dict[str, Any], key: str, default: Any = None) -> list[str]:
    found = profile.get(key, default)
    if not isinstance(found, list | tuple) or len(found) > WORDS_MAX:
        raise ValueError(key)
    if not all(isinstance(one, str) for one in found):
        raise ValueError(key)
    return list(found)


def _ask(settings: ProfileSettings, name: str, token: str) -> object:
    """Ask as the authorization plugin does; a redirect is not followed."""
    asked = {"token-key": name, "token-value": token, "identifier": settings.identifier or None}
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if settings.username:
        credentials = f"{settings.username}:{settings.password}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(credentials).decode()}"
    parts = urlsplit(settings.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = _connection(settings)
    until = time.monotonic() + settings.timeout_s
    try:
        connection.request("POST", target, json.dumps(asked).encode(), headers)
        answer = connection.getresponse()
        if answer.status != http.HTTPStatus.OK:
            raise ValueError("status")
        body = b""
        while part := answer.read1(ANSWER_MAX_BYTES):
            body += part
            if len(body) > ANSWER_MAX_BYTES or time.monotonic() > until:
                raise ValueError("too much, or too slow")
        return json.loads(body)
    finally:
        connection.close()


def _connection(settings: ProfileSettings) -> http.client.HTTPConnection:
    parts = urlsplit(settings.url)
    host, timeout_s = parts.hostname or "", settings.timeout_s
    if parts.scheme == "https":
        context = ssl.create_default_context(cafile=settings.trusted or None)
        return http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=context)
    return http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
