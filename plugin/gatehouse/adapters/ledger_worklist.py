"""The ledger's part for people who work through what is held: release, reject, expire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_again import AgainLedger
from gatehouse.adapters.ledger_desk_tables import rejection, study_release
from gatehouse.adapters.ledger_inbox import ARCHIVED_GENERATION
from gatehouse.adapters.ledger_tables import delivery, hold, instance, run, run_item, study
from gatehouse.errors import StateError
from gatehouse.pipeline.desk_records import (
    HeldReasonRecord,
    RejectionRecord,
    ReleaseRecord,
)
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.runs import ITEMS_UNDER_WAY

EXPIRED_RULE = "expired"
REJECTED_RULE = "rejected-by-a-person"


class WorklistLedger(AgainLedger):
    """Methods of the routes about held studies, and of what looks after them."""

    def held_reasons(self) -> list[HeldReasonRecord]:
        """Return why studies are held now, the most frequent reason first."""
        studies = sa.func.count(sa.distinct(hold.c.study_id))
        query = (
            sa.select(
                hold.c.rule,
                study.c.policy,
                studies.label("studies"),
                sa.func.min(hold.c.held_at).label("oldest_held_at"),
            )
            .join(study, study.c.id == hold.c.study_id)
            .where(hold.c.resolved_at.is_(None))
            .group_by(hold.c.rule, study.c.policy)
            .order_by(studies.desc(), hold.c.rule)
        )
        with self.reading() as connection:
            return [HeldReasonRecord(**row) for row in connection.execute(query).mappings()]

    def held_studies(self, rule: str | None, *, limit: int) -> tuple[list[int], int]:
        """Return studies that are held now, for one reason or for any, and how many more."""
        condition: sa.ColumnElement[bool] = hold.c.resolved_at.is_(None)
        if rule is not None:
            condition = sa.and_(condition, hold.c.rule == rule)
        query = (
            sa.select(hold.c.study_id)
            .join(study, study.c.id == hold.c.study_id)
            .where(condition, study.c.state == "held")
            .distinct()
            .order_by(hold.c.study_id)
        )
        with self.reading() as connection:
            every = connection.scalar(sa.select(sa.func.count()).select_from(query.subquery()))
            found = list(connection.scalars(query.limit(limit)))
        return found, (every or 0) - len(found)

    def release_study(
        self,
        study_id: int,
        policy: str,
        accept: Sequence[str],
        justification: str,
        by: str,
        now: float,
        *,
        policy_digest: str,
    ) -> StudyKey:
        """Open the next run of a held study, under a policy that a person named.

        Raises
        ------
        StateError
            If the study is not held.
        """
        with self.writing() as connection:
            row = self._held(connection, study_id)
            generation = row.generation + 1
            connection.execute(
                sa.update(instance)
                .where(
                    instance.c.study_id == study_id,
                    instance.c.generation == ARCHIVED_GENERATION,
                )
                .values(generation=generation, received_at=now)
            )
            self._supersede(connection, study_id, now, by=by, resolution=f"released under {policy}")
            self._end_rejections(connection, study_id, "outdated")
            self._move(
                connection, study_id, generation, "waiting", now, reason=f"released under {policy}"
            )
            connection.execute(
                sa.insert(study_release).values(
                    study_id=study_id,
                    generation=generation,
                    policy=policy,
                    accept=list(accept),
                    justification=justification,
                    released_by=by,
                    released_at=now,
                )
            )
            accepted = f" accepting {', '.join(accept)}" if accept else ""
            self._record_audit(
                connection,
                by,
                "study.released",
                f"study {study_id} generation {generation}",
                f"under {policy}{accepted}",
                now,
                policy_digest,
                justification,
            )
        return StudyKey(study_id, generation)

    def release_of(self, key: StudyKey) -> ReleaseRecord | None:
        """Return the person's word under which a run goes on; None for all ordinary runs."""
        query = sa.select(study_release).where(
            study_release.c.study_id == key.study_id, study_release.c.generation == key.generation
        )
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return self._release_by_run(key)
        return ReleaseRecord(
            key, row.policy, tuple(row.accept), row.justification, row.released_by, row.released_at
        )

    def _release_by_run(self, key: StudyKey) -> ReleaseRecord | None:
        """Return the word of whoever began the run over the archive that this study is part of."""
        query = (
            sa.select(run)
            .join(run_item, run_item.c.run_id == run.c.id)
            .join(study, study.c.orthanc_id == run_item.c.study_orthanc_id)
            .where(study.c.id == key.study_id, run_item.c.state.in_(ITEMS_UNDER_WAY))
            .order_by(run_item.c.id.desc())
            .limit(1)
        )
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return ReleaseRecord(key, row.policy, (), f"run {row.id}", row.created_by, row.created_at)

    def reject_later(
        self, study_id: int, justification: str, by: str, now: float, due_at: float
    ) -> RejectionRecord:
        """Note that a held study is to be rejected, unless it is taken back in time.

        Raises
        ------
        StateError
            If the study is not held, or is to be rejected already.
        """
        with self.writing() as connection:
            row = self._held(connection, study_id)
            if self._pending(connection, study_id) is not None:
                raise StateError("this study is to be rejected already")
            number = connection.execute(
                sa.insert(rejection)
                .values(
                    study_id=study_id,
                    generation=row.generation,
                    justification=justification,
                    rejected_by=by,
                    rejected_at=now,
                    due_at=due_at,
                    state="pending",
                )
                .returning(rejection.c.id)
            ).scalar_one()
            about = f"study {study_id} generation {row.generation}"
            self._record_audit(
                connection, by, "study.to-be-rejected", about, "pending", now, "", justification
            )
        key = StudyKey(study_id, row.generation)
        return RejectionRecord(number, key, justification, by, now, due_at, "pending")

    def pending_rejection(self, study_id: int) -> RejectionRecord | None:
        """Return the rejection of a study that can still be taken back."""
        with self.reading() as connection:
            return self._pending(connection, study_id)

    def rejections_due(self, study_ids: Sequence[int]) -> dict[int, float]:
        """Return of studies when they are to be rejected, unless that is taken back."""
        query = (
            sa.select(rejection.c.study_id, rejection.c.due_at)
            .join(study, study.c.id == rejection.c.study_id)
            .where(
                rejection.c.study_id.in_(study_ids),
                rejection.c.state == "pending",
                rejection.c.generation == study.c.generation,
                study.c.state == "held",
            )
        )
        with self.reading() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def take_back(self, study_id: int, by: str, now: float) -> RejectionRecord:
        """Take a rejection back that is not done yet.

        Raises
        ------
        StateError
            If there is none.
        """
        with self.writing() as connection:
            pending = self._pending(connection, study_id)
            if pending is None:
                raise StateError("there is no rejection of this study that can be taken back")
            self._end_rejections(connection, study_id, "taken-back")
            about = f"study {study_id} generation {pending.key.generation}"
            self._record_audit(connection, by, "study.rejection-taken-back", about, "held", now)
        return pending

    def reject_due(self, now: float) -> list[int]:
        """Reject the studies whose time to take it back is over; return them."""
        done: list[int] = []
        query = sa.select(rejection).where(
            rejection.c.state == "pending", rejection.c.due_at <= now
        )
        with self.writing() as connection:
            for row in connection.execute(query).all():
                key = StudyKey(row.study_id, row.generation)
                is_held = self._is_held(connection, key)
                connection.execute(
                    sa.update(rejection)
                    .where(rejection.c.id == row.id)
                    .values(state="done" if is_held else "outdated")
                )
                if is_held:
                    self._reject(connection, key, row.rejected_by, REJECTED_RULE, now)
                    done.append(row.study_id)
        return done

    def expiring(self, held_before: float) -> list[StudyKey]:
        """Return the studies that are held since before a time."""
        query = (
            sa.select(study.c.id, study.c.generation)
            .where(study.c.state == "held", study.c.state_changed_at < held_before)
            .order_by(study.c.id)
        )
        with self.reading() as connection:
            return [StudyKey(*row) for row in connection.execute(query)]

    def expire(self, key: StudyKey, held_before: float, now: float) -> bool:
        """Reject a study that was held for too long; False if it is not any more."""
        with self.writing() as connection:
            row = connection.execute(
                sa.select(study).where(study.c.id == key.study_id).with_for_update()
            ).one()
            is_due = row.state_changed_at < held_before
            if (row.state, row.generation) != ("held", key.generation) or not is_due:
                return False
            self._end_rejections(connection, key.study_id, "outdated")
            self._reject(connection, key, "gatehouse", EXPIRED_RULE, now)
        return True

    def _held(self, connection: sa.Connection, study_id: int) -> sa.Row[Any]:
        row = connection.execute(
            sa.select(study).where(study.c.id == study_id).with_for_update()
        ).one_or_none()
        if row is None or row.state != "held":
            raise StateError("this study is not held any more")
        return row

    def _is_held(self, connection: sa.Connection, key: StudyKey) -> bool:
        row = connection.execute(
            sa.select(study.c.state, study.c.generation)
            .where(study.c.id == key.study_id)
            .with_for_update()
        ).one()
        return (row.state, row.generation) == ("held", key.generation)

    def _pending(self, connection: sa.Connection, study_id: int) -> RejectionRecord | None:
        query = (
            sa.select(rejection)
            .join(study, study.c.id == rejection.c.study_id)
            .where(
                rejection.c.study_id == study_id,
                rejection.c.state == "pending",
                rejection.c.generation == study.c.generation,
                study.c.state == "held",
            )
        )
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return RejectionRecord(
            row.id,
            StudyKey(row.study_id, row.generation),
            row.justification,
            row.rejected_by,
            row.rejected_at,
            row.due_at,
            row.state,
        )

    def _end_rejections(self, connection: sa.Connection, study_id: int, state: str) -> None:
        connection.execute(
            sa.update(rejection)
            .where(rejection.c.study_id == study_id, rejection.c.state == "pending")
            .values(state=state)
        )

    def _reject(
        self, connection: sa.Connection, key: StudyKey, by: str, rule: str, now: float
    ) -> None:
        connection.execute(
            sa.update(hold)
            .where(hold.c.study_id == key.study_id, hold.c.resolved_at.is_(None))
            .values(resolved_at=now, resolved_by=by, resolution="rejected")
        )
        connection.execute(
            sa.update(delivery)
            .where(
                delivery.c.study_id == key.study_id, delivery.c.state.in_(("waiting", "sending"))
            )
            .values(state="superseded", finished_at=now, next_try_at=None)
        )
        self._move(connection, *key, "rejected", now, rule=rule, reason=REASONS[rule])
        about = f"study {key.study_id} generation {key.generation}"
        self._record_audit(connection, by, "study.rejected", about, rule, now)


REASONS: Mapping[str, str] = {
    REJECTED_RULE: "a person rejected it while it was held",
    EXPIRED_RULE: "it was held for longer than held studies are kept waiting",
}
