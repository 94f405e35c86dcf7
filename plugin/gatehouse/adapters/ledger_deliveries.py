"""The ledger's part for deliveries: who gets what, what was tried, and the receipts."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import chunks
from gatehouse.adapters.ledger_instances import InstanceLedger, output_of
from gatehouse.adapters.ledger_tables import delivery, instance, output, receipt, study
from gatehouse.adapters.ledger_work import ACTOR
from gatehouse.errors import StateError
from gatehouse.pipeline import terms
from gatehouse.pipeline.destinations import mark_of
from gatehouse.pipeline.ports import Held, InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey, Output, StudyKey
from gatehouse.pipeline.states import OPEN_DELIVERIES, DeliveryState, StudyState
from gatehouse.policy.model import Delivery


class DeliveryLedger(InstanceLedger):
    """Methods of the workflows that deliver."""

    def open_deliveries(
        self,
        key: StudyKey,
        deliveries: Sequence[Delivery],
        policy_digest: str,
        now: float,
    ) -> bool:
        """Begin the deliveries of a run; False if it was superseded.

        The study is ``delivering`` from here on, or ``done`` if there is no destination.
        """
        state: DeliveryState = "waiting"
        with self.writing() as connection:
            target: StudyState = "delivering" if deliveries else "done"
            if not self._advance(connection, key, target, now, rule="", reason=""):
                return False
            for wanted in deliveries:
                row = {
                    "study_id": key.study_id,
                    "generation": key.generation,
                    "via": wanted.via,
                    "destination": wanted.to,
                    "policy_digest": policy_digest,
                    "terms": terms.to_json(wanted),
                    "state": state,
                    "created_at": now,
                    "next_try_at": now,
                }
                statement = self.insert(delivery).values(**row)
                connection.execute(statement.on_conflict_do_nothing())
        return True

    def begin_attempt(self, key: DeliveryKey, now: float) -> int | None:
        """Note that a delivery is being tried; return the number of the attempt, from 1.

        None means that nothing is to be done: it was delivered, superseded, cancelled or given up.
        """
        with self.writing() as connection:
            row = connection.execute(
                sa.select(delivery.c.state, delivery.c.attempts).where(*_is(key)).with_for_update()
            ).one()
            if row.state not in OPEN_DELIVERIES:
                return None
            attempt: int = row.attempts + 1
            self._set(connection, key, "sending", attempts=attempt, tried_at=now, next_try_at=None)
        return attempt

    def missing(self, key: DeliveryKey) -> list[Output]:
        """Return the outputs for which this destination has given no receipt of success.

        The same bytes that an earlier run delivered there are not sent again.
        """
        query = (
            sa.select(output)
            .where(
                output.c.study_id == key.study_id,
                output.c.generation == key.generation,
                ~_has_receipt(key.via, key.destination),
            )
            .order_by(output.c.series_instance_uid_new, output.c.sop_instance_uid_new)
        )
        with self.reading() as connection:
            return [output_of(row) for row in connection.execute(query)]

    def record_receipts(
        self,
        key: DeliveryKey,
        receipts: Sequence[tuple[InstanceReceipt, str]],
        now: float,
    ) -> None:
        """Keep a destination's answers, each with the SHA-256 of what was sent."""
        rows = [
            {
                "study_id": key.study_id,
                "generation": key.generation,
                "via": key.via,
                "destination": key.destination,
                "sop_instance_uid": answer.sop_instance_uid,
                "sha256": sha256,
                "status": answer.status,
                "is_stored": answer.is_stored,
                "detail": answer.detail,
                "received_at": now,
            }
            for answer, sha256 in receipts
        ]
        columns = ["study_id", "via", "destination", "sop_instance_uid", "sha256"]
        with self.writing() as connection:
            self.upsert(connection, receipt, columns, *rows)

    def delivered(self, key: DeliveryKey, now: float) -> None:
        """Close a delivery that has all its receipts; the study is done with its last one.

        Raises
        ------
        StateError
            If a receipt is missing: "delivered" is said only with evidence.
        """
        if self.missing(key):
            raise StateError("a delivery without all its receipts can't be closed as delivered")
        if self.delivery_terms(key)[0].verify != "receipts" and self.unconfirmed(key):
            raise StateError("a delivery that is to be confirmed, and is not, can't be closed")
        with self.writing() as connection:
            if self._set(connection, key, "delivered", finished_at=now, next_try_at=None):
                about = f"study {key.study_id} generation {key.generation} to {key.destination}"
                self._record_audit(connection, ACTOR, "delivery.delivered", about, key.via, now)
                self._settle(connection, StudyKey(key.study_id, key.generation), now)

    def is_open(self, key: DeliveryKey) -> bool:
        """Return whether a delivery is still to be tried."""
        with self.reading() as connection:
            state = connection.scalar(sa.select(delivery.c.state).where(*_is(key)))
        return state in OPEN_DELIVERIES

    def unconfirmed(self, key: DeliveryKey) -> list[Output]:
        """Return the outputs that this destination has taken and not confirmed afterwards."""
        query = (
            sa.select(output)
            .where(
                output.c.study_id == key.study_id,
                output.c.generation == key.generation,
                _has_receipt(key.via, key.destination, receipt.c.confirmed_at.is_(None)),
            )
            .order_by(output.c.series_instance_uid_new, output.c.sop_instance_uid_new)
        )
        with self.reading() as connection:
            return [output_of(row) for row in connection.execute(query)]

    def record_confirmations(
        self,
        key: DeliveryKey,
        found: Sequence[Output],
        lost: Sequence[Output],
        how: str,
        now: float,
    ) -> None:
        """Keep what a destination says it has; what it has lost counts as not sent.

        Parameters
        ----------
        how : str
            How it was asked: ``"C-FIND"``, ``"QIDO-RS"``, ``"N-EVENT-REPORT"`` ...
        """
        lost_text = f"it did not have the instance when it was asked by {how}"
        with self.writing() as connection:
            for outputs, columns in (
                (found, {"confirmed_at": now, "confirmed_by": how}),
                (lost, {"is_stored": False, "detail": lost_text}),
            ):
                for part in chunks([one.sop_instance_uid_new for one in outputs]):
                    connection.execute(
                        sa.update(receipt)
                        .where(
                            receipt.c.study_id == key.study_id,
                            receipt.c.via == key.via,
                            receipt.c.destination == key.destination,
                            receipt.c.sop_instance_uid.in_(part),
                        )
                        .values(**columns)
                    )

    def try_later(self, key: DeliveryKey, at: float, error: str) -> None:
        """Note why a delivery did not succeed, and when it is tried again."""
        with self.writing() as connection:
            self._set(connection, key, "waiting", next_try_at=at, last_error=error)

    def give_up(
        self, key: DeliveryKey, error: str, now: float, *, rule: str = "delivery.failed"
    ) -> None:
        """Close a delivery that did not succeed; its study is held."""
        reason = _given_up(key.via, key.destination, error)
        with self.writing() as connection:
            # Told of or not before: that it was given up again is news.
            columns = {"finished_at": now, "next_try_at": None, "told_at": None}
            if self._set(connection, key, "failed", last_error=error, **columns):
                run = StudyKey(key.study_id, key.generation)
                self._hold(connection, run, Held("", rule, reason), now)

    def delivery_terms(self, key: DeliveryKey) -> tuple[Delivery, float, int]:
        """Return a delivery's terms, when it was opened, and how often it was tried."""
        opened_at = sa.func.coalesce(delivery.c.retried_at, delivery.c.created_at)
        query = sa.select(delivery.c.terms, opened_at.label("opened_at"), delivery.c.attempts)
        with self.reading() as connection:
            row = connection.execute(query.where(*_is(key))).one()
        return terms.from_json(row.terms), row.opened_at, row.attempts

    def reusable(
        self,
        key: StudyKey,
        policy_digest: str,
        key_id: str,
        software: str,
        deliveries: Sequence[Delivery],
    ) -> list[Output]:
        """Return outputs of earlier runs that would come out the same, and that everybody has.

        They need not be made again. Without destinations there is no evidence, and so none.
        """
        if not deliveries:
            return []
        present = sa.exists().where(
            instance.c.study_id == output.c.study_id,
            instance.c.orthanc_id == output.c.instance,
            instance.c.attachment_digest == output.c.attachment_digest,
            instance.c.vanished_at.is_(None),
        )
        query = (
            sa.select(output)
            .where(
                output.c.study_id == key.study_id,
                output.c.generation < key.generation,
                output.c.policy_digest == policy_digest,
                output.c.key_id == key_id,
                output.c.software == software,
                present,
                *(_has_receipt(wanted.via, wanted.to) for wanted in deliveries),
            )
            .order_by(output.c.generation)
        )
        with self.reading() as connection:
            newest = {row.instance: row for row in connection.execute(query)}
        return [
            dataclasses.replace(output_of(row), carried_from=row.carried_from or row.generation)
            for row in newest.values()
        ]

    def overdue_deliveries(self, before: float) -> list[tuple[DeliveryKey, int]]:
        """Return open deliveries with nothing to wait for since a time, each with its mark."""
        query = sa.select(delivery).where(
            sa.or_(
                sa.and_(delivery.c.state == "waiting", delivery.c.next_try_at < before),
                sa.and_(delivery.c.state == "sending", delivery.c.tried_at < before),
            )
        )
        with self.reading() as connection:
            return [
                (
                    DeliveryKey(row.study_id, row.generation, row.via, row.destination),
                    mark_of(row.next_try_at if row.state == "waiting" else row.tried_at),
                )
                for row in connection.execute(query)
            ]

    def _set(
        self, connection: sa.Connection, key: DeliveryKey, state: DeliveryState, **columns: object
    ) -> bool:
        # A delivery that was superseded or closed meanwhile stays so.
        changed = connection.execute(
            sa.update(delivery)
            .where(*_is(key), delivery.c.state.in_(OPEN_DELIVERIES))
            .values(state=state, **columns)
        )
        return changed.rowcount > 0

    def _settle(self, connection: sa.Connection, key: StudyKey, now: float) -> None:
        # Locks the study, so that of two last deliveries one sees the other.
        row = connection.execute(
            sa.select(study.c.state, study.c.generation)
            .where(study.c.id == key.study_id)
            .with_for_update()
        ).one()
        if row.state != "delivering" or row.generation != key.generation:
            return
        rows = connection.execute(
            sa.select(delivery)
            .where(delivery.c.study_id == key.study_id, delivery.c.generation == key.generation)
            .order_by(delivery.c.id)
        ).all()
        states = {one.state for one in rows}
        if states & OPEN_DELIVERIES:
            return
        for one in rows:
            if one.state == "failed":
                reason = _given_up(one.via, one.destination, one.last_error)
                self._hold(connection, key, Held("", "delivery.failed", reason), now)
        if "failed" not in states:
            cancelled = ", ".join(one.destination for one in rows if one.state == "cancelled")
            rule = "delivery.cancelled" if cancelled else ""
            reason = f"the delivery to {cancelled} was cancelled" if cancelled else ""
            self._advance(connection, key, "done", now, rule=rule, reason=reason)


def _given_up(via: str, destination: str, error: str) -> str:
    return f"{destination} did not take all instances ({via}): {error}"


def _has_receipt(via: str, destination: str, *conditions: sa.ColumnElement[bool]) -> sa.Exists:
    return sa.exists().where(
        receipt.c.study_id == output.c.study_id,
        receipt.c.via == via,
        receipt.c.destination == destination,
        receipt.c.sop_instance_uid == output.c.sop_instance_uid_new,
        receipt.c.sha256 == output.c.sha256,
        receipt.c.is_stored,
        *conditions,
    )


def _is(key: DeliveryKey) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        delivery.c.study_id == key.study_id,
        delivery.c.generation == key.generation,
        delivery.c.via == key.via,
        delivery.c.destination == key.destination,
    )
