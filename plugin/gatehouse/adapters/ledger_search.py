"""What pages ask the ledger: studies by what people search for, and what happened lately.

Pages are cut by key (the study's number), so that the last of a thousand pages costs what the
first one does, and a study that arrives meanwhile moves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_desk_tables import rejection
from gatehouse.adapters.ledger_tables import (
    hold,
    output,
    policy_version,
    study,
    transition,
)
from gatehouse.adapters.ledger_views import STUDIES, hold_of, study_record
from gatehouse.pipeline.records import HoldRecord, StudyKey, StudyRecord

COUNT_MAX = 10_000
"""Studies are counted up to this number; beyond it, it is said that there are more."""


@dataclass(frozen=True, slots=True)
class StudySearch:
    """What is searched for; what is empty is not asked. Times are seconds since the epoch."""

    state: str = ""
    policy: str = ""
    modality: str = ""
    source: str = ""
    rule: str = ""
    orthanc_id: str = ""
    received_from: float | None = None
    received_before: float | None = None


@dataclass(frozen=True, slots=True)
class OutputSummary:
    """What was made in one run over a study."""

    instances: int
    bytes: int
    needles: int
    """Identifying values of the originals that were looked for in the outputs."""


class SearchLedger(LedgerBase):
    """Methods that only read."""

    def search_studies(
        self,
        search: StudySearch,
        *,
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[StudyRecord]:
        """Return studies, the newest first.

        Parameters
        ----------
        before : int, optional
            Only studies that are older than the one of this number.
        after : int, optional
            Only studies that are newer: those next to it.
        """
        query = STUDIES.where(*_conditions(search))
        if after is not None:
            query = query.where(study.c.id > after).order_by(study.c.id)
        else:
            query = query.order_by(study.c.id.desc())
        if before is not None:
            query = query.where(study.c.id < before)
        with self.reading() as connection:
            found = [study_record(row) for row in connection.execute(query.limit(limit))]
        return found[::-1] if after is not None else found

    def count_studies(self, search: StudySearch) -> int:
        """Return how many studies there are, at most one more than ``COUNT_MAX``."""
        some = sa.select(study.c.id).where(*_conditions(search)).limit(COUNT_MAX + 1).subquery()
        with self.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(some)) or 0

    def policy_names(self) -> list[str]:
        """Return the names of all policies that were ever active."""
        query = sa.select(policy_version.c.name).distinct().order_by(policy_version.c.name)
        with self.reading() as connection:
            return list(connection.scalars(query))

    def open_hold_rules(self) -> list[str]:
        """Return the rules for which studies are held now."""
        query = sa.select(hold.c.rule).where(hold.c.resolved_at.is_(None))
        with self.reading() as connection:
            return list(connection.scalars(query.distinct().order_by(hold.c.rule)))

    def open_holds_of(self, study_ids: Sequence[int]) -> dict[int, list[HoldRecord]]:
        """Return why these studies are held, newest first: study -> its open holds."""
        query = (
            sa.select(hold, study.c.orthanc_id.label("study_orthanc_id"))
            .join(study, study.c.id == hold.c.study_id)
            .where(hold.c.resolved_at.is_(None), hold.c.study_id.in_(study_ids))
            .order_by(hold.c.id.desc())
        )
        found: dict[int, list[HoldRecord]] = {}
        with self.reading() as connection:
            for row in connection.execute(query):
                found.setdefault(row.study_id, []).append(hold_of(row))
        return found

    def pending_rejections_of(self, study_ids: Sequence[int]) -> dict[int, float]:
        """Return which of these studies are to be rejected, and when."""
        query = sa.select(rejection.c.study_id, rejection.c.due_at).where(
            rejection.c.state == "pending", rejection.c.study_id.in_(study_ids)
        )
        with self.reading() as connection:
            return {row.study_id: row.due_at for row in connection.execute(query)}

    def transitions_by_bucket(
        self, since: float, until: float, bucket_s: float
    ) -> list[tuple[int, str, int]]:
        """Return number of the bucket, state, and how many studies came into it then."""
        bucket = sa.cast(sa.func.floor((transition.c.at - since) / bucket_s), sa.Integer)
        query = (
            sa.select(bucket.label("bucket"), transition.c.state, sa.func.count())
            .where(transition.c.at >= since, transition.c.at < until)
            .group_by(bucket, transition.c.state)
        )
        with self.reading() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(query)]

    def oldest(self, state: str) -> float | None:
        """Return when the last instance came of the study that is in a state for longest."""
        query = sa.select(sa.func.min(study.c.last_received_at)).where(study.c.state == state)
        with self.reading() as connection:
            found: float | None = connection.scalar(query)
        return found

    def output_summary(self, key: StudyKey) -> OutputSummary:
        """Return what was made in one run."""
        query = sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(output.c.size), 0),
            sa.func.coalesce(sa.func.sum(output.c.needles), 0),
        ).where(output.c.study_id == key.study_id, output.c.generation == key.generation)
        with self.reading() as connection:
            row = connection.execute(query).one()
        return OutputSummary(int(row[0]), int(row[1]), int(row[2]))

    def decided_by_policy(self, since: float) -> dict[tuple[str, str], int]:
        """Return how many studies are in which state by which policy, of those changed since."""
        query = (
            sa.select(study.c.policy, study.c.state, sa.func.count())
            .where(study.c.state_changed_at >= since, study.c.policy != "")
            .group_by(study.c.policy, study.c.state)
        )
        with self.reading() as connection:
            return {(row[0], row[1]): row[2] for row in connection.execute(query)}


def _conditions(search: StudySearch) -> Iterator[sa.ColumnElement[bool]]:
    for column, value in (
        (study.c.state, search.state),
        (study.c.policy, search.policy),
        (study.c.source, search.source),
        (study.c.rule, search.rule),
        (study.c.orthanc_id, search.orthanc_id),
    ):
        if value:
            yield column == value
    if search.modality:
        # Modalities stand with blanks between them.
        padded = sa.literal(" ") + study.c.modalities + sa.literal(" ")
        yield padded.contains(f" {search.modality} ", autoescape=True)
    if search.received_from is not None:
        yield study.c.first_received_at >= search.received_from
    if search.received_before is not None:
        yield study.c.first_received_at < search.received_before
