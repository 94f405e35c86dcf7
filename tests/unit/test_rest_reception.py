"""Goal: everybody with a role learns what was refused on reception and why, and nothing more.

Method: the real application on a real ledger into which a journal was read.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatehouse.pipeline.reception_journal import ReceptionRefusal
from gatehouse.web.health import DAY_S, metrics
from support.asgi import call
from support.rest import NOW, Site, headers
from support.studies import SERVER, mark, pack

REFUSED = ReceptionRefusal(
    NOW - 1.0, "adults-only", "the check does not hold", "", "study-id", "instance-id", "digest"
)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def journal(site: Site, *entries: object) -> None:
    begin = site.ledger.journal_position(SERVER, "journal")
    assert site.ledger.import_journal(SERVER, "journal", begin, begin + 1, entries)  # type: ignore[arg-type]


def test_a_gateway_without_reception_mode_says_so(site: Site) -> None:
    found = call(site.app, "GET", "/gatehouse/reception", headers("viola")).json

    assert found == {
        "on": False,
        "pack": "digest-of-pack",
        "taken_in": 0,
        "refused": {},
        "refused_last_day": 0,
        "refusals": [],
    }
    assert site.health.status().problems == []


@pytest.mark.parametrize("user", ["viola", "oscar", "polly", "petra"])
def test_what_was_taken_in_and_refused_is_told(site: Site, user: str) -> None:
    site.ledger.activate_pack(
        dataclasses.replace(pack(digest="for-reception"), reception=True), "alice", "", NOW
    )
    old = dataclasses.replace(REFUSED, at=NOW - DAY_S - 1.0, rule="reception.own-output")
    journal(site, mark(), mark("instance-2"), old, REFUSED)

    found = call(site.app, "GET", "/gatehouse/reception?limit=1", headers(user)).json

    assert found["on"] is True
    assert found["pack"] == "for-reception"
    assert found["taken_in"] == 2
    assert found["refused"] == {"adults-only": 1, "reception.own-output": 1}
    assert found["refused_last_day"] == 1
    [refusal] = found["refusals"]
    assert refusal.pop("words")
    assert refusal == {
        "at": "1970-01-01T00:16:39.000Z",
        "rule": "adults-only",
        "reason": "the check does not hold",
        "path": "",
        "study": "study-id",
        "instance": "instance-id",
        "policy": "digest",
    }


def test_refusals_of_the_last_day_are_a_problem_of_the_status(site: Site) -> None:
    journal(site, REFUSED, dataclasses.replace(REFUSED, at=NOW - DAY_S - 1.0))

    status = site.health.status()

    assert status.status == "ok"
    assert status.problems == [
        "1 instance was refused on reception in the last 24 hours, and stayed with the sender: "
        "/gatehouse/reception says why"
    ]


def test_both_are_metrics(site: Site) -> None:
    journal(site, mark(), REFUSED, REFUSED)

    text = metrics(site.health.status()).decode()

    assert "gatehouse_reception_on 0.0\n" in text
    assert "gatehouse_reception_taken_in_total 1.0\n" in text
    assert 'gatehouse_reception_refused_total{rule="adults-only"} 2.0\n' in text


def test_a_study_that_came_de_identified_has_no_preview_and_says_why(site: Site) -> None:
    journal(site, mark())

    reply = call(
        site.app,
        "POST",
        "/gatehouse/preview",
        headers("petra", **{"Content-Type": "application/json"}),
        json.dumps({"study": "1"}).encode(),
    )

    assert reply.status == 409
    assert "was de-identified when it was received" in reply.json["error"]


def test_a_study_that_came_de_identified_has_a_page(site: Site) -> None:
    journal(site, mark())
    site.deliver()

    reply = call(site.app, "GET", "/gatehouse/ui/studies/1", headers("petra"))

    assert reply.status == 200
