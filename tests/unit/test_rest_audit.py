"""Goal: whatever a person changes over REST is in the audit trail under the person's own name.

Method: every route that changes something, once, by somebody who may; the rows that it adds to the
trail. A route that is new is missed by the comparison with the table of routes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gatehouse.adapters.run_source import LocalStudies
from gatehouse.pipeline.records import DeliveryKey
from gatehouse.policy.model import Delivery
from gatehouse.web.access import ACCESS
from support.asgi import call
from support.desk import text, write_folder
from support.rest import NOW, Site, headers
from support.studies import KEY, SERVER, accepted, output

JSON = {"Content-Type": "application/json"}
NAME = "everything"
SECOND = {"text": text(version=2)}

CHANGES_NOTHING = {
    "/gatehouse/preview",
    "/gatehouse/policies/validate",
    "/gatehouse/policies/test",
    "/gatehouse/policies/{name}/diff",
    "/gatehouse/policies/{name}/otherwise",
    "/gatehouse/destinations/{via}/{name}/test",
    "/gatehouse/ui/preview",
    "/gatehouse/ui/picture",
}
"""Routes that are asked by POST and only answer."""


def ask(site: Site, method: str, path: str, about: Any, user: str) -> int:
    body = json.dumps(about).encode()
    return call(site.app, method, f"/gatehouse/{path}", headers(user, **JSON), body).status


def _nothing(_site: Site) -> None:
    """Leave everything as it is."""


def change_folder(site: Site) -> None:
    assert site.desk.folder is not None
    write_folder(site.desk.folder, text(version=2))


def second_version(site: Site) -> None:
    assert ask(site, "POST", f"policies/{NAME}/activate", SECOND, "petra") == 200


def shadow(site: Site) -> None:
    assert ask(site, "POST", f"policies/{NAME}/shadow", SECOND, "petra") == 200


def proposal(site: Site) -> None:
    site.desk.four_eyes = True
    assert ask(site, "POST", f"policies/{NAME}/activate", SECOND, "petra") == 200


def rejected(site: Site) -> None:
    site.hold()
    assert ask(site, "POST", "held/1/reject", {"justification": "not ours"}, "petra") == 200


def given_up(site: Site) -> None:
    key = DeliveryKey(*KEY, "dicom", "research-pacs")
    site.ledger.advance(KEY, "processing", NOW - 40)
    site.ledger.record_decision(KEY, accepted(), "digest-of-pack", NOW - 39)
    site.ledger.record_outputs(KEY, [output(1)])
    site.ledger.register_own_outputs(KEY, SERVER, [output(1)], NOW - 38)
    site.ledger.open_deliveries(
        KEY, [Delivery("research-pacs", "dicom")], "digest-of-basic-1", NOW - 37
    )
    site.ledger.begin_attempt(key, NOW - 36)
    site.ledger.give_up(key, "it can't be reached", NOW - 35)


def run(site: Site) -> None:
    assert site.ledger.create_run(NAME, "", 2, None, "", "petra", NOW) == 1


def running(site: Site) -> None:
    run(site)
    site.ledger.change_run(1, "running", "petra", NOW)


def paused(site: Site) -> None:
    path = "destinations/dicom/research-pacs/pause"
    assert ask(site, "POST", path, {}, "petra") == 200


class Change(NamedTuple):
    """How a route is tried: what is there before, who asks for which path with what."""

    before: Callable[[Site], object]
    user: str
    path: str
    about: Mapping[str, Any]
    action: str


CHANGES: Mapping[tuple[str, str], Change] = {
    ("POST", "/studies/{which}/process"): Change(
        Site.deliver, "oscar", "studies/1/process", {}, "study.process-again"
    ),
    ("POST", "/policies/reload"): Change(
        change_folder, "polly", "policies/reload", {}, "pack.activated"
    ),
    ("POST", "/policies/{name}/activate"): Change(
        _nothing, "polly", f"policies/{NAME}/activate", SECOND, "pack.activated"
    ),
    ("POST", "/policies/{name}/versions/{version}/activate"): Change(
        second_version, "polly", f"policies/{NAME}/versions/1/activate", {}, "pack.activated"
    ),
    ("POST", "/policies/{name}/shadow"): Change(
        _nothing, "polly", f"policies/{NAME}/shadow", SECOND, "shadow.begun"
    ),
    ("DELETE", "/policies/{name}/shadow"): Change(
        shadow, "polly", f"policies/{NAME}/shadow", {}, "shadow.ended"
    ),
    ("POST", "/proposals/{number}/approve"): Change(
        proposal, "polly", "proposals/1/approve", {}, "policy.approved"
    ),
    ("POST", "/proposals/{number}/decline"): Change(
        proposal, "polly", "proposals/1/decline", {}, "policy.declined"
    ),
    ("POST", "/held/re-evaluate"): Change(
        Site.hold, "oscar", "held/re-evaluate", {"holds": [1]}, "study.process-again"
    ),
    ("POST", "/held/{hold_id}/release"): Change(
        Site.hold,
        "oscar",
        "held/1/release",
        {"policy": NAME, "justification": "looked at it"},
        "study.released",
    ),
    ("POST", "/held/{hold_id}/reject"): Change(
        Site.hold, "oscar", "held/1/reject", {"justification": "not ours"}, "study.to-be-rejected"
    ),
    ("POST", "/held/{hold_id}/take-back"): Change(
        rejected, "oscar", "held/1/take-back", {}, "study.rejection-taken-back"
    ),
    ("POST", "/deliveries/{delivery_id}/retry"): Change(
        given_up, "oscar", "deliveries/1/retry", {}, "delivery.retried"
    ),
    ("POST", "/deliveries/{delivery_id}/cancel"): Change(
        given_up, "oscar", "deliveries/1/cancel", {}, "delivery.cancelled"
    ),
    ("POST", "/runs"): Change(_nothing, "oscar", "runs", {"policy": NAME}, "run.created"),
    ("POST", "/runs/{run_id}/studies"): Change(
        run, "oscar", "runs/1/studies", {"queries": [{"PatientID": "CANARY"}]}, "run.studies-added"
    ),
    ("POST", "/runs/{run_id}/begin"): Change(run, "oscar", "runs/1/begin", {}, "run.running"),
    ("POST", "/runs/{run_id}/pause"): Change(running, "oscar", "runs/1/pause", {}, "run.paused"),
    ("POST", "/runs/{run_id}/cancel"): Change(run, "oscar", "runs/1/cancel", {}, "run.cancelled"),
    ("POST", "/destinations/{via}/{name}/pause"): Change(
        _nothing, "oscar", "destinations/dicom/research-pacs/pause", {}, "destination.paused"
    ),
    ("POST", "/destinations/{via}/{name}/resume"): Change(
        paused, "oscar", "destinations/dicom/research-pacs/resume", {}, "destination.resumed"
    ),
}


def test_every_route_that_changes_something_is_tried_here() -> None:
    changing = {
        (method, path.removeprefix("/gatehouse"))
        for method, path in ACCESS
        if method != "GET" and path not in CHANGES_NOTHING
    }

    assert changing == set(CHANGES)


@pytest.mark.parametrize("route", CHANGES, ids=" ".join)
def test_a_change_is_in_the_trail_with_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, route: tuple[str, str]
) -> None:
    change = CHANGES[route]
    monkeypatch.setattr(LocalStudies, "find", lambda *_: [("study-7", "")])
    with Site(tmp_path) as site:
        assert site.desk.reload("start").state == "active"
        change.before(site)
        known = len(site.ledger.audit_rows(limit=1000))

        status = ask(site, route[0], change.path, change.about, change.user)
        rows = site.ledger.audit_rows(limit=1000)[known:]

    assert status == 200
    assert (change.user, change.action) in [(row.actor, row.action) for row in rows]
    assert not [row for row in rows if "CANARY" in repr(row)]
