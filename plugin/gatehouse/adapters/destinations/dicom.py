"""Sends by C-STORE (PS3.4 B), many instances over one association, files as they are.

The data set is sent from its file without being decoded, in the transfer syntax that it has: what
was verified is what leaves. The receipt of an instance is the status of its C-STORE response.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any, Protocol

from pynetdicom import AE, _config, build_context, evt
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext

from gatehouse.adapters.destinations.checkpoint import undisturbed
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

# What goes wrong is said by the delivery; pynetdicom's lines quote what was sent.
logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)
# Without it, pynetdicom would decode each file and encode it again.
_config.STORE_SEND_CHUNKED_DATASET = True

CONTEXTS_MAX = 128
"""Presentation contexts in one association (PS3.8 9.3.2.2: odd numbers from 1 to 255)."""

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
"""For an association or a C-STORE response; a busy archive may take its time."""

SUCCESS = 0x0000
REFUSED_CONTEXT = "context-refused"
"""Not a status of the destination: it never saw the instance."""


class Modalities(Protocol):
    """Where the gateway's Orthanc says who its DICOM destinations are."""

    def modality(self, name: str) -> Mapping[str, Any]:
        """Return AET, Host, Port ... of a key of DicomModalities."""

    def system(self) -> Mapping[str, Any]:
        """Return what Orthanc says of itself, with its own ``DicomAet``."""


class DicomDestination:
    """Destinations of ``via: dicom`` (``pipeline.ports.Destination``)."""

    def __init__(self, modalities: Modalities, *, answer_timeout_s: float = ANSWER_TIMEOUT_S):
        self._modalities = modalities
        self._answer_timeout_s = answer_timeout_s

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
        about = self._about(delivery.to)
        refused = False
        for group in _by_contexts(instances):
            for receipt in self._send_group(about, group):
                refused = refused or receipt.status == REFUSED_CONTEXT
                yield receipt
        if refused:
            raise DeliveryError(
                "it does not accept the SOP class, or its transfer syntax, of some instances",
                is_permanent=True,
            )

    def _about(self, name: str) -> Mapping[str, Any]:
        try:
            about = dict(self._modalities.modality(name))
        except LookupError:
            raise DeliveryError(
                "Orthanc's configuration has no such modality", is_permanent=True
            ) from None
        if about.get("UseDicomTls", False):
            # Sending in clear instead would be a leak.
            raise DeliveryError("DICOM TLS is not supported yet", is_permanent=True)
        # Orthanc answers an empty text where the configuration does not say it.
        if not about.get("LocalAet"):
            about["LocalAet"] = self._modalities.system().get("DicomAet", "GATEHOUSE")
        return about

    def _send_group(
        self, about: Mapping[str, Any], instances: Sequence[OutgoingInstance]
    ) -> Iterator[InstanceReceipt]:
        association = self._associate(about, _contexts(instances))
        with undisturbed(association):
            try:
                for number, instance in zip(cycle(range(1, 0x10000)), instances, strict=False):
                    yield _store(association, instance, number)
                association.release()
            finally:
                if association.is_established:
                    association.abort()

    def _associate(
        self, about: Mapping[str, Any], contexts: list[PresentationContext]
    ) -> Association:
        entity = AE(ae_title=about["LocalAet"])
        entity.connection_timeout = CONNECT_TIMEOUT_S
        entity.acse_timeout = self._answer_timeout_s
        entity.dimse_timeout = self._answer_timeout_s
        entity.network_timeout = self._answer_timeout_s
        is_reached: list[bool] = []

        def prepare(event: evt.Event) -> None:
            is_reached.append(True)
            _send_at_once(event)

        association = entity.associate(
            about["Host"],
            int(about["Port"]),
            contexts,
            ae_title=about["AET"],
            evt_handlers=[(evt.EVT_CONN_OPEN, prepare)],
        )
        if association.is_established:
            return association
        if association.is_rejected:
            raise DeliveryError("it rejected the association")
        if is_reached:
            raise DeliveryError("it aborted the association, or accepts none of its contexts")
        raise DeliveryError("it can't be reached")


def _send_at_once(event: evt.Event) -> None:
    # A C-STORE is several small writes; Nagle's algorithm would hold each back for 40 ms.
    connection = event.assoc.dul.socket
    if connection is not None and connection.socket is not None:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


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
