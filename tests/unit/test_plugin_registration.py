"""Goal: what the plugin registers with Orthanc does its part in microseconds and never raises.

Method: a stub of the module ``orthanc`` that raises on whatever is not expected, a stub of the
virtual environment's interpreter that answers the check, and the callbacks called as Orthanc does.
"""

from __future__ import annotations

import base64
import json
import resource
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters import orthanc_plugin
from gatehouse.errors import ConfigurationError
from gatehouse.policy.model import Pack
from support.dicom_builder import ct_bytes
from support.orthanc import eventually
from support.orthanc_stub import NewOutput, OldOutput, OrthancStub
from support.profile_service import ProfileService, profile
from support.reception import hand_over, key_file, pack
from support.unix_server import unix_service

PLUGIN_FOLDER = Path(orthanc_plugin.__file__).resolve().parents[2]

INTERPRETER = """#!/bin/sh
# Stands for the virtual environment's Python: -m gatehouse.cli ROLE FLAG
echo "$3 $4" >> "{folder}/calls"
cat > "{folder}/$3$4.stdin"
{check}
"""

ALICE = "Basic " + base64.b64encode(b"alice:secret").decode()
BOB = "Basic " + base64.b64encode(b"bob:secret").decode()


class Gateway:
    """A stub of Orthanc with the plugin's folder, home and interpreter."""

    def __init__(
        self,
        folder: Path,
        check: str = "exit 0",
        settings: dict[str, Any] | None = None,
        **changes: Any,
    ) -> None:
        self.folder = folder
        self.home = folder / "home"
        python = folder / "python"
        python.write_text(INTERPRETER.format(folder=folder, check=check))
        python.chmod(0o755)
        section = {
            "Home": str(self.home),
            "Policies": "/etc/gatehouse/policies",
            "KeyFile": "/etc/gatehouse/master.key",
            "Python": str(python),
            "Workers": 2,
            "Roles": {"alice": "operator", "bob": []},
            **(settings or {}),
        }
        self.orthanc = OrthancStub(
            {
                "HttpPort": 8052,
                "AuthenticationEnabled": True,
                "RegisteredUsers": {"alice": "secret"},
                "Gatehouse": section,
                **changes,
            }
        )

    def register(self) -> OrthancStub:
        orthanc_plugin.register(self.orthanc, PLUGIN_FOLDER)
        return self.orthanc

    def handed_over(self, call: str) -> dict[str, Any]:
        return json.loads((self.folder / f"{call}.stdin").read_text())


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


@pytest.fixture
def wake_socket(gateway: Gateway) -> Iterator[socket.socket]:
    gateway.register()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(gateway.home / "run" / "wake.sock"))
        listener.setblocking(False)
        yield listener


def test_everything_is_checked_before_anything_is_registered(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, check="echo 'basic.yaml:3: error: no such attribute' >&2; exit 2")

    with pytest.raises(ConfigurationError, match=r"basic\.yaml:3"):
        gateway.register()

    assert gateway.orthanc.errors == [
        "Gatehouse: basic.yaml:3: error: no such attribute",
        "Gatehouse: Orthanc is not started, because it would be unprotected",
    ]
    assert gateway.orthanc.stored is None
    assert gateway.orthanc.rest == {}


def test_a_check_that_says_nothing_is_a_failure_too(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, check="exit 139")

    with pytest.raises(ConfigurationError, match="the check ended with exit code 139"):
        gateway.register()


def test_an_unsealed_gateway_is_not_even_checked(tmp_path: Path) -> None:
    gateway = Gateway(tmp_path, AuthenticationEnabled=False)

    with pytest.raises(ConfigurationError):
        gateway.register()

    assert not (tmp_path / "calls").exists()
    assert gateway.orthanc.errors[0].startswith("Gatehouse: AuthenticationEnabled must be true")


def test_a_home_that_others_can_enter_is_refused(gateway: Gateway) -> None:
    gateway.home.mkdir(mode=0o755)

    with pytest.raises(ConfigurationError, match="mode 0700"):
        gateway.register()


