"""Puts routes, gate and headers together. No exception's text ever reaches a client or a log."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import sqlalchemy as sa
import structlog
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gatehouse import __version__
from gatehouse.web import pages_base
from gatehouse.web.access import Gate
from gatehouse.web.answers import Refusal
from gatehouse.web.destination_routes import destination_api
from gatehouse.web.draft_routes import draft_api
from gatehouse.web.held_routes import held_api
from gatehouse.web.limits import RateLimit
from gatehouse.web.pages import pages
from gatehouse.web.policy_routes import policy_api
from gatehouse.web.reception_routes import reception_api
from gatehouse.web.routes import Backend, api
from gatehouse.web.run_routes import run_api

log = structlog.get_logger()

ROUTERS = (api, policy_api, draft_api, held_api, reception_api, destination_api, run_api, pages)
"""All routes; a test walks them."""

GZIP_MIN_BYTES = 4096
"""Answers below this are not worth the time."""

REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": Refusal, "description": text}
    for status, text in (
        (400, "It could not be understood"),
        (403, "This user, or a page of others, may not do this"),
        (404, "There is no such thing"),
        (405, "This method is not known here"),
        (409, "It does not fit the state in which things are"),
        (413, "It is too much"),
        (414, "The address is too long"),
        (422, "It has errors; the answer says which"),
        (429, "Too many requests of this kind by this user; Retry-After says when"),
        (503, "Something that is needed does not answer"),
        (504, "It took longer than allowed"),
    )
}
"""What any route may answer."""

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; object-src 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer: nothing is kept by browsers, and nothing of others is run."""


def create_app(
    backend: Backend,
    secret: str,
    roles: Mapping[str, str | list[str]],
    limit: RateLimit | None = None,
) -> ASGIApp:
    """Return the application that the service serves on its private socket.

    Parameters
    ----------
    secret : str
        What the plugin shows with each request.
    roles : Mapping
        The setting ``Roles``.
    limit : RateLimit, optional
        How often a user may ask for what costs processor time.
    """
    gate = Gate(secret, roles)

    def check(request: Request) -> None:
        request.state.user = gate(request)

    app = FastAPI(
        title="Gatehouse",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(check)],
        responses=REFUSALS,
    )
    app.add_middleware(GZipMiddleware, minimum_size=GZIP_MIN_BYTES, compresslevel=6)
    app.state.backend = backend
    app.state.limit = limit or RateLimit()
    for router in ROUTERS:
        app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(sa.exc.SQLAlchemyError, _no_ledger)
    app.add_exception_handler(Exception, _failed)
    return _Envelope(app)


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)  # noqa: S101  as it is registered above
    return _problem(request, str(error.detail), error.status_code, error.headers)


async def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  as it is registered above
    # Where and what is wrong, but not what was given: an address may hold anything.
    problems = [f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()]
    return _problem(request, "; ".join(problems), HTTPStatus.UNPROCESSABLE_ENTITY)


async def _no_ledger(request: Request, error: Exception) -> Response:
    log.error("ledger not reached", reason=type(error).__name__)
    return _problem(request, "the ledger can't be reached", HTTPStatus.SERVICE_UNAVAILABLE)


async def _failed(request: Request, error: Exception) -> Response:
    log.error("request failed", reason=type(error).__name__)
    return _problem(request, "an internal error; see the log", HTTPStatus.INTERNAL_SERVER_ERROR)


def _problem(
    request: Request, message: str, status: int, headers: Mapping[str, str] | None = None
) -> Response:
    if pages_base.wants_page(request):
        return pages_base.error_page(status, message)
    return JSONResponse({"error": message}, status, headers)


class _Envelope:
    """Adds the headers, and lets no exception out: the server would log its text."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def send_with_headers(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                given = {name for name, _ in message.get("headers", ())}
                own = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]
                # What may be kept says so itself; everything else must not be.
                missing = [(name, value) for name, value in own if name not in given]
                message["headers"] = [*message.get("headers", ()), *missing]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:  # noqa: BLE001  whatever it is, its text stays here
            # Once ``_failed`` has answered, and logged it, the framework raises it further.
            if not has_begun:
                log.error("no answer given", reason=type(error).__name__)  # noqa: TRY400
