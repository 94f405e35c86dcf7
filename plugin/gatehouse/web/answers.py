"""What the REST routes answer: the ledger's records in JSON. No values of attributes.

Times are UTC in ISO 8601.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from gatehouse.pipeline.ports import InstanceReceipt
from gatehouse.pipeline.records import (
    AuditRecord,
    DecisionRecord,
    DeliveryRecord,
    HoldRecord,
    StudyRecord,
    TransitionRecord,
)
from gatehouse.web.words import words_of


class Refusal(BaseModel):
    """Why something was not done. ``about``: what check or cases of a draft said."""

    error: str
    about: dict[str, Any] | None = None


class Study(BaseModel):
    """A study: where it is, and by which policy."""

    id: int
    orthanc_id: str
    state: str
    generation: int
    instances: int
    policy: str
    policy_version: int
    policy_digest: str
    rule: str
    reason: str
    modalities: str
    """Of the SOP classes of its instances, with blanks between."""
    source: str
    """Calling AE title, user or address of the first instance."""
    first_received_at: str
    last_received_at: str
    state_changed_at: str


class Step(BaseModel):
    """A state that a study was in."""

    generation: int
    at: str
    state: str
    rule: str
    reason: str


class AskedCondition(BaseModel):
    """What a condition of a policy answered: yes, no or unknown."""

    policy: str
    rule: str
    answer: str
    line: int


class Decision(BaseModel):
    """What was decided for a run over a study, and how that was found."""

    outcome: str
    policy: str
    policy_version: int
    policy_digest: str
    rule: str
    reason: str
    instance: str
    decided_at: str
    asked: list[AskedCondition]


class Hold(BaseModel):
    """Why a study is, or was, held."""

    id: int
    study: int
    study_orthanc_id: str
    generation: int
    rule: str
    reason: str
    path: str
    instance: str
    words: str
    """What the rule means, and what can be done, in plain words."""
    held_at: str
    resolved_at: str | None
    resolved_by: str
    resolution: str
    to_be_rejected_at: str | None = None
    """When its study is rejected for good, unless that is taken back."""


class Delivery(BaseModel):
    """How far a delivery is. ``statuses``: the destination's answer -> for how many instances.

    ``confirmed``: instances that the destination said to have when it was asked afterwards, where
    the policy wants that (``verify``).
    """

    id: int
    study: int
    study_orthanc_id: str
    generation: int
    via: str
    destination: str
    state: str
    attempts: int
    instances: int
    receipts: int
    warnings: int
    confirmed: int
    verify: str
    created_at: str
    next_try_at: str | None
    finished_at: str | None
    last_error: str
    statuses: dict[str, int] | None = None


class StudyDetails(Study):
    """A study with everything that explains it."""

    timeline: list[Step]
    decision: Decision | None
    actions: dict[str, int]
    """Action code of PS3.15 Table E.1-1a -> to how many elements it was applied."""
    holds: list[Hold]
    deliveries: list[Delivery]
    deidentified_as: list[str] | None = None
    """Orthanc IDs that what was made of it has anywhere; only for privacy officers."""


class DeidentifiedStudy(BaseModel):
    """A de-identified study, asked for by its own Orthanc ID."""

    orthanc_id: str
    is_deidentified: bool = True
    state: str
    policy: str
    policy_version: int
    policy_digest: str
    actions: dict[str, int]
    deidentified_from: str | None = None
    """Orthanc ID of the original; only for privacy officers."""


class AuditRow(BaseModel):
    """A row of the audit trail, chained to the one before by its digest."""

    sequence: int
    at: str
    actor: str
    action: str
    object: str
    policy_digest: str
    outcome: str
    detail: str
    digest: str


class Verification(BaseModel):
    """What the check of the audit trail found."""

    rows: int
    is_intact: bool
    broken_at: int | None


class Studies(BaseModel):
    """A page of studies; ``next_offset`` is null on the last one."""

    studies: list[Study]
    next_offset: int | None


class Holds(BaseModel):
    """A page of holds."""

    held: list[Hold]
    next_offset: int | None


class Deliveries(BaseModel):
    """A page of deliveries."""

    deliveries: list[Delivery]
    next_offset: int | None


class AuditRows(BaseModel):
    """Rows of the audit trail after a number, oldest first."""

    audit: list[AuditRow]


class ProcessedAgain(BaseModel):
    """The run that was opened."""

    id: int
    generation: int
    state: str = "waiting"


def iso(seconds: float) -> str:
    """Return a time of the ledger in ISO 8601."""
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def iso_or_none(seconds: float | None) -> str | None:
    """Return a time of the ledger in ISO 8601, or None."""
    return None if seconds is None else iso(seconds)


def study(record: StudyRecord) -> Study:
    """Answer a study."""
    return Study(**_study_fields(record))


def study_details(
    record: StudyRecord,
    *,
    timeline: Iterable[TransitionRecord],
    decision: DecisionRecord | None,
    actions: Mapping[str, int],
    holds: Iterable[HoldRecord],
    deliveries: Iterable[Delivery],
    deidentified_as: list[str] | None,
) -> StudyDetails:
    """Answer a study with everything that explains it."""
    return StudyDetails(
        **_study_fields(record),
        timeline=[Step(**{**asdict(step), "at": iso(step.at)}) for step in timeline],
        decision=None if decision is None else _decision(decision),
        actions=dict(actions),
        holds=[hold(one) for one in holds],
        deliveries=list(deliveries),
        deidentified_as=deidentified_as,
    )


def hold(record: HoldRecord, rejected_at: float | None = None) -> Hold:
    """Answer a hold, and when its study is to be rejected."""
    is_open = record.resolved_at is None
    return Hold(
        id=record.hold_id,
        study=record.study_id,
        study_orthanc_id=record.study_orthanc_id,
        generation=record.generation,
        rule=record.rule,
        reason=record.reason,
        words=words_of(record.rule),
        path=record.path,
        instance=record.instance,
        held_at=iso(record.held_at),
        resolved_at=iso_or_none(record.resolved_at),
        resolved_by=record.resolved_by,
        resolution=record.resolution,
        to_be_rejected_at=iso_or_none(rejected_at) if is_open else None,
    )


def delivery(record: DeliveryRecord, receipts: Iterable[InstanceReceipt] | None = None) -> Delivery:
    """Answer a delivery, with the destination's answers counted if they are given."""
    statuses = None if receipts is None else dict(Counter(one.status for one in receipts))
    return Delivery(
        id=record.delivery_id,
        study=record.key.study_id,
        study_orthanc_id=record.study_orthanc_id,
        generation=record.key.generation,
        via=record.key.via,
        destination=record.key.destination,
        state=record.state,
        attempts=record.attempts,
        instances=record.instances,
        receipts=record.receipts,
        warnings=record.warnings,
        confirmed=record.confirmed,
        verify=record.terms.verify,
        created_at=iso(record.created_at),
        next_try_at=iso_or_none(record.next_try_at),
        finished_at=iso_or_none(record.finished_at),
        last_error=record.last_error,
        statuses=statuses,
    )


def audit_row(record: AuditRecord) -> AuditRow:
    """Answer a row of the audit trail."""
    return AuditRow(**{**asdict(record), "at": iso(record.at)})


def _study_fields(record: StudyRecord) -> dict[str, Any]:
    times = ("first_received_at", "last_received_at", "state_changed_at")
    fields = asdict(record)
    return {**fields, "id": record.study_id, **{name: iso(fields[name]) for name in times}}


def _decision(record: DecisionRecord) -> Decision:
    fields = asdict(record)
    fields["outcome"] = record.outcome.value
    fields["decided_at"] = iso(record.decided_at)
    fields["asked"] = [
        AskedCondition(policy=a.policy, rule=a.rule, answer=a.answer.value, line=a.line)
        for a in record.asked
    ]
    return Decision(**fields)
