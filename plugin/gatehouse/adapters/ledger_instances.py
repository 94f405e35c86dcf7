"""The ledger's part for instances: those that came, and what a run made of each.

As in ``ledger_work``, every method may be called again with the same arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import chunks
from gatehouse.adapters.ledger_reception_tables import reception_mark
from gatehouse.adapters.ledger_tables import delivery, instance, output, own_output, study
from gatehouse.adapters.ledger_work import WorkLedger
from gatehouse.pipeline.records import Arrival, InstanceRecord, Output, StudyKey
from gatehouse.policy.model import Origin


class InstanceLedger(WorkLedger):
    """Methods of the workflows over the instances of a study."""

    def instances(self, study_id: int) -> list[InstanceRecord]:
        """Return the instances of a study that are in the archive, in a fixed order."""
        query = (
            sa.select(instance)
            .where(instance.c.study_id == study_id, instance.c.vanished_at.is_(None))
            .order_by(instance.c.orthanc_id)
        )
        with self.reading() as connection:
            return [_instance(row) for row in connection.execute(query)]

    def arrivals(self, server: str, after: int, limit: int) -> tuple[list[Arrival], int]:
        """Return instances of studies that still arrive, in the order in which they came.

        Those that were de-identified when they were received are left out: nothing is to be made.

        Parameters
        ----------
        after : int
            The last row that was seen. An instance that was overwritten keeps its row.

        Returns
        -------
        list of Arrival
        int
            The last row that was seen now.
        """
        is_arriving = (study.c.server == server) & (study.c.state == "receiving")
        with self.reading() as connection:
            newest = connection.scalar(sa.select(sa.func.max(instance.c.id))) or 0
            if newest <= after:
                return [], after
            generations = {
                row.id: row.generation
                for row in connection.execute(
                    sa.select(study.c.id, study.c.generation).where(is_arriving)
                )
            }
            rows: list[sa.Row[Any]] = []
            is_marked = sa.exists().where(
                reception_mark.c.server == server,
                reception_mark.c.orthanc_id == instance.c.orthanc_id,
            )
            for part in chunks(list(generations)):
                query = sa.select(instance).where(
                    instance.c.study_id.in_(part),
                    # An expression, so that no database walks all instances by their row.
                    instance.c.id + 0 > after,
                    instance.c.vanished_at.is_(None),
                    ~is_marked,
                )
                rows += connection.execute(query).all()
        rows.sort(key=lambda row: int(row.id))
        found = [
            Arrival(row.id, StudyKey(row.study_id, generations[row.study_id]), _instance(row))
            for row in rows[:limit]
        ]
        return found, found[-1].row if len(rows) > limit else newest

    def record_outputs(self, key: StudyKey, outputs: Sequence[Output]) -> bool:
        """Keep what was made of instances; False if this run was superseded."""
        rows = [
            {"study_id": key.study_id, "generation": key.generation, **_columns(made)}
            for made in outputs
        ]
        with self.writing() as connection:
            if not self._is_present(connection, key):
                return False
            for part in chunks(rows):
                self.upsert(connection, output, ["study_id", "generation", "instance"], *part)
        return True

    def outputs(self, key: StudyKey) -> list[Output]:
        """Return what was made in one run, in a fixed order."""
        query = (
            sa.select(output)
            .where(output.c.study_id == key.study_id, output.c.generation == key.generation)
            .order_by(output.c.series_instance_uid_new, output.c.sop_instance_uid_new)
        )
        with self.reading() as connection:
            return [output_of(row) for row in connection.execute(query)]

    def made_elsewhere(self, key: StudyKey, limit: int) -> list[tuple[str, str]]:
        """Return instances of a run whose SOP Instance UIDs another study has as well.

        To Orthanc a study is another one if its Patient ID is. What a destination may have counts,
        whatever has become of its study since; of what was never sent, only runs that go on or are
        done. The same study in another Orthanc does not count.

        Returns
        -------
        list of (instance, other instance)
            Their Orthanc IDs.
        """
        other, others, here = output.alias(), study.alias(), study.alias()
        goes_on = sa.and_(
            others.c.generation == other.c.generation,
            others.c.state.in_(("processing", "delivering", "done")),
        )
        was_sent = sa.exists().where(
            delivery.c.study_id == other.c.study_id,
            delivery.c.generation == other.c.generation,
            delivery.c.attempts > 0,
        )
        query = (
            sa.select(output.c.instance, other.c.instance)
            .distinct()
            .join(other, other.c.sop_instance_uid_new == output.c.sop_instance_uid_new)
            .join(others, others.c.id == other.c.study_id)
            .join(here, here.c.id == output.c.study_id)
            .join(
                instance,
                sa.and_(
                    instance.c.study_id == other.c.study_id,
                    instance.c.orthanc_id == other.c.instance,
                ),
            )
            .where(
                output.c.study_id == key.study_id,
                output.c.generation == key.generation,
                other.c.study_id != key.study_id,
                others.c.orthanc_id != here.c.orthanc_id,
                # The same patient's study, received once as it was and once de-identified.
                others.c.orthanc_id != output.c.study_orthanc_id_new,
                here.c.orthanc_id != other.c.study_orthanc_id_new,
                sa.or_(goes_on, was_sent),
                instance.c.vanished_at.is_(None),
            )
            .limit(limit)
        )
        with self.reading() as connection:
            return [(row[0], row[1]) for row in connection.execute(query)]

    def register_own_outputs(
        self, key: StudyKey, server: str, outputs: Sequence[Output], now: float
    ) -> None:
        """Note Orthanc IDs before outputs are stored, so that they are never taken for received."""
        rows = [
            {
                "server": server,
                "orthanc_id": one.orthanc_id_new,
                "study_id": key.study_id,
                "generation": key.generation,
                "study_orthanc_id": one.study_orthanc_id_new,
                "registered_at": now,
            }
            for one in outputs
        ]
        with self.writing() as connection:
            for part in chunks(rows):
                self.upsert(connection, own_output, ["server", "orthanc_id"], *part)


def _columns(made: Output) -> Mapping[str, Any]:
    return {name: getattr(made, name) for name in Output.__dataclass_fields__}


def output_of(row: sa.Row[Any]) -> Output:
    """Make a value of a row."""
    return Output(**{name: getattr(row, name) for name in Output.__dataclass_fields__})


def _instance(row: sa.Row[Any]) -> InstanceRecord:
    return InstanceRecord(
        orthanc_id=row.orthanc_id,
        series_orthanc_id=row.series_orthanc_id,
        attachment_digest=row.attachment_digest,
        generation=row.generation,
        received_at=row.received_at,
        file_uuid=row.file_uuid,
        origin=Origin(
            protocol=row.protocol,
            calling_aet=row.calling_aet,
            called_aet=row.called_aet,
            remote_address=row.remote_address,
            user=row.user,
        ),
    )
