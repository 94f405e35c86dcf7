"""Goal: on live traffic, a release sends what a person answers for, a shadow says what it would do
otherwise, and a changed folder decides, or does not.

Method: a running site of its own, real studies by C-STORE; what arrived is read from the research
archive itself.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from support.dicom_builder import ct, to_bytes
from support.packs import POLICY, write_pack
from support.site import RunningUp, holding, wait_for

CANARY = "Qzxcanary"
JSON = {"Content-Type": "application/json"}
PATIENCE_S = 180.0

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("worklist-policies"))


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[RunningUp]:
    running = RunningUp(tmp_path_factory.mktemp("worklist") / "home", "--policies", str(folder))
    try:
        yield running
    finally:
        running.stop()


def study(number: int, **attributes: Any) -> Dataset:
    uid = f"1.2.826.0.1.3680043.8.498.4712.{number}"
    return ct(
        StudyInstanceUID=uid,
        SeriesInstanceUID=f"{uid}.1",
        SOPInstanceUID=f"{uid}.1.1",
        PatientName=f"{CANARY}^Name",
        PatientID=f"{CANARY}-{number}",
        **attributes,
    )


def send(up: RunningUp, folder: Path, dataset: Dataset) -> dict[str, Any]:
    file = folder / "one.dcm"
    file.write_bytes(to_bytes(dataset))
    up.send([file])
    return up.wait_for_end(dataset, PATIENCE_S)


def ask(up: RunningUp, method: str, path: str, about: Any = None) -> dict[str, Any]:
    body = None if about is None else json.dumps(about).encode()
    status, answer = up.gateway.request(method, f"/gatehouse/{path}", body, JSON)
    assert status == 200, (status, answer)
    found: dict[str, Any] = json.loads(answer)
    return found


def policy(version: int, more: str = "") -> str:
    text = POLICY.format(name="by-dicom", match="every-study", to="research-pacs", via="dicom")
    return text.replace("version: 1", f"version: {version}").replace(
        "profile: basic", f"profile: basic{more}"
    )


def test_a_held_study_is_released_by_name_and_arrives_de_identified(
    up: RunningUp, tmp_path: Path
) -> None:
    dataset = study(1, BurnedInAnnotation="YES")
    found = send(up, tmp_path, dataset)
    assert (found["state"], found["rule"]) == ("held", "pixels.suspicious")
    assert up.at_research() == {}
    [hold] = ask(up, "GET", "held")["held"]

    ask(
        up,
        "POST",
        f"held/{hold['id']}/release",
        {
            "policy": "by-dicom",
            "justification": "the text is the scanner's name",
            "accept": ["suspicious-pixels"],
        },
    )
    done = wait_for(
        lambda: (now := up.study(dataset)) and now["state"] == "done" and now, "done", PATIENCE_S
    )

    assert done["decision"]["rule"] == "released"
    arrived = list(up.at_research().values())
    assert len(arrived) == 1
    assert holding([CANARY.encode()], arrived) == set()
    rows = ask(up, "GET", "audit?limit=1000")["audit"]
    assert [one["detail"] for one in rows if one["action"] == "study.released"] == [
        "the text is the scanner's name"
    ]
    assert ask(up, "GET", "held")["held"] == []


def test_a_shadow_says_what_it_would_do_otherwise_and_delivers_nothing(
    up: RunningUp, tmp_path: Path
) -> None:
    before = len(up.at_research())
    begun = ask(
        up,
        "POST",
        "policies/by-dicom/shadow",
        {"text": policy(9, "\n  options: [retain-patient-characteristics]")},
    )
    assert begun["compared"] == 0

    found = send(up, tmp_path, study(2, PatientSex="F"))
    shadow = wait_for(
        lambda: (now := ask(up, "GET", "policies/by-dicom/shadow"))["compared"] and now,
        "the shadow was asked",
        PATIENCE_S,
    )

    assert (found["state"], found["policy_version"]) == ("done", 1)
    assert len(up.at_research()) == before + 1
    [difference] = shadow["differences"]
    assert difference["study"] == found["id"]
    assert {
        "attribute": "PatientSex",
        "before": "emptied (Z, profile)",
        "after": "kept",
    } in difference["attributes"]
    assert (difference["decision_before"], difference["destinations_before"]) == (None, [])
    assert CANARY not in json.dumps(shadow)
    assert ask(up, "DELETE", "policies/by-dicom/shadow")["ended_at"]


def test_a_changed_folder_decides_and_one_with_an_error_does_not(
    up: RunningUp, folder: Path, tmp_path: Path
) -> None:
    file = folder / "by-dicom" / "by-dicom.yaml"

    file.write_text(policy(2))
    wait_for(lambda: _version(up) == 2, "the folder was loaded", PATIENCE_S)
    file.write_text(policy(3).replace("basic", "basik"))
    seen = wait_for(
        lambda: (now := ask(up, "GET", "policies-folder"))["state"] == "invalid" and now,
        "the error was seen",
        PATIENCE_S,
    )
    found = send(up, tmp_path, study(3))

    assert seen["problems"][0]["file"] == "by-dicom/by-dicom.yaml"
    assert (found["state"], found["policy_version"]) == ("done", 2)
    status = ask(up, "GET", "status")
    assert status["status"] == "ok"
    assert any("by-dicom.yaml" in problem for problem in status["problems"])


def test_files_of_several_megabytes_are_previewed_through_orthanc(up: RunningUp) -> None:
    dicom = to_bytes(ct(1024, 1024, PatientName=f"{CANARY}^Name"))
    assert len(dicom) > 2_000_000

    found = ask(up, "POST", "preview", {"dicom": [base64.b64encode(dicom).decode()]})

    assert (found["outcome"], found["decision"]["policy"]) == ("accept", "by-dicom")


def _version(up: RunningUp) -> int:
    policies = ask(up, "GET", "policies")["policies"]
    return next(one["version"] for one in policies if one["name"] == "by-dicom")
