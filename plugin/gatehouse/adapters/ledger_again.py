"""The ledger's part for what is processed again: by a person, in bulk, or because its time came."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from gatehouse.adapters.ledger_inbox import ARCHIVED_GENERATION, InboxLedger
from gatehouse.adapters.ledger_tables import instance, study
from gatehouse.errors import StateError
from gatehouse.pipeline.records import StudyKey


class AgainLedger(InboxLedger):
    """Methods of the service; workers only read what they say."""

    def waited_out(self, policy: str, longest_s: float, now: float) -> list[int]:
        """Return the studies that a policy held as incomplete before its longest wait was over.

        Each is returned until it was decided about again after that time.
        """
        over_at = study.c.first_received_at + longest_s
        query = sa.select(study.c.id).where(
            study.c.state == "held",
            study.c.rule == "incomplete",
            study.c.policy == policy,
            over_at <= now,
            study.c.state_changed_at < over_at,
        )
        with self.reading() as connection:
            return list(connection.scalars(query.order_by(study.c.id)))

    def due_again(self, now: float) -> list[int]:
        """Return the held studies that are to be looked at again by themselves."""
        query = sa.select(study.c.id).where(study.c.state == "held", study.c.again_at <= now)
        with self.reading() as connection:
            return list(connection.scalars(query.order_by(study.c.again_at)))

    def process_again(self, study_id: int, by: str, now: float) -> StudyKey:
        """Open the next generation of a study because a person asks for it; it is ``waiting``.

        What was in the archive before Gatehouse counts as received from now on.

        Raises
        ------
        LookupError
            If there is no such study.
        StateError
            If the study is still receiving, or waits already: it will be processed anyway.
        """
        with self.writing() as connection:
            row = connection.execute(
                sa.select(study.c.state, study.c.generation)
                .where(study.c.id == study_id)
                .with_for_update()
            ).one_or_none()
            if row is None:
                raise LookupError(study_id)
            if row.state in ("receiving", "waiting"):
                raise StateError("the study is not complete yet, or waits already")
            return self._again(connection, StudyKey(study_id, row.generation), by, now)

    def reevaluate(self, study_ids: Sequence[int], by: str, now: float) -> list[int]:
        """Have held studies decided about again, in one transaction; return which.

        Those that are not held any more are left alone: somebody was faster, or more has come.
        """
        with self.writing() as connection:
            # In the order of their numbers, so that two who do this don't wait for each other.
            held = connection.execute(
                sa.select(study.c.id, study.c.generation)
                .where(study.c.id.in_(study_ids), study.c.state == "held")
                .order_by(study.c.id)
                .with_for_update()
            ).all()
            for row in held:
                self._again(connection, StudyKey(row.id, row.generation), by, now)
        return [row.id for row in held]

    def _again(self, connection: sa.Connection, key: StudyKey, by: str, now: float) -> StudyKey:
        study_id, generation = key.study_id, key.generation + 1
        connection.execute(
            sa.update(instance)
            .where(
                instance.c.study_id == study_id,
                instance.c.generation == ARCHIVED_GENERATION,
            )
            .values(generation=generation, received_at=now)
        )
        self._supersede(connection, study_id, now, by=by, resolution="processed again")
        self._move(connection, study_id, generation, "waiting", now, reason="processed again")
        self._record_audit(
            connection, by, "study.process-again", f"study {study_id}", "waiting", now
        )
        return StudyKey(study_id, generation)
