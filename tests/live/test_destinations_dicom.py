"""Goal: a DICOM destination is spoken to over TLS where asked for, and says twice what it has.

Method: C-STORE over TLS, C-ECHO, C-FIND and storage commitment against a real Orthanc and against
servers that show other certificates, or answer as they are told.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, Verification

from gatehouse.adapters.destinations.configuration import Commitment, Tls
from gatehouse.adapters.destinations.dicom import DicomDestination
from gatehouse.errors import DeliveryError
from gatehouse.policy.model import Delivery
from support.certificates import Authority
from support.dicom_builder import CT_IMAGE_STORAGE
from support.orthanc import Orthanc, free_port
from support.outgoing import outgoing

BY_DICOM = Delivery("research-pacs", "dicom")


class Modalities:
    """Where the gateway's Orthanc would say who the destination is."""

    def __init__(self, port: int, **options: Any) -> None:
        self._about = {"AET": "RESEARCH", "Host": "127.0.0.1", "Port": port, **options}

    def modality(self, _name: str) -> Mapping[str, Any]:
        return self._about

    def system(self) -> Mapping[str, Any]:
        return {"DicomAet": "GATEHOUSE"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> Tls:
    ours = authority.sign("gatehouse")
    return Tls(authority.certificate, ours.certificate, ours.key)


@pytest.fixture(scope="module")
def report_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def research(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, report_port: int
) -> Iterator[Orthanc]:
    """An Orthanc that speaks DICOM over nothing but TLS, and reports on commitments in clear."""
    own = authority.sign("research")
    gatehouse = {
        "AET": "GATEHOUSE",
        "Host": "127.0.0.1",
        "Port": report_port,
        "AllowFind": True,
        "AllowStore": True,
        "AllowStorageCommitment": True,
    }
    with Orthanc(
        tmp_path_factory.mktemp("research"),
        DicomAet="RESEARCH",
        DicomModalities={"gatehouse": gatehouse},
        DicomTlsEnabled=True,
        DicomTlsCertificate=str(own.certificate),
        DicomTlsPrivateKey=str(own.key),
        DicomTlsTrustedCertificates=str(authority.certificate),
    ) as orthanc:
        yield orthanc


@pytest.fixture
def destination(research: Orthanc, tls: Tls, report_port: int) -> DicomDestination:
    return DicomDestination(
        Modalities(research.dicom_port, UseDicomTls=True),
        {"research-pacs": tls},
        {"research-pacs": Commitment(report_port, 60.0)},
    )


def test_instances_are_stored_over_tls(
    destination: DicomDestination, research: Orthanc, tmp_path: Path
) -> None:
    instances = [outgoing(tmp_path, number) for number in (1, 2, 3)]

    receipts = list(destination.send(BY_DICOM, instances))

    assert [one.status for one in receipts] == ["0x0000"] * 3
    assert {one.orthanc_id for one in instances} <= set(research.get("/instances").json())


def test_a_destination_answers_an_echo_over_tls(destination: DicomDestination) -> None:
    assert destination.test("research-pacs") == "C-ECHO answered with Success over TLS"


def test_find_lists_what_is_there_and_nothing_else(
    destination: DicomDestination, tmp_path: Path
) -> None:
    there, absent = outgoing(tmp_path, 11), outgoing(tmp_path, 12)
    list(destination.send(BY_DICOM, [there]))

    assert destination.present(BY_DICOM, [there, absent]) == (
        {there.sop_instance_uid},
        "C-FIND",
    )


def test_a_commitment_is_for_what_is_there_and_for_nothing_else(
    destination: DicomDestination, tmp_path: Path
) -> None:
    there, absent = outgoing(tmp_path, 21), outgoing(tmp_path, 22)
    list(destination.send(BY_DICOM, [there]))

    assert destination.committed(BY_DICOM, [there, absent]) == (
        {there.sop_instance_uid},
        "N-EVENT-REPORT",
    )


def test_a_server_that_others_vouch_for_gets_nothing(
    research: Orthanc, tls: Tls, tmp_path: Path
) -> None:
    others = Authority(tmp_path, "others")
    trusting_others = Tls(others.certificate, tls.certificate, tls.key)
    destination = DicomDestination(
        Modalities(research.dicom_port, UseDicomTls=True), {"research-pacs": trusting_others}
    )

    with pytest.raises(DeliveryError, match="it can't be reached over TLS"):
        list(destination.send(BY_DICOM, [outgoing(tmp_path)]))


@pytest.mark.parametrize(("verify_host", "is_reached"), [(True, False), (False, True)])
def test_a_certificate_must_name_the_host_unless_the_settings_say_otherwise(
    authority: Authority, verify_host: bool, is_reached: bool
) -> None:
    server = Server(authority, address="127.0.0.2")
    trusted = Tls(authority.certificate, verify_host=verify_host)
    destination = DicomDestination(
        Modalities(server.port, UseDicomTls=True), {"research-pacs": trusted}
    )

    try:
        answer = destination.test("research-pacs")
    except DeliveryError as error:
        answer = str(error)
    finally:
        server.end()

    assert answer == (
        "C-ECHO answered with Success over TLS" if is_reached else "it can't be reached over TLS"
    )


def test_certificates_that_nobody_would_use_are_a_failure(tls: Tls, tmp_path: Path) -> None:
    destination = DicomDestination(Modalities(1), {"research-pacs": tls})

    with pytest.raises(DeliveryError, match='does not say "UseDicomTls": true') as caught:
        list(destination.send(BY_DICOM, [outgoing(tmp_path)]))

    assert caught.value.is_permanent


def test_certificates_that_can_t_be_read_are_a_failure(tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    destination = DicomDestination(Modalities(1, UseDicomTls=True), {"research-pacs": Tls(broken)})

    with pytest.raises(DeliveryError, match="can't be used \\(SSLError\\)") as caught:
        destination.test("research-pacs")

    assert caught.value.is_permanent


class Server:
    """A DICOM server with a certificate for another address, or one that takes commitments.

    Parameters
    ----------
    reports_on, failed : tuple of str
        What it reports as committed, and as not.
    """

    def __init__(
        self,
        authority: Authority | None = None,
        address: str = "127.0.0.1",
        reports_on: tuple[str, ...] | None = None,
        other_transaction: bool = False,
        failed: tuple[str, ...] = (),
    ) -> None:
        self._reports_on = reports_on
        self._failed = failed
        self._other_transaction = other_transaction
        entity = AE("RESEARCH")
        entity.add_supported_context(Verification)
        entity.add_supported_context(CT_IMAGE_STORAGE, ExplicitVRLittleEndian)
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=True)
        context = None
        if authority is not None:
            own = authority.sign(f"server-{address}", address)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(own.certificate, own.key)
        self._server = entity.start_server(
            ("127.0.0.1", 0),
            block=False,
            ssl_context=context,
            evt_handlers=[(evt.EVT_N_ACTION, self._commit)],
        )
        self.port = self._server.socket.getsockname()[1]

    def end(self) -> None:
        self._server.shutdown()

    def _commit(self, event: evt.Event) -> tuple[int, Dataset | None]:
        if self._reports_on is None:
            return 0x0110, None
        request = event.action_information
        report = Dataset()
        report.TransactionUID = "1.2.3" if self._other_transaction else request.TransactionUID
        report.ReferencedSOPSequence = [_reference(uid) for uid in self._reports_on]
        report.FailedSOPSequence = [_reference(uid) for uid in self._failed]
        for one in report.FailedSOPSequence:
            one.FailureReason = 0x0112
        self._send(report)
        return 0x0000, None

    def _send(self, report: Dataset) -> None:
        # On an association of its own, to the port that the request came to know of.
        entity = AE("RESEARCH")
        entity.add_requested_context(StorageCommitmentPushModel)
        association = entity.associate(
            "127.0.0.1",
            self.report_port,
            ae_title="GATEHOUSE",
            ext_neg=[build_role(StorageCommitmentPushModel, scp_role=True)],
        )
        association.send_n_event_report(
            report, 1, StorageCommitmentPushModel, "1.2.840.10008.1.20.1.1"
        )
        association.release()

    report_port = 0


def _reference(uid: str) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = CT_IMAGE_STORAGE
    reference.ReferencedSOPInstanceUID = uid
    return reference


def commit(server: Server, tmp_path: Path, wait_s: float) -> tuple[set[str], str]:
    server.report_port = free_port()
    destination = DicomDestination(
        Modalities(server.port), None, {"research-pacs": Commitment(server.report_port, wait_s)}
    )
    try:
        return destination.committed(BY_DICOM, [outgoing(tmp_path, 1), outgoing(tmp_path, 2)])
    finally:
        server.end()


def test_a_report_of_another_transaction_commits_nothing(tmp_path: Path) -> None:
    server = Server(reports_on=("1.2.3.1", "1.2.3.2"), other_transaction=True)

    with pytest.raises(DeliveryError, match="did not report on storage commitment"):
        commit(server, tmp_path, 0.5)


def test_a_report_on_a_part_commits_that_part(tmp_path: Path) -> None:
    server = Server(reports_on=("1.2.3.2",))

    assert commit(server, tmp_path, 60.0) == ({"1.2.3.2"}, "N-EVENT-REPORT")


def test_what_is_among_the_failed_is_not_committed_whatever_else_a_report_says(
    tmp_path: Path,
) -> None:
    server = Server(reports_on=("1.2.3.1", "1.2.3.2"), failed=("1.2.3.1",))

    assert commit(server, tmp_path, 60.0) == ({"1.2.3.2"}, "N-EVENT-REPORT")


def test_a_destination_that_refuses_to_commit_is_named_with_its_status(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="storage commitment request with 0x0110"):
        commit(Server(), tmp_path, 60.0)


def test_a_commitment_without_a_port_for_its_report_is_a_permanent_failure(
    research: Orthanc, tls: Tls, tmp_path: Path
) -> None:
    destination = DicomDestination(
        Modalities(research.dicom_port, UseDicomTls=True), {"research-pacs": tls}
    )

    with pytest.raises(DeliveryError, match="have no StorageCommitment") as caught:
        destination.committed(BY_DICOM, [outgoing(tmp_path)])

    assert caught.value.is_permanent


def test_a_port_that_others_use_can_be_tried_again(
    research: Orthanc, tls: Tls, tmp_path: Path
) -> None:
    destination = DicomDestination(
        Modalities(research.dicom_port, UseDicomTls=True),
        {"research-pacs": tls},
        {"research-pacs": Commitment(research.http_port)},
    )

    with pytest.raises(DeliveryError, match="can't be opened") as caught:
        destination.committed(BY_DICOM, [outgoing(tmp_path)])

    assert not caught.value.is_permanent
