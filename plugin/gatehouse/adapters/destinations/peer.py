"""Sends over HTTP to another Orthanc, which the gateway's Orthanc knows as a peer.

The gateway's Orthanc passes the bytes on (``/peers/{name}/store-straight``) and stores nothing: it
alone knows the peer's URL and password. The receipt is the peer's own answer; it counts only if
the peer names the Orthanc ID that these bytes must have.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol

from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

STORED = frozenset({"Success", "AlreadyStored"})

SENDS_AT_ONCE = 3
"""While the peer stores one, the next is on its way through the gateway's Orthanc."""

LARGE_BYTES = 16 << 20
"""Above this size an instance is sent alone: each one under way is in memory."""


class Peers(Protocol):
    """What passes bytes on to a peer."""

    def store_at_peer(self, peer: str, dicom: bytes) -> Mapping[str, Any]:
        """Send bytes to a key of OrthancPeers; return the peer's answer."""


class PeerDestination:
    """Destinations of ``via: peer`` (``pipeline.ports.Destination``)."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Send instances, yielding the peer's answer to each.

        Raises
        ------
        DeliveryError
            If Orthanc knows no such peer. What else fails is raised by the archive.
        """
        under_way: deque[Future[InstanceReceipt]] = deque()
        with ThreadPoolExecutor(SENDS_AT_ONCE, "peer") as threads:
            for instance in instances:
                under_way.append(threads.submit(self._send, delivery.to, instance))
                is_large = instance.file.stat().st_size > LARGE_BYTES
                while len(under_way) >= (1 if is_large else SENDS_AT_ONCE):
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()

    def _send(self, peer: str, instance: OutgoingInstance) -> InstanceReceipt:
        try:
            answer = self._peers.store_at_peer(peer, instance.file.read_bytes())
        except LookupError:
            raise DeliveryError(
                "Orthanc's configuration has no such peer", is_permanent=True
            ) from None
        return _receipt(instance, answer)


def _receipt(instance: OutgoingInstance, answer: Mapping[str, Any]) -> InstanceReceipt:
    status = str(answer.get("Status", ""))
    if status not in STORED:
        return InstanceReceipt(
            instance.sop_instance_uid,
            "200",
            is_stored=False,
            detail="it did not say that it stored",
        )
    if answer.get("ID") != instance.orthanc_id:
        return InstanceReceipt(
            instance.sop_instance_uid, "200", is_stored=False, detail="it names another instance"
        )
    return InstanceReceipt(instance.sop_instance_uid, "200", is_stored=True, detail=status)