def test_the_check_gets_the_settings_and_the_token_over_stdin(gateway: Gateway) -> None:
    gateway.register()

    handed_over = gateway.handed_over("service--check")
    assert (gateway.folder / "calls").read_text() == "service --check\n"
    assert handed_over["OrthancAuthorization"] == "Bearer token-of-this-start"
    assert handed_over["OrthancUrl"] == "http://127.0.0.1:8052"
    assert len(handed_over["ForwardSecret"]) > 30


def test_service_and_workers_run_from_started_to_stopped(gateway: Gateway) -> None:
    orthanc = gateway.register()
    assert orthanc.changed is not None

    orthanc.changed(orthanc.ChangeType.NEW_STUDY, 1, "some-study")
    assert (gateway.folder / "calls").read_text() == "service --check\n"
    orthanc.changed(orthanc.ChangeType.ORTHANC_STARTED, 4, "")
    eventually(lambda: (gateway.folder / "calls").read_text().count("--stdin") == 3)
    orthanc.changed(orthanc.ChangeType.ORTHANC_STOPPED, 4, "")

    assert gateway.handed_over("service--stdin")["Process"] == "service"
    assert gateway.handed_over("worker--stdin")["Process"] in ("worker-1", "worker-2")
    assert (gateway.folder / "calls").read_text().count("worker --stdin") == 2


def test_a_stored_instance_wakes_the_reader(gateway: Gateway, wake_socket: socket.socket) -> None:
    gateway.orthanc.stored(object(), "f689ddd2-662f8fe1-8b18180d-ec2a2cee-937917af")

    assert wake_socket.recv(100) == b"\n"


def test_a_stored_instance_does_not_wait_for_a_reader_that_is_slow(
    gateway: Gateway, wake_socket: socket.socket
) -> None:
    for _ in range(5000):
        gateway.orthanc.stored(object(), "some-instance")

    assert wake_socket.recv(100) == b"\n"


def test_a_stored_instance_does_not_mind_that_nobody_reads(gateway: Gateway) -> None:
    gateway.register()

    gateway.orthanc.stored(object(), "some-instance")


@pytest.mark.parametrize("output", [OldOutput(), NewOutput()], ids=["plugin 4.0", "later"])
def test_a_request_is_forwarded_and_its_answer_sent(gateway: Gateway, output: OldOutput) -> None:
    orthanc = gateway.register()
    request = {"method": "POST", "headers": {"authorization": ALICE}, "body": b"{}"}
    with unix_service(gateway.home / "run" / "service.sock") as service:
        service.body = '{"name": "J\u00fcrgen"}'.encode()

        orthanc.rest["/gatehouse(/.*)?"](output, "/gatehouse/studies/1/process", **request)

    assert output.status == 200
    assert output.body == service.body
    assert service.asked[0]["headers"]["x-gatehouse-user"] == "alice"


@pytest.mark.parametrize("output", [OldOutput(), NewOutput()], ids=["plugin 4.0", "later"])
def test_an_error_keeps_its_status_and_its_text(gateway: Gateway, output: OldOutput) -> None:
    orthanc = gateway.register()
    with unix_service(gateway.home / "run" / "service.sock") as service:
        service.status = 404
        service.body = '{"error": "\u00fc"}'.encode()

        orthanc.rest["/gatehouse(/.*)?"](output, "/gatehouse/x", method="GET", headers={}, get={})

    assert output.status == 404
    assert output.body in (service.body, service.body.decode())


def test_a_service_that_is_away_is_503(gateway: Gateway) -> None:
    orthanc = gateway.register()
    output = OldOutput()

    orthanc.rest["/gatehouse(/.*)?"](output, "/gatehouse/status", method="GET", headers={}, get={})

    assert output.status == 503
    assert output.headers["Cache-Control"] == "no-store"


def test_an_unknown_method_is_not_forwarded(gateway: Gateway) -> None:
    orthanc = gateway.register()
    output = OldOutput()

    orthanc.rest["/gatehouse(/.*)?"](output, "/gatehouse/status", method="TRACE", headers={})

    assert output.status == 405


@pytest.mark.parametrize(
    ("authorization", "allowed"), [(ALICE, True), (BOB, False), ("Bearer x", False)]
)
def test_the_filter_asks_for_the_user_s_role(
    gateway: Gateway, authorization: str, allowed: bool
) -> None:
    orthanc = gateway.register()
    request = {"method": 1, "ip": "127.0.0.1", "headers": {"authorization": authorization}}

    assert orthanc.filter("/studies", **request) is allowed


