"""Storage commitment (PS3.4 Annex J): the destination takes over the responsibility.

We ask by N-ACTION; it answers by N-EVENT-REPORT, on the same association or on one that it opens
to us. For that one a port is open while we wait. An instance counts as committed only if the report
names our transaction and lists the instance among those that are there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel  # type: ignore[attr-defined]

from gatehouse.adapters.destinations.associations import Caller
from gatehouse.adapters.destinations.configuration import Commitment
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import OutgoingInstance

SUCCESS = 0x0000
WELL_KNOWN_INSTANCE = "1.2.840.10008.1.20.1.1"
"""Storage Commitment Push Model SOP Instance (PS3.6 Table A-1)."""

REQUEST = 1
"""Action Type ID of a request (PS3.4 Table J.3-1)."""

SAME_ASSOCIATION_S = 2.0
"""How long the association is kept on which we asked: some answer on it, most on their own."""


class _Reports:
    """Takes the reports on one transaction."""

    def __init__(self, transaction: str) -> None:
        self._transaction = transaction
        self.has_come = threading.Event()
        self.committed: set[str] = set()

    def take(self, event: evt.Event) -> tuple[int, Any]:
        report = event.event_information
        if str(report.get("TransactionUID", "")) == self._transaction:
            # What is among the failed as well (PS3.4 Table J.3-2) is nobody's responsibility.
            self.committed = _uids(report, "ReferencedSOPSequence") - _uids(
                report, "FailedSOPSequence"
            )
            self.has_come.set()
        # Others' reports are answered too: what they are about was never ours to keep.
        return SUCCESS, None


def _uids(report: Dataset, sequence: str) -> set[str]:
    return {str(one.ReferencedSOPInstanceUID) for one in report.get(sequence) or []}


def ask_commitment(
    caller: Caller, name: str, how: Commitment, instances: Sequence[OutgoingInstance]
) -> set[str]:
    """Return the SOP Instance UIDs that a destination commits itself to keep.

    Raises
    ------
    DeliveryError
        If it does not take the request, or does not report in time.
    """
    transaction = generate_uid(entropy_srcs=None)
    reports = _Reports(transaction)
    handlers: list[Any] = [(evt.EVT_N_EVENT_REPORT, reports.take)]
    own_aet = caller.about(name)["LocalAet"]
    entity = AE(own_aet)
    # The destination opens the association, and yet is the provider of the service.
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    try:
        server: Any = entity.start_server(("", how.port), block=False, evt_handlers=handlers)
    except OSError as error:
        raise DeliveryError(
            f"port {how.port}, where its report is waited for, can't be opened "
            f"({type(error).__name__})"
        ) from None
    try:
        _request(caller, name, transaction, instances, reports, handlers)
        if not reports.has_come.wait(how.wait_s):
            raise DeliveryError(f"it did not report on storage commitment within {how.wait_s:g} s")
    finally:
        server.shutdown()
    return reports.committed


def _request(
    caller: Caller,
    name: str,
    transaction: str,
    instances: Sequence[OutgoingInstance],
    reports: _Reports,
    handlers: Sequence[Any],
) -> None:
    request = Dataset()
    request.TransactionUID = transaction
    request.ReferencedSOPSequence = [_reference(one) for one in instances]
    association = caller.associate(
        name,
        [build_context(StorageCommitmentPushModel)],
        handlers,
        [build_role(StorageCommitmentPushModel, scu_role=True)],
    )
    try:
        answer, _ = association.send_n_action(
            request, REQUEST, StorageCommitmentPushModel, WELL_KNOWN_INSTANCE
        )
        if "Status" not in answer:
            raise DeliveryError("it gave no answer to a storage commitment request")
        status = int(answer.Status)
        if status != SUCCESS:
            raise DeliveryError(f"it answered a storage commitment request with 0x{status:04X}")
        deadline = time.monotonic() + SAME_ASSOCIATION_S
        while association.is_established and time.monotonic() < deadline:
            if reports.has_come.wait(0.1):
                break
        if association.is_established:
            association.release()
    finally:
        if association.is_established:
            association.abort()


def _reference(one: OutgoingInstance) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = one.sop_class_uid
    reference.ReferencedSOPInstanceUID = one.sop_instance_uid
    return reference
