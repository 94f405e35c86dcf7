"""Goal: what a destination says about each instance is what we keep, and nothing else counts.

Method: the senders against real Orthancs and against a DICOM server that answers as it is told.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import AE, evt
from pynetdicom.sop_class import _STORAGE_CLASSES

from gatehouse.adapters.destinations.dicom import CONTEXTS_MAX, DicomDestination
from gatehouse.adapters.destinations.peer import PeerDestination
from gatehouse.adapters.orthanc_client import OrthancArchive
from gatehouse.errors import DeliveryError, UnavailableError
from gatehouse.pipeline.ports import InstanceReceipt, OutgoingInstance
from gatehouse.policy.model import Delivery
from support.dicom_builder import CT_IMAGE_STORAGE
from support.orthanc import PASSWORD, USER, Orthanc
from support.outgoing import outgoing
from support.workers import AUTHORIZATION

BY_DICOM = Delivery("research-pacs", "dicom")
BY_PEER = Delivery("research-pacs", "peer")
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


class Modalities:
    """Where the gateway's Orthanc would say who the destination is."""

    def __init__(self, port: int, **options: Any) -> None:
        self._about = {"AET": "RESEARCH", "Host": "127.0.0.1", "Port": port, **options}

    def modality(self, name: str) -> Mapping[str, Any]:
        if name != "research-pacs":
            raise LookupError(name)
        return self._about

    def system(self) -> Mapping[str, Any]:
        return {"DicomAet": "GATEHOUSE"}


class Server:
    """A DICOM server that keeps what it sees.

    Parameters
    ----------
    answer : callable
        Returns the status for each instance.
    """

    def __init__(
        self,
        answer: Callable[[evt.Event], int] = lambda _event: 0x0000,
        syntaxes: tuple[str, ...] = (ExplicitVRLittleEndian,),
        sop_classes: tuple[str, ...] = (CT_IMAGE_STORAGE,),
        calling_aets: tuple[str, ...] = (),
    ) -> None:
        self.associations: list[tuple[str, str, int]] = []
        self.stored: list[str] = []
        self._answer = answer
        entity = AE("RESEARCH")
        entity.require_calling_aet = list(calling_aets)
        for sop_class in sop_classes:
            entity.add_supported_context(sop_class, list(syntaxes))
        self._server = entity.start_server(
            ("127.0.0.1", 0),
            block=False,
            evt_handlers=[(evt.EVT_C_STORE, self._store), (evt.EVT_REQUESTED, self._requested)],
        )
        self.port = self._server.socket.getsockname()[1]

    def end(self) -> None:
        self._server.shutdown()

    def _requested(self, event: evt.Event) -> None:
        asked = event.assoc.requestor
        titles = (asked.primitive.calling_ae_title, asked.primitive.called_ae_title)
        self.associations.append((*titles, len(asked.requested_contexts)))

    def _store(self, event: evt.Event) -> int:
        self.stored.append(event.request.AffectedSOPInstanceUID)
        return self._answer(event)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    """Start servers; they are ended with the test."""
    servers: list[Server] = []

    def start(*arguments: Any, **named: Any) -> Server:
        servers.append(Server(*arguments, **named))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


