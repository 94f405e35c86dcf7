"""The pages under ``/gatehouse/ui``. Each is in the table of ``web.access``."""

from __future__ import annotations

from fastapi import Response

from gatehouse.web import (
    pages_audit,
    pages_base,
    pages_destinations,
    pages_held,
    pages_overview,
    pages_policies,
    pages_preview,
    pages_runs,
    pages_studies,
)
from gatehouse.web.pages_base import pages

__all__ = [
    "pages",
    "pages_audit",
    "pages_destinations",
    "pages_held",
    "pages_overview",
    "pages_policies",
    "pages_preview",
    "pages_runs",
    "pages_studies",
]


@pages.get("/ui/static/{version}/{name}")
def static(version: str, name: str) -> Response:
    """Return a static file."""
    return pages_base.static(version, name)
