"""The ledger's part for reception mode: what the journal of reception said.

A mark says that Gatehouse itself made the bytes that Orthanc stored: by which policy, and with
which SHA-256. Nothing but these bytes is ever delivered of a marked instance.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase, chunks
from gatehouse.adapters.ledger_reception_tables import (
    journal_file,
    reception_count,
    reception_mark,
    refusal,
)
from gatehouse.adapters.ledger_tables import instance, own_output, study
from gatehouse.pipeline.desk_records import ReceptionCounts, RefusalRecord
from gatehouse.pipeline.reception_journal import ReceptionMark, ReceptionRefusal

REFUSALS_MAX = 10_000
"""Refusals that are kept one by one; the oldest go. A sender that is refused tries again."""

TAKEN_IN = ""
"""Under this the instances are counted that were taken in; refusals are under their rule."""

_COLUMNS: Mapping[str, str] = {
    "instance": "orthanc_id",
    "sha256": "sha256",
    "at": "marked_at",
    "study": "study_orthanc_id",
    "pack": "pack_digest",
    "policy": "policy_digest",
    **{
        name: name
        for name in (
            "key_id",
            "software",
            "sop_class_uid",
            "transfer_syntax_uid",
            "sop_instance_uid_old",
            "sop_instance_uid_new",
            "series_instance_uid_new",
            "study_instance_uid_new",
            "size",
            "needles",
            "actions",
        )
    },
}
"""Field of a mark -> its column."""

_REFUSAL = ("at", "rule", "reason", "path", "study", "instance", "policy")


class ReceptionLedger(LedgerBase):
    """Methods of whoever reads the journal of reception, and of those who ask what it said."""

    def journal_position(self, server: str, name: str) -> int:
        """Return how many bytes of a journal are in the ledger."""
        query = sa.select(journal_file.c.position).where(*_is(server, name))
        with self.reading() as connection:
            return connection.scalar(query) or 0

    def import_journal(
        self,
        server: str,
        name: str,
        begin: int,
        end: int,
        entries: Sequence[ReceptionMark | ReceptionRefusal],
    ) -> bool:
        """Keep what a journal says from one position to another, once.

        Returns
        -------
        bool
            False if the ledger has not just the first ``begin`` bytes of it: nothing was done.
        """
        marks = {(one.instance, one.sha256): one for one in entries if one.took == "in"}
        refusals = [one for one in entries if one.took == "refused"]
        counted = Counter(one.rule if one.took == "refused" else TAKEN_IN for one in entries)
        with self.writing() as connection:
            first = self.insert(journal_file).values(server=server, name=name, position=0)
            connection.execute(first.on_conflict_do_nothing())
            query = sa.select(journal_file.c.position).where(*_is(server, name)).with_for_update()
            if connection.scalar(query) != begin:
                return False
            connection.execute(
                sa.update(journal_file).where(*_is(server, name)).values(position=end)
            )
            columns = ["server", "orthanc_id", "sha256"]
            for part in chunks([_row(server, one) for one in marks.values()]):
                self.upsert(connection, reception_mark, columns, *part)
            self._refuse(connection, server, refusals)
            self._count(connection, server, counted)
        return True

    def forget_journal(self, server: str, name: str) -> None:
        """Forget how far a journal was read that is not there any more."""
        with self.writing() as connection:
            connection.execute(sa.delete(journal_file).where(*_is(server, name)))

    def marks(self, server: str, instances: Sequence[str]) -> dict[str, list[ReceptionMark]]:
        """Return the marks of instances, by Orthanc ID, the newest first; most have one or none."""
        found: dict[str, list[ReceptionMark]] = {}
        with self.reading() as connection:
            for part in chunks(instances):
                query = (
                    sa.select(reception_mark)
                    .where(reception_mark.c.server == server, reception_mark.c.orthanc_id.in_(part))
                    .order_by(reception_mark.c.marked_at.desc(), reception_mark.c.sha256)
                )
                for row in connection.execute(query).mappings():
                    found.setdefault(row["orthanc_id"], []).append(_mark(row))
        return found

    def is_marked(self, study_id: int) -> bool:
        """Return whether any instance of a study was de-identified when it was received."""
        is_marked = sa.exists().where(
            study.c.id == study_id,
            instance.c.study_id == study_id,
            reception_mark.c.server == study.c.server,
            reception_mark.c.orthanc_id == instance.c.orthanc_id,
        )
        with self.reading() as connection:
            return bool(connection.scalar(sa.select(is_marked)))

    def is_our_output(self, server: str, orthanc_id: str) -> bool:
        """Return whether Gatehouse made what has this Orthanc ID, whether on reception or later."""
        tables = (own_output, reception_mark)
        with self.reading() as connection:
            return any(
                connection.scalar(
                    sa.select(
                        sa.exists().where(
                            table.c.server == server, table.c.orthanc_id == orthanc_id
                        )
                    )
                )
                for table in tables
            )

    def reception_counts(self) -> ReceptionCounts:
        """Return how many instances were taken in on reception, and refused by which rule."""
        query = sa.select(
            reception_count.c.rule, sa.func.sum(reception_count.c.number).label("number")
        ).group_by(reception_count.c.rule)
        with self.reading() as connection:
            by_rule = {row.rule: int(row.number) for row in connection.execute(query)}
        taken_in = by_rule.pop(TAKEN_IN, 0)
        return ReceptionCounts(taken_in, by_rule)

    def refusals(self, *, limit: int = 100) -> list[RefusalRecord]:
        """Return the last refusals, the newest first."""
        query = sa.select(refusal).order_by(refusal.c.id.desc()).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(query).mappings()
            return [RefusalRecord(**{name: row[name] for name in _REFUSAL}) for row in rows]

    def refused_since(self, since: float) -> int:
        """Return how many refusals there were since a time, of those that are kept."""
        query = sa.select(sa.func.count()).where(refusal.c.at >= since)
        with self.reading() as connection:
            return connection.scalar(query) or 0

    def _refuse(
        self, connection: sa.Connection, server: str, refusals: Sequence[ReceptionRefusal]
    ) -> None:
        if not refusals:
            return
        rows = [
            {"server": server, **{name: getattr(one, name) for name in _REFUSAL}}
            for one in refusals
        ]
        connection.execute(sa.insert(refusal), rows)
        newest = connection.scalar(sa.select(sa.func.max(refusal.c.id))) or 0
        connection.execute(sa.delete(refusal).where(refusal.c.id <= newest - REFUSALS_MAX))

    def _count(self, connection: sa.Connection, server: str, counted: Mapping[str, int]) -> None:
        for rule, number in sorted(counted.items()):
            statement = self.insert(reception_count).values(server=server, rule=rule, number=number)
            connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["server", "rule"],
                    set_={"number": reception_count.c.number + number},
                )
            )


def _is(server: str, name: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (journal_file.c.server == server, journal_file.c.name == name)


def _row(server: str, mark: ReceptionMark) -> dict[str, Any]:
    return {
        "server": server,
        **{column: getattr(mark, field) for field, column in _COLUMNS.items()},
    }


def _mark(row: sa.RowMapping) -> ReceptionMark:
    return ReceptionMark(**{field: row[column] for field, column in _COLUMNS.items()})
