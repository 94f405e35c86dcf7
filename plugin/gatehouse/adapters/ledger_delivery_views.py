"""What the ledger tells about deliveries: how far each is, and what the destination answered."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_tables import delivery, output, receipt, study
from gatehouse.pipeline import terms
from gatehouse.pipeline.ports import InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey, DeliveryRecord


class DeliveryViewLedger(LedgerBase):
    """Methods that only read."""

    def deliveries(
        self,
        *,
        study_id: int | None = None,
        state: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[DeliveryRecord]:
        """Return deliveries, newest first."""
        query = _DELIVERIES.order_by(delivery.c.id.desc())
        if study_id is not None:
            query = query.where(delivery.c.study_id == study_id)
        if state is not None:
            query = query.where(delivery.c.state == state)
        with self.reading() as connection:
            return [_delivery(row) for row in connection.execute(query.limit(limit).offset(offset))]

    def receipts(self, key: DeliveryKey) -> list[InstanceReceipt]:
        """Return a destination's answers on the instances of one run."""
        query = (
            sa.select(receipt)
            .select_from(receipt.join(output, _RECEIPT_OF_OUTPUT))
            .where(
                output.c.study_id == key.study_id,
                output.c.generation == key.generation,
                receipt.c.via == key.via,
                receipt.c.destination == key.destination,
            )
            .order_by(receipt.c.id)
        )
        with self.reading() as connection:
            return [
                InstanceReceipt(row.sop_instance_uid, row.status, row.is_stored, row.detail)
                for row in connection.execute(query)
            ]


_RECEIPT_OF_OUTPUT = sa.and_(
    receipt.c.study_id == output.c.study_id,
    receipt.c.sop_instance_uid == output.c.sop_instance_uid_new,
    receipt.c.sha256 == output.c.sha256,
)
_OUTPUT_OF_DELIVERY = sa.and_(
    output.c.study_id == delivery.c.study_id, output.c.generation == delivery.c.generation
)


def _receipts_where(*conditions: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return (
        sa.select(sa.func.count())
        .select_from(receipt.join(output, _RECEIPT_OF_OUTPUT))
        .where(
            _OUTPUT_OF_DELIVERY,
            receipt.c.via == delivery.c.via,
            receipt.c.destination == delivery.c.destination,
            *conditions,
        )
        .correlate(delivery)
        .scalar_subquery()
    )


_DELIVERIES = sa.select(
    delivery,
    study.c.orthanc_id.label("study_orthanc_id"),
    sa.select(sa.func.count())
    .select_from(output)
    .where(_OUTPUT_OF_DELIVERY)
    .correlate(delivery)
    .scalar_subquery()
    .label("instances"),
    _receipts_where(receipt.c.is_stored).label("receipts"),
    _receipts_where(receipt.c.is_stored, receipt.c.status.like("0xB%")).label("warnings"),
    _receipts_where(receipt.c.is_stored, receipt.c.confirmed_at.is_not(None)).label("confirmed"),
).join(study, study.c.id == delivery.c.study_id)


def _delivery(row: sa.Row[Any]) -> DeliveryRecord:
    return DeliveryRecord(
        delivery_id=row.id,
        key=DeliveryKey(row.study_id, row.generation, row.via, row.destination),
        study_orthanc_id=row.study_orthanc_id,
        state=row.state,
        terms=terms.from_json(row.terms),
        attempts=row.attempts,
        created_at=row.created_at,
        next_try_at=row.next_try_at,
        finished_at=row.finished_at,
        last_error=row.last_error,
        instances=row.instances,
        receipts=row.receipts,
        warnings=row.warnings,
        confirmed=row.confirmed,
    )
