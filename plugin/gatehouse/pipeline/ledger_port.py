"""What the workflows need of the ledger, as a protocol. ``adapters.ledger`` implements it.

Each method is one transaction, may be called again with the same arguments, and changes nothing
for a run that a later generation has superseded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gatehouse.pipeline.circuit import Breaker
from gatehouse.pipeline.desk_records import ReleaseRecord
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.ports import Held, InstanceReceipt
from gatehouse.pipeline.reception_journal import ReceptionMark
from gatehouse.pipeline.records import (
    Arrival,
    DeliveryKey,
    DeliveryRecord,
    InstanceRecord,
    Output,
    PackRecord,
    StudyKey,
    StudyRecord,
)
from gatehouse.pipeline.states import StudyState
from gatehouse.policy.model import Decision, Delivery


class RunLedger(Protocol):
    """Where the workflows keep what they did."""

    def study(self, which: int | str) -> StudyRecord | None:
        """Return one study."""

    def advance(
        self, key: StudyKey, state: StudyState, now: float, *, rule: str = "", reason: str = ""
    ) -> bool:
        """Move a run to its next state; True if it is there now, False if nothing is to be done."""

    def hold(self, key: StudyKey, held: Held, now: float, *, again_at: float | None = None) -> bool:
        """Hold a study for a reason, for ever or until a time."""

    def note(self, key: StudyKey, reason: str) -> None:
        """Say what a run is waiting for."""

    def waiting(self) -> list[StudyKey]:
        """Return the studies that are complete and that no worker has begun."""

    def studies(self, state: str | None = None, *, limit: int = 100) -> list[StudyRecord]:
        """Return studies in a state."""

    def instances(self, study_id: int) -> list[InstanceRecord]:
        """Return the instances of a study that are in the archive."""

    def arrivals(self, server: str, after: int, limit: int) -> tuple[list[Arrival], int]:
        """Return instances of studies that still arrive after a row, and the last row seen."""

    def marks(self, server: str, instances: Sequence[str]) -> dict[str, list[ReceptionMark]]:
        """Return what says that instances were de-identified on reception, the newest first."""

    def active_pack(self) -> PackRecord | None:
        """Return the policies that decide now."""

    def pack(self, digest: str) -> PackRecord | None:
        """Return policies that were active together."""

    def record_decision(self, key: StudyKey, made: Decision, pack_digest: str, now: float) -> bool:
        """Keep a decision."""

    def release_of(self, key: StudyKey) -> ReleaseRecord | None:
        """Return the person's word under which a run goes on; None for all ordinary runs."""

    def accepted_by(self, key: StudyKey) -> tuple[str, str] | None:
        """Return the digests of pack and policy that accepted a run; None if none did yet."""

    def destinations_of(self, key: StudyKey) -> set[tuple[str, str]] | None:
        """Return (via, destination) of the deliveries that were decided on; None: all."""

    def record_outputs(self, key: StudyKey, outputs: Sequence[Output]) -> bool:
        """Keep what was made of instances; False if this run was superseded."""

    def outputs(self, key: StudyKey) -> list[Output]:
        """Return what was made in one run."""

    def reusable(
        self,
        key: StudyKey,
        policy_digest: str,
        key_id: str,
        software: str,
        deliveries: Sequence[Delivery],
    ) -> list[Output]:
        """Return outputs of earlier runs that every destination has and that stay the same."""

    def made_elsewhere(self, key: StudyKey, limit: int) -> list[tuple[str, str]]:
        """Return instances whose SOP Instance UIDs another study has as well, and the other's."""

    def register_own_outputs(
        self, key: StudyKey, server: str, outputs: Sequence[Output], now: float
    ) -> None:
        """Note the Orthanc IDs of outputs before they are stored anywhere."""

    def open_deliveries(
        self, key: StudyKey, deliveries: Sequence[Delivery], policy_digest: str, now: float
    ) -> bool:
        """Begin the deliveries of a run."""

    def deliveries(
        self, *, study_id: int | None = None, state: str | None = None, limit: int = 100
    ) -> list[DeliveryRecord]:
        """Return deliveries."""

    def delivery_terms(self, key: DeliveryKey) -> tuple[Delivery, float, int]:
        """Return a delivery's terms, when it was opened, and how often it was tried."""

    def begin_attempt(self, key: DeliveryKey, now: float) -> int | None:
        """Note that a delivery is being tried; None if nothing is to be done."""

    def is_open(self, key: DeliveryKey) -> bool:
        """Return whether a delivery is still to be tried."""

    def admit(self, key: DeliveryKey, now: float) -> tuple[bool, float | None]:
        """Return whether a delivery may be tried now, and else when to ask again."""

    def destination_answered(self, where: DestinationKey, now: float) -> None:
        """Note that a destination is there: its circuit is closed."""

    def destination_failed(
        self, where: DestinationKey, breaker: Breaker, error: str, now: float
    ) -> None:
        """Note that a destination did not answer an attempt."""

    def destination_error(self, where: DestinationKey, error: str, now: float) -> None:
        """Keep the last thing that went wrong with a destination that is there."""

    def missing(self, key: DeliveryKey) -> list[Output]:
        """Return the outputs for which a destination has given no receipt of success."""

    def record_receipts(
        self, key: DeliveryKey, receipts: Sequence[tuple[InstanceReceipt, str]], now: float
    ) -> None:
        """Keep a destination's answers, each with the SHA-256 of what was sent."""

    def unconfirmed(self, key: DeliveryKey) -> list[Output]:
        """Return the outputs that a destination has taken and not confirmed afterwards."""

    def record_confirmations(
        self,
        key: DeliveryKey,
        found: Sequence[Output],
        lost: Sequence[Output],
        how: str,
        now: float,
    ) -> None:
        """Keep what a destination says it has; what it has lost counts as not sent."""

    def delivered(self, key: DeliveryKey, now: float) -> None:
        """Close a delivery that has all its receipts."""

    def try_later(self, key: DeliveryKey, at: float, error: str) -> None:
        """Note why a delivery did not succeed, and when it is tried again."""

    def give_up(
        self, key: DeliveryKey, error: str, now: float, *, rule: str = "delivery.failed"
    ) -> None:
        """Close a delivery that did not succeed; its study is held."""

    def overdue_deliveries(self, before: float) -> list[tuple[DeliveryKey, int]]:
        """Return open deliveries with nothing to wait for since a time, each with its mark."""
