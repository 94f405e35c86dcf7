"""Goal: what is sent to the gateway arrives at the research archive de-identified, or is held.

Method: real studies by real ways (DCMTK's storescu, HTTP) into a running site; what arrived is read
from the research archive itself, and searched for what identified it.
"""

from __future__ import annotations

import json
import os
import re
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from support.dicom_builder import add_private, ct, to_bytes
from support.sample_files import instances
from support.site import RunningUp, holding, orthanc_study_id, wait_for

CANARIES = {
    "PatientName": "Qzxcanaryname^Qzxcanarygiven",
    "PatientID": "QZXCANARYID",
    "PatientBirthDate": "19210307",
    "PatientAddress": "Qzxcanaryaddress 7",
    "OtherPatientIDs": "QZXCANARYOTHER",
    "AccessionNumber": "QZXCANARYACC",
    "StudyID": "QZXCANARYSID",
    "StudyDescription": "Qzxcanarystudy",
    "SeriesDescription": "Qzxcanaryseries",
    "ProtocolName": "Qzxcanaryprotocol",
    "InstitutionName": "Qzxcanaryinstitution",
    "InstitutionAddress": "Qzxcanarystreet",
    "ReferringPhysicianName": "Qzxcanaryreferrer^R",
    "OperatorsName": "Qzxcanaryoperator^O",
    "StationName": "QZXCANARYSTATION",
    "DeviceSerialNumber": "QZXCANARYSERIAL",
    "ImageComments": "Qzxcanarycomment",
    "PatientComments": "Qzxcanarypatientcomment",
}


def canary_study(number: int, slices: int = 4) -> list[Dataset]:
    """Return a CT study with a canary in every attribute that could say who it is."""
    study = f"1.2.826.0.1.3680043.8.498.7777.{number}"
    datasets = []
    for index in range(1, slices + 1):
        dataset = ct(
            **CANARIES,
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.{index}",
            FrameOfReferenceUID=f"{study}.9",
            InstanceNumber=str(index),
            RequestAttributesSequence=[
                {
                    "RequestedProcedureDescription": "Qzxcanaryrequested",
                    "ScheduledProcedureStepID": "QZXCANARYSTEP",
                }
            ],
        )
        add_private(dataset, 0x0019, "QZXCANARYCREATOR", [(1, "LO", "Qzxcanaryprivate")])
        datasets.append(dataset)
    return datasets


def needles(datasets: list[Dataset]) -> set[bytes]:
    uids = {
        str(dataset[keyword].value).encode()
        for dataset in datasets
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    }
    return {b"qzxcanary", b"19210307"} | uids


def write(folder: Path, datasets: list[Dataset]) -> list[Path]:
    files = []
    for index, dataset in enumerate(datasets):
        file = folder / f"{index:04}.dcm"
        file.write_bytes(to_bytes(dataset))
        files.append(file)
    return files


@pytest.mark.parametrize(
    ("called", "via", "policy"),
    [("GATEHOUSE", "dicom", "by-dicom"), ("PEER", "peer", "by-peer")],
)
def test_a_study_arrives_de_identified(
    running: RunningUp, tmp_path: Path, called: str, via: str, policy: str
) -> None:
    datasets = canary_study(1 if via == "dicom" else 2)
    before = running.at_research()

    running.send(write(tmp_path, datasets), called=called)
    study = running.wait_for_end(datasets[0], instances=len(datasets))

    arrived = [file for one, file in running.at_research().items() if one not in before]
    assert (study["state"], study["policy"], study["policy_version"]) == ("done", policy, 1)
    assert study["decision"]["outcome"] == "accept"
    # More than one, if the sender was slow and the study was complete in between.
    for delivery in study["deliveries"]:
        assert (delivery["via"], delivery["destination"]) == (via, "research-pacs")
        assert delivery["state"] == "delivered"
    assert sum(delivery["receipts"] for delivery in study["deliveries"]) == 4
    assert len(arrived) == 4
    assert holding(needles(datasets), arrived) == set()
    for file in arrived:
        dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(file))
        assert dataset.PatientIdentityRemoved == "YES"
        assert dataset.PixelData == datasets[0].PixelData
        assert dataset.file_meta.MediaStorageSOPInstanceUID == dataset.SOPInstanceUID


