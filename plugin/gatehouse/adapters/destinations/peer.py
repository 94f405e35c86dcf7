"""Sends over HTTP to another Orthanc, which the gateway's Orthanc knows as a peer.

The gateway's Orthanc passes the bytes on (``/peers/{name}/store-straight``) and stores nothing: it
alone knows the peer's URL and password. The receipt is the peer's own answer; it counts only if
the peer names the Orthanc ID that these bytes must have.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from gatehouse.adapters.destinations.configuration import HttpServer
from gatehouse.adapters.destinations.http_server import (
    READ_TIMEOUT_S,
    TEST_TIMEOUT_S,
    HttpClient,
    HttpError,
)
from gatehouse.adapters.destinations.plain import PlainDestination
from gatehouse.adapters.destinations.several import send_several
from gatehouse.errors import DeliveryError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery

STORED = frozenset({"Success", "AlreadyStored"})

SENDS_AT_ONCE = 3
"""While the peer stores one, the next is on its way through the gateway's Orthanc."""


class Peers(Protocol):
    """What passes bytes on to a peer."""

    def store_at_peer(self, peer: str, dicom: bytes) -> Mapping[str, Any]:
        """Send bytes to a key of OrthancPeers; return the peer's answer."""


class PeerDestination(PlainDestination):
    """Destinations of ``via: peer`` (``pipeline.ports.Destination``).

    Parameters
    ----------
    servers : Mapping
        Name -> the peer's own REST API, for what Orthanc does not pass on: asking it.
    """

    def __init__(self, peers: Peers, servers: Mapping[str, HttpServer] | None = None) -> None:
        self._peers = peers
        self._servers = servers or {}

    def send(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> Iterable[InstanceReceipt]:
        """Send instances, yielding the peer's answer to each.

        Raises
        ------
        DeliveryError
            If Orthanc knows no such peer. What else fails is raised by the archive.
        """
        return send_several(lambda one: self._send(delivery.to, one), instances, SENDS_AT_ONCE)

    def present(
        self, delivery: Delivery, instances: Sequence[OutgoingInstance]
    ) -> tuple[set[str], str]:
        """Ask the peer's REST API which instances are there."""
        found: set[str] = set()
        with self._client(delivery.to) as client:
            for one in instances:
                path = f"/instances/{one.orthanc_id}/metadata"
                answer = client.request("ask for an instance", "GET", path)
                if answer.status_code == 200:
                    found.add(one.sop_instance_uid)
                elif answer.status_code != 404:
                    raise HttpError("ask for an instance", answer.status_code)
        return found, "REST"

    def test(self, name: str) -> str:
        """Ask the peer what it is."""
        with self._client(name, TEST_TIMEOUT_S) as client:
            answer = client.request("ask for /system", "GET", "/system")
        if answer.status_code != 200:
            raise HttpError("ask for /system", answer.status_code)
        return "the peer's REST API answered"

    def _client(self, name: str, read_timeout_s: float = READ_TIMEOUT_S) -> HttpClient:
        server = self._servers.get(name)
        if server is None:
            raise DeliveryError(
                "nobody says where the REST API of this peer is (OrthancPeers, "
                "Gatehouse.PeerServers)",
                is_permanent=True,
            )
        return HttpClient(server, read_timeout_s)

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
