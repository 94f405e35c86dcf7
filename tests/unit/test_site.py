"""Goal: `gatehouse up` keeps its passwords and ports, shows its mistakes, and leaves no process.

Method: a site in a temporary folder, real sockets and real (small) processes; no Orthanc.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gatehouse.adapters import site as site_module
from gatehouse.adapters.launch import Server
from gatehouse.adapters.orthanc_json import merge, read_orthanc_json, variables
from gatehouse.adapters.process_tree import Process, descendants, role_of
from gatehouse.adapters.site import ROOT, Site
from gatehouse.errors import ConfigurationError

ANY_FREE = dict.fromkeys(site_module.DEFAULT_PORTS, 0)


def mode(file: Path) -> int:
    return file.stat().st_mode & 0o777


def wait_until(condition: object, longest_s: float = 60.0) -> bool:
    deadline = time.monotonic() + longest_s
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# ---- Configuration files


def test_comments_and_variables_are_read_as_orthanc_reads_them() -> None:
    text = '{ // it\'s "said"\n "Url": "http://${HOST:-x}:1/", /* ${NO} */ "Empty": "${NO}" }'

    assert read_orthanc_json(text, {}, "a.json") == {"Url": "http://x:1/", "Empty": ""}
    assert read_orthanc_json(text, {"HOST": "y"}, "a.json")["Url"] == "http://y:1/"


def test_variables_in_comments_are_not_asked_for() -> None:
    assert variables('{"a": "${A}", "b": "${B:-c}"} // ${D}') == {"A": None, "B": "c"}


def test_a_mistake_in_a_configuration_file_is_shown_with_its_line() -> None:
    with pytest.raises(ConfigurationError, match=r"^a\.json:3: not JSON"):
        read_orthanc_json('{ // one\n "a": 1\n "b": 2 }', {}, "a.json")


def test_merging_replaces_lists_and_keeps_neighbours() -> None:
    base = {"a": {"x": 1, "y": 2}, "list": [1], "c": 1}

    assert merge(base, {"a": {"y": 3}, "list": []}) == {"a": {"x": 1, "y": 3}, "list": [], "c": 1}


@pytest.mark.parametrize("name", ["orthanc.json", "docker/research.json"])
def test_every_variable_of_a_shipped_configuration_is_described_in_its_header(name: str) -> None:
    text = (ROOT / name).read_text()
    header = text.partition("\n{")[0]

    assert [variable for variable in variables(text) if variable not in header] == []


def test_the_gateway_as_shipped_is_sealed() -> None:
    gateway = read_orthanc_json((ROOT / "orthanc.json").read_text(), {}, "orthanc.json")

    assert gateway["AuthenticationEnabled"] is True
    assert gateway["RemoteAccessAllowed"] is False
    for option in (
        "DicomAlwaysAllowFind",
        "DicomAlwaysAllowFindWorklist",
        "DicomAlwaysAllowGet",
        "DicomAlwaysAllowMove",
        "DicomModalitiesInDatabase",
        "ExecuteLuaEnabled",
        "OrthancPeersInDatabase",
        "PythonVerbose",
        "RestApiWriteToFileSystemEnabled",
        "SaveJobs",
        "WebDavEnabled",
    ):
        assert gateway[option] is False, option
    assert "RegisteredUsers" not in gateway
    for modality in gateway["DicomModalities"].values():
        allowed = {key for key, value in modality.items() if key.startswith("Allow") and value}
        assert allowed == {"AllowEcho"}


# ---- The folder


def test_all_that_a_site_keeps_is_closed_to_others(tmp_path: Path) -> None:
    with Site(tmp_path / "home") as site:
        ports = site.ports(ANY_FREE)
        site.write_configurations(ports, ROOT / "policies", 1, 3)

        files = [file for file in site.home.rglob("*") if file.is_file() and file.name != "lock"]

        assert mode(site.home) == 0o700
        assert len(files) >= 5
        assert {mode(file) for file in files} == {0o600}


def test_passwords_are_made_once_and_are_not_the_same(tmp_path: Path) -> None:
    with Site(tmp_path / "home") as site:
        first = site.credentials()
    with Site(tmp_path / "home") as site:
        second = site.credentials()

    assert first == second
    assert len({one.password for one in first.values()}) == 2
    assert all(len(one.password) >= 20 for one in first.values())


def test_credentials_are_written_as_the_design_says(tmp_path: Path) -> None:
    with Site(tmp_path / "home") as site:
        site.credentials()
        written = json.loads(site.credentials_file.read_text())

    assert {name: {*one} for name, one in written.items()} == {
        "gateway": {"user", "password"},
        "research": {"user", "password"},
    }


def test_a_folder_serves_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        Site(tmp_path / "home"),
        pytest.raises(ConfigurationError, match="another `gatehouse up` runs on it"),
    ):
        Site(tmp_path / "home")


def test_the_generated_configurations_fit_each_other(tmp_path: Path) -> None:
    with Site(tmp_path / "home") as site:
        ports = site.ports(ANY_FREE)
        site.write_configurations(ports, ROOT / "policies", 2, 3)
        gateway = json.loads(site.configuration_file("gateway").read_text())
        research = json.loads(site.configuration_file("research").read_text())

    peer = gateway["OrthancPeers"]["research-pacs"]
    assert gateway["DicomModalities"]["research-pacs"]["Port"] == research["DicomPort"]
    assert gateway["DicomModalities"]["research-pacs"]["AllowFind"] is False
    assert peer["Url"] == f"http://127.0.0.1:{research['HttpPort']}/"
    assert research["RegisteredUsers"][peer["Username"]] == peer["Password"]
    assert gateway["Gatehouse"]["Workers"] == 2
    assert {*gateway["Gatehouse"]["Roles"]} == {*gateway["RegisteredUsers"]}


# ---- Ports


def test_ports_are_kept_for_the_next_start(tmp_path: Path) -> None:
    with Site(tmp_path / "home") as site:
        first = site.ports(ANY_FREE)
    with Site(tmp_path / "home") as site:
        second = site.ports({})

    assert first == second
    assert len({*first.values()}) == 4


def test_every_port_in_use_is_named_with_its_flag(tmp_path: Path) -> None:
    with socket.socket() as one, socket.socket() as other, Site(tmp_path / "home") as site:
        for listener in (one, other):
            listener.bind(("127.0.0.1", 0))
            listener.listen()
        wanted = {
            **ANY_FREE,
            "gateway-http": one.getsockname()[1],
            "research-dicom": other.getsockname()[1],
        }

        with pytest.raises(ConfigurationError) as raised:
            site.ports(wanted)

    assert str(raised.value).splitlines() == [
        f"port {wanted['gateway-http']} (gateway, HTTP) is in use; "
        "choose another with --gateway-http PORT",
        f"port {wanted['research-dicom']} (research, DICOM) is in use; "
        "choose another with --research-dicom PORT",
    ]


def test_two_servers_cannot_have_the_same_port(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]

    with Site(tmp_path / "home") as site, pytest.raises(ConfigurationError, match=str(free)):
        site.ports({**ANY_FREE, "gateway-http": free, "gateway-dicom": free})


# ---- Processes


def server(tmp_path: Path, *arguments: str) -> Server:
    return Server("test", arguments, tmp_path / "log")


def test_a_server_that_ends_is_started_again_after_a_pause(tmp_path: Path) -> None:
    one = server(tmp_path, "/bin/sh", "-c", "exit 3")
    one.start()
    codes: list[int] = []
    ended_before = time.monotonic()

    assert wait_until(lambda: (code := one.watch()) is not None and not codes.append(code))
    assert codes == [3]
    assert one.pid == 0
    assert one.start_again_at is not None
    assert one.start_again_at > ended_before
    assert wait_until(one.is_due)


def test_stopping_ends_the_server_and_its_orphans(tmp_path: Path) -> None:
    # In a process of its own, because it ends all its descendants, and pytest has others.
    script = """
