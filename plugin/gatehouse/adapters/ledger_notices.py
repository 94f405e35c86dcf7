"""The ledger's part for telling people: what is new since the last notice, and what is due."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_desk_tables import notice
from gatehouse.adapters.ledger_tables import delivery, hold
from gatehouse.pipeline.desk_records import NoticeRecord

MICROSECONDS = 1_000_000


class NoticeLedger(LedgerBase):
    """Methods of what tells people by e-mail and webhook."""

    def last_notice(self, event: str, channel: str) -> tuple[int, float] | None:
        """Return up to which row the last notice of an event spoke, and when it was made."""
        query = (
            sa.select(notice.c.up_to, notice.c.created_at)
            .where(notice.c.event == event, notice.c.channel == channel)
            .order_by(notice.c.id.desc())
            .limit(1)
        )
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.up_to, row.created_at)

    def add_notice(
        self, event: str, channel: str, up_to: int, content: Mapping[str, Any], now: float
    ) -> None:
        """Put a notice among those that are to be sent."""
        with self.writing() as connection:
            connection.execute(
                sa.insert(notice).values(
                    event=event,
                    channel=channel,
                    up_to=up_to,
                    content=dict(content),
                    created_at=now,
                    next_try_at=now,
                )
            )

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
                    row.up_to,
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

    def news_of_holds(self, after: int) -> tuple[int, dict[str, int]]:
        """Return the number of the newest hold, and how many studies were held since, by rule."""
        query = (
            sa.select(hold.c.rule, sa.func.count(sa.distinct(hold.c.study_id)))
            .where(hold.c.id > after)
            .group_by(hold.c.rule)
        )
        with self.reading() as connection:
            newest = connection.scalar(sa.select(sa.func.max(hold.c.id))) or 0
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return newest, counts

    def news_of_failures(self, after: int) -> tuple[int, dict[str, int]]:
        """Return the time of the newest failure, in microseconds, and how many are later.

        By time and not by number: one that was opened first may be given up last, or twice.
        """
        failed = delivery.c.state == "failed"
        query = (
            sa.select(delivery.c.destination, sa.func.count())
            .where(failed, delivery.c.finished_at * MICROSECONDS > after)
            .group_by(delivery.c.destination)
        )
        newest_query = sa.select(sa.func.max(delivery.c.finished_at)).where(failed)
        with self.reading() as connection:
            newest = connection.scalar(newest_query)
            counts = {row[0]: row[1] for row in connection.execute(query)}
        return 0 if newest is None else math.ceil(newest * MICROSECONDS), counts

    def _note(self, number: int, **columns: Any) -> None:
        with self.writing() as connection:
            connection.execute(sa.update(notice).where(notice.c.id == number).values(**columns))
