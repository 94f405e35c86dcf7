"""Goal: instances on their way to a peer at the same time keep their receipts apart.

Method: a peer that answers as it is told, and notes how many instances it has at once.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.destinations.peer import SENDS_AT_ONCE, PeerDestination
from gatehouse.adapters.destinations.several import LARGE_BYTES
from gatehouse.errors import DeliveryError, UnavailableError
from gatehouse.pipeline.ports import OutgoingInstance
from gatehouse.policy.model import Delivery

TO_PEER = Delivery("research-pacs", "peer")


class Peer:
    """Answers with the Orthanc ID that the bytes say; fails for those that it is told.

    With ``meet``, the first instances are answered only when so many of them are there.
    """

    def __init__(self, *, failing: frozenset[bytes] = frozenset(), meet: int = 1) -> None:
        self.most = 0
        self._now = 0
        self._failing = failing
        self._lock = threading.Lock()
        self._met = threading.Barrier(meet)

    def store_at_peer(self, peer: str, dicom: bytes) -> Mapping[str, Any]:
        assert peer == TO_PEER.to
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
        try:
            self._met.wait(timeout=120)
            if dicom in self._failing:
                raise UnavailableError("away")
            return {"Status": "Success", "ID": dicom.strip(b"\0").decode()}
        finally:
            with self._lock:
                self._now -= 1


def outgoing(folder: Path, name: str, size: int = 0) -> OutgoingInstance:
    file = folder / name
    with file.open("wb") as opened:
        opened.write(name.encode())
        opened.truncate(max(size, len(name)))
    return OutgoingInstance("1.2", f"uid-{name}", "1.2.840.10008.1.2.1", name, file, "")


def test_as_many_instances_as_allowed_are_under_way_and_receipts_keep_their_order(
    tmp_path: Path,
) -> None:
    peer = Peer(meet=SENDS_AT_ONCE)
    instances = [outgoing(tmp_path, str(number)) for number in range(2 * SENDS_AT_ONCE)]

    receipts = list(PeerDestination(peer).send(TO_PEER, instances))

    assert [one.sop_instance_uid for one in receipts] == [one.sop_instance_uid for one in instances]
    assert all(one.is_stored for one in receipts)
    assert peer.most == SENDS_AT_ONCE


def test_large_instances_are_sent_one_at_a_time(tmp_path: Path) -> None:
    peer = Peer()
    instances = [outgoing(tmp_path, str(number), LARGE_BYTES + 1) for number in range(4)]

    receipts = list(PeerDestination(peer).send(TO_PEER, instances))

    assert len(receipts) == 4
    assert peer.most == 1


def test_what_was_stored_before_a_failure_has_its_receipt(tmp_path: Path) -> None:
    instances = [outgoing(tmp_path, str(number)) for number in range(6)]
    receipts = iter(PeerDestination(Peer(failing=frozenset({b"4"}))).send(TO_PEER, instances))

    stored = [receipt.sop_instance_uid for receipt in itertools.islice(receipts, 4)]
    with pytest.raises(UnavailableError):
        next(receipts)

    assert stored == [one.sop_instance_uid for one in instances[:4]]


def test_a_peer_that_orthanc_does_not_know_is_a_failure_for_good(tmp_path: Path) -> None:
    class Unknown:
        def store_at_peer(self, *_: object) -> Mapping[str, Any]:
            raise LookupError

    with pytest.raises(DeliveryError) as raised:
        list(PeerDestination(Unknown()).send(TO_PEER, [outgoing(tmp_path, "1")]))

    assert raised.value.is_permanent
