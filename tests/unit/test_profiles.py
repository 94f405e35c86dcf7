"""Goal: a token gives the roles of its profile, and nothing whenever that can't be told for sure.

Method: a web service of our own over HTTP, a clock that stands still, and every way in which an
answer can be none.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters import profiles as profiles_module
from gatehouse.adapters.profile_settings import read_profiles, with_authorization
from gatehouse.adapters.profiles import NOBODY, Caller, Profiles
from gatehouse.errors import ConfigurationError
from support.orthanc import free_port
from support.profile_service import ProfileService, profile

TOKEN = {"token": "CANARY-TOKEN"}
GIVEN: dict[str, Any] = {
    "Headers": ["token", "X-Other"],
    "Permissions": {"admin": ["privacy-officer", "policy-editor"], "view": "viewer"},
    "Groups": {"radiology": "operator"},
}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def service() -> Iterator[ProfileService]:
    with ProfileService() as running:
        yield running


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def profiles(service: ProfileService, said: list[str], clock: Clock) -> Profiles:
    return Profiles(read_profiles({"Url": service.url, **GIVEN}), said.append, clock)


def test_permissions_and_groups_of_the_profile_give_roles(
    service: ProfileService, profiles: Profiles
) -> None:
    service.answers["CANARY-TOKEN"] = profile("Ada", "view", "other", groups=["radiology", "none"])

    caller = profiles.caller(TOKEN)

    assert caller == Caller("Ada", frozenset({"viewer", "operator"}))
    assert service.asked == [
        {
            "path": "/user/get-profile",
            "token-key": "token",
            "token-value": "CANARY-TOKEN",
            "identifier": None,
        }
    ]


def test_words_that_the_setting_does_not_map_give_no_role(
    service: ProfileService, profiles: Profiles
) -> None:
    service.answers["CANARY-TOKEN"] = profile("Ada", "other", "Admin", groups=["Radiology", "none"])

    assert profiles.caller(TOKEN) == Caller("Ada", frozenset())


def test_a_request_without_a_token_is_left_to_orthanc(
    service: ProfileService, profiles: Profiles
) -> None:
    assert profiles.caller({"authorization": "Basic eDp5"}) is None
    assert service.asked == []


def test_the_first_header_of_the_setting_counts(
    service: ProfileService, profiles: Profiles
) -> None:
    service.answers["CANARY-TOKEN"] = profile("Ada", "view")
    service.answers["second"] = profile("Eve", "admin")

    caller = profiles.caller({"x-other": "second", **TOKEN})

    assert caller == Caller("Ada", frozenset({"viewer"}))
    assert len(service.asked) == 1


@pytest.mark.parametrize(
    "answer",
    [
        403,
        500,
        302,
        b"no JSON",
        b"",
        [],
        "name",
        profile("", "admin"),
        profile(" Ada", "admin"),
        profile("A\nda", "admin"),
        profile("A" * 129, "admin"),
        profile("Ada", "admin", validity=-1),
        profile("Ada", "admin", validity="60"),
        profile("Ada", "admin", validity=True),
        profile("Ada", "admin", permissions="admin"),
        profile("Ada", "admin", permissions=None),
        profile("Ada", "admin", permissions=[["admin"]]),
        profile("Ada", "admin", groups="radiology"),
        profile("Ada", "admin", groups=[1]),
        {"permissions": ["admin"], "authorized-labels": [], "validity": 60},
        {"name": "Ada", "authorized-labels": [], "validity": 60},
        {"name": "Ada", "permissions": ["admin"]},
        b'{"name": "' + b"x" * profiles_module.ANSWER_MAX_BYTES + b'"}',
    ],
    ids=lambda answer: str(answer)[:60],
)
def test_an_answer_that_is_no_profile_is_nobody(
    service: ProfileService, profiles: Profiles, said: list[str], answer: Any
) -> None:
    service.answers["CANARY-TOKEN"] = answer

    assert profiles.caller(TOKEN) == NOBODY
    assert len(said) == 1
    assert "CANARY" not in said[0]
    assert "Ada" not in said[0]


@pytest.mark.parametrize(
    "token", ["", "a\r\nb", "x" * (16 * 1024 + 1)], ids=["none", "two", "long"]
)
def test_a_token_that_can_t_be_one_is_not_asked_for(
    service: ProfileService, profiles: Profiles, token: str
) -> None:
    assert profiles.caller({"token": token}) == NOBODY
    assert service.asked == []


def test_a_web_service_that_is_away_lets_nobody_in(said: list[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}/user/get-profile"

    caller = Profiles(read_profiles({"Url": url, **GIVEN}), said.append).caller(TOKEN)

    assert caller == NOBODY
    assert said == ["the profile of a user can't be told (ConnectionRefusedError): refused"]


def test_a_web_service_that_says_nothing_lets_nobody_in(
    service: ProfileService, said: list[str]
) -> None:
    service.answers["CANARY-TOKEN"] = profile("Ada", "admin")
    service.dam.clear()
    setting = {"Url": service.url, "TimeoutSeconds": 0.2, **GIVEN}

    assert Profiles(read_profiles(setting), said.append).caller(TOKEN) == NOBODY
    assert said == ["the profile of a user can't be told (TimeoutError): refused"]


@pytest.mark.parametrize(
    ("validity", "kept_s"), [(5, 5.0), (60, 60.0), (3600, 60.0), (0, 60.0)], ids=str
)
def test_an_answer_is_kept_for_as_long_as_it_says_and_a_minute_at_most(
    service: ProfileService, profiles: Profiles, clock: Clock, validity: int, kept_s: float
) -> None:
    service.answers["CANARY-TOKEN"] = profile("Ada", "view", validity=validity)
    profiles.caller(TOKEN)

    clock.now = kept_s - 0.01
    profiles.caller(TOKEN)
    asked_before = len(service.asked)
    clock.now = kept_s
    service.answers["CANARY-TOKEN"] = 403

    assert profiles.caller(TOKEN) == NOBODY
    assert (asked_before, len(service.asked)) == (1, 2)


def test_a_token_is_another_one_under_another_header(
    service: ProfileService, profiles: Profiles
) -> None:
    service.answers["same"] = profile("Ada", "view")

    profiles.caller({"token": "same"})
    profiles.caller({"x-other": "same"})

    assert [one["token-key"] for one in service.asked] == ["token", "x-other"]


def test_what_is_kept_has_a_limit_and_holds_no_token(
    service: ProfileService, profiles: Profiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles_module, "KEPT_MAX", 2)
    for number in range(3):
        service.answers[f"CANARY-{number}"] = profile("Ada", "view")
        profiles.caller({"token": f"CANARY-{number}"})

    profiles.caller({"token": "CANARY-2"})
    profiles.caller({"token": "CANARY-0"})

    assert [one["token-value"] for one in service.asked] == [
        "CANARY-0",
        "CANARY-1",
        "CANARY-2",
        "CANARY-0",
    ]
    assert "CANARY" not in repr(vars(profiles))


def test_no_more_than_some_threads_wait_for_the_web_service(
    service: ProfileService, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(profiles_module, "AT_ONCE", 1)
    service.answers["first"] = service.answers["second"] = profile("Ada", "view")
    profiles = Profiles(read_profiles({"Url": service.url, "TimeoutSeconds": 30, **GIVEN}))
    service.dam.clear()
    first = threading.Thread(target=profiles.caller, args=({"token": "first"},))
    first.start()
    while not service.asked:
        first.join(0.01)
    impatient = Profiles(
        read_profiles({"Url": service.url, "TimeoutSeconds": 0.1, **GIVEN}), said.append
    )
    impatient._asking = profiles._asking

    second = impatient.caller({"token": "second"})
    service.dam.set()
    first.join(60)

    assert second == NOBODY
    assert said == ["the profile of a user can't be told (too many questions at once): refused"]
    assert len(service.asked) == 1


def test_the_user_id_can_be_the_name(service: ProfileService) -> None:
    service.answers["CANARY-TOKEN"] = profile("Ada", "view", **{"user-id": "u-17"})

    caller = Profiles(read_profiles({"Url": service.url, "Name": "user-id", **GIVEN})).caller(TOKEN)

    assert caller == Caller("u-17", frozenset({"viewer"}))


def test_credentials_and_identifier_go_along(service: ProfileService, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.touch(mode=0o600)
    file.write_text("secret\n")
    setting = {"Username": "orthanc", "PasswordFile": str(file), "Identifier": "gateway-1"}

    Profiles(read_profiles({"Url": service.url, **setting, **GIVEN})).caller(TOKEN)

    assert service.headers[0]["authorization"] == "Basic b3J0aGFuYzpzZWNyZXQ="
    assert service.asked[0]["identifier"] == "gateway-1"


def test_what_is_not_said_is_taken_from_the_authorization_plugin() -> None:
    configuration = {
        "HttpsCACertificates": "/etc/ssl/ca.pem",
        "Authorization": {
            "WebServiceRootUrl": "https://auth.example/",
            "WebServiceUsername": "orthanc",
            "WebServicePassword": "secret",
            "WebServiceIdentifier": "gateway-1",
            "TokenHttpHeaders": ["token"],
        },
    }

    assert with_authorization({"Groups": {}}, configuration) == {
        "Url": "https://auth.example/user/get-profile",
        "Headers": ["token"],
        "Username": "orthanc",
        "Password": "secret",
        "Identifier": "gateway-1",
        "TrustedCertificates": "/etc/ssl/ca.pem",
        "Groups": {},
    }


def test_a_password_goes_to_no_other_address_than_its_own() -> None:
    authorization = {"WebServiceUsername": "orthanc", "WebServicePassword": "secret"}

    found = with_authorization({"Url": "http://other.example/"}, {"Authorization": authorization})

    assert found == {"Url": "http://other.example/"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"Url": None}, "needs the Url"),
        ({"Url": "ftp://host/"}, "needs the Url"),
        ({"Url": "http://me:secret@host/"}, "must not hold a user"),
        ({"Headers": []}, "needs Headers"),
        ({"Headers": "token"}, "needs Headers"),
        ({"Headers": ["to ken"]}, "needs Headers"),
        ({"Permissions": {}, "Groups": {}}, "nobody ever has a role"),
        ({"Permissions": {"admin": "root"}}, "may give these roles"),
        ({"Groups": {"all": []}}, "may give these roles"),
        ({"Groups": ["all"]}, "must map names to roles"),
        ({"Name": "e-mail"}, "must be one of name, user-id"),
        ({"TimeoutSeconds": 0}, "must be above 0"),
        ({"TimeoutSeconds": 31}, "must be above 0"),
        ({"TimeoutSeconds": True}, "must be a number"),
        ({"Username": 1}, "must be a text"),
        ({"PasswordFile": "/nowhere/at/all"}, "can't be read"),
        ({"TrustedCertificates": "/nowhere/at/all"}, "is not a file"),
        ({"Permission": {}}, "does not know Permission"),
    ],
    ids=lambda value: json.dumps(value)[:40],
)
def test_a_setting_that_can_t_work_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem):
        read_profiles({"Url": "http://auth.example/", **GIVEN, **change})


def test_a_password_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("secret")
    file.chmod(0o644)

    with pytest.raises(ConfigurationError, match="can be read by others"):
        read_profiles({"Url": "http://auth.example/", "PasswordFile": str(file), **GIVEN})
