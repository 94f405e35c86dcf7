"""The ledger's part for originals that a policy keeps for a time only."""

from __future__ import annotations

import math
from collections.abc import Mapping

import sqlalchemy as sa

from gatehouse.adapters.ledger_audit import AuditLedger
from gatehouse.adapters.ledger_reception_tables import reception_mark
from gatehouse.adapters.ledger_tables import delivery, instance, study
from gatehouse.pipeline.records import Retention, StudyKey

EPOCH = -1.0
"""Before all times: a database takes no minus infinity for one."""


class RetentionLedger(AuditLedger):
    """Methods of the service, which deletes originals in Orthanc when their time is over."""

    def expired_originals(
        self,
        server: str,
        retained: Mapping[str, Retention],
        now: float,
        limit: int,
        *,
        since: float = -math.inf,
    ) -> list[StudyKey]:
        """Return studies whose originals are there and are not to be any more, the oldest first.

        Only what is done counts, and of which every destination has everything: where somebody
        cancelled a delivery, the original stays. What was de-identified on reception is none.

        Parameters
        ----------
        retained : Mapping of str to Retention
            By the digest of the policy version under which a study was made.
        since : float
            Leave out what was due at that time already: to look at all that ever went takes long.
        """
        of_this_run = (
            delivery.c.study_id == study.c.id,
            delivery.c.generation == study.c.generation,
        )
        is_there = sa.exists().where(
            instance.c.study_id == study.c.id, instance.c.vanished_at.is_(None)
        )
        is_clean = sa.exists().where(
            instance.c.study_id == study.c.id,
            reception_mark.c.server == study.c.server,
            reception_mark.c.orthanc_id == instance.c.orthanc_id,
        )
        is_missed = sa.exists().where(*of_this_run, delivery.c.state != "delivered")
        is_delivered = sa.exists().where(*of_this_run, delivery.c.state == "delivered")
        is_over = sa.or_(
            *(
                sa.and_(
                    study.c.policy_digest == digest,
                    study.c.state_changed_at <= now - one.after_s,
                    study.c.state_changed_at > max(since - one.after_s, EPOCH),
                    sa.true() if one.is_kept_locally else is_delivered,
                )
                for digest, one in retained.items()
            )
        )
        query = (
            sa.select(study.c.id, study.c.generation)
            .where(study.c.server == server, study.c.state == "done", is_over, is_there)
            .where(~is_missed, ~is_clean)
            .order_by(study.c.state_changed_at)
            .limit(limit)
        )
        with self.reading() as connection:
            return [StudyKey(row.id, row.generation) for row in connection.execute(query)]

    def note_expiry(self, key: StudyKey, instances: int, now: float) -> bool:
        """Write into the audit trail that a study's originals go now; False if it has gone on."""
        query = sa.select(study.c.policy_digest).where(
            study.c.id == key.study_id,
            study.c.generation == key.generation,
            study.c.state == "done",
        )
        with self.writing() as connection:
            digest = connection.scalar(query)
            if digest is None:
                return False
            self._record_audit(
                connection,
                "gatehouse",
                "study.original-expired",
                f"study {key.study_id}",
                f"{instances} instances",
                now,
                policy_digest=digest,
            )
        return True
