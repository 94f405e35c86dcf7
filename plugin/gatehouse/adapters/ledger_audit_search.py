"""What the page of the audit trail asks the ledger: rows by who did what to what, newest first.

Cut by key (the row's number), as the lists of studies are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_tables import audit
from gatehouse.pipeline.records import AuditRecord


@dataclass(frozen=True, slots=True)
class AuditSearch:
    """What is searched for; what is empty is not asked. Times are seconds since the epoch.

    Parameters
    ----------
    action : str
        How the action begins: ``run.`` finds whatever was done to runs.
    about : str
        The object in whole words: ``study 1`` finds ``study 1 generation 2`` but not ``study 12``.
    """

    actor: str = ""
    action: str = ""
    about: str = ""
    since: float | None = None
    until: float | None = None


class AuditSearchLedger(LedgerBase):
    """Methods that only read."""

    def search_audit(
        self,
        search: AuditSearch,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[AuditRecord]:
        """Return rows of the trail, the newest first.

        Parameters
        ----------
        before, after : int, optional
            Only rows that are older, or newer, than the one of this number: those next to it.
        """
        with self.reading() as connection:
            query = sa.select(audit).where(*_conditions(search, connection.dialect.name))
            if after is not None:
                query = query.where(audit.c.sequence > after).order_by(audit.c.sequence)
            else:
                query = query.order_by(audit.c.sequence.desc())
            if before is not None:
                query = query.where(audit.c.sequence < before)
            query = query.limit(limit)
            # Of each action its next rows: an index has them in their order, of all that begin
            # alike no index has.
            queries = (
                [query.where(audit.c.action == one) for one in _actions(connection, search.action)]
                if search.action
                else [query]
            )
            found = [
                AuditRecord(**row) for one in queries for row in connection.execute(one).mappings()
            ]
        found.sort(key=lambda one: one.sequence, reverse=after is None)
        return found[:limit] if after is None else found[:limit][::-1]


def _conditions(search: AuditSearch, dialect: str) -> Iterator[sa.ColumnElement[bool]]:
    if search.actor:
        yield audit.c.actor == search.actor
    if search.about:
        yield sa.or_(audit.c.object == search.about, _begins(f"{search.about} ", dialect))
    if search.since is not None:
        yield audit.c.at >= search.since
    if search.until is not None:
        yield audit.c.at < search.until


def _actions(connection: sa.Connection, begin: str) -> list[str]:
    """Return the actions in the trail that begin so: there are some dozens, each asked for once."""
    found: list[str] = []
    last = ""
    while last is not None:
        query = sa.select(sa.func.min(audit.c.action)).where(audit.c.action > last)
        last = connection.scalar(query)
        if last is not None and last.startswith(begin):
            found.append(last)
    return found


def _begins(text: str, dialect: str) -> sa.ColumnElement[bool]:
    """Return the condition for which each database uses the index of the objects."""
    if dialect == "sqlite":
        literal = "".join(f"[{sign}]" if sign in "*?[" else sign for sign in text)
        return audit.c.object.op("GLOB", return_type=sa.Boolean())(f"{literal}*")
    return audit.c.object.startswith(text, autoescape=True)
