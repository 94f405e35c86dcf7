"""The pages under ``/gatehouse/ui``. Each is in the table of ``web.access``."""

from __future__ import annotations

from fastapi import APIRouter, Response

from gatehouse.web import (
    pages_base,
    pages_studies,
)

pages = APIRouter(prefix="/gatehouse", include_in_schema=False)
for part in (pages_studies,):
    pages.include_router(part.router)


@pages.get("/ui/static/{version}/{name}")
def static(version: str, name: str) -> Response:
    """Return a static file."""
    return pages_base.static(version, name)
