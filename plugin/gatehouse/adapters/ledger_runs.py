"""The ledger's part for runs over an archive: which studies, how far, under which policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_audit import AuditLedger
from gatehouse.adapters.ledger_base import chunks
from gatehouse.adapters.ledger_tables import run, run_item
from gatehouse.errors import StateError
from gatehouse.pipeline.runs import ITEMS_LEFT, ITEMS_UNDER_WAY, ItemState, RunItem, RunRecord

CHANGES = {
    "paused": ("running",),
    "running": ("paused",),
    "cancelled": ("paused", "running"),
}
"""State -> the states from which a person may bring a run there."""


class RunsLedger(AuditLedger):
    """Methods of the service, which feeds the studies of runs into the pipeline."""

    def create_run(
        self,
        policy: str,
        modality: str,
        at_once: int,
        per_hour: float | None,
        window: str,
        by: str,
        now: float,
    ) -> int:
        """Make a run that is paused and has no studies yet; return its number."""
        with self.writing() as connection:
            number = connection.execute(
                sa.insert(run)
                .values(
                    policy=policy,
                    source="remote" if modality else "archive",
                    modality=modality,
                    state="paused",
                    at_once=at_once,
                    per_hour=per_hour,
                    window=window,
                    created_at=now,
                    created_by=by,
                )
                .returning(run.c.id)
            ).scalar_one()
            self._record_audit(connection, by, "run.created", f"run {number}", policy, now)
        return int(number)

    def add_run_items(
        self, run_id: int, studies: Sequence[tuple[str, str]], by: str, now: float
    ) -> int:
        """Add studies, each by its Orthanc ID and by what it is fetched by; return how many.

        One that is there already is not added again. The audit trail says how many somebody added,
        and not what they were asked for by.
        """
        with self.writing() as connection:
            last = connection.scalar(
                sa.select(sa.func.max(run_item.c.position)).where(run_item.c.run_id == run_id)
            )
            known: set[str] = set()
            for part in chunks([orthanc_id for orthanc_id, _ in studies]):
                query = sa.select(run_item.c.study_orthanc_id).where(
                    run_item.c.run_id == run_id, run_item.c.study_orthanc_id.in_(part)
                )
                known.update(connection.scalars(query))
            new = {orthanc_id: uid for orthanc_id, uid in studies if orthanc_id not in known}
            rows = [
                {
                    "run_id": run_id,
                    "position": position,
                    "study_orthanc_id": orthanc_id,
                    "study_instance_uid": uid,
                    "state": "pending",
                }
                for position, (orthanc_id, uid) in enumerate(new.items(), (last or 0) + 1)
            ]
            if rows:
                connection.execute(sa.insert(run_item), rows)
                self._record_audit(
                    connection, by, "run.studies-added", f"run {run_id}", str(len(rows)), now
                )
        return len(rows)

    def change_run(self, run_id: int, state: str, by: str, now: float) -> None:
        """Pause, begin or cancel a run.

        Raises
        ------
        LookupError
            If there is no such run.
        StateError
            If it is over, or in this state already.
        """
        with self.writing() as connection:
            row = connection.execute(
                sa.select(run.c.state).where(run.c.id == run_id).with_for_update()
            ).one_or_none()
            if row is None:
                raise LookupError(run_id)
            if row.state not in CHANGES[state]:
                raise StateError(f"a run that is {row.state} can't be {state}")
            finished_at = now if state == "cancelled" else None
            connection.execute(
                sa.update(run)
                .where(run.c.id == run_id)
                .values(state=state, finished_at=finished_at)
            )
            if state == "cancelled":
                connection.execute(
                    sa.update(run_item)
                    .where(run_item.c.run_id == run_id, run_item.c.state == "pending")
                    .values(state="skipped", reason="the run was cancelled", study_instance_uid="")
                )
            self._record_audit(connection, by, f"run.{state}", f"run {run_id}", state, now)

    def finish_run(self, run_id: int, now: float) -> bool:
        """End a run all of whose studies are; False if some are left."""
        left = sa.exists().where(run_item.c.run_id == run_id, run_item.c.state.in_(ITEMS_LEFT))
        with self.writing() as connection:
            changed = connection.execute(
                sa.update(run)
                .where(run.c.id == run_id, run.c.state == "running", ~left)
                .values(state="done", finished_at=now)
            )
            if changed.rowcount:
                self._record_audit(
                    connection, "gatehouse", "run.done", f"run {run_id}", "done", now
                )
        return changed.rowcount > 0

    def runs(
        self, state: str | None = None, *, before: int | None = None, limit: int = 100
    ) -> list[RunRecord]:
        """Return runs, newest first; ``before``: those with a smaller number."""
        query = sa.select(run).order_by(run.c.id.desc()).limit(limit)
        if state is not None:
            query = query.where(run.c.state == state)
        if before is not None:
            query = query.where(run.c.id < before)
        with self.reading() as connection:
            return [self._run(connection, row) for row in connection.execute(query).all()]

    def run(self, run_id: int) -> RunRecord | None:
        """Return one run."""
        with self.reading() as connection:
            row = connection.execute(sa.select(run).where(run.c.id == run_id)).one_or_none()
            return None if row is None else self._run(connection, row)

    def run_items(
        self, run_id: int, states: Sequence[ItemState] = (), *, limit: int = 100, offset: int = 0
    ) -> list[RunItem]:
        """Return studies of a run in their order."""
        query = sa.select(run_item).where(run_item.c.run_id == run_id)
        if states:
            query = query.where(run_item.c.state.in_(states))
        query = query.order_by(run_item.c.position).limit(limit).offset(offset)
        with self.reading() as connection:
            return [_item(row) for row in connection.execute(query)]

    def items_under_way(self) -> list[RunItem]:
        """Return the studies of all runs that are fetched or processed now."""
        query = sa.select(run_item).where(run_item.c.state.in_(ITEMS_UNDER_WAY))
        with self.reading() as connection:
            return [_item(row) for row in connection.execute(query.order_by(run_item.c.id))]

    def begun_since(self, run_id: int, time: float) -> int:
        """Return how many studies of a run were begun since a time."""
        query = sa.select(sa.func.count()).where(
            run_item.c.run_id == run_id, run_item.c.begun_at >= time
        )
        with self.reading() as connection:
            return int(connection.scalar(query) or 0)

    def move_item(
        self,
        item: RunItem,
        state: ItemState,
        now: float,
        *,
        generation: int | None = None,
        reason: str = "",
    ) -> None:
        """Put a study of a run into a state."""
        values: dict[str, Any] = {"state": state, "reason": reason}
        if generation is not None:
            values["generation"] = generation
        if item.begun_at is None:
            values["begun_at"] = now
        if state not in ITEMS_LEFT:
            values["finished_at"] = now
        if state not in ("pending", "fetching"):
            values["study_instance_uid"] = ""
        with self.writing() as connection:
            connection.execute(
                sa.update(run_item).where(run_item.c.id == item.item_id).values(**values)
            )

    def _run(self, connection: sa.Connection, row: sa.Row[Any]) -> RunRecord:
        counts = connection.execute(
            sa.select(run_item.c.state, sa.func.count().label("number"))
            .where(run_item.c.run_id == row.id)
            .group_by(run_item.c.state)
        )
        return RunRecord(
            run_id=row.id,
            policy=row.policy,
            source=row.source,
            modality=row.modality,
            state=row.state,
            at_once=row.at_once,
            per_hour=row.per_hour,
            window=row.window,
            created_at=row.created_at,
            created_by=row.created_by,
            finished_at=row.finished_at,
            counts={one.state: one.number for one in counts},
        )


def _item(row: sa.Row[Any]) -> RunItem:
    return RunItem(
        item_id=row.id,
        run_id=row.run_id,
        position=row.position,
        study_orthanc_id=row.study_orthanc_id,
        study_instance_uid=row.study_instance_uid,
        state=row.state,
        generation=row.generation,
        reason=row.reason,
        begun_at=row.begun_at,
    )
