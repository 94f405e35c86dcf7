"""A stand-in for the module ``orthanc``: records what is registered, and raises on all else.

Whatever a test did not set up is an ``AssertionError``, so that a call that nobody thought about
does not go unnoticed; above all ``RestApi*``, which would stop a real Orthanc for ever.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class OrthancStub:
    """The module ``orthanc``, as far as the plugin uses it."""

    ReceivedInstanceAction = SimpleNamespace(KEEP_AS_IS=1, MODIFY=2, DISCARD=3)
    ChangeType = SimpleNamespace(ORTHANC_STARTED=10, ORTHANC_STOPPED=11, NEW_STUDY=6)

    def __init__(self, configuration: dict[str, Any]) -> None:
        self.configuration = configuration
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self.explorer = ""
        self.rest: dict[str, Callable[..., None]] = {}
        self.received: Callable[[bytes, int], tuple[int, bytes]] | None = None
        self.stored: Callable[[object, str], None] | None = None
        self.changed: Callable[[int, int, str], None] | None = None
        self.filter: Callable[..., bool] | None = None

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"nobody expected orthanc.{name}")

    def GetConfiguration(self) -> str:  # noqa: N802  Orthanc's name
        return json.dumps(self.configuration)

    def GenerateRestApiAuthorizationToken(self) -> str:  # noqa: N802
        return "Bearer token-of-this-start"

    def LogError(self, text: str) -> None:  # noqa: N802
        self.errors.append(text)

    def LogWarning(self, text: str) -> None:  # noqa: N802
        self.warnings.append(text)

    def RegisterReceivedInstanceCallback(  # noqa: N802
        self, callback: Callable[..., tuple[int, bytes]]
    ) -> None:
        self.received = callback

    def RegisterOnStoredInstanceCallback(self, callback: Callable[..., None]) -> None:  # noqa: N802
        self.stored = callback

    def RegisterOnChangeCallback(self, callback: Callable[..., None]) -> None:  # noqa: N802
        self.changed = callback

    def RegisterRestCallback(self, path: str, callback: Callable[..., None]) -> None:  # noqa: N802
        self.rest[path] = callback

    def RegisterIncomingHttpRequestFilter(  # noqa: N802
        self, callback: Callable[..., bool]
    ) -> None:
        self.filter = callback

    def ExtendOrthancExplorer(self, script: str) -> None:  # noqa: N802
        self.explorer = script


class OldOutput:
    """``RestOutput`` of plugin 4.0: a status wants text and its length."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status = 0
        self.body: bytes | str = b""

    def SetHttpHeader(self, name: str, value: str) -> None:  # noqa: N802
        self.headers[name] = value

    def AnswerBuffer(self, body: bytes, content_type: str) -> None:  # noqa: N802
        self.status, self.body = 200, body
        self.headers["Content-Type"] = content_type

    def SendHttpStatus(self, status: int, body: str, length: int) -> None:  # noqa: N802
        if not isinstance(body, str):
            raise TypeError("Bad types for the arguments (3 arguments expected)")
        assert length == len(body.encode())
        self.status, self.body = status, body


class NewOutput(OldOutput):
    """``RestOutput`` of later plugins: a status wants bytes, and their length is known."""

    def SendHttpStatus(self, status: int, body: bytes) -> None:  # type: ignore[override]  # noqa: N802
        self.status, self.body = status, body
