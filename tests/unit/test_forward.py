"""Goal: the service learns who asks from Orthanc alone, and a silent service is a failure.

Method: a real forwarder and a small HTTP server on a Unix socket that records what it was asked.
"""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.adapters import forward
from gatehouse.adapters.forward import Answer, Forwarder, user_of
from gatehouse.adapters.profile_settings import read_profiles
from gatehouse.adapters.profiles import Profiles
from support.profile_service import ProfileService, profile
from support.unix_server import Service, unix_service


def basic(credentials: str | bytes) -> str:
    raw = credentials.encode() if isinstance(credentials, str) else credentials
    return "Basic " + base64.b64encode(raw).decode()


@pytest.fixture
def socket_path(tmp_path: Path) -> Path:
    return tmp_path / "service.sock"


@pytest.fixture
def service(socket_path: Path) -> Iterator[Service]:
    with unix_service(socket_path) as running:
        yield running


def ask(
    socket_path: Path,
    method: str = "GET",
    uri: str = "/gatehouse/status",
    query: dict[str, str] | None = None,
    body: bytes = b"",
    timeout_s: float = 60.0,
    **headers: str,
) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named.setdefault("authorization", basic("alice:secret"))
    forwarder = Forwarder(socket_path, "secret of this start", timeout_s=timeout_s)
    return forwarder.forward(method, uri, query or {}, named, body)


def test_a_request_arrives_with_its_user_and_the_secret(
    service: Service, socket_path: Path
) -> None:
    ask(socket_path, "POST", body=b'{"a": 1}', content_type="application/json")

    [asked] = service.asked
    assert asked["method"] == "POST"
    assert asked["target"] == "/gatehouse/status"
    assert asked["body"] == b'{"a": 1}'
    assert asked["headers"]["content-type"] == "application/json"
    assert asked["headers"]["x-gatehouse-user"] == "alice"
    assert asked["headers"]["x-gatehouse-secret"] == "secret of this start"


@pytest.mark.parametrize(
    ("token", "user", "roles"), [("known", "Ada%20B", "operator,viewer"), ("unknown", "", "")]
)
def test_a_token_arrives_with_the_name_and_the_roles_of_its_profile(
    service: Service, socket_path: Path, token: str, user: str, roles: str
) -> None:
    setting = {"Headers": ["token"], "Permissions": {"view": ["viewer", "operator"]}}
    with ProfileService() as known:
        known.answers["known"] = profile("Ada B", "view")
        profiles = Profiles(read_profiles({"Url": known.url, **setting}))
        forwarder = Forwarder(socket_path, "secret of this start", profiles=profiles)
        sent = {"token": token, "authorization": basic("alice:secret")}

        forwarder.forward("GET", "/gatehouse/status", {}, sent, b"")

    arrived = service.asked[0]["headers"]
    assert arrived["x-gatehouse-user"] == user
    assert arrived["x-gatehouse-roles"] == roles
    assert "token" not in arrived
    assert "authorization" not in arrived


def test_a_client_can_t_say_who_it_is(service: Service, socket_path: Path) -> None:
    ask(
        socket_path,
        x_gatehouse_user="privacy-officer",
        x_gatehouse_secret="guess",
        x_gatehouse_roles="privacy-officer",
    )

    assert "x-gatehouse-roles" not in service.asked[0]["headers"]

    assert service.asked[0]["headers"]["x-gatehouse-user"] == "alice"
    assert service.asked[0]["headers"]["x-gatehouse-secret"] == "secret of this start"


def test_the_password_and_everything_else_is_left_behind(
    service: Service, socket_path: Path
) -> None:
    ask(socket_path, cookie="a=b", x_forwarded_for="1.2.3.4", host="evil.example")

    assert set(service.asked[0]["headers"]) == {
        "accept-encoding",
        "host",
        "x-gatehouse-secret",
        "x-gatehouse-user",
    }
    assert service.asked[0]["headers"]["host"] == "localhost"


