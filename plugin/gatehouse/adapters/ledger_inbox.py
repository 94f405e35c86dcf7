"""The ledger's inbox: what was received, and which studies are complete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_audit import AuditLedger
from gatehouse.adapters.ledger_base import chunks
from gatehouse.adapters.ledger_reception_tables import reception_mark
from gatehouse.adapters.ledger_tables import delivery, hold, instance, own_output, server, study
from gatehouse.pipeline.ports import ReceivedInstance
from gatehouse.pipeline.records import StudyKey
from gatehouse.pipeline.states import OPEN_DELIVERIES, StudyState
from gatehouse.standard.modalities import modality

ARCHIVED_GENERATION = 0
"""Generation of the instances that were in the archive before Gatehouse."""

Row = sa.Row[Any]


class InboxLedger(AuditLedger):
    """Methods of the process that reads Orthanc's change log."""

    def cursor(self, name: str) -> int | None:
        """Return the last change of this Orthanc that was recorded; None if none ever was."""
        with self.reading() as connection:
            return connection.scalar(sa.select(server.c.cursor).where(server.c.name == name))

    def first_seen(self, name: str) -> float | None:
        """Return when this Orthanc was seen first: what it held before is ``archived``."""
        with self.reading() as connection:
            return connection.scalar(sa.select(server.c.first_seen_at).where(server.c.name == name))

    def present_instances(self, name: str) -> list[str]:
        """Return the Orthanc IDs of all instances that are not known to have vanished."""
        query = (
            sa.select(instance.c.orthanc_id)
            .join(study, study.c.id == instance.c.study_id)
            .where(study.c.server == name, instance.c.vanished_at.is_(None))
        )
        with self.reading() as connection:
            return list(connection.scalars(query))

    def own_outputs(self, name: str, ids: Sequence[str]) -> set[str]:
        """Return those of these Orthanc IDs that are our own outputs, but not made on reception."""
        with self.reading() as connection:
            return self._owned(connection, name, ids)

    def record_changes(
        self,
        name: str,
        cursor: int,
        instances: Sequence[ReceivedInstance],
        now: float,
        *,
        archived: bool = False,
    ) -> int:
        """Record received instances and move the cursor, in one transaction.

        Our own outputs are not received. An instance with the attachment that is already known is
        nothing new. Anything else joins its study while that is ``receiving``, and opens its next
        generation in every other state.

        Parameters
        ----------
        archived : bool
            The instances were in Orthanc before Gatehouse was: studies that are not known yet
            become ``archived``, and are not processed until a person asks for it.

        Returns
        -------
        int
            How many instances were new or changed.
        """
        batch = {received.orthanc_id: received for received in instances}
        with self.writing() as connection:
            owned = self._owned(connection, name, list(batch))
            known = self._known(connection, name, list(batch))
            news: dict[str, list[ReceivedInstance]] = {}
            for orthanc_id, received in batch.items():
                row = known.get(orthanc_id)
                is_known = row is not None and (
                    archived
                    or (
                        row.attachment_digest == received.attachment_digest
                        and row.vanished_at is None
                    )
                )
                if orthanc_id not in owned and not is_known:
                    news.setdefault(received.study_orthanc_id, []).append(received)
            for study_orthanc_id, members in news.items():
                self._receive(connection, name, study_orthanc_id, members, now, archived=archived)
            seen = self.insert(server).values(
                name=name, cursor=cursor, first_seen_at=now, updated_at=now
            )
            connection.execute(
                seen.on_conflict_do_update(
                    index_elements=["name"], set_={"cursor": cursor, "updated_at": now}
                )
            )
        return sum(len(members) for members in news.values())

    def quiet_studies(self, now: float, quiet_s: float) -> list[StudyKey]:
        """Move studies without news for ``quiet_s`` seconds to ``waiting``; return all waiting.

        A last instance far in the future means that the clock was set back: it counts as quiet,
        because a study that is closed too early is only processed twice.
        """
        is_quiet = sa.or_(
            study.c.last_received_at <= now - quiet_s, study.c.last_received_at > now + quiet_s
        )
        with self.writing() as connection:
            rows = connection.execute(
                sa.select(study.c.id, study.c.generation)
                .where(study.c.state == "receiving", is_quiet)
                .with_for_update()
            ).all()
            for row in rows:
                self._move(connection, row.id, row.generation, "waiting", now)
        return self.waiting()

    def waiting(self) -> list[StudyKey]:
        """Return the studies that are complete and that no worker has begun."""
        query = sa.select(study.c.id, study.c.generation).where(study.c.state == "waiting")
        with self.reading() as connection:
            rows = connection.execute(query.order_by(study.c.last_received_at)).all()
        return [StudyKey(row.id, row.generation) for row in rows]

    def forget_vanished(self, name: str, orthanc_ids: Sequence[str], now: float) -> list[StudyKey]:
        """Note that instances are no longer in Orthanc; return the studies that had them.

        Studies in progress notice it themselves when they want to read them, and are held.
        """
        changed: dict[int, StudyKey] = {}
        with self.writing() as connection:
            for row in self._known(connection, name, orthanc_ids).values():
                if row.vanished_at is None:
                    changed[row.study_id] = StudyKey(row.study_id, row.study_generation)
                    connection.execute(
                        sa.update(instance).where(instance.c.id == row.id).values(vanished_at=now)
                    )
        return list(changed.values())

    def _owned(self, connection: sa.Connection, name: str, ids: Sequence[str]) -> set[str]:
        owned: set[str] = set()
        for part in chunks(ids):
            # What was made on reception is received all the same: nothing else brings it on.
            is_marked = sa.exists().where(
                reception_mark.c.server == own_output.c.server,
                reception_mark.c.orthanc_id == own_output.c.orthanc_id,
            )
            query = sa.select(own_output.c.orthanc_id).where(
                own_output.c.server == name, own_output.c.orthanc_id.in_(part), ~is_marked
            )
            owned.update(connection.scalars(query))
        return owned

    def _known(self, connection: sa.Connection, name: str, ids: Sequence[str]) -> Mapping[str, Row]:
        known: dict[str, Row] = {}
        for part in chunks(ids):
            # The server is compared here: as a condition, it has SQLite walk all of its studies
            # instead of looking the instances up.
            query = (
                sa.select(instance, study.c.generation.label("study_generation"), study.c.server)
                .join(study, study.c.id == instance.c.study_id)
                .where(instance.c.orthanc_id.in_(part))
            )
            rows = connection.execute(query)
            known.update({row.orthanc_id: row for row in rows if row.server == name})
        return known

    def _receive(
        self,
        connection: sa.Connection,
        name: str,
        study_orthanc_id: str,
        members: Sequence[ReceivedInstance],
        now: float,
        *,
        archived: bool,
    ) -> None:
        study_id, generation = self._open(
            connection, name, study_orthanc_id, now, archived=archived
        )
        rows = [
            {
                "study_id": study_id,
                "orthanc_id": received.orthanc_id,
                "series_orthanc_id": received.series_orthanc_id,
                "attachment_digest": received.attachment_digest,
                "generation": ARCHIVED_GENERATION if archived else generation,
                "received_at": now if received.stored_at is None else received.stored_at,
                "vanished_at": None,
                "file_uuid": received.file_uuid,
                "protocol": received.origin.protocol,
                "calling_aet": received.origin.calling_aet,
                "called_aet": received.origin.called_aet,
                "remote_address": received.origin.remote_address,
                "user": received.origin.user,
            }
            for received in members
        ]
        self.upsert(connection, instance, ["study_id", "orthanc_id"], *rows)
        self._note_kinds(connection, study_id, members)

    def _note_kinds(
        self, connection: sa.Connection, study_id: int, members: Sequence[ReceivedInstance]
    ) -> None:
        """Note by what people will search the study."""
        row = connection.execute(
            sa.select(study.c.modalities, study.c.source).where(study.c.id == study_id)
        ).one()
        found = {modality(one.sop_class_uid) for one in members if one.sop_class_uid}
        modalities = " ".join(sorted(found.union(row.modalities.split())))
        origin = members[0].origin
        source = row.source or origin.calling_aet or origin.user or origin.remote_address
        if (modalities, source) != (row.modalities, row.source):
            connection.execute(
                sa.update(study)
                .where(study.c.id == study_id)
                .values(modalities=modalities, source=source)
            )

    def _open(
        self,
        connection: sa.Connection,
        name: str,
        study_orthanc_id: str,
        now: float,
        *,
        archived: bool,
    ) -> tuple[int, int]:
        """Return ID and generation of the study that takes new instances in."""
        state = "archived" if archived else "receiving"
        first = {
            "server": name,
            "orthanc_id": study_orthanc_id,
            "state": state,
            "generation": 1,
            "first_received_at": now,
            "last_received_at": now,
            "state_changed_at": now,
        }
        created = connection.execute(
            self.insert(study)
            .values(**first)
            .on_conflict_do_nothing(index_elements=["server", "orthanc_id"])
            .returning(study.c.id)
        ).scalar_one_or_none()
        if created is not None:
            target: StudyState = "archived" if archived else "receiving"
            self._move(connection, created, 1, target, now, is_first=True)
            return created, 1
        row = connection.execute(
            sa.select(study.c.id, study.c.state, study.c.generation)
            .where(study.c.server == name, study.c.orthanc_id == study_orthanc_id)
            .with_for_update()
        ).one()
        if archived:
            return row.id, row.generation
        if row.state == "receiving":
            connection.execute(
                sa.update(study).where(study.c.id == row.id).values(last_received_at=now)
            )
            return row.id, row.generation
        generation = row.generation + 1
        self._supersede(connection, row.id, now, by="", resolution="new instances came")
        self._move(connection, row.id, generation, "receiving", now, last_received_at=now)
        return row.id, generation

    def _supersede(
        self, connection: sa.Connection, study_id: int, now: float, *, by: str, resolution: str
    ) -> None:
        """Close what is open of earlier generations: the new one takes all of it over."""
        connection.execute(
            sa.update(hold)
            .where(hold.c.study_id == study_id, hold.c.resolved_at.is_(None))
            .values(resolved_at=now, resolved_by=by, resolution=resolution)
        )
        connection.execute(
            sa.update(delivery)
            .where(delivery.c.study_id == study_id, delivery.c.state.in_(OPEN_DELIVERIES))
            .values(state="superseded", finished_at=now, next_try_at=None)
        )
