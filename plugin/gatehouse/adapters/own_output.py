"""The one question of the plugin to the service: whether an instance is an output of ours.

Asked for instances that say that they are de-identified, which few do: a destination may have sent
ours back. Over the service's private socket, with the secret that each request shows. The address
is outside of ``/gatehouse``, so that Orthanc forwards nobody's request to it.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any

from gatehouse.adapters.forward import SECRET_HEADER, Forwarder

PATH = "/reception/own-output/"

TIMEOUT_S = 5.0
"""How long an instance may wait for the answer; all others wait with it."""

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{8}){4}")

Message = MutableMapping[str, Any]
App = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]


class OwnOutputs:
    """Asks the service.

    Parameters
    ----------
    socket_path : Path
        The service's.
    """

    def __init__(self, socket_path: Path, secret: str, timeout_s: float = TIMEOUT_S) -> None:
        self._forwarder = Forwarder(socket_path, secret, timeout_s)

    def is_own_output(self, orthanc_id: str) -> bool | None:
        """Return whether an Orthanc ID is that of an output of ours; None if nobody answers."""
        answer = self._forwarder.forward("GET", PATH + orthanc_id, {}, {}, b"")
        if answer.status != 200:
            return None
        try:
            is_own = json.loads(answer.body)["is_own"]
        except (ValueError, KeyError, TypeError):
            return None
        return is_own if isinstance(is_own, bool) else None


def answering(app: App, secret: str, is_own_output: Callable[[str], bool]) -> App:
    """Return an application that answers this question, and leaves all others to another one.

    Parameters
    ----------
    is_own_output : callable
        Asks the ledger; called in a thread.
    """
    from asyncio import to_thread

    async def answer(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or not path.startswith(PATH):
            await app(scope, receive, send)
            return
        orthanc_id = path.removeprefix(PATH)
        status, body = 403, b"{}"
        if hmac.compare_digest(_shown(scope), secret.encode()):
            status = 404
            if scope["method"] == "GET" and _ID.fullmatch(orthanc_id):
                try:
                    is_own = await to_thread(is_own_output, orthanc_id)
                    status, body = 200, json.dumps({"is_own": is_own}).encode()
                except Exception:  # noqa: BLE001  whatever the database says: nobody knows
                    status = 503
        headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return answer


def _shown(scope: Mapping[str, Any]) -> bytes:
    name = SECRET_HEADER.lower().encode()
    return next((bytes(value) for key, value in scope["headers"] if key == name), b"")