@pytest.fixture(scope="module")
def research(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    folder = tmp_path_factory.mktemp("research")
    with Orthanc(folder, DicomAet="RESEARCH", DicomAlwaysAllowStore=True) as orthanc:
        yield orthanc


@pytest.fixture(scope="module")
def archive(
    research: Orthanc, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OrthancArchive]:
    """A gateway's Orthanc that knows the research one, once with a wrong password."""
    peer = {"Url": research.url, "Username": USER, "Password": PASSWORD}
    modality = {"AET": "RESEARCH", "Host": "127.0.0.1", "Port": research.dicom_port}
    with Orthanc(
        tmp_path_factory.mktemp("gateway"),
        OrthancPeers={"research-pacs": peer, "locked": peer | {"Password": "wrong"}},
        DicomModalities={"research-pacs": modality},
    ) as gateway:
        yield OrthancArchive(gateway.url, AUTHORIZATION)


def receipts_until_error(
    destination: DicomDestination, instances: list[OutgoingInstance]
) -> tuple[list[InstanceReceipt], DeliveryError]:
    """Return the receipts that came before a delivery failed, and the error."""
    found: list[InstanceReceipt] = []
    with pytest.raises(DeliveryError) as caught:
        found.extend(destination.send(BY_DICOM, instances))
    return found, caught.value


def test_orthanc_gives_a_dimse_status_for_each_instance(
    archive: OrthancArchive, research: Orthanc, tmp_path: Path
) -> None:
    instances = [outgoing(tmp_path, number) for number in range(1, 6)]

    receipts = list(DicomDestination(archive).send(BY_DICOM, instances))

    assert [one.status for one in receipts] == ["0x0000"] * 5
    assert all(one.is_stored for one in receipts)
    stored = set(research.get("/instances").json())
    assert {one.orthanc_id for one in instances} <= stored


def test_the_file_arrives_as_it_is(
    archive: OrthancArchive, research: Orthanc, tmp_path: Path
) -> None:
    [instance] = [outgoing(tmp_path, 77, syntax=ImplicitVRLittleEndian)]

    list(DicomDestination(archive).send(BY_DICOM, [instance]))

    arrived = research.get(f"/instances/{instance.orthanc_id}/file").content
    sent = instance.file.read_bytes()
    # All but preamble and file meta information, which each archive writes itself.
    assert arrived[-len(sent) + 1000 :] == sent[1000:]


def test_a_peer_names_the_instance_that_it_stored(
    archive: OrthancArchive, research: Orthanc, tmp_path: Path
) -> None:
    instances = [outgoing(tmp_path, number) for number in (11, 12)]

    receipts = list(PeerDestination(archive).send(BY_PEER, instances))
    again = list(PeerDestination(archive).send(BY_PEER, instances))

    assert [(one.status, one.is_stored) for one in receipts + again] == [("200", True)] * 4
    assert {one.orthanc_id for one in instances} <= set(research.get("/instances").json())


def test_a_peer_that_answers_about_another_instance_gives_no_receipt(tmp_path: Path) -> None:
    class Liar:
        def store_at_peer(self, *_: object) -> Mapping[str, Any]:
            return {"ID": "another", "Status": "Success"}

    [receipt] = PeerDestination(Liar()).send(BY_PEER, [outgoing(tmp_path)])

    assert (receipt.is_stored, receipt.detail) == (False, "it names another instance")


@pytest.mark.parametrize("status", ["Failure", "FilteredOut", "", None])
def test_a_peer_that_answers_and_did_not_store_gives_no_receipt(
    tmp_path: Path, status: str | None
) -> None:
    instance = outgoing(tmp_path)

    class Filter:
        def store_at_peer(self, *_: object) -> Mapping[str, Any]:
            return {"ID": instance.orthanc_id, "Status": status}

    [receipt] = PeerDestination(Filter()).send(BY_PEER, [instance])

    assert (receipt.is_stored, receipt.detail) == (False, "it did not say that it stored")


def test_a_peer_that_refuses_us_is_tried_again_later(
    archive: OrthancArchive, tmp_path: Path
) -> None:
    with pytest.raises(UnavailableError):
        list(PeerDestination(archive).send(Delivery("locked", "peer"), [outgoing(tmp_path)]))


def test_a_peer_that_orthanc_does_not_know_is_a_permanent_failure(
    archive: OrthancArchive, tmp_path: Path
) -> None:
    with pytest.raises(DeliveryError, match="no such peer") as caught:
        list(PeerDestination(archive).send(Delivery("nobody", "peer"), [outgoing(tmp_path)]))

    assert caught.value.is_permanent


def test_a_modality_that_orthanc_does_not_know_is_a_permanent_failure(
    archive: OrthancArchive, tmp_path: Path
) -> None:
    with pytest.raises(DeliveryError, match="no such modality") as caught:
        list(DicomDestination(archive).send(Delivery("nobody", "dicom"), [outgoing(tmp_path)]))

    assert caught.value.is_permanent


def test_one_association_takes_all_instances_and_calls_by_the_right_names(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()

    list(
        DicomDestination(Modalities(server.port)).send(
            BY_DICOM, [outgoing(tmp_path, number) for number in range(1, 4)]
        )
    )

    assert server.associations == [("GATEHOUSE", "RESEARCH", 1)]
    assert server.stored == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]


@pytest.mark.parametrize(
    ("status", "text", "is_stored"),
    [
        (0x0000, "0x0000", True),
        (0xB000, "0xB000", True),
        (0xB007, "0xB007", True),
        (0xA700, "0xA700", False),
        (0xC123, "0xC123", False),
        (0x0124, "0x0124", False),
    ],
)
def test_a_status_is_kept_as_it_is_and_only_success_and_warnings_count(
    serve: Callable[..., Server], tmp_path: Path, status: int, text: str, is_stored: bool
) -> None:
    server = serve(lambda _event: status)

    [receipt] = DicomDestination(Modalities(server.port)).send(BY_DICOM, [outgoing(tmp_path)])

    assert (receipt.status, receipt.is_stored) == (text, is_stored)


def test_a_kind_that_is_not_accepted_is_a_permanent_failure_and_the_others_are_sent(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    instances = [
        outgoing(tmp_path, 1, sop_class=SECONDARY_CAPTURE),
        outgoing(tmp_path, 2),
        outgoing(tmp_path, 3, syntax=ImplicitVRLittleEndian),
    ]

    receipts, error = receipts_until_error(DicomDestination(Modalities(server.port)), instances)

    assert [(one.sop_instance_uid, one.status, one.is_stored) for one in receipts] == [
        ("1.2.3.1", "context-refused", False),
        ("1.2.3.2", "0x0000", True),
        ("1.2.3.3", "context-refused", False),
    ]
    assert error.is_permanent
    assert server.stored == ["1.2.3.2"]


def test_more_kinds_than_one_association_takes_are_sent_over_several(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    classes = tuple(sorted(_STORAGE_CLASSES.values())[:65])
    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
    server = serve(sop_classes=classes, syntaxes=syntaxes)
    instances = [
        outgoing(tmp_path, number, sop_class=sop_class, syntax=syntax)
        for number, (sop_class, syntax) in enumerate(itertools.product(classes, syntaxes))
    ]

    receipts = list(DicomDestination(Modalities(server.port)).send(BY_DICOM, instances))

    assert all(one.is_stored for one in receipts)
    assert [contexts for _, _, contexts in server.associations] == [CONTEXTS_MAX, 2]


def test_an_association_that_is_lost_keeps_the_receipts_that_came_before(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    def abort_at_the_second(event: evt.Event) -> int:
        if event.request.AffectedSOPInstanceUID == "1.2.3.2":
            event.assoc.abort()
        return 0x0000

    server = serve(abort_at_the_second)
    instances = [outgoing(tmp_path, number) for number in range(1, 4)]

    receipts, error = receipts_until_error(DicomDestination(Modalities(server.port)), instances)

    assert [one.sop_instance_uid for one in receipts] == ["1.2.3.1"]
    assert not error.is_permanent


def test_a_destination_that_does_not_answer_is_not_waited_for_for_ever(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    is_over = threading.Event()

    def wait(_event: evt.Event) -> int:
        is_over.wait(60)
        return 0x0000

    server = serve(wait)
    destination = DicomDestination(Modalities(server.port), answer_timeout_s=1.0)

    receipts, error = receipts_until_error(destination, [outgoing(tmp_path)])
    is_over.set()

    assert receipts == []
    assert str(error) == "it gave no answer to a C-STORE request"


def test_a_destination_that_is_not_there_can_be_tried_again(tmp_path: Path) -> None:
    _, error = receipts_until_error(DicomDestination(Modalities(1)), [outgoing(tmp_path)])

    assert (str(error), error.is_permanent) == ("it can't be reached", False)


def test_a_destination_that_does_not_know_us_is_named_with_its_reason(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve(calling_aets=("OTHER",))

    _, error = receipts_until_error(DicomDestination(Modalities(server.port)), [outgoing(tmp_path)])

    assert str(error) == "it rejected the association: Calling AE title not recognised"
    assert not error.is_permanent


def test_nothing_is_sent_in_clear_where_tls_is_asked_for(
    serve: Callable[..., Server], tmp_path: Path
) -> None:
    server = serve()
    destination = DicomDestination(Modalities(server.port, UseDicomTls=True))

    _, error = receipts_until_error(destination, [outgoing(tmp_path)])

    assert str(error) == (
        "Orthanc's configuration wants TLS, and the settings name no certificates for it "
        "(Gatehouse.Sending)"
    )
    assert error.is_permanent
    assert server.associations == []
