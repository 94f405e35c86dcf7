"""The page of the audit trail: who did what to what, and whether the trail is whole."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Query, Request, Response

from gatehouse.adapters.ledger_audit_search import AuditSearch
from gatehouse.web import answers
from gatehouse.web.access import Asker
from gatehouse.web.backend import backend
from gatehouse.web.pages_base import PREFIX, page, pages
from gatehouse.web.pages_words import day

ROWS = 50

KINDS = (
    ("study.", "studies"),
    ("held.", "worklist"),
    ("delivery.", "deliveries"),
    ("destination.", "destinations"),
    ("policy.", "policies"),
    ("pack.", "packs of policies"),
    ("shadow.", "shadows of policies"),
    ("run.", "runs over an archive"),
)
"""How actions begin, and what they are about."""

Text = Annotated[str, Query(max_length=128)]
Number = Annotated[int | None, Query(ge=0, le=2**53)]


@pages.get("/ui/audit")
def audit(
    request: Request,
    asker: Asker,
    actor: Text = "",
    action: Text = "",
    about: Text = "",
    since: Text = "",
    until: Text = "",
    before: Number = None,
    after: Number = None,
) -> Response:
    """List the audit trail, the newest row first."""
    search = AuditSearch(
        actor=actor.strip(),
        action=action.strip(),
        about=about.strip(),
        since=day(since),
        until=day(until, days=1),
    )
    found = backend(request).ledger.search_audit(search, before=before, after=after, limit=ROWS + 1)
    is_more = len(found) > ROWS
    # Going back, the row too many is the newest one.
    rows = found[1:] if is_more and after is not None else found[:ROWS]
    has_newer = is_more if after is not None else before is not None
    has_older = bool(rows) if after is not None else is_more
    asked = {
        name: value
        for name, value in (
            ("actor", search.actor),
            ("action", search.action),
            ("about", search.about),
            ("since", since if search.since is not None else ""),
            ("until", until if search.until is not None else ""),
        )
        if value
    }
    return page(
        "audit.html",
        asker,
        section="audit",
        rows=[answers.audit_row(row) for row in rows],
        asked=asked,
        kinds=KINDS,
        newest=_address(asked) if has_newer else None,
        newer=_address(asked, after=rows[0].sequence) if has_newer and rows else None,
        older=_address(asked, before=rows[-1].sequence) if has_older else None,
    )


def _address(asked: dict[str, str], **where: int) -> str:
    query = urlencode({**asked, **where})
    return f"{PREFIX}/audit?{query}" if query else f"{PREFIX}/audit"