def test_the_path_and_the_query_are_encoded_again(service: Service, socket_path: Path) -> None:
    ask(socket_path, uri="/gatehouse/policies/a b?c", query={"state": "a&b=c"})

    assert service.asked[0]["target"] == "/gatehouse/policies/a%20b%3Fc?state=a%26b%3Dc"


@pytest.mark.parametrize("value", ["a\r\nX-Gatehouse-User: root", "a\nb", "caf\u00e9"])
def test_a_header_that_would_break_the_request_is_dropped(
    service: Service, socket_path: Path, value: str
) -> None:
    ask(socket_path, x_gatehouse=value)

    assert "x-gatehouse" not in service.asked[0]["headers"]


def test_a_name_in_any_script_arrives_whole(service: Service, socket_path: Path) -> None:
    ask(socket_path, authorization=basic("J\u00fcrgen/\u0414\u0430:x:y"))

    assert service.asked[0]["headers"]["x-gatehouse-user"] == "J%C3%BCrgen%2F%D0%94%D0%B0"


def test_the_answer_comes_back_without_what_is_not_the_client_s(
    service: Service, socket_path: Path
) -> None:
    service.status = 404
    service.headers = {
        "Content-Type": "application/json",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Server": "python",
        "Set-Cookie": "a=b",
    }
    service.body = b'{"error": "no such study"}'

    answer = ask(socket_path)

    assert answer == Answer(
        404,
        b'{"error": "no such study"}',
        "application/json",
        {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"},
    )


def test_nobody_at_the_socket_is_503_in_json(socket_path: Path) -> None:
    answer = ask(socket_path)

    assert answer.status == 503
    assert json.loads(answer.body) == {"error": "the Gatehouse service does not answer"}


def test_a_service_that_hangs_is_503(socket_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(socket_path))
        deaf.listen()

        assert ask(socket_path, timeout_s=0.5).status == 503


def test_a_request_that_is_too_big_is_not_passed_on(service: Service, socket_path: Path) -> None:
    answer = ask(socket_path, "POST", body=bytes(forward.BODY_MAX_BYTES + 1))

    assert answer.status == 413
    assert service.asked == []


def test_an_address_that_is_too_long_is_not_passed_on(service: Service, socket_path: Path) -> None:
    assert ask(socket_path, uri="/gatehouse/" + "x" * forward.URI_MAX_CHARACTERS).status == 414
    assert service.asked == []


def test_an_answer_that_is_too_big_is_an_error(
    service: Service, socket_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "ANSWER_MAX_BYTES", 10)
    service.body = bytes(11)

    assert ask(socket_path).status == 502


@pytest.mark.parametrize(
    ("authorization", "user"),
    [
        (basic("alice:secret"), "alice"),
        (basic("alice:with:colons"), "alice"),
        ("basic " + base64.b64encode(b"alice:x").decode(), "alice"),
        (basic("alice"), ""),
        (basic(b"\xff\xfe:x"), ""),
        ("Basic ???", ""),
        ("Bearer token", ""),
        ("", ""),
    ],
)
def test_the_user_is_the_one_of_basic_authentication(authorization: str, user: str) -> None:
    assert user_of({"authorization": authorization}) == user


def test_a_request_without_authorization_has_no_user() -> None:
    assert user_of({}) == ""


@pytest.mark.parametrize(
    ("compresses", "wanted", "passed"),
    [
        (True, "gzip, deflate, br", "gzip"),
        (True, "br", "identity"),
        (False, "gzip", "identity"),
    ],
)
def test_compressed_answers_are_asked_for_where_orthanc_leaves_that_to_us(
    service: Service, socket_path: Path, compresses: bool, wanted: str, passed: str
) -> None:
    forwarder = Forwarder(socket_path, "secret of this start", 60.0, compresses=compresses)

    forwarder.forward("GET", "/gatehouse/ui", {}, {"accept-encoding": wanted}, b"")

    assert service.asked[0]["headers"].get("accept-encoding", "identity") == passed
