"""Goal: what Gatehouse relies on in Orthanc holds on every version at hand.

Method: real Orthancs with small scripts of this test's own, real C-STORE and HTTP clients. The
table of answers of the received-instance callback is that of the design; the other tests are the
facts that the plugin, the inbox and the HTTP filter are built on.
"""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread
from pynetdicom import AE
from pynetdicom.sop_class import CTImageStorage, StudyRootQueryRetrieveInformationModelFind

from support.dicom_builder import ct, dataset, to_bytes
from support.orthanc import Installation, Orthanc, installations

pytestmark = pytest.mark.live

SCRIPT = """
import json
from pathlib import Path

import orthanc

HERE = Path(__file__).parent
Action = orthanc.ReceivedInstanceAction


def received(dicom, origin):
    mode = (HERE / "mode").read_text()
    if mode == "pass":
        return Action.KEEP_AS_IS, None
    if mode == "ours":
        return Action.MODIFY, (HERE / "ours.dcm").read_bytes()
    if mode == "raise":
        raise ValueError("any")
    if mode == "none":
        return None
    if mode == "discard":
        return Action.DISCARD, None
    return Action.MODIFY, b""


def stored(dicom, orthanc_id):
    with (HERE / "stored").open("a") as file:
        file.write(orthanc_id + "\\n")


def asked(uri, **request):
    with (HERE / "asked").open("a") as file:
        file.write(f"{int(request['method'])} {uri}\\n")
    return not uri.startswith("/patients")


def answer(output, uri, **request):
    output.AnswerBuffer(json.dumps([request["method"], uri, list(request["groups"])]), "text/plain")


orthanc.RegisterReceivedInstanceCallback(received)
orthanc.RegisterOnStoredInstanceCallback(stored)
orthanc.RegisterIncomingHttpRequestFilter(asked)
orthanc.RegisterRestCallback("/gatehouse(/.*)?", answer)
orthanc.ExtendOrthancExplorer("// the button of this test")
(HERE / "token").write_text(orthanc.GenerateRestApiAuthorizationToken())
(HERE / "configuration").write_text(orthanc.GetConfiguration())
try:
    orthanc.RegisterReceivedInstanceCallback(received)
except Exception as error:
    (HERE / "second").write_text(type(error).__name__)
"""


@pytest.fixture(scope="module", params=installations(), ids=lambda one: one.name)
def installation(request: pytest.FixtureRequest) -> Installation:
    return request.param


@pytest.fixture(scope="module")
def orthanc(
    installation: Installation, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Orthanc]:
    folder = tmp_path_factory.mktemp("contract")
    (folder / "script.py").write_text(SCRIPT)
    (folder / "mode").write_text("pass")
    (folder / "ours.dcm").write_bytes(instance("9999", PatientID="OURS"))
    options = {"Gatehouse": {"Home": "/somewhere"}, "DicomCheckCalledAet": False}
    with Orthanc(folder, installation, folder / "script.py", **options) as running:
        yield running


@pytest.fixture(autouse=True)
def passes_everything(orthanc: Orthanc) -> Iterator[None]:
    (orthanc.folder / "mode").write_text("pass")
    yield
    (orthanc.folder / "mode").write_text("pass")


def instance(number: str, **attributes: object) -> bytes:
    uids = {
        "StudyInstanceUID": f"1.2.3.{number}",
        "SeriesInstanceUID": f"1.2.3.{number}.1",
        "SOPInstanceUID": f"1.2.3.{number}.1.1",
    }
    return to_bytes(ct(**uids, **attributes))


def c_store(orthanc: Orthanc, dicom: bytes, calling_aet: str = "CT7") -> int:
    """Return the DIMSE status."""
    node = AE(calling_aet)
    data_set = dcmread(BytesIO(dicom))
    node.add_requested_context(CTImageStorage, data_set.file_meta.TransferSyntaxUID)
    association = node.associate("127.0.0.1", orthanc.dicom_port, ae_title="RESEARCHIN")
    assert association.is_established
    status = association.send_c_store(data_set)
    association.release()
    return int(status.Status)


def stored_patient_ids(orthanc: Orthanc, study_uid: str) -> list[str]:
    found = orthanc.post(
        "/tools/find",
        json={"Level": "Instance", "Query": {"StudyInstanceUID": study_uid}},
    ).json()
    return [orthanc.get(f"/instances/{one}/content/PatientID").text.strip("\0 ") for one in found]


ANSWERS = [
    # mode, DIMSE status, HTTP status, Patient IDs of what is stored
    ("ours", 0x0000, 200, ["OURS"]),
    ("raise", 0x0000, 200, ["ORIGINAL"]),
    ("none", 0x0000, 200, ["ORIGINAL"]),
    ("discard", 0x0000, 200, []),
    ("refuse", 0xA700, 500, []),
]


