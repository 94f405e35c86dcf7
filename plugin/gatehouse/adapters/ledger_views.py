"""What the ledger tells: for pages, the REST routes, status and metrics."""

from __future__ import annotations

from collections import Counter
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_tables import (
    asked,
    decision,
    delivery,
    hold,
    instance,
    output,
    own_output,
    study,
    transition,
    worker,
)
from gatehouse.pipeline.records import (
    Counts,
    DecisionRecord,
    HoldRecord,
    StudyKey,
    StudyRecord,
    TransitionRecord,
    WorkerRecord,
)
from gatehouse.policy.model import Answer, Asked, Outcome

_INSTANCES = (
    sa.select(sa.func.count())
    .where(instance.c.study_id == study.c.id, instance.c.vanished_at.is_(None))
    .scalar_subquery()
    .label("instances")
)
STUDIES = sa.select(study, _INSTANCES)
"""Studies with the number of their instances."""


class ViewLedger(LedgerBase):
    """Methods that only read."""

    def studies(
        self,
        state: str | None = None,
        *,
        policy: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[StudyRecord]:
        """Return studies, the one that changed last first."""
        query = STUDIES.order_by(study.c.state_changed_at.desc(), study.c.id.desc())
        if state is not None:
            query = query.where(study.c.state == state)
        if policy is not None:
            query = query.where(study.c.policy == policy)
        with self.reading() as connection:
            rows = connection.execute(query.limit(limit).offset(offset))
            return [study_record(row) for row in rows]

    def study(self, which: int | str) -> StudyRecord | None:
        """Return one study by our ID, or by Orthanc's ID of it or of what was made of it."""
        with self.reading() as connection:
            if isinstance(which, int):
                condition = study.c.id == which
            else:
                made_of = (
                    sa.select(own_output.c.study_id)
                    .where(own_output.c.study_orthanc_id == which)
                    .limit(1)
                )
                condition = sa.or_(
                    study.c.orthanc_id == which, study.c.id == made_of.scalar_subquery()
                )
            # The original comes first where an ID could be both.
            is_original = sa.case((study.c.orthanc_id == which, 0), else_=1)
            row = connection.execute(
                STUDIES.where(condition).order_by(is_original).limit(1)
                if isinstance(which, str)
                else STUDIES.where(condition)
            ).one_or_none()
        return None if row is None else study_record(row)

    def kept_studies(self, study_id: int) -> list[str]:
        """Return the Orthanc IDs of the de-identified studies that were kept of a study."""
        query = sa.select(own_output.c.study_orthanc_id).where(own_output.c.study_id == study_id)
        with self.reading() as connection:
            return list(connection.scalars(query.distinct()))

    def history(self, study_id: int) -> list[TransitionRecord]:
        """Return every state that a study was in, oldest first."""
        query = (
            sa.select(transition).where(transition.c.study_id == study_id).order_by(transition.c.id)
        )
        with self.reading() as connection:
            return [
                TransitionRecord(row.generation, row.at, row.state, row.rule, row.reason)
                for row in connection.execute(query)
            ]

    def decision(self, key: StudyKey) -> DecisionRecord | None:
        """Return what was decided in one run, with every answer."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(decision).where(
                    decision.c.study_id == key.study_id, decision.c.generation == key.generation
                )
            ).one_or_none()
            if row is None:
                return None
            answers = connection.execute(
                sa.select(asked).where(asked.c.decision_id == row.id).order_by(asked.c.position)
            ).all()
        return DecisionRecord(
            generation=row.generation,
            outcome=Outcome(row.outcome),
            policy=row.policy,
            policy_version=row.policy_version,
            policy_digest=row.policy_digest,
            rule=row.rule,
            reason=row.reason,
            instance=row.instance,
            decided_at=row.decided_at,
            asked=tuple(Asked(a.policy, a.rule, Answer(a.answer), a.line) for a in answers),
        )

    def action_counts(self, key: StudyKey) -> dict[str, int]:
        """Return how many elements each action code was applied to, over all instances of a run."""
        query = sa.select(output.c.actions).where(
            output.c.study_id == key.study_id, output.c.generation == key.generation
        )
        total: Counter[str] = Counter()
        with self.reading() as connection:
            for actions in connection.scalars(query):
                total.update(actions)
        return dict(total)

    def holds(
        self,
        *,
        open_only: bool = True,
        study_id: int | None = None,
        rule: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[HoldRecord]:
        """Return why studies are (or were) held, newest first."""
        query = (
            sa.select(hold, study.c.orthanc_id.label("study_orthanc_id"))
            .join(study, study.c.id == hold.c.study_id)
            .order_by(hold.c.id.desc())
        )
        if open_only:
            query = query.where(hold.c.resolved_at.is_(None))
        if study_id is not None:
            query = query.where(hold.c.study_id == study_id)
        if rule is not None:
            query = query.where(hold.c.rule == rule)
        with self.reading() as connection:
            return [hold_of(row) for row in connection.execute(query.limit(limit).offset(offset))]

    def hold_record(self, hold_id: int) -> HoldRecord | None:
        """Return one hold, open or resolved."""
        query = (
            sa.select(hold, study.c.orthanc_id.label("study_orthanc_id"))
            .join(study, study.c.id == hold.c.study_id)
            .where(hold.c.id == hold_id)
        )
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else hold_of(row)

    def counts(self) -> Counts:
        """Return how many studies and deliveries are in each state, and how many holds are open."""
        with self.reading() as connection:
            by_state: list[dict[str, int]] = []
            for table in (study, delivery):
                query = sa.select(table.c.state, sa.func.count()).group_by(table.c.state)
                by_state.append({row[0]: row[1] for row in connection.execute(query)})
            is_open = hold.c.resolved_at.is_(None)
            holds = connection.scalar(sa.select(sa.func.count()).where(is_open))
        return Counts(studies=by_state[0], deliveries=by_state[1], open_holds=holds or 0)

    def workers(self) -> list[WorkerRecord]:
        """Return the workers that ever gave a sign of life."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(worker).order_by(worker.c.name)).mappings()
            return [WorkerRecord(**row) for row in rows]


def study_record(row: sa.Row[Any]) -> StudyRecord:
    """Return a row of ``STUDIES`` as a value."""
    return StudyRecord(
        study_id=row.id,
        server=row.server,
        orthanc_id=row.orthanc_id,
        state=row.state,
        generation=row.generation,
        first_received_at=row.first_received_at,
        last_received_at=row.last_received_at,
        state_changed_at=row.state_changed_at,
        instances=row.instances,
        policy=row.policy,
        policy_version=row.policy_version,
        policy_digest=row.policy_digest,
        rule=row.rule,
        reason=row.reason,
        modalities=row.modalities,
        source=row.source,
    )


def hold_of(row: sa.Row[Any]) -> HoldRecord:
    """Return a row of ``hold`` with its study's Orthanc ID as a value."""
    return HoldRecord(
        hold_id=row.id,
        study_id=row.study_id,
        study_orthanc_id=row.study_orthanc_id,
        generation=row.generation,
        rule=row.rule,
        reason=row.reason,
        path=row.path,
        instance=row.instance,
        held_at=row.held_at,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=row.resolution,
    )