def test_a_study_that_came_by_stow_rs_arrives_de_identified(running: RunningUp) -> None:
    datasets = canary_study(8, slices=2)
    before = {*running.at_research()}
    parts = [
        b"--part\r\nContent-Type: application/dicom\r\n\r\n" + to_bytes(dataset) + b"\r\n"
        for dataset in datasets
    ]

    status, _ = running.gateway.request(
        "POST",
        "/dicom-web/studies",
        b"".join(parts) + b"--part--\r\n",
        {"Content-Type": 'multipart/related; type="application/dicom"; boundary=part'},
    )
    study = running.wait_for_end(datasets[0], instances=len(datasets))

    arrived = [file for one, file in running.at_research().items() if one not in before]
    assert status == 200
    assert study["state"] == "done"
    assert len(arrived) == 2
    assert holding(needles(datasets), arrived) == set()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/modalities/research-pacs/store"),
        ("POST", "/peers/research-pacs/store"),
        ("POST", "/modalities/research-pacs/store-straight"),
        ("POST", "/dicom-web/servers/x/stow"),
        ("PUT", "/modalities/research-pacs"),
        ("PUT", "/peers/elsewhere"),
        ("PUT", "/dicom-web/servers/elsewhere"),
        ("DELETE", "/changes"),
        ("POST", "/tools/execute-script"),
        ("POST", "/tools/reset"),
    ],
)
def test_no_user_of_the_gateway_gets_anything_out_past_the_policies(
    running: RunningUp, method: str, path: str
) -> None:
    status, _ = running.gateway.request(method, path, b"{}")

    assert status == 403


def test_no_value_of_a_study_is_in_any_log_or_in_the_ledger(
    running: RunningUp, tmp_path: Path
) -> None:
    datasets = canary_study(3)
    running.send(write(tmp_path, datasets))
    running.wait_for_end(datasets[0])
    running.gateway.request("POST", "/instances", to_bytes(datasets[0])[:700])

    storages = {running.home / name / "storage" for name in ("gateway", "research")}
    written = [
        file
        for file in running.home.rglob("*")
        if file.is_file() and not storages & {*file.parents}
    ]
    hits = [
        file.relative_to(running.home)
        for file in written
        if holding([b"qzxcanary", b"19210307"], [file.read_bytes()])
    ]

    assert len(written) > 8
    assert hits == []
    assert b"qzxcanary" not in running.errors().lower().encode()


def test_the_same_study_sent_again_changes_nothing(running: RunningUp, tmp_path: Path) -> None:
    datasets = canary_study(4)
    files = write(tmp_path, datasets)
    running.send(files)
    first = running.wait_for_end(datasets[0], instances=len(datasets))
    arrived = running.at_research()

    running.send(files)
    again = running.wait_for_end(datasets[0])

    assert again["generation"] == first["generation"]
    assert running.at_research() == arrived


def test_late_instances_join_their_study_under_the_same_pseudonyms(
    running: RunningUp, tmp_path: Path
) -> None:
    datasets = canary_study(5, slices=6)
    files = write(tmp_path, datasets)
    before = {*running.at_research()}
    running.send(files[:4])
    first = running.wait_for_end(datasets[0], instances=4)

    running.send(files[4:])
    wait_for(
        lambda: (found := running.study(datasets[0])) and found["generation"] > first["generation"],
        "the late instances are noticed",
    )
    second = running.wait_for_end(datasets[0], instances=6)

    arrived = [
        pydicom.dcmread(pydicom.filebase.DicomBytesIO(file))
        for one, file in running.at_research().items()
        if one not in before
    ]
    assert second["state"] == "done"
    assert len({dataset.SOPInstanceUID for dataset in arrived}) == len(arrived) == 6
    assert len({dataset.StudyInstanceUID for dataset in arrived}) == 1
    assert len({dataset.PatientID for dataset in arrived}) == 1


