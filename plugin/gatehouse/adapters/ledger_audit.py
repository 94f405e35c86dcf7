"""The ledger's audit trail and the versions of policies: rows are only ever added.

Each row of the trail carries the digest of the one before, and the last one is kept apart, so that
a row that was changed, removed or cut off at the end is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_base import LedgerBase
from gatehouse.adapters.ledger_tables import audit, audit_head, pack, policy_version
from gatehouse.pipeline import terms
from gatehouse.pipeline.records import AuditRecord, AuditReport, PackRecord, PolicyRecord
from gatehouse.policy.model import Pack

HEAD = 1
FIRST_DIGEST = "0" * 64
"""What stands before the first row."""

CHAINED = ("sequence", "at", "actor", "action", "object", "policy_digest", "outcome", "detail")


class AuditLedger(LedgerBase):
    """Methods that keep what must be explainable for ever."""

    def record_audit(
        self,
        actor: str,
        action: str,
        about: str,
        outcome: str,
        now: float,
        *,
        policy_digest: str = "",
        detail: str = "",
    ) -> int:
        """Add a row to the audit trail; return its number.

        Parameters
        ----------
        actor : str
            User name, or the name of the process.
        action : str
            E.g. ``"study.decided"``, ``"study.process-again"``, ``"pack.activated"``.
        about : str
            What it was done to, by our IDs: ``"study 12"``. Never a value of an attribute.
        """
        with self.writing() as connection:
            return self._record_audit(
                connection, actor, action, about, outcome, now, policy_digest, detail
            )

    def audit_rows(self, *, after: int = 0, limit: int = 100) -> list[AuditRecord]:
        """Return rows of the trail after a number, oldest first."""
        query = sa.select(audit).where(audit.c.sequence > after).order_by(audit.c.sequence)
        with self.reading() as connection:
            return [AuditRecord(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def verify_audit(self) -> AuditReport:
        """Check the whole chain."""
        previous, expected = FIRST_DIGEST, 1
        with self.reading() as connection:
            rows = connection.execution_options(yield_per=1000).execute(
                sa.select(audit).order_by(audit.c.sequence)
            )
            for row in rows.mappings():
                fits = row["sequence"] == expected and row["previous"] == previous
                if not fits or row["digest"] != _digest(row, previous):
                    return AuditReport(rows=expected - 1, broken_at=expected)
                previous, expected = row["digest"], expected + 1
            head = connection.execute(sa.select(audit_head)).one_or_none()
        kept = (head.sequence, head.digest) if head else (0, FIRST_DIGEST)
        is_whole = kept == (expected - 1, previous)
        return AuditReport(rows=expected - 1, broken_at=None if is_whole else expected)

    def activate_pack(self, active: Pack, by: str, source: str, now: float) -> bool:
        """Make a pack the one that new decisions use; False if it was already.

        Every version is kept with its whole text, so that a study ends under the version with
        which it began, and so that each output can be explained later.
        """
        with self.writing() as connection:
            newest = connection.scalar(sa.select(pack.c.digest).order_by(pack.c.id.desc()).limit(1))
            for policy in active.policies:
                row = {
                    "digest": policy.digest,
                    "name": policy.name,
                    "version": policy.version,
                    "text": policy.text,
                    "first_active_at": now,
                }
                statement = self.insert(policy_version).values(**row)
                connection.execute(statement.on_conflict_do_nothing())
            if newest == active.digest:
                return False
            connection.execute(
                sa.insert(pack).values(
                    digest=active.digest,
                    policies=[
                        {
                            "digest": policy.digest,
                            "deliver": [terms.to_json(delivery) for delivery in policy.deliver],
                        }
                        for policy in active.policies
                    ],
                    activated_at=now,
                    activated_by=by,
                    source=source,
                    reception=active.reception,
                )
            )
            about = f"pack {active.digest}"
            self._record_audit(connection, by, "pack.activated", about, "active", now, "", source)
        return True

    def active_pack(self) -> PackRecord | None:
        """Return the policies that decide now; None before the first activation."""
        return self._newest_pack(sa.true())

    def pack(self, digest: str) -> PackRecord | None:
        """Return policies that were active together."""
        return self._newest_pack(pack.c.digest == digest)

    def _newest_pack(self, condition: sa.ColumnElement[bool]) -> PackRecord | None:
        query = sa.select(pack).where(condition).order_by(pack.c.id.desc()).limit(1)
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                return None
            digests = [entry["digest"] for entry in row.policies]
            policies = self._policies(connection, digests)
        return PackRecord(
            digest=row.digest,
            policies=tuple(policies[digest] for digest in digests),
            deliveries=tuple(
                tuple(terms.from_json(delivery) for delivery in entry["deliver"])
                for entry in row.policies
            ),
            activated_at=row.activated_at,
            activated_by=row.activated_by,
            source=row.source,
            reception=row.reception,
        )

    def policy(self, digest: str) -> PolicyRecord | None:
        """Return one version of a policy."""
        with self.reading() as connection:
            return self._policies(connection, [digest]).get(digest)

    def policy_versions(self, name: str | None = None) -> list[PolicyRecord]:
        """Return every version that was ever active, newest first."""
        query = sa.select(policy_version).order_by(
            policy_version.c.name, policy_version.c.version.desc()
        )
        if name is not None:
            query = query.where(policy_version.c.name == name)
        with self.reading() as connection:
            return [PolicyRecord(**row) for row in connection.execute(query).mappings()]

    def _policies(
        self, connection: sa.Connection, digests: Sequence[str]
    ) -> dict[str, PolicyRecord]:
        query = sa.select(policy_version).where(policy_version.c.digest.in_(digests))
        rows = connection.execute(query).mappings()
        return {row["digest"]: PolicyRecord(**row) for row in rows}

    def _record_audit(
        self,
        connection: sa.Connection,
        actor: str,
        action: str,
        about: str,
        outcome: str,
        now: float,
        policy_digest: str = "",
        detail: str = "",
    ) -> int:
        first = {"id": HEAD, "sequence": 0, "digest": FIRST_DIGEST}
        connection.execute(
            self.insert(audit_head).values(**first).on_conflict_do_nothing(index_elements=["id"])
        )
        head = connection.execute(sa.select(audit_head).with_for_update()).one()
        row = {
            "sequence": head.sequence + 1,
            "at": now,
            "actor": actor,
            "action": action,
            "object": about,
            "policy_digest": policy_digest,
            "outcome": outcome,
            "detail": detail,
        }
        digest = _digest(row, head.digest)
        connection.execute(sa.insert(audit).values(**row, previous=head.digest, digest=digest))
        connection.execute(
            sa.update(audit_head)
            .where(audit_head.c.id == HEAD)
            .values(sequence=row["sequence"], digest=digest)
        )
        return int(head.sequence) + 1


def _digest(row: Any, previous: str) -> str:
    chained = [previous, *(row[name] for name in CHAINED)]
    return hashlib.sha256(json.dumps(chained, separators=(",", ":")).encode()).hexdigest()
