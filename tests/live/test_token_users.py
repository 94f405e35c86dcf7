"""Goal: who comes with a token gets the roles of the profile, through a real Orthanc, or nothing.

Method: a gateway on the machine's Orthanc with an account for a reverse proxy, and a web service of
our own in place of the one that the authorization plugin asks; tokens of several people, a web
service that says nothing while others are served, and settings with which Orthanc does not start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from support.gateway import USERS, Gateway
from support.orthanc import PASSWORD
from support.profile_service import ProfileService, profile

pytestmark = pytest.mark.live

PROXY = ("proxy", PASSWORD)
SETTING = {
    "Permissions": {"admin": "privacy-officer", "view": "viewer"},
    "Groups": {"radiology": ["operator", "policy-editor"]},
}


@pytest.fixture(scope="module")
def service() -> Iterator[ProfileService]:
    with ProfileService() as running:
        running.answers["CANARY-petra"] = profile("Petra P", "admin")
        running.answers["CANARY-oscar"] = profile("Oscar O", "other", groups=["radiology"])
        running.answers["CANARY-viola"] = profile("Viola V", "view")
        running.answers["CANARY-none"] = profile("Nobody N", "other")
        running.answers["CANARY-broken"] = b"{"
        yield running


def make(folder: Path, service: ProfileService, **settings: object) -> Gateway:
    made = Gateway(
        folder,
        settings={"Profiles": SETTING, **settings},
        Authorization={"WebServiceRootUrl": service.root, "TokenHttpHeaders": ["Api-Token"]},
    )
    made.configuration["RegisteredUsers"] = dict.fromkeys([*USERS, "proxy"], PASSWORD)
    return made


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, service: ProfileService) -> Iterator[Gateway]:
    with make(tmp_path_factory.mktemp("gw") / "g", service) as running:
        yield running


def ask(gateway: Gateway, path: str, token: str, auth: object = PROXY) -> requests.Response:
    return gateway.get(path, auth=auth, headers={"api-token": token} if token else {})


@pytest.mark.parametrize(
    ("token", "path", "status"),
    [
        ("CANARY-petra", "/gatehouse/audit", 200),
        ("CANARY-petra", "/studies", 200),
        ("CANARY-oscar", "/gatehouse/audit", 403),
        ("CANARY-oscar", "/studies", 200),
        ("CANARY-viola", "/gatehouse/ui/overview", 200),
        ("CANARY-viola", "/studies", 403),
        ("CANARY-none", "/gatehouse/studies", 403),
        ("CANARY-none", "/system", 403),
        ("CANARY-unknown", "/gatehouse/studies", 403),
        ("CANARY-broken", "/studies", 403),
        ("", "/gatehouse/studies", 403),
    ],
)
def test_a_token_opens_what_its_profile_s_roles_open(
    gateway: Gateway, token: str, path: str, status: int
) -> None:
    assert ask(gateway, path, token).status_code == status


def test_a_token_without_a_profile_does_not_fall_back_on_the_password(gateway: Gateway) -> None:
    privileged = ("petra", PASSWORD)

    assert ask(gateway, "/gatehouse/audit", "", privileged).status_code == 200
    assert ask(gateway, "/gatehouse/audit", "CANARY-unknown", privileged).status_code == 403
    assert ask(gateway, "/studies", "CANARY-unknown", privileged).status_code == 403


def test_a_token_is_no_password(gateway: Gateway) -> None:
    assert ask(gateway, "/gatehouse/audit", "CANARY-petra", None).status_code == 401


def test_a_change_is_in_the_audit_trail_under_the_name_of_the_profile(gateway: Gateway) -> None:
    made = gateway.post(
        "/gatehouse/runs",
        auth=PROXY,
        headers={"Api-Token": "CANARY-oscar"},
        json={"policy": "everything"},
    )

    assert made.status_code == 200, made.text
    rows = ask(gateway, "/gatehouse/audit", "CANARY-petra").json()["audit"]
    assert [row["actor"] for row in rows if row["action"] == "run.created"] == ["Oscar O"]


def test_others_are_served_while_the_web_service_says_nothing(
    gateway: Gateway, service: ProfileService
) -> None:
    service.answers["CANARY-slow"] = profile("Late L", "view")
    answers: list[int] = []
    asked_before = len(service.asked)
    service.dam.clear()
    waiting = threading.Thread(
        target=lambda: answers.append(ask(gateway, "/system", "CANARY-slow").status_code)
    )
    try:
        waiting.start()
        while len(service.asked) == asked_before:
            waiting.join(0.01)
        served = ask(gateway, "/gatehouse/status", "", ("viola", PASSWORD)).status_code
    finally:
        service.dam.set()
    waiting.join(120)

    assert served == 200
    # In time or not: with the profile it is let in, without it is refused.
    assert answers in ([200], [403])


def test_no_token_is_in_a_log_or_in_the_ledger(gateway: Gateway) -> None:
    ask(gateway, "/gatehouse/studies", "CANARY-viola")

    files = [one for one in gateway.home.rglob("*") if one.is_file()]
    assert not [one.name for one in files if b"CANARY-" in one.read_bytes()]
    assert "CANARY-" not in gateway.log
    assert "the profile of a user can't be told" in gateway.log


@pytest.mark.parametrize(
    ("section", "authorization", "said"),
    [
        ({**SETTING, "Permissions": {"x": "root"}}, {"WebService": "x"}, "may give these roles"),
        (SETTING, {}, "needs the Url"),
        ({**SETTING, "Password": "x"}, {}, "must not hold a password"),
    ],
    ids=["role", "address", "password"],
)
def test_orthanc_does_not_start_with_a_setting_that_can_t_work(
    tmp_path: Path,
    service: ProfileService,
    section: dict[str, object],
    authorization: dict[str, str],
    said: str,
) -> None:
    gateway = make(tmp_path / "g", service, Profiles=section)
    gateway.configuration["Authorization"] = authorization

    with pytest.raises(AssertionError, match=f"(?s)Orthanc did not start.*{said}"):
        gateway.start()


def test_a_gateway_without_passwords_is_refused_also_where_profiles_are_asked(
    tmp_path: Path, service: ProfileService
) -> None:
    gateway = make(tmp_path / "g", service)
    gateway.configuration["AuthenticationEnabled"] = False

    with pytest.raises(AssertionError, match="AuthenticationEnabled must be true"):
        gateway.start()
