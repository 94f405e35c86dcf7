"""What the ledger hands out: rows as values. None of them holds a value of an attribute.

New UIDs and pseudonyms are of our own making. The one exception is ``Output.sop_instance_uid_old``,
which is the map from an original to what was made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from gatehouse.pipeline.states import DeliveryState, StudyState
from gatehouse.policy.model import Asked, Delivery, Origin, Outcome


class StudyKey(NamedTuple):
    """One run over a study: the name of its workflow is ``study-<study_id>-<generation>``."""

    study_id: int
    generation: int


class DeliveryKey(NamedTuple):
    """The delivery of one run to one destination."""

    study_id: int
    generation: int
    via: str
    destination: str


@dataclass(frozen=True, slots=True)
class StudyRecord:
    """A study as the ledger knows it. Times are seconds since the epoch."""

    study_id: int
    server: str
    orthanc_id: str
    state: StudyState
    generation: int
    first_received_at: float
    last_received_at: float
    state_changed_at: float
    instances: int
    """Instances that are in the archive now."""
    policy: str = ""
    policy_version: int = 0
    policy_digest: str = ""
    rule: str = ""
    reason: str = ""
    modalities: str = ""
    """Of its SOP classes, with blanks between."""
    source: str = ""
    """Calling AE title, user or address of the first instance."""

    @property
    def key(self) -> StudyKey:
        """The present run over this study."""
        return StudyKey(self.study_id, self.generation)


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """An instance that was received. ``generation`` 0: it was in the archive before Gatehouse."""

    orthanc_id: str
    series_orthanc_id: str
    attachment_digest: str
    generation: int
    received_at: float
    origin: Origin
    file_uuid: str = ""
    """The name of its file in Orthanc's storage area, if it is known."""


class Arrival(NamedTuple):
    """An instance of a study that still arrives."""

    row: int
    """Grows with each instance that is received for the first time."""
    key: StudyKey
    instance: InstanceRecord


@dataclass(frozen=True, slots=True)
class TransitionRecord:
    """One step in the life of a study."""

    generation: int
    at: float
    state: StudyState
    rule: str
    reason: str


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """What was decided for one run over a study, and how it was found."""

    generation: int
    outcome: Outcome
    policy: str
    policy_version: int
    policy_digest: str
    rule: str
    reason: str
    instance: str
    decided_at: float
    asked: tuple[Asked, ...]


@dataclass(frozen=True, slots=True)
class HoldRecord:
    """Why a study is, or was, held. ``resolved_at`` is None while it is."""

    hold_id: int
    study_id: int
    study_orthanc_id: str
    generation: int
    rule: str
    reason: str
    path: str
    instance: str
    held_at: float
    resolved_at: float | None
    resolved_by: str
    resolution: str


@dataclass(frozen=True, slots=True)
class Output:
    """What was made of one instance; its bytes are in the spool until nobody needs them.

    Parameters
    ----------
    instance : str
        Orthanc ID of the original.
    actions : Mapping
        Action code -> how many elements.
    """

    instance: str
    attachment_digest: str
    policy_digest: str
    key_id: str
    software: str
    sop_class_uid: str
    transfer_syntax_uid: str
    sop_instance_uid_old: str
    sop_instance_uid_new: str
    series_instance_uid_new: str
    study_instance_uid_new: str
    orthanc_id_new: str
    """The Orthanc ID that the output has wherever it is stored."""
    study_orthanc_id_new: str
    """The same of its study."""
    sha256: str
    size: int
    needles: int
    actions: Mapping[str, int]
    carried_from: int = 0
    """The earlier generation that made it, if this one did not; then it is in no spool."""


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """How far a delivery is."""

    key: DeliveryKey
    study_orthanc_id: str
    state: DeliveryState
    terms: Delivery
    attempts: int
    created_at: float
    next_try_at: float | None
    finished_at: float | None
    last_error: str
    instances: int
    """How many instances this delivery is for."""
    receipts: int
    """For how many of them the destination has given a receipt of success."""
    warnings: int
    """Receipts with a warning status (0xBxxx)."""
    confirmed: int = 0
    """Receipts that the destination confirmed when it was asked afterwards."""
    delivery_id: int = 0


@dataclass(frozen=True, slots=True)
class PolicyRecord:
    """One version of a policy that was ever active, with its whole text."""

    digest: str
    name: str
    version: int
    text: str
    first_active_at: float


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a policy keeps the identified original of what it has delivered.

    Parameters
    ----------
    after_s : float
        Since the study was done.
    is_kept_locally : bool
        Whether the de-identified study is in Orthanc, so that it need not be delivered besides.
    """

    after_s: float
    is_kept_locally: bool


@dataclass(frozen=True, slots=True)
class PackRecord:
    """Policies that are or were active together, in order.

    Parameters
    ----------
    deliveries : tuple of tuple of Delivery
        For each policy its deliveries, with the pack's defaults filled in.
    """

    digest: str
    policies: tuple[PolicyRecord, ...]
    deliveries: tuple[tuple[Delivery, ...], ...]
    activated_at: float
    activated_by: str
    source: str
    reception: bool = False
    """Whether instances are de-identified when they are received."""


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """A worker's sign of life."""

    name: str
    host: str
    pid: int
    version: str
    processes: int
    started_at: float
    heartbeat_at: float


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One row of the audit trail, chained to the one before by its digest."""

    sequence: int
    at: float
    actor: str
    action: str
    object: str
    policy_digest: str
    outcome: str
    detail: str
    previous: str
    digest: str


@dataclass(frozen=True, slots=True)
class AuditReport:
    """What the check of the audit chain found."""

    rows: int
    broken_at: int | None
    """Sequence number of the first row that doesn't fit, or None if all do."""

    @property
    def is_intact(self) -> bool:
        """True if every row fits the one before and the last one is the head that was kept."""
        return self.broken_at is None


@dataclass(frozen=True, slots=True)
class Counts:
    """How many there are, by state."""

    studies: Mapping[str, int]
    deliveries: Mapping[str, int]
    open_holds: int
