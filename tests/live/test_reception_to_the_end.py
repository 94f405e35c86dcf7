"""Goal: from a modality through a gateway in reception mode to destinations, nobody is identified.

Method: a real gateway and a real research archive; folders of the gateway are searched for canaries
while everything is in them, and processes are killed, or stopped to change what is stored.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from support.dicom_builder import ct, to_bytes
from support.gateway import POLICY, Gateway
from support.orthanc import PASSWORD, USER, Orthanc, eventually

pytestmark = pytest.mark.live

CANARY = "CNRY"

BOTH = POLICY.replace("match: every-study", "match: {Modality: {is: CT}}").replace(
    "    via: dicom\n",
    "    via: dicom\n    retry: {for: 1h, backoff: 1s..2s}\n"
    "  - to: research-peer\n    via: peer\n    retry: {for: 1h, backoff: 1s..2s}\n"
    "keep-local: {label: deid}\n",
)


@pytest.fixture
def research(tmp_path: Path) -> Iterator[Orthanc]:
    with Orthanc(tmp_path / "research", DicomAet="RESEARCH", DicomAlwaysAllowStore=True) as running:
        yield running


@pytest.fixture
def gateway(tmp_path: Path, research: Orthanc) -> Iterator[Gateway]:
    policies = tmp_path / "gateway" / "policies"
    (policies / "everything").mkdir(parents=True)
    (policies / "pack.yaml").write_text("policies: [everything]\nreception: true\n")
    (policies / "everything" / "everything.yaml").write_text(BOTH)
    key = tmp_path / "gateway" / "master.key"
    key.touch(mode=0o600)
    key.write_bytes(bytes(range(32)))
    peer = {"Url": research.url, "Username": USER, "Password": PASSWORD}
    with Gateway(
        tmp_path / "gateway",
        research_port=research.dicom_port,
        OrthancPeers={"research-peer": peer},
    ) as running:
        yield running


def files(folder: Path, *numbers: int, **attributes: object) -> list[Path]:
    found = []
    for number in numbers:
        file = folder / f"{number}.dcm"
        values: dict[str, Any] = {
            "StudyInstanceUID": "1.2.3.99",
            "SeriesInstanceUID": "1.2.3.99.1",
            "SOPInstanceUID": f"1.2.3.99.1.{number}",
            "PatientName": f"{CANARY}name^{CANARY}given",
            "PatientID": f"{CANARY}id",
            "AccessionNumber": f"{CANARY}acc",
            "StudyDescription": f"of {CANARY}",
            **attributes,
        }
        file.write_bytes(to_bytes(ct(**values)))
        found.append(file)
    return found


def files_with(gateway: Gateway, text: str) -> list[str]:
    """Return what holds a text of all that the gateway has: storage, index, ledger, spool, logs."""
    folders = [gateway.folder / "storage", gateway.home]
    found = []
    for file in (one for folder in folders for one in folder.rglob("*")):
        try:
            if file.is_file() and text.encode() in file.read_bytes():
                found.append(str(file))
        except FileNotFoundError:
            continue  # the journal of a database, or what was just delivered
    return found


def study(gateway: Gateway) -> dict[str, Any]:
    found = gateway.ask("studies")["studies"]
    return gateway.ask(f"studies/{found[0]['id']}") if found else {"state": ""}


def ended(gateway: Gateway, state: str) -> dict[str, Any]:
    return eventually(lambda: (found := study(gateway))["state"] == state and found, 180)


def ids(server: Orthanc) -> list[str]:
    return sorted(server.get("/instances").json())


def data_sets(server: Orthanc) -> dict[str, Dataset]:
    """Return what an Orthanc has, without the file meta information, which each writes anew."""
    return {
        one: dcmread(BytesIO(server.get(f"/instances/{one}/file").content)) for one in ids(server)
    }


def test_a_study_is_delivered_as_it_was_stored(
    gateway: Gateway, research: Orthanc, tmp_path: Path
) -> None:
    with research.standing_still():
        sent = gateway.c_store(*files(tmp_path, 1, 2))
        assert sent.returncode == 0, sent.stderr
        ended(gateway, "delivering")
        # Everything is at rest now: stored, in the ledger, and in the spool.
        assert files_with(gateway, CANARY) == []

    found = ended(gateway, "done")

    stored = data_sets(gateway)
    assert data_sets(research) == stored
    assert [one.PatientIdentityRemoved for one in stored.values()] == ["YES", "YES"]
    assert (found["decision"]["rule"], found["policy"]) == ("reception", "everything")
    assert [(one["via"], one["state"], one["receipts"]) for one in found["deliveries"]] == [
        ("peer", "delivered", 2),
        ("dicom", "delivered", 2),
    ]
    mark = gateway.get(f"/studies/{found['orthanc_id']}/metadata/4250")
    assert mark.text == "YES"
    assert files_with(gateway, CANARY) == []
    counted = gateway.ask("reception")
    assert (counted["on"], counted["taken_in"], counted["refused"]) == (True, 2, {})


def test_what_is_refused_stays_with_its_sender_and_people_are_told(
    gateway: Gateway, tmp_path: Path
) -> None:
    sent = gateway.c_store(*files(tmp_path, 1, Modality="OT"))

    assert "Refused: OutOfResources" in sent.stdout + sent.stderr  # 0xA700
    found = eventually(lambda: gateway.ask("reception")["refusals"])
    assert [one["rule"] for one in found] == ["no-policy"]
    assert ids(gateway) == []
    assert any("refused on reception" in one for one in gateway.ask("status")["problems"])
    assert files_with(gateway, CANARY) == []


def test_a_gateway_that_is_killed_in_the_middle_delivers_after_its_start(
    gateway: Gateway, research: Orthanc, tmp_path: Path
) -> None:
    with research.standing_still():
        assert gateway.c_store(*files(tmp_path, 1, 2)).returncode == 0
        ended(gateway, "delivering")
        gateway.kill()
    gateway.start()

    found = ended(gateway, "done")

    assert [one["receipts"] for one in found["deliveries"]] == [2, 2]
    assert ids(research) == ids(gateway)


def test_an_instance_that_was_changed_in_the_storage_area_is_held(
    gateway: Gateway, research: Orthanc, tmp_path: Path
) -> None:
    [worker] = [pid for pid, role in gateway.children().items() if role == "worker"]
    os.kill(worker, signal.SIGSTOP)
    try:
        assert gateway.c_store(*files(tmp_path, 1)).returncode == 0
        eventually(lambda: study(gateway)["state"] == "waiting")
        [file] = [
            one
            for one in (gateway.folder / "storage").rglob("*-*-*-*")
            if one.is_file() and one.read_bytes()[128:132] == b"DICM"
        ]
        content = file.read_bytes()
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    finally:
        os.kill(worker, signal.SIGCONT)

    found = ended(gateway, "held")

    assert [one["rule"] for one in found["holds"]] == ["reception.changed"]
    assert ids(research) == []
