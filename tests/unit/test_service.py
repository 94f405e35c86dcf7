"""Goal: the service starts only when it could do its work, and says all that is wrong at once.

Method: the check with settings that are broken in every way, and the service as a real process
that is fed over stdin and asked over its socket.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.forward import Answer, Forwarder
from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.service import check
from gatehouse.adapters.settings import read_settings
from gatehouse.errors import ConfigurationError
from support.gateway import POLICY
from support.orthanc import ROOT, eventually

SECRET = "secret"
VIOLA = {"authorization": "Basic dmlvbGE6eA=="}


class Place:
    """A home, a key and a folder with one policy."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.policy = folder / "policies" / "everything" / "everything.yaml"
        self.policy.parent.mkdir(parents=True)
        self.policy.write_text(POLICY)
        (folder / "policies" / "pack.yaml").write_text("policies: [everything]\n")
        self.key = folder / "master.key"
        self.key.touch(mode=0o600)
        self.key.write_bytes(bytes(range(32)))

    def line(self, **changes: Any) -> bytes:
        settings = {
            "Home": str(self.home),
            "Policies": str(self.folder / "policies"),
            "KeyFile": str(self.key),
            # Nobody listens there: the service must say so and go on.
            "OrthancUrl": "http://127.0.0.1:1",
            "OrthancAuthorization": "Bearer x",
            "ForwardSecret": SECRET,
            "Destinations": {"dicom": ["research-pacs"], "peer": [], "dicomweb": []},
            "Roles": {"viola": "viewer"},
            "Process": "service",
            **changes,
        }
        return json.dumps(settings).encode() + b"\n"

    def problems(self, **changes: Any) -> list[str]:
        with pytest.raises(ConfigurationError) as caught:
            check(read_settings(self.line(**changes)))
        return str(caught.value).splitlines()


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_a_gateway_that_could_work_passes(place: Place) -> None:
    check(read_settings(place.line()))


def test_a_policy_with_an_error_is_named_with_its_line(place: Place) -> None:
    place.policy.write_text(POLICY.replace("version: 1", "version: one"))

    found = place.problems()

    assert found[0] == "the policies can't be used"
    assert found[1].startswith(f"{place.policy}:2: error: ")


def test_a_pack_for_reception_mode_that_asks_for_the_whole_study_does_not_start(
    place: Place,
) -> None:
    place.policy.write_text(POLICY + "complete: {quiet: 1m}\n")
    pack = place.policy.parent.parent / "pack.yaml"
    pack.write_text(pack.read_text() + "reception: true\n")

    found = place.problems()

    assert '"complete" has no use when instances are de-identified' in found[1]


def test_a_destination_that_orthanc_does_not_know_is_an_error(place: Place) -> None:
    found = place.problems(Destinations={"dicom": ["elsewhere"], "peer": [], "dicomweb": []})

    assert any("research-pacs" in line and ": error: " in line for line in found)


def test_a_key_that_others_can_read_is_an_error(place: Place) -> None:
    place.key.chmod(0o644)

    assert len(place.problems()) == 1


def test_a_home_that_others_can_enter_is_an_error(place: Place) -> None:
    place.home.mkdir(mode=0o755)

    assert any("chmod 0700" in line for line in place.problems())


def test_a_database_that_is_none_is_an_error(place: Place) -> None:
    place.home.mkdir(mode=0o700)
    (place.home / "gatehouse.db").write_text("long enough, and no database" * 99)

    [found] = place.problems()

    assert found == "the database of the ledger can't be used (DatabaseError)"


def test_policies_that_are_not_named_are_an_error(place: Place) -> None:
    settings = json.loads(place.line())
    del settings["Policies"]

    with pytest.raises(ConfigurationError, match=r"Gatehouse\.Policies is missing"):
        check(read_settings(json.dumps(settings)))


def test_everything_that_is_wrong_is_said_at_once(place: Place) -> None:
    place.key.unlink()
    place.policy.unlink()

    assert len(place.problems()) >= 2


def run(flag: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "gatehouse.cli", "service", flag],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "plugin"), "PATH": "/usr/bin:/bin"},
    )


@pytest.fixture
def service(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    process = run("--stdin")
    assert process.stdin is not None
    process.stdin.write(place.line())
    process.stdin.flush()
    yield process
    process.kill()
    process.wait()


def ask(place: Place, uri: str, shown: str = SECRET) -> Answer:
    forwarder = Forwarder(place.home / "run" / "service.sock", shown, timeout_s=60)
    return forwarder.forward("GET", uri, {}, VIOLA, b"")


def test_the_check_ends_with_2_and_its_problems_on_stderr(place: Place) -> None:
    place.key.unlink()

    _, said = run("--check").communicate(place.line(), timeout=120)

    assert b"master.key" in said
    assert b"Traceback" not in said


def test_the_service_answers_on_a_socket_that_only_its_owner_may_open(
    place: Place, service: subprocess.Popen[bytes]
) -> None:
    eventually(lambda: ask(place, "/gatehouse/studies").status == 200, 120)

    path = place.home / "run" / "service.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert ask(place, "/gatehouse/studies", "wrong").status == 403


def test_the_service_says_that_orthanc_is_away_and_lives_on(
    place: Place, service: subprocess.Popen[bytes]
) -> None:
    answer = eventually(
        lambda: (found := ask(place, "/gatehouse/status")).body.startswith(b'{"status"') and found,
        120,
    )

    assert answer.status == 503
    assert service.poll() is None


def test_the_service_ends_when_its_stdin_ends(
    place: Place, service: subprocess.Popen[bytes]
) -> None:
    eventually(lambda: ask(place, "/gatehouse/studies").status == 200, 120)

    assert service.stdin is not None
    service.stdin.close()

    assert service.wait(120) == 0
    assert not (place.home / "run" / "service.sock").exists()


def active(place: Place) -> tuple[str, int]:
    """Return who let the newest pack decide, and the version of its policy."""
    ledger = Ledger(f"sqlite:///{place.home}/gatehouse.db")
    pack = ledger.active_pack()
    ledger.close()
    assert pack is not None
    return pack.activated_by, pack.policies[0].version


def serve_once(place: Place, **settings: Any) -> None:
    """Run a service until it answers, and end it."""
    process = run("--stdin")
    assert process.stdin is not None
    process.stdin.write(place.line(**settings))
    process.stdin.flush()
    eventually(lambda: ask(place, "/gatehouse/studies").status == 200, 120)
    process.stdin.close()
    assert process.wait(120) == 0


def test_with_four_eyes_a_start_takes_over_no_changed_policies(place: Place) -> None:
    serve_once(place, FourEyes=True)
    place.policy.write_text(POLICY.replace("version: 1", "version: 2"))

    serve_once(place, FourEyes=True)
    careful = active(place)
    serve_once(place)

    assert careful == ("configuration", 1)
    assert active(place) == ("configuration", 2)


def test_a_service_that_is_started_again_goes_on_with_what_decided(place: Place) -> None:
    serve_once(place)
    place.policy.write_text(POLICY.replace("basic", "basik"))

    serve_once(place)

    assert active(place) == ("configuration", 1)
