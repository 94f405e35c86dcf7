"""The steps of one run over a study: decide, make, keep, release.

Each takes the result of the one before, so that none can be skipped. Each may run twice, because
the machine can die between an effect and its record: what was done already is found in the ledger
and the spool, and not done again. A step that returns None has ended the run, and said why in the
ledger: held, rejected, superseded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gatehouse.deid.known_values import NOTHING
from gatehouse.errors import HoldError
from gatehouse.pipeline.asking import HOLDS_MAX, sorted_out
from gatehouse.pipeline.clashes import clashing, other_patients
from gatehouse.pipeline.desk_records import ReleaseRecord
from gatehouse.pipeline.early import Early
from gatehouse.pipeline.making import Making
from gatehouse.pipeline.ports import FactsJob, Held
from gatehouse.pipeline.received_clean import Marks, decide_marked, marks_of, refuse_kept
from gatehouse.pipeline.records import DeliveryKey, InstanceRecord, Output, StudyKey
from gatehouse.pipeline.release import (
    decide_released,
    deliveries_of,
    policy_of,
    refuse_observed,
    would_accept,
)
from gatehouse.pipeline.repair import repair
from gatehouse.pipeline.room import Room
from gatehouse.pipeline.tools import Tools
from gatehouse.policy.decide import attributes_of, decide
from gatehouse.policy.model import (
    Completion,
    Outcome,
    Pack,
    Policy,
    Timing,
)

T = TypeVar("T")

BATCH = 32
"""Outputs in one transaction of the ledger: what is done again after a crash, at most."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A study that a policy accepted; by these digests the ledger knows the policy's text."""

    pack_digest: str
    policy_digest: str