@pytest.mark.parametrize(("mode", "dimse", "http", "stored"), ANSWERS)
def test_the_received_callback_s_answer_decides_what_is_stored_by_c_store(
    orthanc: Orthanc, mode: str, dimse: int, http: int, stored: list[str]
) -> None:
    study = f"40{[row[0] for row in ANSWERS].index(mode)}"
    (orthanc.folder / "ours.dcm").write_bytes(instance(study, PatientID="OURS"))
    (orthanc.folder / "mode").write_text(mode)

    status = c_store(orthanc, instance(study, PatientID="ORIGINAL"))

    assert status == dimse
    assert stored_patient_ids(orthanc, f"1.2.3.{study}") == stored


@pytest.mark.parametrize(("mode", "dimse", "http", "stored"), ANSWERS)
def test_the_received_callback_s_answer_decides_what_is_stored_by_rest(
    orthanc: Orthanc, mode: str, dimse: int, http: int, stored: list[str]
) -> None:
    study = f"50{[row[0] for row in ANSWERS].index(mode)}"
    (orthanc.folder / "ours.dcm").write_bytes(instance(study, PatientID="OURS"))
    (orthanc.folder / "mode").write_text(mode)

    answer = orthanc.post("/instances", data=instance(study, PatientID="ORIGINAL"))

    assert answer.status_code == http
    assert stored_patient_ids(orthanc, f"1.2.3.{study}") == stored


def test_the_received_callback_can_be_registered_once_only(orthanc: Orthanc) -> None:
    assert (orthanc.folder / "second").exists()


def test_the_stored_callback_is_called_for_c_store_and_for_http(orthanc: Orthanc) -> None:
    over_http = orthanc.upload(instance("600"))
    c_store(orthanc, instance("601"))

    called = (orthanc.folder / "stored").read_text().split()
    assert over_http in called
    assert len(called) == len(set(called)) >= 2


def test_the_origin_of_an_instance_is_in_its_metadata(orthanc: Orthanc) -> None:
    c_store(orthanc, instance("610"), calling_aet="CT7")
    [orthanc_id] = orthanc.post(
        "/tools/find", json={"Level": "Instance", "Query": {"StudyInstanceUID": "1.2.3.610"}}
    ).json()

    asked = {"Resources": [orthanc_id], "Level": "Instance", "Metadata": True}
    [row] = orthanc.post("/tools/bulk-content", json=asked).json()

    metadata = row["Metadata"]
    assert metadata["Origin"] == "DicomProtocol"
    assert metadata["RemoteAET"] == "CT7"
    assert metadata["CalledAET"] == "RESEARCHIN"
    assert metadata["RemoteIP"] == "127.0.0.1"
    assert len(metadata["ReceptionDate"]) == len("20261121T234411")
    assert row["FileUuid"]
    assert row["ParentSeries"]


def test_bulk_content_leaves_out_what_is_gone(orthanc: Orthanc) -> None:
    kept = orthanc.upload(instance("620"))
    gone = orthanc.upload(instance("621"))
    orthanc.request("DELETE", f"/instances/{gone}")

    asked = {"Resources": [gone, kept], "Level": "Instance", "Metadata": True}
    rows = orthanc.post("/tools/bulk-content", json=asked).json()

    assert [row["ID"] for row in rows] == [kept]


def test_the_digest_of_an_attachment_is_that_of_the_bytes_that_were_sent(orthanc: Orthanc) -> None:
    dicom = instance("630")
    orthanc_id = orthanc.upload(dicom)

    md5 = orthanc.get(f"/instances/{orthanc_id}/attachments/dicom/md5").text

    assert md5 == hashlib.md5(dicom, usedforsecurity=False).hexdigest()


def test_changes_are_paged_after_an_exclusive_cursor(orthanc: Orthanc) -> None:
    first = orthanc.get("/changes?last").json()["Last"]
    sent = [orthanc.upload(instance(f"64{number}")) for number in range(4)]

    seen, since, is_done = [], first, False
    while not is_done:
        page = orthanc.get(f"/changes?since={since}&limit=3").json()
        seen += page["Changes"]
        since, is_done = page["Last"], page["Done"]

    assert all(row["Seq"] > first for row in seen)
    assert [row["ID"] for row in seen if row["ChangeType"] == "NewInstance"] == sent


def test_instances_are_listed_page_by_page(orthanc: Orthanc) -> None:
    for number in range(3):
        orthanc.upload(instance(f"65{number}"))
    everything = orthanc.get("/instances").json()

    pages = [
        orthanc.get(f"/instances?since={since}&limit=2").json()
        for since in range(0, len(everything) + 2, 2)
    ]

    assert sorted(one for page in pages for one in page) == sorted(everything)
    assert pages[-1] == []


def test_our_token_opens_rest_and_is_not_asked_of_the_filter(orthanc: Orthanc) -> None:
    token = (orthanc.folder / "token").read_text()
    before = (orthanc.folder / "asked").read_text()

    answer = orthanc.get("/patients", auth=None, headers={"Authorization": token})

    assert answer.status_code == 200
    assert (orthanc.folder / "asked").read_text() == before


