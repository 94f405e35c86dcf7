"""The ledger's part for destinations: pausing, circuits, and what operators do with deliveries."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_deliveries import DeliveryLedger
from gatehouse.adapters.ledger_tables import delivery, destination, hold, study
from gatehouse.errors import StateError
from gatehouse.pipeline import circuit as circuits
from gatehouse.pipeline.circuit import Breaker, Circuit
from gatehouse.pipeline.destinations import DestinationKey, DestinationRecord, mark_of
from gatehouse.pipeline.records import DeliveryKey, StudyKey
from gatehouse.pipeline.states import OPEN_DELIVERIES

ERROR_MAX = 300


class DestinationLedger(DeliveryLedger):
    """Methods of workers that send, and of operators."""

    # ---- Before and after an attempt

    def admit(self, key: DeliveryKey, now: float) -> tuple[bool, float | None]:
        """Return whether a delivery may be tried now, and else when to ask again.

        Without a time the destination is paused: the delivery waits until somebody resumes it.
        """
        where = DestinationKey(key.via, key.destination)
        with self.writing() as connection:
            row = self._destination(connection, where)
            if row is None:
                return True, None
            if row.paused_at is not None:
                text = "waits, because its destination is paused"
                self._set(connection, key, "waiting", next_try_at=None, last_error=text)
                return False, None
            after, again_at = circuits.admit(_circuit(row), now)
            if again_at is None and after.is_open:
                self._keep_circuit(connection, where, after)
        return again_at is None, again_at

    def destination_answered(self, where: DestinationKey, now: float) -> None:
        """Note that a destination is there: its circuit is closed."""
        with self.writing() as connection:
            self._keep(connection, where, answered_at=now, **_columns(circuits.CLOSED))

    def destination_failed(
        self, where: DestinationKey, breaker: Breaker, error: str, now: float
    ) -> None:
        """Note that a destination did not answer an attempt; enough of it opens its circuit."""
        with self.writing() as connection:
            row = self._destination(connection, where)
            before = circuits.CLOSED if row is None else _circuit(row)
            after = circuits.failed(before, breaker, now)
            about = {"last_error": error[:ERROR_MAX], "last_error_at": now}
            self._keep(connection, where, **about, **_columns(after))
            if after.is_open and not before.is_open:
                self._audit_destination(connection, where, "circuit-opened", "gatehouse", now)

    def destination_error(self, where: DestinationKey, error: str, now: float) -> None:
        """Keep the last thing that went wrong with a destination that is there."""
        with self.writing() as connection:
            self._keep(connection, where, last_error=error[:ERROR_MAX], last_error_at=now)

    # ---- Operators

    def pause_destination(self, where: DestinationKey, by: str, now: float) -> bool:
        """Have a destination's deliveries wait; False if they do already."""
        with self.writing() as connection:
            row = self._destination(connection, where)
            if row is not None and row.paused_at is not None:
                return False
            self._keep(connection, where, paused_at=now, paused_by=by)
            self._audit_destination(connection, where, "paused", by, now)
        return True

    def resume_destination(
        self, where: DestinationKey, by: str, now: float
    ) -> list[tuple[DeliveryKey, int]]:
        """End a pause, and close the circuit; return what waits, each with its new mark."""
        with self.writing() as connection:
            row = self._destination(connection, where)
            if row is None or (row.paused_at is None and row.opened_at is None):
                return []
            about = {"paused_at": None, "paused_by": "", **_columns(circuits.CLOSED)}
            self._keep(connection, where, **about)
            self._audit_destination(connection, where, "resumed", by, now)
            waits = (
                delivery.c.via == where.via,
                delivery.c.destination == where.name,
                delivery.c.state == "waiting",
            )
            connection.execute(sa.update(delivery).where(*waits).values(next_try_at=now))
            rows = connection.execute(sa.select(delivery).where(*waits).order_by(delivery.c.id))
            return [(_key(one), mark_of(now)) for one in rows]

    def retry_delivery(self, delivery_id: int, by: str, now: float) -> tuple[DeliveryKey, int]:
        """Have a delivery tried now that waits or was given up; its longest time begins anew.

        Raises
        ------
        LookupError
            If there is no such delivery.
        StateError
            If it was delivered, cancelled or superseded, or is being tried.
        """
        with self.writing() as connection:
            row = self._delivery(connection, delivery_id)
            if row.state not in ("waiting", "failed"):
                raise StateError(f"a delivery that is {row.state} can't be tried again")
            key = _key(row)
            was_failed = row.state == "failed"
            if was_failed:
                self._reopen(connection, key, by, "delivery tried again", now)
            connection.execute(
                sa.update(delivery)
                .where(delivery.c.id == delivery_id)
                .values(
                    state="waiting",
                    next_try_at=now,
                    finished_at=None,
                    retried_at=now if was_failed else row.retried_at,
                )
            )
            self._audit_delivery(connection, key, "retried", by, now)
        return key, mark_of(now)

    def cancel_delivery(self, delivery_id: int, by: str, now: float) -> DeliveryKey:
        """Close a delivery that is not wanted any more; what has arrived stays there.

        Raises
        ------
        LookupError
            If there is no such delivery.
        StateError
            If it was delivered, cancelled or superseded.
        """
        with self.writing() as connection:
            row = self._delivery(connection, delivery_id)
            if row.state not in (*OPEN_DELIVERIES, "failed"):
                raise StateError(f"a delivery that is {row.state} can't be cancelled")
            key = _key(row)
            if row.state == "failed":
                self._reopen(connection, key, by, "delivery cancelled", now)
            connection.execute(
                sa.update(delivery)
                .where(delivery.c.id == delivery_id)
                .values(state="cancelled", next_try_at=None, finished_at=now)
            )
            self._audit_delivery(connection, key, "cancelled", by, now)
            self._settle(connection, StudyKey(key.study_id, key.generation), now)
        return key

    # ---- Views

    def destinations(self) -> list[DestinationRecord]:
        """Return every destination that was ever used or paused."""
        opened_at = sa.func.min(delivery.c.created_at)
        open_or_failed = delivery.c.state.in_((*OPEN_DELIVERIES, "failed"))
        with self.reading() as connection:
            known: dict[DestinationKey, dict[str, Any]] = {
                DestinationKey(row.via, row.name): {
                    "paused_at": row.paused_at,
                    "paused_by": row.paused_by,
                    "circuit": _circuit(row),
                    "last_error": row.last_error,
                    "last_error_at": row.last_error_at,
                    "answered_at": row.answered_at,
                }
                for row in connection.execute(sa.select(destination))
            }
            counted = connection.execute(
                sa.select(
                    delivery.c.via,
                    delivery.c.destination,
                    delivery.c.state,
                    sa.func.count().label("number"),
                    opened_at.label("oldest_at"),
                )
                .where(open_or_failed)
                .group_by(delivery.c.via, delivery.c.destination, delivery.c.state)
            )
            for row in counted:
                about = known.setdefault(DestinationKey(row.via, row.destination), {})
                about[row.state] = row.number
                if row.state in OPEN_DELIVERIES:
                    about["oldest_at"] = min(row.oldest_at, about.get("oldest_at", row.oldest_at))
        return [DestinationRecord(key, **about) for key, about in sorted(known.items())]

    # ---- Parts

    def _destination(self, connection: sa.Connection, where: DestinationKey) -> sa.Row[Any] | None:
        return connection.execute(
            sa.select(destination)
            .where(destination.c.via == where.via, destination.c.name == where.name)
            .with_for_update()
        ).one_or_none()

    def _keep(self, connection: sa.Connection, where: DestinationKey, **columns: Any) -> None:
        row = {"via": where.via, "name": where.name, **columns}
        self.upsert(connection, destination, ["via", "name"], row)

    def _keep_circuit(
        self, connection: sa.Connection, where: DestinationKey, circuit: Circuit
    ) -> None:
        self._keep(connection, where, **_columns(circuit))

    def _delivery(self, connection: sa.Connection, delivery_id: int) -> sa.Row[Any]:
        row = connection.execute(
            sa.select(delivery).where(delivery.c.id == delivery_id).with_for_update()
        ).one_or_none()
        if row is None:
            raise LookupError(delivery_id)
        return row

    def _reopen(
        self, connection: sa.Connection, key: DeliveryKey, by: str, resolution: str, now: float
    ) -> None:
        """Take a study back that is held because a delivery was given up."""
        run = StudyKey(key.study_id, key.generation)
        row = connection.execute(
            sa.select(study.c.state, study.c.generation)
            .where(study.c.id == run.study_id)
            .with_for_update()
        ).one()
        if row.generation != run.generation:
            raise StateError("the study has been processed again since; its new deliveries count")
        connection.execute(
            sa.update(hold)
            .where(
                hold.c.study_id == run.study_id,
                hold.c.generation == run.generation,
                hold.c.resolved_at.is_(None),
            )
            .values(resolved_at=now, resolved_by=by, resolution=resolution)
        )
        if row.state == "held":
            # No step of a worker, which may do a step twice: what is held stays held by itself.
            self._move(connection, *run, "delivering", now, reason=resolution)
        elif row.state != "delivering":
            raise StateError(f"a study that is {row.state} delivers nothing more")

    def _audit_destination(
        self, connection: sa.Connection, where: DestinationKey, what: str, by: str, now: float
    ) -> None:
        self._record_audit(connection, by, f"destination.{what}", where.name, where.via, now)

    def _audit_delivery(
        self, connection: sa.Connection, key: DeliveryKey, what: str, by: str, now: float
    ) -> None:
        about = f"study {key.study_id} generation {key.generation} to {key.destination}"
        self._record_audit(connection, by, f"delivery.{what}", about, key.via, now)


def _circuit(row: sa.Row[Any]) -> Circuit:
    return Circuit(row.failures, row.opened_at, row.probe_at)


def _columns(circuit: Circuit) -> dict[str, Any]:
    return {
        "failures": circuit.failures,
        "opened_at": circuit.opened_at,
        "probe_at": circuit.probe_at,
    }


def _key(row: sa.Row[Any]) -> DeliveryKey:
    return DeliveryKey(row.study_id, row.generation, row.via, row.destination)
