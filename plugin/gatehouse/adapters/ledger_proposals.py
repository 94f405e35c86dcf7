"""The ledger's part for people who change policies: proposals, shadows, history of activations."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gatehouse.adapters.ledger_audit import AuditLedger
from gatehouse.adapters.ledger_desk_tables import proposal, shadow, shadow_comparison
from gatehouse.adapters.ledger_tables import decision, pack, study
from gatehouse.errors import StateError
from gatehouse.pipeline.desk_records import (
    ActivationRecord,
    ComparisonRecord,
    ProposalRecord,
    ShadowRecord,
)
from gatehouse.pipeline.records import StudyKey
from gatehouse.policy.model import Policy

COMPARISONS_SHOWN = 200


_PROPOSALS = sa.select(*(proposal.c[one.name] for one in dataclasses.fields(ProposalRecord)))


class ProposalLedger(AuditLedger):
    """Methods of the routes about policies."""

    def activations(self, digest: str) -> list[ActivationRecord]:
        """Return when a version of a policy began to decide, newest first."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(pack).order_by(pack.c.id)).all()
        found: list[ActivationRecord] = []
        was_active = False
        for row in rows:
            is_active = any(entry["digest"] == digest for entry in row.policies)
            if is_active and not was_active:
                found.append(ActivationRecord(row.activated_at, row.activated_by, row.source))
            was_active = is_active
        return found[::-1]

    def propose(
        self,
        kind: str,
        name: str,
        version: int,
        files: Mapping[str, str],
        by: str,
        now: float,
        *,
        base_digest: str,
        folder_digest: str = "",
        because: str = "",
        policy_digest: str = "",
    ) -> int:
        """Keep a change that waits for a second person; an earlier one of this policy is outdated.

        The same change proposed again by the same person is the same proposal.
        """
        with self.writing() as connection:
            same = sa.and_(proposal.c.state == "open", proposal.c.name == name)
            for row in connection.execute(sa.select(proposal).where(same)).all():
                is_same = (row.files, row.folder_digest, row.base_digest) == (
                    dict(files),
                    folder_digest,
                    base_digest,
                )
                if is_same and row.proposed_by == by:
                    return int(row.id)
                connection.execute(
                    sa.update(proposal)
                    .where(proposal.c.id == row.id)
                    .values(state="outdated", decided_at=now)
                )
            number = connection.execute(
                sa.insert(proposal)
                .values(
                    kind=kind,
                    name=name,
                    version=version,
                    base_digest=base_digest,
                    folder_digest=folder_digest,
                    files=dict(files),
                    because=because,
                    proposed_by=by,
                    proposed_at=now,
                    state="open",
                )
                .returning(proposal.c.id)
            ).scalar_one()
            about = f"proposal {number}: {name} version {version}" if name else f"proposal {number}"
            self._record_audit(
                connection, by, "policy.proposed", about, "open", now, policy_digest, because
            )
        return int(number)

    def proposals(self, *, limit: int = 100) -> list[ProposalRecord]:
        """Return proposals, newest first."""
        query = _PROPOSALS.order_by(proposal.c.id.desc()).limit(limit)
        with self.reading() as connection:
            return [ProposalRecord(**row) for row in connection.execute(query).mappings()]

    def proposal(self, number: int) -> ProposalRecord | None:
        """Return one proposal."""
        with self.reading() as connection:
            row = connection.execute(_PROPOSALS.where(proposal.c.id == number))
            found = row.mappings().one_or_none()
        return None if found is None else ProposalRecord(**found)

    def decide_proposal(self, number: int, state: str, by: str, now: float) -> None:
        """Close a proposal.

        Raises
        ------
        StateError
            If it is not open any more.
        """
        with self.writing() as connection:
            closed = connection.execute(
                sa.update(proposal)
                .where(proposal.c.id == number, proposal.c.state == "open")
                .values(state=state, decided_by=by, decided_at=now)
            )
            if closed.rowcount != 1:
                raise StateError("this proposal is not open any more")
            self._record_audit(connection, by, f"policy.{state}", f"proposal {number}", state, now)

    def begin_shadow(self, policy: Policy, by: str, now: float) -> None:
        """Let a version run beside the active one; an earlier shadow of the policy ends."""
        with self.writing() as connection:
            self._end_shadow(connection, policy.name, now)
            connection.execute(
                sa.insert(shadow).values(
                    name=policy.name,
                    version=policy.version,
                    digest=policy.digest,
                    text=policy.text,
                    begun_at=now,
                    begun_by=by,
                )
            )
            about = f"policy {policy.name} version {policy.version}"
            self._record_audit(
                connection, by, "shadow.begun", about, "observing", now, policy.digest
            )

    def end_shadow(self, name: str, by: str, now: float) -> bool:
        """End the shadow of a policy; False if there is none."""
        with self.writing() as connection:
            if not self._end_shadow(connection, name, now):
                return False
            self._record_audit(connection, by, "shadow.ended", f"policy {name}", "ended", now)
        return True

    def shadows(self, name: str | None = None, *, running: bool = True) -> list[ShadowRecord]:
        """Return shadows, newest first."""
        query = sa.select(shadow).order_by(shadow.c.id.desc())
        if name is not None:
            query = query.where(shadow.c.name == name)
        if running:
            query = query.where(shadow.c.ended_at.is_(None))
        with self.reading() as connection:
            return [ShadowRecord(**row) for row in connection.execute(query).mappings()]

    def uncompared(self, one: ShadowRecord, limit: int) -> list[StudyKey]:
        """Return runs that were decided since a shadow began and that it was not asked about."""
        is_compared = sa.exists().where(
            shadow_comparison.c.shadow_id == one.id,
            shadow_comparison.c.study_id == decision.c.study_id,
            shadow_comparison.c.generation == decision.c.generation,
        )
        query = (
            sa.select(decision.c.study_id, decision.c.generation)
            .join(study, study.c.id == decision.c.study_id)
            .where(
                decision.c.decided_at >= one.begun_at,
                study.c.generation == decision.c.generation,
                ~is_compared,
            )
            .order_by(decision.c.id)
            .limit(limit)
        )
        with self.reading() as connection:
            return [StudyKey(*row) for row in connection.execute(query)]

    def record_comparison(
        self,
        one: ShadowRecord,
        key: StudyKey,
        outcome: str,
        found: Mapping[str, Any],
        now: float,
    ) -> None:
        """Keep what a shadow did otherwise with a study."""
        row = {
            "shadow_id": one.id,
            "study_id": key.study_id,
            "generation": key.generation,
            "compared_at": now,
            "outcome": outcome,
            "found": dict(found),
        }
        with self.writing() as connection:
            self.upsert(connection, shadow_comparison, ["shadow_id", "study_id", "generation"], row)

    def comparisons(self, one: ShadowRecord) -> tuple[dict[str, int], Sequence[ComparisonRecord]]:
        """Return how many comparisons came out how, and the newest that differ."""
        of_this = shadow_comparison.c.shadow_id == one.id
        counted = (
            sa.select(shadow_comparison.c.outcome, sa.func.count())
            .where(of_this)
            .group_by(shadow_comparison.c.outcome)
        )
        query = (
            sa.select(shadow_comparison)
            .where(of_this, shadow_comparison.c.outcome == "otherwise")
            .order_by(shadow_comparison.c.id.desc())
            .limit(COMPARISONS_SHOWN)
        )
        with self.reading() as connection:
            counts = {row[0]: row[1] for row in connection.execute(counted)}
            rows = connection.execute(query).all()
        return counts, [
            ComparisonRecord(StudyKey(row.study_id, row.generation), row.compared_at, row.found)
            for row in rows
        ]

    def _end_shadow(self, connection: sa.Connection, name: str, now: float) -> bool:
        ended = connection.execute(
            sa.update(shadow)
            .where(shadow.c.name == name, shadow.c.ended_at.is_(None))
            .values(ended_at=now)
        )
        return bool(ended.rowcount)
