"""Goal: ``gatehouse status`` says in plain words how the gateway is, also by its exit code.

Method: the command itself, against a stand-in for the gateway's Orthanc.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.cli import main

WELL: dict[str, Any] = {
    "status": "ok",
    "version": "0.1.0",
    "orthanc_version": "1.10.1",
    "pack_digest": "0123456789abcdef",
    "policies": [{"name": "basic", "version": 3, "digest": "x"}],
    "studies": {"done": 2, "held": 1},
    "deliveries": {"delivered": 2},
    "open_holds": 1,
    "queue_depth": 0,
    "workers": [
        {
            "name": "worker-1",
            "host": "gateway",
            "pid": 42,
            "processes": 2,
            "heartbeat_age_s": 1.5,
            "is_alive": True,
        }
    ],
    "inbox_age_s": 0.1,
    "problems": [],
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "up.json").write_text(json.dumps({"gateway_http": "http://127.0.0.1:8052"}))
    credentials = {"gateway": {"user": "gatehouse", "password": "secret"}}
    (tmp_path / "credentials.json").write_text(json.dumps(credentials))
    return tmp_path


def answer_with(monkeypatch: pytest.MonkeyPatch, code: int, body: Any) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    monkeypatch.setattr(OrthancHttp, "get", lambda _self, _path: (code, raw))


def test_a_gateway_that_is_well_is_0_and_is_described(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, 200, WELL)

    code = main(["status", "--home", str(home)])

    assert code == 0
    assert capsys.readouterr().out.splitlines() == [
        "The gateway does its work.",
        "Gatehouse 0.1.0, Orthanc 1.10.1",
        "Policies: basic version 3 (pack 0123456789ab)",
        "Studies: 2 done, 1 held",
        "Deliveries: 2 delivered",
        "Open holds: 1; in work: 0",
        "worker-1 on gateway: alive, last sign of life 1.5 s ago",
    ]


def test_problems_are_1_and_are_named(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failing = {**WELL, "status": "failing", "problems": ["no worker is alive"]}
    answer_with(monkeypatch, 503, failing)

    code = main(["status", "--home", str(home)])

    assert code == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "The gateway does NOT do its work.",
        "  problem: no worker is alive",
    ]


def test_a_problem_that_does_not_stop_the_work_is_1_too(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, 200, {**WELL, "problems": ["worker-2 is not alive"]})

    assert main(["status", "--home", str(home)]) == 1


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (0, "nobody answers"),
        (401, "user or password is wrong"),
        (403, "this user has no role in Gatehouse"),
        (404, "this Orthanc runs without Gatehouse"),
        (500, "unexpected status 500"),
    ],
)
def test_a_gateway_that_can_t_be_asked_is_2(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    said: str,
) -> None:
    answer_with(monkeypatch, code, b"")

    assert main(["status", "--home", str(home)]) == 2
    assert capsys.readouterr().out == f"http://127.0.0.1:8052: {said}\n"


@pytest.mark.parametrize("body", [b'{"error": "the service does not answer"}', b"<html>"])
def test_an_orthanc_without_its_service_is_2(
    home: Path, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    answer_with(monkeypatch, 503, body)

    assert main(["status", "--home", str(home)]) == 2


def test_json_is_what_the_gateway_answered(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, 200, WELL)

    main(["status", "--home", str(home), "--json"])

    assert json.loads(capsys.readouterr().out) == WELL


def test_any_gateway_is_asked_by_url_and_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"user": "viola", "password": "x"}))
    asked: list[str] = []
    monkeypatch.setattr(
        OrthancHttp,
        "get",
        lambda self, path: asked.append(self.url + path) or (200, json.dumps(WELL).encode()),
    )

    code = main(["status", "--url", "http://gateway:8042/", "--credentials", str(file)])

    assert code == 0
    assert asked == ["http://gateway:8042/gatehouse/status"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--url", "http://x"], "--url and --credentials belong together"),
        (["--url", "x:8042", "--credentials", "f"], "--url is an address such as http://"),
        (["--home", "/nowhere"], "/nowhere/up.json can't be read (No such file or directory)"),
    ],
)
def test_what_is_missing_is_said(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", *arguments]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"gateway": {"user": "x"}}'])
def test_credentials_that_are_none_are_refused_without_showing_them(
    home: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    (home / "credentials.json").write_text(content)

    assert main(["status", "--home", str(home)]) == 2
    assert "credentials.json" in capsys.readouterr().err


def test_what_was_taken_in_and_refused_on_reception_is_told(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reception = {"on": True, "taken_in": 7, "refused": {"adults-only": 2}, "refused_last_day": 2}
    answer_with(monkeypatch, 200, {**WELL, "reception": reception})

    main(["status", "--home", str(home)])

    out = capsys.readouterr().out
    assert "Reception mode: on; taken in: 7; refused: 2 adults-only\n" in out