@pytest.mark.parametrize(("token", "allowed"), [("reader", True), ("viewer", False), ("", False)])
def test_the_filter_asks_for_the_roles_of_a_token_s_profile(
    tmp_path: Path, token: str, allowed: bool
) -> None:
    with ProfileService() as known:
        known.answers.update(reader=profile("Ada", "all"), viewer=profile("Eve", "view"))
        roles = {"all": "operator", "view": "viewer"}
        gateway = Gateway(
            tmp_path,
            settings={"Profiles": {"Headers": ["token"], "Permissions": roles}},
            Authorization={"WebServiceUserProfileUrl": known.url},
        )
        request = {"method": 1, "headers": {"authorization": ALICE, "token": token}}

        assert gateway.register().filter("/studies", **request) is allowed


def test_a_request_that_the_filter_does_not_understand_is_refused(gateway: Gateway) -> None:
    orthanc = gateway.register()

    assert orthanc.filter("/instances", method="?", headers={"authorization": ALICE}) is False
    assert orthanc.errors == ["Gatehouse: a request was refused (ValueError)"]


def test_the_button_never_puts_html_together(gateway: Gateway) -> None:
    script = gateway.register().explorer

    assert "../gatehouse/studies/" in script
    assert ".html(" not in script
    assert "innerHTML" not in script


def test_the_interpreter_that_can_t_be_run_is_named(gateway: Gateway) -> None:
    (gateway.folder / "python").write_text("not a program")

    with pytest.raises(ConfigurationError, match="interpreter: "):
        gateway.register()


def for_reception(folder: Path, which: Pack, **changes: Any) -> Gateway:
    """Return a gateway whose check leaves a pack for reception, as ``service --check`` does."""
    written = folder / "written"
    hand_over(written, which)
    run = folder / "home" / "run"
    gateway = Gateway(folder, f'cp -p "{written}/run/reception.pack" "{run}/"', **changes)
    gateway.orthanc.configuration["Gatehouse"]["KeyFile"] = str(key_file(folder))
    return gateway


def test_without_a_pack_for_reception_instances_are_stored_as_they_come(gateway: Gateway) -> None:
    orthanc = gateway.register()

    assert orthanc.received is None


def test_a_pack_of_the_last_start_does_not_switch_reception_mode_on(gateway: Gateway) -> None:
    hand_over(gateway.home, pack())

    assert gateway.register().received is None


def test_with_a_pack_for_reception_instances_are_de_identified_first(tmp_path: Path) -> None:
    orthanc = for_reception(tmp_path, pack()).register()

    assert orthanc.received is not None
    action, dicom = orthanc.received(ct_bytes(PatientID="CANARY7"), 2)
    assert action == orthanc.ReceivedInstanceAction.MODIFY
    assert len(dicom) > 1000
    assert b"CANARY7" not in dicom


def test_the_processes_are_told_of_reception_mode(tmp_path: Path) -> None:
    gateway = for_reception(tmp_path, pack())
    orthanc = gateway.register()
    assert orthanc.changed is not None

    orthanc.changed(orthanc.ChangeType.ORTHANC_STARTED, 4, "")
    eventually(lambda: (tmp_path / "calls").read_text().count("--stdin") == 3)
    orthanc.changed(orthanc.ChangeType.ORTHANC_STOPPED, 4, "")

    assert gateway.handed_over("service--stdin")["Reception"] is True
    assert gateway.handed_over("worker--stdin")["Reception"] is True


def test_reception_mode_does_not_start_where_orthanc_changes_what_it_stores(
    tmp_path: Path,
) -> None:
    gateway = for_reception(tmp_path, pack(), IngestTranscoding="1.2.840.10008.1.2.4.80")

    with pytest.raises(ConfigurationError, match="IngestTranscoding"):
        gateway.register()

    assert gateway.orthanc.received is None
    assert gateway.orthanc.stored is None


def test_orthanc_leaves_no_core_dump(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, tuple[int, int]]] = []
    monkeypatch.setattr(
        orthanc_plugin.resource, "setrlimit", lambda which, limits: asked.append((which, limits))
    )

    gateway.register()

    assert asked == [(resource.RLIMIT_CORE, (0, 0))]
