"""Who may ask for what under ``/gatehouse``: a table, and the check that every request passes.

Orthanc has authenticated the user and the plugin has told us the name. A route that is not in the
table is open to nobody, and a user without a role gets no further than here.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends, HTTPException, Request

from gatehouse.adapters.forward import ROLES_HEADER, SECRET_HEADER, USER_HEADER
from gatehouse.adapters.http_filter import ROLES, roles_of
from gatehouse.web.pages_access import PAGES_ACCESS

EVERY_ROLE = ROLES
OPERATING = frozenset({"operator", "privacy-officer"})
PRIVACY = frozenset({"privacy-officer"})
EDITING = frozenset({"policy-editor", "privacy-officer"})

ACCESS: Mapping[tuple[str, str], frozenset[str]] = {
    ("GET", "/gatehouse/status"): EVERY_ROLE,
    ("GET", "/gatehouse/metrics"): EVERY_ROLE,
    ("GET", "/gatehouse/openapi.json"): EVERY_ROLE,
    ("GET", "/gatehouse/studies"): EVERY_ROLE,
    ("GET", "/gatehouse/studies/{which}"): EVERY_ROLE,
    ("POST", "/gatehouse/studies/{which}/process"): OPERATING,
    ("GET", "/gatehouse/held"): EVERY_ROLE,
    ("GET", "/gatehouse/held/{hold_id}"): EVERY_ROLE,
    ("GET", "/gatehouse/reception"): EVERY_ROLE,
    ("GET", "/gatehouse/policies"): EVERY_ROLE,
    ("GET", "/gatehouse/policies/{name}"): EVERY_ROLE,
    ("GET", "/gatehouse/policies/{name}/versions/{version}"): EVERY_ROLE,
    ("GET", "/gatehouse/policies/{name}/source"): EVERY_ROLE,
    ("GET", "/gatehouse/policies/{name}/conformance"): EVERY_ROLE,
    ("GET", "/gatehouse/policies/{name}/diff"): EVERY_ROLE,
    ("GET", "/gatehouse/policies/{name}/shadow"): EVERY_ROLE,
    ("GET", "/gatehouse/policies-folder"): EVERY_ROLE,
    ("GET", "/gatehouse/schemas/{name}"): EVERY_ROLE,
    ("GET", "/gatehouse/proposals"): EVERY_ROLE,
    ("GET", "/gatehouse/proposals/{number}"): EVERY_ROLE,
    ("POST", "/gatehouse/preview"): EVERY_ROLE,
    ("POST", "/gatehouse/policies/validate"): EDITING,
    ("POST", "/gatehouse/policies/test"): EDITING,
    ("POST", "/gatehouse/policies/reload"): EDITING,
    ("POST", "/gatehouse/policies/{name}/diff"): EDITING,
    ("POST", "/gatehouse/policies/{name}/otherwise"): EDITING,
    ("POST", "/gatehouse/policies/{name}/activate"): EDITING,
    ("POST", "/gatehouse/policies/{name}/versions/{version}/activate"): EDITING,
    ("POST", "/gatehouse/policies/{name}/shadow"): EDITING,
    ("DELETE", "/gatehouse/policies/{name}/shadow"): EDITING,
    ("POST", "/gatehouse/proposals/{number}/approve"): EDITING,
    ("POST", "/gatehouse/proposals/{number}/decline"): EDITING,
    ("GET", "/gatehouse/held-reasons"): EVERY_ROLE,
    ("POST", "/gatehouse/held/re-evaluate"): OPERATING,
    ("POST", "/gatehouse/held/{hold_id}/release"): OPERATING,
    ("POST", "/gatehouse/held/{hold_id}/reject"): OPERATING,
    ("POST", "/gatehouse/held/{hold_id}/take-back"): OPERATING,
    ("GET", "/gatehouse/deliveries"): EVERY_ROLE,
    ("POST", "/gatehouse/deliveries/{delivery_id}/retry"): OPERATING,
    ("POST", "/gatehouse/deliveries/{delivery_id}/cancel"): OPERATING,
    ("GET", "/gatehouse/runs"): EVERY_ROLE,
    ("GET", "/gatehouse/runs/{run_id}"): EVERY_ROLE,
    ("GET", "/gatehouse/runs/{run_id}/studies"): EVERY_ROLE,
    ("POST", "/gatehouse/runs"): OPERATING,
    ("POST", "/gatehouse/runs/{run_id}/studies"): OPERATING,
    ("POST", "/gatehouse/runs/{run_id}/begin"): OPERATING,
    ("POST", "/gatehouse/runs/{run_id}/pause"): OPERATING,
    ("POST", "/gatehouse/runs/{run_id}/cancel"): OPERATING,
    ("GET", "/gatehouse/destinations"): EVERY_ROLE,
    ("POST", "/gatehouse/destinations/{via}/{name}/test"): OPERATING,
    ("POST", "/gatehouse/destinations/{via}/{name}/pause"): OPERATING,
    ("POST", "/gatehouse/destinations/{via}/{name}/resume"): OPERATING,
    ("GET", "/gatehouse/audit"): PRIVACY,
    ("GET", "/gatehouse/audit/verification"): PRIVACY,
    **PAGES_ACCESS,
}
"""Method and path -> roles that may use it."""

SAFE_METHODS = frozenset({"GET", "HEAD"})


class User:
    """Who asks.

    Parameters
    ----------
    roles : frozenset of str
        At least one.
    """

    def __init__(self, name: str, roles: frozenset[str]) -> None:
        self.name = name
        self.roles = roles

    @property
    def may_link(self) -> bool:
        """True for those who may learn which original a de-identified study was made from."""
        return bool(self.roles & PRIVACY)


class Gate:
    """The check that every request passes.

    Parameters
    ----------
    secret : str
        What the plugin shows with each request; empty would let anyone in and is refused.
    roles : Mapping
        The setting ``Roles``.
    """

    def __init__(self, secret: str, roles: Mapping[str, str | list[str]]) -> None:
        if not secret:
            raise ValueError("the gate needs a secret")
        self._secret = secret.encode()
        self._roles = roles

    def __call__(self, request: Request) -> User:
        """Return the user, or raise the HTTP status that says why not."""
        shown = request.headers.get(SECRET_HEADER, "").encode("latin-1")
        if not hmac.compare_digest(shown, self._secret):
            raise HTTPException(HTTPStatus.FORBIDDEN, "requests come through Orthanc only")
        name = unquote(request.headers.get(USER_HEADER, ""))
        roles = self._roles_of(request, name) if name else frozenset()
        if not roles:
            raise HTTPException(HTTPStatus.FORBIDDEN, "this user has no role in Gatehouse")
        route = request.scope.get("route")
        allowed = ACCESS.get((request.method, getattr(route, "path", "")), frozenset())
        if not roles & allowed:
            raise HTTPException(HTTPStatus.FORBIDDEN, "this needs another role")
        if request.method not in SAFE_METHODS and not _is_meant(request):
            # Browsers send a known password along with any page's form, but neither of these.
            raise HTTPException(
                HTTPStatus.FORBIDDEN,
                "a change needs Content-Type: application/json, or the header X-Gatehouse: 1",
            )
        return User(name, roles)

    def _roles_of(self, request: Request, name: str) -> frozenset[str]:
        given = request.headers.get(ROLES_HEADER)
        # The plugin asked a web service who this is; the table is for Orthanc's own users.
        return roles_of(name, self._roles) if given is None else ROLES & {*given.split(",")}


def _is_meant(request: Request) -> bool:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return content_type == "application/json" or request.headers.get("x-gatehouse") == "1"


def current_user(request: Request) -> User:
    """Return the user whom the gate let in."""
    user: User = request.state.user
    return user


Asker = Annotated[User, Depends(current_user)]
"""A route's argument that is the user who asks."""