def test_the_filter_refuses_a_user_with_403(orthanc: Orthanc) -> None:
    assert orthanc.get("/patients").status_code == 403


def test_nobody_gets_to_a_plugin_s_route_without_a_password(orthanc: Orthanc) -> None:
    assert orthanc.get("/gatehouse/status", auth=None).status_code == 401
    assert orthanc.get("/gatehouse/status", auth=("tester", "wrong")).status_code == 401


def test_the_filter_sees_the_method_that_a_request_really_means(orthanc: Orthanc) -> None:
    orthanc.get("/tools?_method=DELETE")
    orthanc.get("/tools", headers={"X-HTTP-Method-Override": "PUT"})

    asked = (orthanc.folder / "asked").read_text().splitlines()
    assert asked[-2:] == ["4 /tools", "3 /tools"]


@pytest.mark.parametrize("path", ["//gatehouse//x", "/gatehouse/./x", "/%67atehouse/x"])
def test_the_filter_and_the_callback_see_the_path_as_orthanc_understands_it(
    orthanc: Orthanc, path: str
) -> None:
    token = (orthanc.folder / "token").read_text()
    connection = http.client.HTTPConnection("127.0.0.1", orthanc.http_port)
    connection.request("GET", path, headers={"Authorization": token})

    assert json.loads(connection.getresponse().read()) == ["GET", "/gatehouse/x", ["/x"]]


def test_the_classic_explorer_loads_our_script(orthanc: Orthanc) -> None:
    assert (
        "// the button of this test" in orthanc.get("/app/plugins/../../plugins/explorer.js").text
    )


def test_the_configuration_is_handed_out_as_a_whole(orthanc: Orthanc) -> None:
    configuration = json.loads((orthanc.folder / "configuration").read_text())

    assert configuration["Gatehouse"] == {"Home": "/somewhere"}
    assert configuration["HttpPort"] == orthanc.http_port


def test_changes_survive_a_kill_where_events_do_not(
    installation: Installation, tmp_path: Path
) -> None:
    with Orthanc(tmp_path, installation) as first:
        sent = [first.upload(instance(f"7{number:02}")) for number in range(20)]
        first.kill()
        first.start()

        rows = first.get("/changes?since=0&limit=1000").json()["Changes"]

        assert [row["ID"] for row in rows if row["ChangeType"] == "NewInstance"] == sent


def test_an_overwritten_instance_is_a_new_change_after_the_old_cursor(
    installation: Installation, tmp_path: Path
) -> None:
    with Orthanc(tmp_path, installation, OverwriteInstances=True) as orthanc:
        orthanc.upload(instance("800", PatientName="First"))
        cursor = orthanc.get("/changes?last").json()["Last"]
        orthanc.upload(instance("800", PatientName="Second"))

        rows = orthanc.get(f"/changes?since={cursor}&limit=1000").json()["Changes"]

        assert len([row for row in rows if row["ChangeType"] == "NewInstance"]) == 1


def test_a_script_that_raises_at_start_stops_orthanc(
    installation: Installation, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text("raise ValueError('not today')\n")
    orthanc = Orthanc(tmp_path, installation, script)

    orthanc.launch()

    assert orthanc.process is not None
    assert orthanc.process.wait(120) != 0


def test_a_script_that_swallows_its_error_leaves_orthanc_unprotected(
    installation: Installation, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text("try:\n    raise ValueError\nexcept ValueError:\n    pass\n")

    with Orthanc(tmp_path, installation, script) as orthanc:
        assert orthanc.get("/gatehouse/status").status_code == 404


def c_find(orthanc: Orthanc) -> int | None:
    """Ask for all studies as RESEARCH; return the last DIMSE status, or None if we are cut off."""
    node = AE("RESEARCH")
    node.add_requested_context(StudyRootQueryRetrieveInformationModelFind)
    association = node.associate("127.0.0.1", orthanc.dicom_port)
    if not association.is_established:
        return None
    query = dataset(QueryRetrieveLevel="STUDY", StudyInstanceUID="", PatientID="")
    answers = association.send_c_find(query, StudyRootQueryRetrieveInformationModelFind)
    statuses = [status.get("Status") for status, _ in answers]
    association.abort()
    return statuses[-1]


KNOWN = {"AET": "RESEARCH", "Host": "127.0.0.1", "Port": 104}


@pytest.mark.parametrize(
    ("modality", "may_find"),
    [(list(KNOWN.values()), True), (KNOWN, True), ({**KNOWN, "AllowFind": False}, False)],
    ids=["short form", "object", "sealed"],
)
def test_a_known_modality_may_query_unless_it_is_sealed(
    installation: Installation, tmp_path: Path, modality: object, may_find: bool
) -> None:
    with Orthanc(tmp_path, installation, DicomModalities={"research-pacs": modality}) as orthanc:
        status = c_find(orthanc)

    assert (status == 0x0000) is may_find
