"""The ledger's part for telling people: what is new since the last notice, and what is due."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_desk_tables import notice, proposal
from gatehouse.adapters.ledger_tables import delivery, hold
from gatehouse.pipeline.desk_records import NoticeRecord

TOLD_MAX = 10
"""Notices that are looked at; each is about nearly all that those before it were about."""

HELD_BEFORE = "held_before"
"""In what a notice of expiry says, for ourselves: it is about what is held since before then."""


class NoticeLedger(LedgerBase):
    """Methods of what tells people by e-mail and webhook."""

    def last_told_at(self, event: str, channel: str) -> float | None:
        """Return when the last notice of an event was made."""
        query = sa.select(sa.func.max(notice.c.created_at)).where(
            notice.c.event == event, notice.c.channel == channel
        )
        with self.reading() as connection:
            found: float | None = connection.scalar(query)
        return found

    def told_of_expiry(self, by: float) -> float:
        """Return since before when a study must be held to be in a notice sent by a time.

        Minus infinity: no such notice was sent.
        """
        query = (
            sa.select(notice.c.content)
            .where(notice.c.event == "expiring", notice.c.sent_at <= by)
            .order_by(notice.c.sent_at.desc())
            .limit(TOLD_MAX)
        )
        with self.reading() as connection:
            told = list(connection.scalars(query))
        return max((one.get(HELD_BEFORE, -math.inf) for one in told), default=-math.inf)

    def add_notice(
        self, event: str, channels: Sequence[str], content: Mapping[str, Any], now: float
    ) -> None:
        """Put a notice among those that are to be sent, once for each way to people."""
        with self.writing() as connection:
            _add(connection, event, channels, content, now)

    def tell_news(self, channels: Sequence[str], now: float) -> None:
        """Make notices of everything that happened and that nobody was told of yet.

        Each row says itself whether it was told. Nothing else would do: of two writers the one
        whose row has the lower number, or the earlier time, may be the one that commits later.
        """
        with self.writing() as connection:
            for event, counts in (
                ("held", _take_holds(connection, now)),
                ("failed", _take_failures(connection, now)),
                ("proposed", _take_proposals(connection, now)),
            ):
                if counts:
                    _add(connection, event, channels, {"counts": counts}, now)

    def due_notices(self, now: float, limit: int = 20) -> list[NoticeRecord]:
        """Return notices that are to be sent now, the oldest first."""
        query = (
            sa.select(notice)
            .where(notice.c.sent_at.is_(None), notice.c.next_try_at <= now)
            .order_by(notice.c.id)
            .limit(limit)
        )
        with self.reading() as connection:
            return [
                NoticeRecord(
                    row.id,
                    row.event,
                    row.channel,
                    row.content,
                    row.created_at,
                    row.attempts,
                )
                for row in connection.execute(query)
            ]

    def notice_sent(self, number: int, now: float) -> None:
        """Note that a notice has arrived."""
        self._note(number, sent_at=now, next_try_at=None, last_error="")

    def notice_failed(self, number: int, error: str, next_try_at: float | None) -> None:
        """Note why a notice was not sent, and when it is tried again; None: never."""
        self._note(
            number,
            attempts=notice.c.attempts + 1,
            last_error=error,
            next_try_at=next_try_at,
        )

    def unsent_notices(self) -> tuple[int, str]:
        """Return how many notices have failed so far, and why the newest of them did."""
        failed = sa.and_(notice.c.sent_at.is_(None), notice.c.attempts > 0)
        query = sa.select(notice.c.last_error).where(failed).order_by(notice.c.id.desc())
        with self.reading() as connection:
            errors = list(connection.scalars(query.limit(100)))
        return len(errors), errors[0] if errors else ""

    def _note(self, number: int, **columns: Any) -> None:
        with self.writing() as connection:
            connection.execute(sa.update(notice).where(notice.c.id == number).values(**columns))


def _add(
    connection: sa.Connection,
    event: str,
    channels: Sequence[str],
    content: Mapping[str, Any],
    now: float,
) -> None:
    for channel in channels:
        connection.execute(
            sa.insert(notice).values(
                event=event,
                channel=channel,
                content=dict(content),
                created_at=now,
                next_try_at=now,
            )
        )


def _take_holds(connection: sa.Connection, now: float) -> dict[str, int]:
    """Return how many studies are held, by rule, of which nobody was told; now they are told."""
    taken = connection.execute(
        sa.update(hold)
        .where(hold.c.told_at.is_(None))
        .values(told_at=now)
        .returning(hold.c.rule, hold.c.study_id, hold.c.resolved_at)
    )
    # What is over already needs nobody any more.
    held = {(row.rule, row.study_id) for row in taken if row.resolved_at is None}
    return dict(sorted(Counter(rule for rule, _ in held).items()))


def _take_failures(connection: sa.Connection, now: float) -> dict[str, int]:
    taken = connection.execute(
        sa.update(delivery)
        .where(delivery.c.state == "failed", delivery.c.told_at.is_(None))
        .values(told_at=now)
        .returning(delivery.c.destination)
    )
    return dict(sorted(Counter(taken.scalars()).items()))


def _take_proposals(connection: sa.Connection, now: float) -> dict[str, int]:
    is_open = proposal.c.state == "open"
    taken = connection.execute(
        sa.update(proposal)
        .where(is_open, proposal.c.told_at.is_(None))
        .values(told_at=now)
        .returning(proposal.c.id)
    )
    if not taken.all():
        return {}
    # All that wait, with those of earlier notices: each needs somebody.
    query = sa.select(sa.func.count()).select_from(proposal).where(is_open)
    return {"proposals": connection.scalar(query) or 0}
