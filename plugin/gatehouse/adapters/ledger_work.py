"""The ledger's part for workers: what each step of a run over a study did.

Every method may be called again with the same arguments, because a step runs twice when the
machine dies between its effect and its record. A run that was superseded by a later generation
changes nothing any more: its methods answer False.
"""

from __future__ import annotations

import sqlalchemy as sa

from gatehouse.adapters.ledger_audit import AuditLedger
from gatehouse.adapters.ledger_tables import asked, decision, hold, study, worker
from gatehouse.pipeline.ports import Held
from gatehouse.pipeline.records import StudyKey, WorkerRecord
from gatehouse.pipeline.states import TRANSITIONS, StudyState
from gatehouse.policy.model import Decision, Outcome

AUDITED: frozenset[StudyState] = frozenset({"delivering", "done", "held", "rejected"})
"""States that say what became of a study; each step into one is a row of the audit trail."""

ACTOR = "gatehouse"


class WorkLedger(AuditLedger):
    """Methods of the workflows over studies."""

    def advance(
        self,
        key: StudyKey,
        state: StudyState,
        now: float,
        *,
        rule: str = "",
        reason: str = "",
    ) -> bool:
        """Move a run to its next state; True if it is there now.

        False means that there is nothing to do: the run was superseded, or it has gone on already.
        """
        with self.writing() as connection:
            return self._advance(connection, key, state, now, rule=rule, reason=reason)

    def hold(self, key: StudyKey, held: Held, now: float, *, again_at: float | None = None) -> bool:
        """Hold a study for a reason; False if this run was superseded or has ended already.

        Parameters
        ----------
        again_at : float or None
            When it is to be processed again by itself.
        """
        with self.writing() as connection:
            is_held = self._hold(connection, key, held, now)
            if is_held and again_at is not None:
                connection.execute(
                    sa.update(study).where(study.c.id == key.study_id).values(again_at=again_at)
                )
            return is_held

    def note(self, key: StudyKey, reason: str) -> None:
        """Say what a run is waiting for, without a change of its state."""
        with self.writing() as connection:
            connection.execute(
                sa.update(study)
                .where(study.c.id == key.study_id, study.c.generation == key.generation)
                .values(reason=reason)
            )

    def record_decision(self, key: StudyKey, made: Decision, pack_digest: str, now: float) -> bool:
        """Keep a decision with all its answers; False if this run was superseded."""
        policy = made.policy
        about = {
            "policy": policy.name if policy else "",
            "policy_version": policy.version if policy else 0,
            "policy_digest": policy.digest if policy else "",
        }
        row = {
            "study_id": key.study_id,
            "generation": key.generation,
            "outcome": made.outcome.value,
            "pack_digest": pack_digest,
            "rule": made.rule,
            "reason": made.reason,
            "instance": made.instance,
            "destinations": [[one.via, one.to] for one in made.deliver],
            "decided_at": now,
            **about,
        }
        with self.writing() as connection:
            if not self._is_present(connection, key):
                return False
            is_new = connection.scalar(
                sa.select(
                    ~sa.exists().where(
                        decision.c.study_id == key.study_id,
                        decision.c.generation == key.generation,
                    )
                )
            )
            self.upsert(connection, decision, ["study_id", "generation"], row)
            decision_id = connection.scalar(
                sa.select(decision.c.id).where(
                    decision.c.study_id == key.study_id, decision.c.generation == key.generation
                )
            )
            connection.execute(sa.delete(asked).where(asked.c.decision_id == decision_id))
            answers = [
                {
                    "decision_id": decision_id,
                    "position": position,
                    "policy": answer.policy,
                    "rule": answer.rule,
                    "answer": answer.answer.value,
                    "line": answer.line,
                }
                for position, answer in enumerate(made.asked)
            ]
            if answers:
                connection.execute(sa.insert(asked), answers)
            connection.execute(sa.update(study).where(study.c.id == key.study_id).values(**about))
            if is_new:
                self._record_audit(
                    connection,
                    ACTOR,
                    "study.decided",
                    _about(key),
                    f"{made.outcome.value}: {made.rule}",
                    now,
                    str(about["policy_digest"]),
                )
        return True

    def accepted_by(self, key: StudyKey) -> tuple[str, str] | None:
        """Return the digests of pack and policy that accepted a run; None if none did yet."""
        query = sa.select(decision.c.pack_digest, decision.c.policy_digest).where(
            decision.c.study_id == key.study_id,
            decision.c.generation == key.generation,
            decision.c.outcome == Outcome.ACCEPT.value,
        )
        with self.reading() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (row.pack_digest, row.policy_digest)

    def destinations_of(self, key: StudyKey) -> set[tuple[str, str]] | None:
        """Return (via, destination) of the deliveries that were decided on; None: all."""
        query = sa.select(decision.c.destinations).where(
            decision.c.study_id == key.study_id, decision.c.generation == key.generation
        )
        with self.reading() as connection:
            found = connection.scalar(query)
        return None if found is None else {(via, name) for via, name in found}

    def heartbeat(self, sign: WorkerRecord) -> None:
        """Keep a worker's sign of life."""
        names = ("name", "host", "pid", "version", "processes", "started_at", "heartbeat_at")
        row = {name: getattr(sign, name) for name in names}
        with self.writing() as connection:
            self.upsert(connection, worker, ["name"], row)

    def _hold(self, connection: sa.Connection, key: StudyKey, held: Held, now: float) -> bool:
        if not self._advance(connection, key, "held", now, rule=held.rule, reason=held.reason):
            return False
        row = {
            "rule": held.rule,
            "reason": held.reason,
            "path": held.path,
            "instance": held.instance,
        }
        is_there = sa.exists().where(
            hold.c.study_id == key.study_id,
            hold.c.generation == key.generation,
            hold.c.resolved_at.is_(None),
            *(hold.c[name] == value for name, value in row.items()),
        )
        if not connection.scalar(sa.select(is_there)):
            connection.execute(
                sa.insert(hold).values(
                    study_id=key.study_id, generation=key.generation, held_at=now, **row
                )
            )
        return True

    def _is_present(self, connection: sa.Connection, key: StudyKey) -> bool:
        query = sa.select(study.c.generation).where(study.c.id == key.study_id).with_for_update()
        return connection.scalar(query) == key.generation

    def _advance(
        self,
        connection: sa.Connection,
        key: StudyKey,
        state: StudyState,
        now: float,
        *,
        rule: str,
        reason: str,
    ) -> bool:
        row = connection.execute(
            sa.select(study.c.state, study.c.generation, study.c.policy_digest)
            .where(study.c.id == key.study_id)
            .with_for_update()
        ).one()
        if row.generation != key.generation:
            return False
        if row.state == state:
            return True
        if state not in TRANSITIONS[row.state]:
            return False
        self._move(connection, *key, state, now, rule=rule, reason=reason)
        if state in AUDITED:
            self._record_audit(
                connection, ACTOR, f"study.{state}", _about(key), rule, now, row.policy_digest
            )
        return True


def _about(key: StudyKey) -> str:
    return f"study {key.study_id} generation {key.generation}"
