"""Sends by C-STORE (PS3.4 B), many instances over one association, files as they are.

The data set is sent from its file without being decoded, in the transfer syntax that it has: what
was verified is what leaves. The receipt of an instance is the status of its C-STORE response.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle

from pynetdicom import _config, build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from gatehouse.adapters.destinations.associations import (
    ANSWER_TIMEOUT_S,
    Caller,
    Modalities,
)
from gatehouse.adapters.destinations.checkpoint import undisturbed
from gatehouse.adapters.destinations.commitment import ask_commitment
from gatehouse.adapters.destinations.configuration import Commitment, Tls
from gatehouse.adapters.destinations.dicom_query import echo, find_instances
from gatehouse.adapters.destinations.plain import PlainDestination
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

# Without it, pynetdicom would decode each file and encode it again.
_config.STORE_SEND_CHUNKED_DATASET = True

CONTEXTS_MAX = 128
"""Presentation contexts in one association (PS3.8 9.3.2.2: odd numbers from 1 to 255)."""

SUCCESS = 0x0000
REFUSED_CONTEXT = "context-refused"
"""Not a status of the destination: it never saw the instance."""


class DicomDestination(PlainDestination):
    """Destinations of ``via: dicom`` (``pipeline.ports.Destination``)."""

    def __init__(
        self,
        modalities: Modalities,
        tls: Mapping[str, Tls] | None = None,
        commitments: Mapping[str, Commitment] | None = None,
        *,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._caller = Caller(modalities, tls, answer_timeout_s=answer_timeout_s)
        self._commitments = commitments or {}

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Send instances, yielding the status of each.

        Raises
        ------
        DeliveryError
            If no association is accepted, or one is lost; permanent if this destination can't be
            sent to at all, or accepts a kind of instance neither now nor later.
        """
        refused = False
        for group in _by_contexts(instances):
            for receipt in self._send_group(delivery.to, group):
                refused = refused or receipt.status == REFUSED_CONTEXT
                yield receipt
        if refused:
            raise DeliveryError(
                "it does not accept the SOP class, or its transfer syntax, of some instances",
                is_permanent=True,
            )

    def present(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        """Ask by C-FIND which instances are there."""
        return find_instances(self._caller, delivery.to, instances), "C-FIND"

    def committed(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance], /
    ) -> tuple[set[str], str]:
        """Ask for storage commitment.

        Raises
        ------
        DeliveryError
            Permanent: if the settings don't say where its report is to be waited for.
        """
        how = self._commitments.get(delivery.to)
        if how is None:
            raise DeliveryError(
                "the settings have no StorageCommitment for it (Gatehouse.Sending)",
                is_permanent=True,
            )
        return ask_commitment(self._caller, delivery.to, how, instances), "N-EVENT-REPORT"

    def test(self, name: str) -> str:
        """Ask by C-ECHO whether a destination is there."""
        return echo(self._caller, name)

    def _send_group(
        self, name: str, instances: Sequence[OutgoingInstance]
    ) -> Iterator[InstanceReceipt]:
        association = self._caller.associate(name, _contexts(instances))
        with undisturbed(association):
            try:
                for number, instance in zip(cycle(range(1, 0x10000)), instances, strict=False):
                    yield _store(association, instance, number)
                association.release()
            finally:
                if association.is_established:
                    association.abort()


def _store(association: Association, instance: OutgoingInstance, number: int) -> InstanceReceipt:
    uid = instance.sop_instance_uid
    if not association.is_established:
        raise DeliveryError("it ended the association before all instances were sent")
    if not _is_accepted(association, instance):
        return InstanceReceipt(uid, REFUSED_CONTEXT, is_stored=False)
    answer = association.send_c_store(instance.file, msg_id=number)
    if "Status" not in answer:
        raise DeliveryError("it gave no answer to a C-STORE request")
    status = int(answer.Status)
    # 0xBxxx: stored, with a remark; it is kept with the receipt (PS3.4 B.2.3).
    is_stored = status == SUCCESS or status & 0xF000 == 0xB000
    return InstanceReceipt(uid, f"0x{status:04X}", is_stored=is_stored)


def _is_accepted(association: Association, instance: OutgoingInstance) -> bool:
    return any(
        context.abstract_syntax == instance.sop_class_uid
        and context.transfer_syntax[0] == instance.transfer_syntax_uid
        for context in association.accepted_contexts
    )


def _contexts(instances: Sequence[OutgoingInstance]) -> list[PresentationContext]:
    # One transfer syntax in each, so that the destination can't choose another one than we have.
    kinds = {(one.sop_class_uid, one.transfer_syntax_uid) for one in instances}
    return [build_context(sop_class, syntax) for sop_class, syntax in sorted(kinds)]


def _by_contexts(instances: Sequence[OutgoingInstance]) -> Iterator[list[OutgoingInstance]]:
    """Split instances so that each part fits into the contexts of one association."""
    kinds: set[tuple[str, str]] = set()
    group: list[OutgoingInstance] = []
    for instance in instances:
        kind = (instance.sop_class_uid, instance.transfer_syntax_uid)
        if kind not in kinds and len(kinds) >= CONTEXTS_MAX:
            yield group
            kinds, group = set(), []
        kinds.add(kind)
        group.append(instance)
    if group:
        yield group
