"""Goal: ``gatehouse held``, ``policies`` and ``audit`` do and say what the routes do and say.

Method: the commands themselves; their requests go to the real application on a real ledger. What
``policies`` prints is tested by the page on the day of a policy author.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gatehouse.adapters.orthanc_http import OrthancHttp
from gatehouse.cli import main
from support.asgi import call
from support.desk import text
from support.rest import Site, headers

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.desk.reload("start")
        made.hold()
        yield made


@pytest.fixture
def run(
    site: Site,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    """Return what runs a command as a user, and returns its exit code and what it printed."""
    (tmp_path / "up.json").write_text(json.dumps({"gateway_http": "http://127.0.0.1:8052"}))
    user = {"name": "petra"}

    def ask(
        _self: object, method: str, path: str, about: Mapping[str, Any] | None = None
    ) -> tuple[int, bytes]:
        sent = headers(user["name"], **{"X-Gatehouse": "1", "Content-Type": "application/json"})
        body = b"" if about is None else json.dumps(about).encode()
        reply = call(site.app, method, path, sent, body)
        return reply.status, reply.body

    monkeypatch.setattr(OrthancHttp, "ask", ask)

    def command(*words: str, by: str = "petra") -> tuple[int, str]:
        user["name"] = by
        credentials = {"gateway": {"user": by, "password": "x"}}
        (tmp_path / "credentials.json").write_text(json.dumps(credentials))
        place = ["--home", str(tmp_path)]
        at = 2 if words[0] == "policies" else 1
        code = main([*words[:at], *place, *words[at:]])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return command


def state(site: Site) -> str:
    study = site.ledger.study(1)
    assert study is not None
    return study.state


def test_what_is_held_is_listed_in_plain_words(run: Run) -> None:
    code, said = run("held")

    assert code == 1
    assert said.splitlines() == [
        "1: study 1 since 1970-01-01T00:16:10.000Z, by pixels.suspicious at PixelData",
        "    may carry burned-in text",
        "    Images may carry burned-in text. Look at them; a privacy officer can accept them for "
        "this study.",
    ]


def test_reasons_are_counted(run: Run) -> None:
    assert run("held", "--reasons")[1].splitlines()[0] == (
        "1 x pixels.suspicious, since 1970-01-01T00:16:10.000Z"
    )


@pytest.mark.parametrize("which", [["1"], ["pixels.suspicious"], ["all"]])
def test_held_studies_are_decided_about_again(run: Run, site: Site, which: list[str]) -> None:
    code, said = run("held", "--re-evaluate", *which)

    assert (code, said) == (0, "1 study is decided about again.\n")
    assert state(site) == "waiting"
    assert run("held") == (0, "Nothing is held.\n")


@pytest.mark.parametrize("which", ["99", "pixels.suspicous"])
def test_where_nothing_is_held_for_what_is_named_that_is_said(
    run: Run, site: Site, which: str
) -> None:
    _, said = run("held", "--re-evaluate", which)

    assert said == "No study is held for that: nothing is decided about again.\n"
    assert state(site) == "held"


def test_a_study_is_released_with_a_justification(run: Run, site: Site) -> None:
    without = run("held", "--release", "1", "--policy", "everything")
    done = run(
        *("held", "--release", "1", "--policy", "everything", "--because", "looked at it"),
        *("--accept", "suspicious-pixels"),
    )

    assert without == (2, "gatehouse: error: --release needs --policy and --because\n")
    assert done == (0, "Study 1 goes on under the policy everything.\n")
    assert state(site) == "waiting"


def test_a_refusal_is_said_with_its_reason(run: Run, site: Site) -> None:
    code, said = run(
        *("held", "--release", "1", "--policy", "everything", "--because", "looked at it"),
        *("--accept", "suspicious-pixels"),
        by="oscar",
    )

    assert code == 2
    assert said == "gatehouse: error: only a privacy officer may accept what a policy holds\n"
    assert state(site) == "held"


def test_a_rejection_is_made_and_taken_back(run: Run) -> None:
    rejected = run("held", "--reject", "1", "--because", "wrong patient")
    listed = run("held", "--rule", "pixels.suspicious")[1].splitlines()
    back = run("held", "--take-back", "1")

    assert rejected == (
        0,
        "Study 1 is rejected at 1970-01-01T01:16:40.000Z, unless it is taken back.\n",
    )
    assert listed[-1] == ("    is rejected at 1970-01-01T01:16:40.000Z, unless that is taken back")
    assert run("held", "--rule", "no-policy") == (0, "Nothing is held.\n")
    assert back == (0, "The rejection of study 1 is taken back.\n")


def test_the_audit_trail_is_listed_and_checked(run: Run, site: Site) -> None:
    listed = run("audit")
    intact = run("audit", "--verify")
    with site.ledger.engine.begin() as connection:
        connection.execute(sa.text("UPDATE audit SET actor = 'nobody' WHERE sequence = 2"))
    broken = run("audit", "--verify")

    assert listed[0] == 0
    assert "configuration: pack.activated" in listed[1]
    rows = len(listed[1].splitlines())
    assert intact == (0, f"The audit trail is intact: {rows} rows.\n")
    assert broken == (1, "The audit trail was changed: row 2 does not fit.\n")


def test_only_privacy_officers_see_the_audit_trail(run: Run) -> None:
    assert run("audit", by="oscar") == (2, "gatehouse: error: this needs another role\n")


def test_a_change_waits_for_a_second_person(run: Run, site: Site, tmp_path: Path) -> None:
    site.desk.four_eyes = True
    file = tmp_path / "everything.yaml"
    file.write_text(text(version=2))

    proposed = run("policies", "activate", str(file), "--because", "agreed", by="polly")
    listed = run("policies", "proposals")
    own = run("policies", "approve", "1", by="polly")
    other = run("policies", "approve", "1")

    assert proposed == (0, "everything version 2: proposed as number 1\n")
    assert listed == (0, "1: everything version 2, open, by polly: agreed\n")
    assert own[0] == 2
    assert other[0] == 0
    assert other[1].endswith("everything version 2: active\n")


def test_a_shadow_is_begun_looked_at_and_ended(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "everything.yaml"
    file.write_text(text(version=2))

    begun = run("policies", "shadow", "everything", "--file", str(file))
    ended = run("policies", "shadow", "everything", "--end")

    assert begun == (0, "version 2 runs: 0 studies compared, 0 otherwise\n")
    assert ended[1].startswith("version 2 ended at 1970-01-01T00:16:40.000Z: ")


def test_a_folder_is_loaded_again_and_its_problems_are_said(run: Run, site: Site) -> None:
    assert run("policies", "reload")[1].endswith("\nunchanged\n")
    assert site.desk.folder is not None
    file = site.desk.folder / "everything" / "everything.yaml"
    file.write_text(text(version=2).replace("basic", "basik"))

    code, said = run("policies", "reload")

    assert code == 1
    assert said.splitlines()[-1] == "invalid"
    assert "everything.yaml:13: error:" in said