import os, sys
from pathlib import Path
from gatehouse.adapters.launch import Server, become_supervisor, stop
from gatehouse.adapters.process_tree import descendants
become_supervisor()
one = Server("test", ["/bin/sh", "-c", "setsid sleep 321 & echo ready; wait"], Path(sys.argv[1]))
one.start()
while b"ready" not in Path(sys.argv[1]).read_bytes() or len(descendants(os.getpid())) < 2:
    pass
pids = [process.pid for process in descendants(os.getpid())]
stop([one])
print(len(pids), [pid for pid in pids if os.path.exists(f"/proc/{pid}")])
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert outcome.stdout == "2 []\n"


def test_servers_die_with_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    script = """
import sys, time
from pathlib import Path
from gatehouse.adapters.launch import Server
one = Server("test", ["/bin/sleep", "322"], Path(sys.argv[1]))
one.start()
print(one.pid, flush=True)
time.sleep(60)
"""
    supervisor = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "log")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        stdout=subprocess.PIPE,
    )
    assert supervisor.stdout is not None
    pid = int(supervisor.stdout.readline())
    # Until setpriv has replaced itself, the kernel has not been asked yet.
    assert wait_until(lambda: b"sleep" in Path(f"/proc/{pid}/cmdline").read_bytes()[:12])

    supervisor.kill()
    supervisor.communicate()

    assert wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_signal_is_answered_at_the_next_safe_place() -> None:
    script = """
import os, signal
from gatehouse.adapters.launch import Signals, StopRequested
signals = Signals()
os.kill(os.getpid(), signal.SIGTERM)
print("still here", flush=True)
try:
    signals.wait(30)
except StopRequested:
    print("stopped")
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT / "plugin")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert outcome.stdout == "still here\nstopped\n"


@pytest.mark.parametrize(
    ("arguments", "role"),
    [
        (("/x/python", "-m", "gatehouse.cli", "worker", "--stdin"), "worker"),
        (("/x/python", "/x/bin/gatehouse", "service", "--stdin"), "service"),
        (("/x/python", "-m", "gatehouse.cli", "up"), ""),
        (("/x/python", "-c", "from multiprocessing.spawn import spawn_main"), ""),
        ((), ""),
    ],
)
def test_a_process_is_recognized_by_what_it_was_asked_to_be(
    arguments: tuple[str, ...], role: str
) -> None:
    assert role_of(Process(1, 0, arguments, is_zombie=False)) == role


def test_descendants_are_found_over_generations() -> None:
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 323 & echo $!; wait"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    grandchild = int(child.stdout.readline())

    found = [process.pid for process in descendants(os.getpid())]
    os.kill(grandchild, signal.SIGKILL)
    child.kill()
    child.communicate()

    assert {child.pid, grandchild} <= {*found}