def test_a_destination_that_is_down_gets_the_study_when_it_is_up(
    running: RunningUp, tmp_path: Path
) -> None:
    datasets = canary_study(6)
    before = {*running.at_research()}
    pids = running.pids()
    # Stopped, so that it does not start the research archive again until we let it.
    os.kill(pids["up"], signal.SIGSTOP)
    try:
        os.kill(pids["research"], signal.SIGKILL)
        wait_for(lambda: running.research.request("GET", "/system")[0] == 0, "research is down")
        running.send(write(tmp_path, datasets))
        tried = wait_for(
            lambda: (
                (study := running.study(datasets[0]))
                and study["deliveries"]
                and study["deliveries"][0]["attempts"] >= 2
                and study
            ),
            "the delivery has been tried",
        )
    finally:
        os.kill(pids["up"], signal.SIGCONT)
    study = running.wait_for_end(datasets[0], instances=len(datasets))

    assert tried["state"] == "delivering"
    assert tried["deliveries"][0]["last_error"]
    assert study["state"] == "done"
    assert sum(delivery["receipts"] for delivery in study["deliveries"]) == 4
    assert len({*running.at_research()} - before) == 4


def broken_files() -> Iterator[tuple[str, bytes]]:
    whole = to_bytes(ct(StudyInstanceUID="1.2.3.66.1", PatientID="BROKEN"))
    yield "truncated", whole[:-300]
    yield "no image", b"this is not DICOM at all, only text that somebody has sent"
    yield "empty", b""


@pytest.mark.parametrize(("name", "file"), [*broken_files()], ids=[n for n, _ in broken_files()])
def test_a_broken_file_is_refused_or_held_and_everything_goes_on(
    running: RunningUp, name: str, file: bytes
) -> None:
    before = {*running.at_research()}

    status, _ = running.gateway.request("POST", "/instances", file)

    if status == 200:
        held = wait_for(
            lambda: (
                (found := running.gateway.json(f"/gatehouse/studies/{broken_study()}"))
                and found["state"] == "held"
                and found
            ),
            "the broken file is held",
        )
        assert held["rule"].startswith("dicom.")
    assert {*running.at_research()} == before
    assert running.gateway.json("/gatehouse/status")["status"] == "ok"


def broken_study() -> str:
    return orthanc_study_id(ct(StudyInstanceUID="1.2.3.66.1", PatientID="BROKEN"))


def test_two_hundred_instances_of_many_modalities_are_delivered_or_held(
    running: RunningUp, tmp_path: Path
) -> None:
    sent: dict[str, list[Dataset]] = defaultdict(list)
    modalities = set()
    before = {*running.at_research()}
    for file, dataset in instances(200):
        status, answer = running.gateway.request("POST", "/instances", file)
        if status == 200:
            sent[json.loads(answer)["ParentStudy"]].append(dataset)
            modalities.add(str(dataset.get("Modality", "")))

    studies = {
        one: wait_for(
            lambda one=one: (
                (found := running.gateway.json(f"/gatehouse/studies/{one}"))
                and found["state"] in ("done", "held", "rejected")
                and found
            ),
            f"study {number} of {len(sent)} is done or held",
            120,
        )
        for number, one in enumerate(sent)
    }

    arrived = [file for one, file in running.at_research().items() if one not in before]
    done = [one for one, study in studies.items() if study["state"] == "done"]
    assert sum(map(len, sent.values())) >= 190
    assert len(modalities) >= 6
    assert done
    assert all(
        study["rule"] and study["reason"] for study in studies.values() if study["state"] != "done"
    )
    assert len(arrived) == sum(len({d.SOPInstanceUID for d in sent[one]}) for one in done)
    identifying = {needle for datasets in sent.values() for d in datasets for needle in names(d)}
    assert len(identifying) > 50
    assert holding(identifying, arrived) == set()


ORDINARY_WORDS = {"Perfusion"}
"""Somebody named a patient so; it also is the meaning of a code, which stays."""


def names(dataset: Dataset) -> Iterator[bytes]:
    """Yield what identifies: parts of names and IDs that can't be ordinary words, and UIDs."""
    for keyword in ("PatientName", "PatientID", "ReferringPhysicianName", "AccessionNumber"):
        for part in re.split(r"[\^=\s\\]+", str(dataset.get(keyword, ""))):
            shortest = 8 if part.isalpha() else 6
            if part.isascii() and len(part) >= shortest and part not in ORDINARY_WORDS:
                yield part.encode()
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        uid = str(dataset.get(keyword, ""))
        if len(uid) >= 16:
            yield uid.encode()
