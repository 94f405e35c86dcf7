"""What all pages share: templates, formats, static files.

Pages show what the REST routes answer and call the same functions. They change nothing: what
changes something goes from the browser to the REST routes, which check roles. Templates escape
whatever is put into them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatehouse import __version__
from gatehouse.web import pages_words as words
from gatehouse.web.access import User

FOLDER: Final = Path(__file__).parent
STATIC: Final = FOLDER / "static"

PREFIX: Final = "/gatehouse/ui"

pages = APIRouter(prefix="/gatehouse", include_in_schema=False)
"""All pages. The modules beside this one put theirs in."""

SECTIONS: Final = (
    ("overview", "Overview", "overview"),
    ("studies", "Studies", "studies"),
    ("held", "Held", "held"),
    ("policies", "Policies", "policies"),
    ("destinations", "Destinations", "destinations"),
    ("runs", "Runs", "runs"),
    ("audit", "Audit", "audit"),
)
"""Key, title and address of what the head of each page leads to."""

FOR_PRIVACY: Final = frozenset({"audit"})
"""Sections that only privacy officers are led to."""

MEDIA_TYPES: Final[Mapping[str, str]] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}

YEAR_S: Final = 365 * 24 * 3600


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        ago=words.ago,
        bytes=words.bytes_,
        clock=words.clock,
        count=words.count,
        duration=words.duration,
        short=words.short,
        state=words.state,
    )
    made.globals.update(
        sections=SECTIONS,
        for_privacy=FOR_PRIVACY,
        software=__version__,
        prefix=PREFIX,
        asset=_asset,
    )
    return made


@cache
def _files() -> Mapping[str, tuple[str, Path]]:
    """Return static files by name, with the beginning of their digests: the address has it."""
    found = {file.name: file for file in STATIC.rglob("*") if file.suffix in MEDIA_TYPES}
    return {
        name: (sha256(file.read_bytes()).hexdigest()[:12], file) for name, file in found.items()
    }


def _asset(name: str) -> str:
    return f"{PREFIX}/static/{_files()[name][0]}/{name}"


def page(template: str, user: User, *, section: str = "", **values: Any) -> HTMLResponse:
    """Return a page.

    Parameters
    ----------
    section : str
        Which of ``SECTIONS`` it belongs to.
    """
    return HTMLResponse(
        _environment()
        .get_template(template)
        .render(
            user=user,
            section=section,
            can_operate=bool(user.roles & {"operator", "privacy-officer"}),
            can_edit=bool(user.roles & {"policy-editor", "privacy-officer"}),
            is_privacy=user.may_link,
            now=datetime.now(UTC),
            **values,
        )
    )


def static(version: str, name: str) -> Response:
    """Return a static file; its address holds its digest, so that it may be kept for ever."""
    found, file = _files().get(name, ("", STATIC))
    if not found or found != version:
        raise HTTPException(HTTPStatus.NOT_FOUND, "there is no such file")
    return Response(
        file.read_bytes(),
        media_type=MEDIA_TYPES[file.suffix],
        headers={"Cache-Control": f"private, max-age={YEAR_S}, immutable"},
    )


def wants_page(request: Request) -> bool:
    """Return whether an error should be told as a page."""
    return request.url.path.startswith(PREFIX)


def error_page(status: int, message: str) -> HTMLResponse:
    """Return an error as a page for people."""
    text = (
        _environment()
        .get_template("error.html")
        .render(status=status, message=message, section="", user=None, now=datetime.now(UTC))
    )
    return HTMLResponse(text, status)


def as_script_data(value: Any) -> str:
    """Return a value as JSON for a ``data-`` attribute."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))