@dataclass(frozen=True, slots=True)
class Made:
    """A study of which every instance is de-identified and verified."""

    accepted: Accepted
    instances: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A study that is in Orthanc as its policy wants it: de-identified beside the original."""

    made: Made


class StudySteps:
    """The steps, over the ports of a worker."""

    def __init__(self, tools: Tools, early: Early | None = None) -> None:
        self._tools = tools
        self._early = early or Early(tools)
        self._making = Making(tools, self._early)
        self._room = Room(tools)

    def decide(self, key: StudyKey) -> Accepted | None:
        """Ask all instances, find the policy, and ask its checks."""
        if not self._tools.ledger.advance(key, "processing", self._tools.now()):
            self._early.forget(key)
            return None
        self._early.close(key)
        accepted = self._or_hold(key, lambda: self._decide(key))
        if accepted is None:
            self._early.forget(key)
        return accepted

    def make(self, key: StudyKey, accepted: Accepted) -> Made | None:
        """De-identify and verify every instance; hold the study if one of them can't be."""
        made = self._or_hold(key, lambda: self._make(key, accepted))
        self._early.forget(key)
        return made

    def keep(self, key: StudyKey, made: Made) -> Kept | None:
        """Store the de-identified study in Orthanc, marked, where the policy says so."""
        return self._or_hold(key, lambda: self._keep(key, made))

    def release(self, key: StudyKey, kept: Kept) -> tuple[DeliveryKey, ...] | None:
        """Open the deliveries; without any, the study is done."""
        return self._or_hold(key, lambda: self._release(key, kept))

    def hold(
        self, key: StudyKey, held: Sequence[Held], *, again_after_s: float | None = None
    ) -> None:
        """Hold a study for its instances' reasons; nothing of it stays in the spool."""
        now = self._tools.now()
        again_at = None if again_after_s is None else now + again_after_s
        for one in sorted(held, key=lambda one: one.instance)[:HOLDS_MAX]:
            self._tools.ledger.hold(key, one, now, again_at=again_at)
        self._tools.spool.remove(*key)

    def _or_hold(self, key: StudyKey, work: Callable[[], T]) -> T | None:
        try:
            return work()
        except HoldError as error:
            self.hold(key, [Held("", error.rule, error.reason, error.path)])
            return None

    def _decide(self, key: StudyKey) -> Accepted | None:
        tools = self._tools
        accepted = tools.ledger.accepted_by(key)
        if accepted is not None:
            # Decided before a crash or a wait: the run ends under the version it began with.
            return Accepted(*accepted)
        instances = self._instances(key)
        pack = tools.packs.active()
        marks = marks_of(tools, instances)
        release = tools.ledger.release_of(key)
        if marks or (pack.reception and release is None):
            return self._decide_marked(key, instances, marks, release, pack)
        attributes = attributes_of(pack)
        known = self._early.facts(key, instances, attributes)
        jobs = [
            FactsJob(one.orthanc_id, one.origin, attributes, one.file_uuid)
            for one in instances
            if one.orthanc_id not in known
        ]
        facts, held = sorted_out(tools.workshop.facts(jobs))
        if held:
            self.hold(key, held)
            return None
        # The order in which processes finish must not decide which instance is named.
        in_order = sorted([*facts, *known.values()], key=lambda one: one.instance)
        if release is not None:
            decision = decide_released(pack, release, in_order)
        else:
            decision = decide(pack, in_order, self._timing(key, pack))
        if not tools.ledger.record_decision(key, decision, pack.digest, tools.now()):
            return None
        if decision.outcome is Outcome.ACCEPT and decision.policy is not None:
            return Accepted(pack.digest, decision.policy.digest)
        if decision.policy is not None and would_accept(decision, in_order):
            # Made and verified like any other; ``make`` lets none of it go on.
            return Accepted(pack.digest, decision.policy.digest)
        if decision.outcome is Outcome.REJECT:
            tools.ledger.advance(
                key, "rejected", tools.now(), rule=decision.rule, reason=decision.reason
            )
            return None
        self.hold(
            key,
            [Held(decision.instance, decision.rule, decision.reason)],
            again_after_s=decision.again_after_s,
        )
        return None

    def _decide_marked(
        self,
        key: StudyKey,
        instances: Sequence[InstanceRecord],
        marks: Marks,
        release: ReleaseRecord | None,
        pack: Pack,
    ) -> Accepted | None:
        tools = self._tools
        found = decide_marked(tools, key, instances, marks, release, pack)
        if isinstance(found, list):
            self.hold(key, found)
            return None
        decision, pack_digest = found
        is_present = tools.ledger.record_decision(key, decision, pack_digest, tools.now())
        if not is_present or decision.policy is None:
            return None
        return Accepted(pack_digest, decision.policy.digest)

    def _timing(self, key: StudyKey, pack: Pack) -> Timing | None:
        """Return how long a study has waited, if a policy asks for it."""
        if all(policy.complete == Completion() for policy in pack.policies):
            return None
        record = self._tools.ledger.study(key.study_id)
        if record is None:
            return None
        now = self._tools.now()
        quiet_for_s = now - record.last_received_at
        deliveries = self._tools.ledger.deliveries(study_id=key.study_id)
        return Timing(
            waited_s=now - record.first_received_at,
            # An instance from the future means that the clock was set back.
            quiet_for_s=quiet_for_s if quiet_for_s >= 0 else math.inf,
            was_released=any(one.key.generation < key.generation for one in deliveries),
        )

    def _instances(self, key: StudyKey) -> list[InstanceRecord]:
        instances = self._tools.ledger.instances(key.study_id)
        if not instances:
            raise HoldError("archive.vanished", "all instances were deleted from Orthanc")
        archived = sum(one.generation == 0 for one in instances)
        if archived:
            raise HoldError(
                "archive.older-instances",
                f"{archived} of its instances were in Orthanc before Gatehouse and are not routed "
                "by themselves; process the study again to take them in",
            )
        return instances

    def _make(self, key: StudyKey, accepted: Accepted) -> Made | None:
        tools = self._tools
        policy = self._policy(key, accepted)
        for generation in range(1, key.generation):
            tools.spool.remove(key.study_id, generation)
        self._room.take(key)
        instances = self._instances(key)
        marks = marks_of(tools, instances)
        known, held = (NOTHING, []) if marks else self._making.known(key, policy, instances)
        if held:
            self.hold(key, held)
            return None
        outputs = self._making.outputs_so_far(key, policy, instances)
        if not marks:
            outputs |= self._making.made_early(key, policy, instances, known, outputs)
        rest = [one for one in instances if one.orthanc_id not in outputs]
        batch: list[Output] = []
        for result in self._making.results(key, policy, rest, known, marks):
            if isinstance(result, Held):
                held.append(result)
                if len(held) >= HOLDS_MAX:
                    break
                continue
            outputs[result.instance] = result
            batch.append(result)
            if len(batch) >= BATCH:
                if not self._making.record(key, batch):
                    break
                batch = []
        if not self._making.record(key, batch):
            # New instances came: the next run takes all of it over.
            tools.spool.remove(*key)
            return None
        held = held or clashing(outputs.values()) or other_patients(tools, key)
        if held:
            self.hold(key, held)
            return None
        refuse_observed(policy)
        return Made(accepted, len(outputs))

    def _keep(self, key: StudyKey, made: Made) -> Kept | None:
        tools = self._tools
        policy = self._policy(key, made.accepted)
        refuse_observed(policy)
        if policy.keep_local_label is None:
            return Kept(made)
        outputs = tools.ledger.outputs(key)
        # What was carried over was kept by the earlier run, before it was delivered.
        own = [one for one in outputs if not one.carried_from]
        if tools.ledger.marks(tools.server, [one.instance for one in outputs]):
            own = []  # what was de-identified on reception is in Orthanc already
        else:
            refuse_kept(tools, policy)
        repair(tools, key, own)
        for one in own:
            file = tools.spool.path(*key, one.sop_instance_uid_new)
            if tools.archive.store(file.read_bytes()) != one.orthanc_id_new:
                raise HoldError(
                    "archive.unexpected-id",
                    "Orthanc stored the de-identified instance under another ID than computed",
                )
        # Not the number of the study: whoever reads it here could look up the original.
        marks = {
            "GatehouseDeidentified": "YES",
            "GatehousePolicy": f"{policy.name} version {policy.version} {policy.digest[:12]}",
        }
        for study_orthanc_id in sorted({one.study_orthanc_id_new for one in outputs}):
            tools.archive.mark(study_orthanc_id, marks, policy.keep_local_label)
        return Kept(made)

    def _release(self, key: StudyKey, kept: Kept) -> tuple[DeliveryKey, ...] | None:
        tools = self._tools
        policy = self._policy(key, kept.made.accepted)
        refuse_observed(policy)
        deliver = deliveries_of(tools, key, policy)
        if not tools.ledger.open_deliveries(key, deliver, policy.digest, tools.now()):
            return None
        if not deliver:
            tools.spool.remove(*key)
        return tuple(DeliveryKey(*key, wanted.via, wanted.to) for wanted in deliver)

    def _policy(self, key: StudyKey, accepted: Accepted) -> Policy:
        return policy_of(self._tools, key, accepted.pack_digest, accepted.policy_digest)
