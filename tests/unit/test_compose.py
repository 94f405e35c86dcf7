"""Goal: docker-compose.yml is right as far as that can be seen without a Docker engine.

Method: check it against the schema of the Compose Specification (support/compose_spec.json, Apache
2.0, as it came with docker-compose 1.29.2), and every path, secret and variable that it names
against the files of the project. That the containers run is not shown here.
"""

from __future__ import annotations

import base64
import http.server
import json
import re
import runpy
import threading
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from gatehouse.adapters.orthanc_json import read_orthanc_json, variables

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
ORTHANCS = ("gateway", "research")

FOR_THE_IMAGE = {
    "TCP_NODELAY",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "POSTGRES_PASSWORD_FILE",
}
"""Variables that are neither Orthanc's options nor asked for by our configuration files."""


def configuration(service: str) -> dict[str, Any]:
    """Return the file that is mounted as this Orthanc's configuration."""
    mounted = {
        target: source
        for source, target, *_ in (volume.split(":") for volume in SERVICES[service]["volumes"])
    }
    file = ROOT / mounted["/etc/orthanc/orthanc.json"]
    return read_orthanc_json(file.read_text(), SERVICES[service]["environment"], file.name)


def option_of(variable: str) -> list[str]:
    """Return the path of the option that the image makes of a variable ``ORTHANC__...``."""
    special = {"POSTGRESQL": "PostgreSQL"}
    return [
        special.get(part) or "".join(word.capitalize() for word in part.split("_"))
        for part in variable.removeprefix("ORTHANC__").split("__")
    ]


def test_it_follows_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests/support/compose_spec.json").read_text())
    # The schema is of 2021; `name` came later.
    document = {key: value for key, value in COMPOSE.items() if key != "name"}

    errors = list(jsonschema.Draft7Validator(schema).iter_errors(document))

    assert errors == []


def test_every_mounted_file_and_folder_exists() -> None:
    sources = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service["volumes"]
        if volume.startswith(".")
    ]

    assert sources
    assert [source for source in sources if not (ROOT / source).exists()] == []


def test_every_named_volume_network_and_secret_is_defined() -> None:
    for service in SERVICES.values():
        volumes = {volume.split(":")[0] for volume in service["volumes"]}

        assert {name for name in volumes if not name.startswith(".")} <= {*COMPOSE["volumes"]}
        assert {*service["networks"]} <= {*COMPOSE["networks"]}
        assert {secret["source"] for secret in service["secrets"]} <= {*COMPOSE["secrets"]}


def test_every_secret_is_a_file_that_make_secrets_writes() -> None:
    script = (ROOT / "docker/make-secrets").read_text()
    written = set(re.findall(r"\| write (\S+)", script))

    needed = {secret["file"].removeprefix("./secrets/") for secret in COMPOSE["secrets"].values()}

    assert needed == written


