"""Goal: `gatehouse up` does what its help says: starts, tells, refuses, finds again, ends.

Method: run it as a command, with real Orthancs in temporary folders and on free ports.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.keys import write_key_file
from support.dicom_builder import ct, to_bytes
from support.packs import POLICY, write_pack
from support.site import ROOT, Http, RunningUp, is_running, wait_for

FREE_PORTS = [
    word
    for name in ("gateway-http", "gateway-dicom", "research-http", "research-dicom")
    for word in (f"--{name}", "0")
]


def up(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``up`` to its end, which a mistake makes come soon."""
    return subprocess.run(
        [sys.executable, "-m", "gatehouse.cli", "up", "--home", str(home), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_it_tells_what_runs_where(running: RunningUp) -> None:
    facts = running.facts
    credentials = Path(facts["credentials_file"])

    assert {*facts} == {
        "gateway_http",
        "gateway_dicom",
        "gateway_aet",
        "research_http",
        "research_dicom",
        "research_aet",
        "credentials_file",
        "home",
        "pids",
    }
    assert {*facts["pids"]} == {"up", "gateway", "research", "service", "worker-1"}
    assert all(map(is_running, facts["pids"].values()))
    assert credentials.stat().st_mode & 0o777 == 0o600
    assert json.loads(credentials.read_text()).keys() == {"gateway", "research"}


def test_neither_orthanc_answers_without_its_password(running: RunningUp) -> None:
    for url in (running.facts["gateway_http"], running.facts["research_http"]):
        for user, password in (("orthanc", "orthanc"), ("gatehouse", ""), ("", "")):
            assert Http(url, user, password).request("GET", "/studies")[0] == 401
            assert Http(url, user, password).request("GET", "/gatehouse/status")[0] == 401


def test_a_second_start_on_the_same_folder_is_refused(running: RunningUp) -> None:
    outcome = up(running.home, "--no-sample")

    assert outcome.returncode == 2
    assert "another `gatehouse up` runs on it" in outcome.stderr
    assert all(map(is_running, running.pids().values()))


def test_a_port_in_use_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        outcome = up(tmp_path / "home", *FREE_PORTS, "--research-dicom", str(port))

    assert outcome.returncode == 2
    assert outcome.stderr == (
        f"gatehouse: error: port {port} (research, DICOM) is in use; "
        "choose another with --research-dicom PORT\n"
    )
    assert not (tmp_path / "home/gateway/orthanc.log").exists()


def no_key(home: Path) -> list[str]:
    (home / "keys/master.key").unlink()
    return []


def open_key(home: Path) -> list[str]:
    (home / "keys/master.key").chmod(0o644)
    return []


def no_workers(_home: Path) -> list[str]:
    return ["--workers", "0"]


def broken_policy(home: Path) -> list[str]:
    return ["--policies", str(write_pack(home.parent / "broken", broken=True))]


def unknown_destination(home: Path) -> list[str]:
    return ["--policies", str(write_pack(home.parent / "unknown", to="nowhere"))]


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        (no_key, "master.key does not exist"),
        (open_key, "has mode 0644, so others than its owner may read it"),
        (no_workers, "Gatehouse.Workers is 0: nothing would ever be processed"),
        (broken_policy, "by-dicom/by-dicom.yaml:8: error:"),
        (unknown_destination, "nowhere"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_mistake_stops_the_start_with_one_clear_message(
    tmp_path: Path, stopped_home: Path, mistake: Callable[[Path], list[str]], message: str
) -> None:
    home = tmp_path / "home"
    shutil.copytree(stopped_home, home, ignore=shutil.ignore_patterns("run"))

    outcome = up(home, "--no-sample", "--json", *FREE_PORTS, *mistake(home))

    assert outcome.returncode == 2
    assert outcome.stdout == ""
    assert message in outcome.stderr
    assert "the gateway did not start" in outcome.stderr
    assert "Traceback" not in outcome.stderr
    ports = json.loads((home / "ports.json").read_text())
    assert Http(f"http://127.0.0.1:{ports['gateway-http']}", "a", "b").request("GET", "/")[0] == 0


@pytest.fixture(scope="module")
def stopped_home(tmp_path_factory: pytest.TempPathFactory, policies: Path) -> Path:
    """Return the folder of a site that ran once."""
    home = tmp_path_factory.mktemp("stopped") / "home"
    assert RunningUp(home, "--policies", str(policies)).stop() == 0
    return home


def test_a_site_is_found_again_after_its_end_and_after_kill_9(
    tmp_path: Path, policies: Path
) -> None:
    dataset = ct(StudyInstanceUID="1.2.3.77", PatientID="FOUND-AGAIN")
    file = tmp_path / "one.dcm"
    file.write_bytes(to_bytes(dataset))
    arguments = (tmp_path / "home", "--policies", str(policies))

    first = RunningUp(*arguments)
    first.send([file])
    done = first.wait_for_end(dataset)
    delivered = first.at_research()
    pids = first.pids()
    exit_code = first.stop()
    left = [name for name, pid in pids.items() if is_running(pid)]

    second = RunningUp(*arguments)
    after_stop = second.study(dataset)
    research_after_stop = second.at_research()
    second.kill_everything()

    third = RunningUp(*arguments)
    after_kill = third.study(dataset)
    research_after_kill = third.at_research()
    third.stop()

    assert done["state"] == "done"
    assert len(delivered) == 1
    assert exit_code == 0
    assert left == []
    assert without_times(after_stop) == without_times(after_kill) == without_times(done)
    assert research_after_stop == research_after_kill == delivered
    assert first.facts["gateway_http"] == third.facts["gateway_http"]


def without_times(study: dict[str, Any] | None) -> dict[str, Any]:
    assert study is not None
    return {key: value for key, value in study.items() if not key.endswith("_at")}


def test_an_orthanc_that_ends_is_started_again(running: RunningUp) -> None:
    before = running.pids()["research"]

    os.kill(before, 9)
    wait_for(lambda: running.pids()["research"] not in (0, before), "a new research archive")

    wait_for(lambda: running.research.json("/system"), "the research archive answers")
    assert is_running(running.facts["pids"]["up"])


def told(home: Path, *arguments: str) -> str:
    """Run ``up`` until it stays up, end it; return what it said."""
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "gatehouse.cli", "up", "--home", str(home)),
            *FREE_PORTS,
            *arguments,
        ],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line.startswith("Ctrl-C"):
            break
    process.terminate()
    rest, errors = process.communicate(timeout=300)

    assert errors == ""
    assert process.returncode == 0
    assert rest.endswith("All processes have ended.\n")
    return said


def test_the_sample_study_arrives_and_is_told_in_plain_words(tmp_path: Path) -> None:
    said = told(tmp_path / "home")

    credentials = json.loads((tmp_path / "home/credentials.json").read_text())
    for expected in (
        "The sample study (12 instances) is done.",
        "accept by policy basic, version 1",
        "UIDs replaced, consistently",
        "research-pacs (dicom)",
        "12 of 12 instances confirmed by receipt",
        "12 instances in 1 study",
        credentials["gateway"]["password"],
        credentials["research"]["password"],
        "/app/explorer.html",
    ):
        assert expected in said


def reception_pack(folder: Path, modality: str) -> Path:
    """Write a pack that takes one modality on reception."""
    match = f"{{Modality: {{in: [{modality}]}}}}"
    (folder / "trial").mkdir(parents=True)
    text = POLICY.format(name="trial", match=match, to="research-pacs", via="dicom")
    (folder / "trial/trial.yaml").write_text(text)
    (folder / "pack.yaml").write_text("policies: [trial]\nreception: true\n")
    return folder


def test_the_sample_study_of_reception_mode_is_told_too_and_not_sent_again(tmp_path: Path) -> None:
    policies = reception_pack(tmp_path / "policies", "CT")

    first = told(tmp_path / "home", "--policies", str(policies))
    second = told(tmp_path / "home", "--policies", str(policies))

    assert "The sample study (12 instances) is done." in first
    assert "12 of 12 instances confirmed by receipt" in first
    assert "the sample is not sent again" in second


def test_a_sample_study_that_reception_mode_refuses_is_told_with_its_reason(tmp_path: Path) -> None:
    policies = reception_pack(tmp_path / "policies", "MR")

    said = told(tmp_path / "home", "--policies", str(policies))

    assert "The sample study was refused on reception; nothing of it is stored." in said
    assert "Reason:       no-policy" in said


def test_the_shipped_configuration_runs_in_an_orthanc_of_ones_own(tmp_path: Path) -> None:
    # As docs/operations.md says: the file as it is, its variables, and what is secret beside it.
    http_port, dicom_port = free_ports(2)
    folder = tmp_path / "etc"
    folder.mkdir()
    shipped = (ROOT / "orthanc.json").read_text()
    shipped = shipped.replace('"HttpPort": 8042', f'"HttpPort": {http_port}')
    shipped = shipped.replace('"DicomPort": 4242', f'"DicomPort": {dicom_port}')
    (folder / "orthanc.json").write_text(shipped)
    (folder / "secret.json").write_text('{"RegisteredUsers": {"health": "open sesame"}}')
    write_key_file(tmp_path / "master.key")
    with (tmp_path / "log").open("wb") as log:
        orthanc = subprocess.Popen(
            ["/usr/sbin/Orthanc", str(folder)],
            env={
                **os.environ,
                "GATEHOUSE_ROOT": str(ROOT),
                "GATEHOUSE_HOME": str(tmp_path / "home"),
                "GATEHOUSE_POLICIES": str(ROOT / "policies"),
                "GATEHOUSE_KEY_FILE": str(tmp_path / "master.key"),
                "GATEHOUSE_STORAGE": str(tmp_path / "storage"),
            },
            stdout=log,
            stderr=log,
        )
    http = Http(f"http://127.0.0.1:{http_port}", "health", "open sesame")
    try:
        # Without a role the user may not see more; that our routes answer is what counts.
        answer = wait_for(
            lambda: (
                (status := http.request("GET", "/gatehouse/status")[0]) not in (0, 503) and status
            ),
            "the service answers",
        )
        system = http.request("GET", "/system")[0]
        is_alive = orthanc.poll() is None
    finally:
        orthanc.terminate()
        orthanc.wait(120)

    assert is_alive
    assert answer == 403
    assert system == 403
    assert "Unknown" not in (tmp_path / "log").read_text()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports
