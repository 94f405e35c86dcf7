"""Goal: the plugin in a real Orthanc starts only when all is well, and its processes follow it.

Method: a real gateway on each Orthanc at hand, with a policy of one line, asked over HTTP and
C-STORE; its processes are killed, its settings broken, its users tried out.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.dicom_builder import ct, to_bytes
from support.gateway import Gateway
from support.orthanc import PASSWORD, Installation, Orthanc, eventually, installations

pytestmark = pytest.mark.live


@pytest.fixture(scope="module", params=installations(), ids=lambda one: one.name)
def installation(request: pytest.FixtureRequest) -> Installation:
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gw")


@pytest.fixture(scope="module")
def research(folder: Path, installation: Installation) -> Iterator[Orthanc]:
    with Orthanc(folder / f"research-{installation.name}", DicomAet="RESEARCH") as running:
        yield running


@pytest.fixture(scope="module")
def gateway(folder: Path, installation: Installation, research: Orthanc) -> Iterator[Gateway]:
    home = folder / installation.name
    with Gateway(home, installation, research_port=research.dicom_port) as running:
        yield running


def instance(number: int, **attributes: object) -> bytes:
    uids = {
        "StudyInstanceUID": f"1.2.3.{number}",
        "SeriesInstanceUID": f"1.2.3.{number}.1",
        "SOPInstanceUID": f"1.2.3.{number}.1.1",
    }
    return to_bytes(ct(**uids, **attributes))


def study_of(gateway: Gateway, orthanc_id: str) -> str:
    return gateway.get(f"/instances/{orthanc_id}/study").json()["ID"]


def state_of(gateway: Gateway, study: str) -> str:
    answer = gateway.get(f"/gatehouse/studies/{study}")
    return answer.json()["state"] if answer.status_code == 200 else ""


def test_a_study_goes_all_the_way(gateway: Gateway, research: Orthanc, tmp_path: Path) -> None:
    file = tmp_path / "ct.dcm"
    file.write_bytes(instance(100, PatientName="CANARY^NAME", PatientID="CANARY-ID"))

    sent = gateway.c_store(file, calling_aet="CT7", called_aet="LUNGAI")
    assert sent.returncode == 0, sent.stderr
    eventually(lambda: len(research.get("/instances").json()) == 1)

    [arrived] = research.get("/instances").json()
    [study] = gateway.ask("studies")["studies"]
    details = eventually(
        lambda: (found := gateway.ask(f"studies/{study['id']}"))["state"] == "done" and found
    )
    assert b"CANARY" not in research.get(f"/instances/{arrived}/file").content
    assert details["decision"]["outcome"] == "accept"
    assert details["policy"] == "everything"
    assert details["deliveries"][0]["statuses"] == {"0x0000": 1}
    assert [step["state"] for step in details["timeline"]][:2] == ["receiving", "waiting"]


def test_the_status_names_versions_policies_and_workers(gateway: Gateway) -> None:
    status = gateway.ask("status")

    assert status["status"] == "ok"
    assert status["problems"] == []
    assert status["orthanc_version"] == gateway.get("/system").json()["Version"]
    assert [policy["name"] for policy in status["policies"]] == ["everything"]
    assert [worker["name"] for worker in status["workers"]] == ["worker-1"]


@pytest.mark.parametrize(
    ("user", "route", "status"),
    [
        ("viola", "status", 200),
        ("viola", "studies", 200),
        ("viola", "audit", 403),
        ("oscar", "audit", 403),
        ("tester", "audit", 200),
        ("nobody", "status", 403),
        ("tester", "unknown", 404),
        ("tester", "studies/0", 404),
        ("tester", "studies?limit=0", 422),
    ],
)
def test_each_role_gets_what_is_its_own(
    gateway: Gateway, user: str, route: str, status: int
) -> None:
    answer = gateway.get(f"/gatehouse/{route}", auth=(user, PASSWORD))

    assert answer.status_code == status
    assert answer.headers["Cache-Control"] == "no-store"
    assert "nosniff" in answer.headers["X-Content-Type-Options"]
    json.loads(answer.text)


def test_a_change_needs_json_or_our_header(gateway: Gateway) -> None:
    path = "/gatehouse/studies/0/process"

    assert gateway.post(path, data="").status_code == 403
    assert gateway.post(path, headers={"X-Gatehouse": "1"}).status_code == 404
    assert gateway.post(path, json={}).status_code == 404
    # What Orthanc takes for a POST, an image on any page could ask for.
    assert gateway.get(f"{path}?_method=POST").status_code in (400, 403)


def test_a_user_can_t_forge_another_one(gateway: Gateway) -> None:
    forged = {"X-Gatehouse-User": "tester", "X-Gatehouse-Secret": "x"}

    answer = gateway.get("/gatehouse/audit", auth=("viola", PASSWORD), headers=forged)

    assert answer.status_code == 403


def test_the_filter_seals_orthanc_s_own_rest(gateway: Gateway) -> None:
    assert gateway.request("DELETE", "/changes").status_code == 403
    assert gateway.post("/modalities/research-pacs/store", json=[]).status_code == 403
    assert gateway.post("/tools/shutdown").status_code == 403
    assert gateway.get("/studies", auth=("viola", PASSWORD)).status_code == 403
    assert gateway.get("/studies", auth=("oscar", PASSWORD)).status_code == 200


def test_every_account_may_send_studies(gateway: Gateway) -> None:
    answer = gateway.post("/instances", data=instance(110), auth=("nobody", PASSWORD))

    assert answer.status_code == 200
    study = answer.json()["ParentStudy"]
    eventually(lambda: state_of(gateway, study) == "done")


def test_the_explorer_has_the_button(gateway: Gateway) -> None:
    assert "../gatehouse/studies/" in gateway.get("/plugins/explorer.js").text


def test_a_service_that_is_killed_comes_back(gateway: Gateway) -> None:
    [service] = [pid for pid, role in gateway.children().items() if role == "service"]

    os.kill(service, signal.SIGKILL)

    # The dead one can't answer, so whoever does is another.
    eventually(lambda: service not in gateway.children())
    eventually(lambda: gateway.get("/gatehouse/status").status_code == 200)
    assert "service" in gateway.children().values()


def test_an_instance_that_is_stored_while_the_service_is_away_is_not_lost(
    gateway: Gateway,
) -> None:
    [service] = [pid for pid, role in gateway.children().items() if role == "service"]
    os.kill(service, signal.SIGKILL)

    study = study_of(gateway, gateway.upload(instance(120)))

    eventually(lambda: state_of(gateway, study) == "done")


def test_the_end_of_orthanc_is_the_end_of_its_processes(
    installation: Installation, tmp_path: Path
) -> None:
    with Gateway(tmp_path / "g", installation) as gateway:
        children = set(gateway.children())
        assert len(children) == 2

        gateway.kill()

        eventually(lambda: not any(is_running(pid) for pid in children))


def test_a_clean_stop_needs_no_force_and_leaves_no_process(
    installation: Installation, tmp_path: Path
) -> None:
    with Gateway(tmp_path / "g", installation) as gateway:
        children = set(gateway.children())

        code = gateway.stop()

        assert code == 0
        # None had to be ended by force, which is what would take long.
        assert "takes too long to end" not in gateway.log
        assert not any(is_running(pid) for pid in children)


def test_what_was_there_before_the_plugin_is_archived_and_what_comes_after_is_processed(
    installation: Installation, tmp_path: Path
) -> None:
    with Orthanc(tmp_path / "g", installation) as before:
        old = study_of(before, before.upload(instance(200)))
    # Orthanc notes whole seconds: what comes in the same one counts as received.
    time.sleep(2.1)

    with Gateway(tmp_path / "g", installation) as gateway:
        new = study_of(gateway, gateway.upload(instance(201)))

        eventually(lambda: state_of(gateway, new) not in ("", "receiving", "waiting"))
        assert state_of(gateway, old) == "archived"


def test_instances_of_an_archive_that_was_put_in_place_of_another_are_not_lost(
    installation: Installation, tmp_path: Path
) -> None:
    with Gateway(tmp_path / "g", installation) as gateway:
        for number in range(5):
            gateway.upload(instance(300 + number))
        eventually(lambda: len(gateway.ask("studies")["studies"]) == 5)
    shutil.rmtree(tmp_path / "g" / "storage")

    with Orthanc(tmp_path / "g", installation) as bare:
        late = study_of(bare, bare.upload(instance(310)))
    with Gateway(tmp_path / "g", installation) as gateway:
        eventually(lambda: state_of(gateway, late) not in ("", "archived"))
        gone = eventually(lambda: gateway.ask("studies")["studies"])

    assert late in [study["orthanc_id"] for study in gone]


BROKEN = {
    "policy": (
        "policies/everything/everything.yaml",
        "policy: everything\nversion: one\n",
        "everything.yaml:2",
    ),
    "key": ("master.key", "short", "key"),
    "destination": (
        "policies/everything/everything.yaml",
        None,
        "research-pacs",
    ),
}


@pytest.mark.parametrize("broken", sorted(BROKEN))
def test_an_orthanc_whose_gateway_can_t_work_does_not_serve(
    installation: Installation, tmp_path: Path, broken: str
) -> None:
    gateway = Gateway(tmp_path / "g", installation)
    file, text, named = BROKEN[broken]
    path = tmp_path / "g" / file
    path.write_text(text or path.read_text().replace("research-pacs", "research-packs"))

    gateway.launch()

    assert gateway.process is not None
    assert gateway.process.wait(180) != 0
    assert named in gateway.log
    assert "Gatehouse: Orthanc is not started, because it would be unprotected" in gateway.log
    assert "HTTP server listening" not in gateway.log


def test_an_unsealed_gateway_does_not_serve(installation: Installation, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "g", installation, DicomAlwaysAllowGet=True)

    gateway.launch()

    assert gateway.process is not None
    assert gateway.process.wait(180) != 0
    assert "DicomAlwaysAllowGet must be false" in gateway.log


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