def test_what_the_dockerfile_copies_exists_and_reaches_the_builder() -> None:
    lines = (ROOT / "docker/Dockerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    ignored = (ROOT / ".dockerignore").read_text().splitlines()

    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert "*" in ignored
    assert copied <= {line.removeprefix("!") for line in ignored}


def test_every_built_service_names_a_stage_of_the_dockerfile() -> None:
    text = (ROOT / "docker/Dockerfile").read_text()
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", text, re.MULTILINE))

    targets = {service["build"]["target"] for service in SERVICES.values() if "build" in service}

    assert targets == stages == {*ORTHANCS}


@pytest.mark.parametrize("service", ORTHANCS)
def test_every_variable_is_known_to_the_image_or_asked_for_by_the_configuration(
    service: str,
) -> None:
    asked: set[str] = set()
    for file in ("orthanc.json", "docker/research.json"):
        asked |= {*variables((ROOT / file).read_text())}
    given = {name for name in SERVICES[service]["environment"] if not name.startswith("ORTHANC__")}

    assert given <= FOR_THE_IMAGE | asked


@pytest.mark.parametrize("service", ORTHANCS)
def test_every_option_in_a_variable_or_secret_is_spelled_as_orthanc_spells_it(
    service: str,
) -> None:
    names = [name for name in SERVICES[service]["environment"] if name.startswith("ORTHANC__")]
    names += [secret["target"] for secret in SERVICES[service]["secrets"] if "target" in secret]

    options = {".".join(option_of(name)) for name in names}

    assert options <= {
        "Gatehouse.DatabaseFile",
        "Gatehouse.Roles",
        "OrthancPeers",
        "Plugins",
        "PostgreSQL.Database",
        "PostgreSQL.Host",
        "PostgreSQL.Password",
        "PostgreSQL.Username",
        "RegisteredUsers",
        "RemoteAccessAllowed",
    }


@pytest.mark.parametrize("service", ORTHANCS)
def test_no_nagle_between_a_modality_and_orthanc(service: str) -> None:
    assert SERVICES[service]["environment"]["TCP_NODELAY"] == "1"


def test_only_the_dicom_port_is_published_beyond_this_machine() -> None:
    published = [port for service in SERVICES.values() for port in service.get("ports", ())]
    dicom_port = configuration("gateway")["DicomPort"]

    beyond = [port for port in published if not port.startswith("127.0.0.1:")]

    assert beyond == [f"{dicom_port}:{dicom_port}"]


@pytest.mark.parametrize("service", ORTHANCS)
def test_published_http_ports_are_those_that_orthanc_listens_on(service: str) -> None:
    http_port = configuration(service)["HttpPort"]

    assert [port for port in SERVICES[service]["ports"] if port.endswith(f":{http_port}")]


def test_configuration_and_policies_are_mounted_read_only() -> None:
    mounts = [
        volume
        for service in SERVICES.values()
        for volume in service["volumes"]
        if volume.startswith(".")
    ]

    assert all(volume.endswith(":ro") for volume in mounts)


def test_the_health_of_the_gateway_is_asked_on_our_own_route() -> None:
    test = SERVICES["gateway"]["healthcheck"]["test"]
    script = (ROOT / "docker/health.py").read_text()

    assert test == ["CMD", "python3", "/opt/gatehouse/docker/health.py"]
    assert f":{configuration('gateway')['HttpPort']}/gatehouse/status" in script


def test_every_image_has_a_fixed_version() -> None:
    dockerfile = (ROOT / "docker/Dockerfile").read_text()
    images = re.findall(r"^FROM (\S+/\S+)", dockerfile, re.MULTILINE)
    images += [service["image"] for service in SERVICES.values()]

    assert all(re.search(r":\d+(\.\d+)+$", image) for image in images)


def test_gateway_and_research_archive_know_each_other() -> None:
    gateway, research = configuration("gateway"), configuration("research")
    destination = gateway["DicomModalities"]["research-pacs"]
    sender = research["DicomModalities"]["gatehouse"]

    assert (destination["AET"], destination["Port"]) == (
        research["DicomAet"],
        research["DicomPort"],
    )
    assert destination["Host"] == "research"
    assert sender["AET"] == gateway["DicomAet"]
    assert sender["AllowStore"] is True


class Status(http.server.BaseHTTPRequestHandler):
    """Answers ``/gatehouse/status`` with what the test wants, to the right user only."""

    answer = 200

    def do_GET(self) -> None:
        expected = "Basic " + base64.b64encode(b"health:open sesame").decode()
        is_right = self.path == "/gatehouse/status" and self.headers["Authorization"] == expected
        self.send_response(type(self).answer if is_right else 401)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.mark.parametrize(
    ("answer", "exit_code"), [(200, 0), (503, 1), (404, 1)], ids=["well", "ill", "no plugin"]
)
def test_the_health_check_is_content_with_a_good_status_only(
    tmp_path: Path, answer: int, exit_code: int
) -> None:
    users = tmp_path / "users.json"
    users.write_text('{"admin": "x", "health": "open sesame"}')
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Status)
    Status.answer = answer
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script = runpy.run_path(str(ROOT / "docker/health.py"))
    main = script["main"]
    main.__globals__["USERS"] = str(users)
    main.__globals__["STATUS"] = f"http://127.0.0.1:{server.server_port}/gatehouse/status"

    outcome = main()
    server.shutdown()
    server.server_close()

    assert outcome == exit_code
