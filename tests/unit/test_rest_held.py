"""Goal: held studies are worked through by those who may, with their word in the audit trail.

Method: the real application on a real ledger; what each request left in the ledger is looked at.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import gatehouse
from gatehouse.pipeline.records import StudyKey
from gatehouse.web import held_routes
from gatehouse.web.held_routes import REEVALUATED_AT_ONCE
from gatehouse.web.words import FAMILIES, WORDS, words_of
from support.asgi import Reply, call
from support.desk import text, write_folder
from support.rest import NOW, Site, headers

JSON = {"Content-Type": "application/json"}
WHY = {"justification": "looked at all images"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        made.desk.reload("start")
        made.hold()
        made.receive("instance-2", "study-2")
        made.hold(StudyKey(2, 1))
        yield made


def get(site: Site, path: str) -> Reply:
    return call(site.app, "GET", f"/gatehouse/{path}", headers("viola"))


def post(site: Site, path: str, about: Any = None, user: str = "oscar") -> Reply:
    body = json.dumps({} if about is None else about).encode()
    return call(site.app, "POST", f"/gatehouse/{path}", headers(user, **JSON), body)


def state(site: Site, study: int = 1) -> tuple[str, int]:
    found = site.ledger.study(study)
    assert found is not None
    return found.state, found.generation


def last_audit(site: Site) -> tuple[str, str, str]:
    row = site.ledger.audit_rows(limit=1000)[-1]
    return row.actor, row.action, row.detail


def test_holds_are_listed_by_reason(site: Site) -> None:
    assert [one["id"] for one in get(site, "held?rule=pixels.suspicious").json["held"]] == [2, 1]
    assert get(site, "held?rule=no-policy").json["held"] == []


def test_reasons_are_counted_and_said_in_plain_words(site: Site) -> None:
    [reason] = get(site, "held-reasons").json["reasons"]

    assert (reason["rule"], reason["studies"]) == ("pixels.suspicious", 2)
    assert reason["words"].startswith("Images may carry burned-in text.")
    assert get(site, "held/1").json["words"] == reason["words"]


@pytest.mark.parametrize(("user", "is_offered"), [("oscar", True), ("viola", False)])
def test_the_studies_of_one_reason_lead_back_to_all(
    site: Site, user: str, is_offered: bool
) -> None:
    target = "/gatehouse/ui/held?rule=pixels.suspicious"
    page = call(site.app, "GET", target, headers(user)).body.decode()

    assert "All reasons" in page
    assert ("Decide again about all" in page) is is_offered


@pytest.mark.parametrize(
    "about", [{"holds": [1, 2]}, {"rule": "pixels.suspicious"}, {"everything": True}]
)
def test_held_studies_are_decided_about_again(site: Site, about: dict[str, Any]) -> None:
    answer = post(site, "held/re-evaluate", about).json

    assert answer == {"studies": [1, 2], "skipped": [], "left": 0}
    assert state(site, 1) == ("waiting", 2)
    assert state(site, 2) == ("waiting", 2)
    assert site.woken


def hold_many(site: Site, number: int) -> None:
    """Hold so many studies more."""
    for one in range(3, number + 3):
        site.receive(f"instance-{one}", f"study-{one}")
        site.hold(StudyKey(one, 1))


def test_however_many_are_held_all_of_them_are_decided_about_again(site: Site) -> None:
    hold_many(site, 2 * REEVALUATED_AT_ONCE)

    answer = post(site, "held/re-evaluate", {"rule": "pixels.suspicious"}).json

    assert len(answer["studies"]) == 2 * REEVALUATED_AT_ONCE + 2
    assert answer["left"] == 0
    assert dict(site.ledger.counts().studies) == {"waiting": 2 * REEVALUATED_AT_ONCE + 2}
    assert site.ledger.verify_audit().is_intact


def test_what_there_was_no_time_for_is_said_and_done_at_the_next_request(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held_routes, "REEVALUATED_FOR_S", -1.0)
    hold_many(site, REEVALUATED_AT_ONCE)

    first = post(site, "held/re-evaluate", {"everything": True}).json
    second = post(site, "held/re-evaluate", {"everything": True}).json

    assert (len(first["studies"]), first["left"]) == (REEVALUATED_AT_ONCE, 2)
    assert (len(second["studies"]), second["left"]) == (2, 0)


def test_a_study_that_is_held_no_more_is_not_begun_anew_by_who_comes_too_late(site: Site) -> None:
    site.ledger.process_again(1, "alice", NOW)
    site.ledger.advance(StudyKey(1, 2), "processing", NOW)

    begun = site.ledger.reevaluate([1, 2], "oscar", NOW)

    assert begun == [2]
    assert state(site, 1) == ("processing", 2)


def test_only_what_is_held_for_the_reason_is_decided_about_again(site: Site) -> None:
    answer = post(site, "held/re-evaluate", {"rule": "no-policy"}).json

    assert answer["studies"] == []
    assert state(site) == ("held", 1)


def test_a_hold_that_is_resolved_or_unknown_is_left_alone(site: Site) -> None:
    post(site, "held/re-evaluate", {"holds": [1]})

    answer = post(site, "held/re-evaluate", {"holds": [1, 2, 99, -1]}).json

    assert answer == {"studies": [2], "skipped": [1, 99, -1], "left": 0}
    assert state(site) == ("waiting", 2)


@pytest.mark.parametrize("about", [{}, {"holds": [1], "rule": "x"}, {"holds": []}, {"what": 1}])
def test_a_request_that_says_not_which_or_twice_is_refused(
    site: Site, about: dict[str, Any]
) -> None:
    assert post(site, "held/re-evaluate", about).status == 422
    assert state(site) == ("held", 1)


def test_a_study_is_released_under_a_policy_with_a_justification(site: Site) -> None:
    answer = post(site, "held/1/release", {"policy": "everything", **WHY}).json

    assert answer == {"study": 1, "generation": 2, "policy": "everything", "accept": []}
    assert state(site) == ("waiting", 2)
    assert last_audit(site) == ("oscar", "study.released", "looked at all images")
    hold = get(site, "held/1").json
    assert (hold["resolved_by"], hold["resolution"]) == ("oscar", "released under everything")


@pytest.mark.parametrize(
    ("about", "status"),
    [
        ({"policy": "everything"}, 422),
        ({"policy": "everything", "justification": ""}, 422),
        ({"policy": "unknown", **WHY}, 409),
        ({"policy": "everything", "accept": ["everything"], **WHY}, 422),
        ({"policy": "everything", "accept": ["suspicious-pixels"], **WHY}, 403),
    ],
)
def test_a_release_that_is_not_allowed_releases_nothing(
    site: Site, about: dict[str, Any], status: int
) -> None:
    assert post(site, "held/1/release", about).status == status
    assert state(site) == ("held", 1)
    assert site.ledger.release_of(StudyKey(1, 2)) is None


def test_only_a_privacy_officer_accepts_what_a_policy_holds(site: Site) -> None:
    about = {"policy": "everything", "accept": ["suspicious-pixels", "check is-ct"], **WHY}

    reply = post(site, "held/1/release", about, "petra")

    assert reply.status == 200
    release = site.ledger.release_of(StudyKey(1, 2))
    assert release is not None
    assert release.accept == ("check is-ct", "suspicious-pixels")
    assert release.released_by == "petra"


def test_a_policy_that_only_observes_releases_nothing(site: Site) -> None:
    assert site.desk.folder is not None
    observed = text(version=2).replace("stage: active", "stage: observe")
    write_folder(site.desk.folder, observed)
    assert site.desk.reload("test").state == "active"

    assert post(site, "held/1/release", {"policy": "everything", **WHY}).status == 409


def test_a_rejection_waits_and_can_be_taken_back(site: Site) -> None:
    made = post(site, "held/1/reject", WHY).json

    assert (made["state"], made["due_at"]) == ("pending", "1970-01-01T01:16:40.000Z")
    holds = get(site, "held").json["held"]
    assert [(one["id"], one["to_be_rejected_at"]) for one in holds] == [
        (2, None),
        (1, "1970-01-01T01:16:40.000Z"),
    ]
    assert state(site) == ("held", 1)
    assert post(site, "held/1/reject", WHY).status == 409
    back = post(site, "held/1/take-back")
    assert (back.status, back.json["state"]) == (200, "taken-back")
    assert get(site, "held/1").json["to_be_rejected_at"] is None
    assert post(site, "held/1/take-back").status == 409
    site.ledger.reject_due(NOW + 10_000)
    assert state(site) == ("held", 1)
    assert last_audit(site)[:2] == ("oscar", "study.rejection-taken-back")


def test_a_study_that_is_to_be_rejected_can_still_be_released(site: Site) -> None:
    post(site, "held/1/reject", WHY)

    post(site, "held/1/release", {"policy": "everything", **WHY})
    site.ledger.reject_due(NOW + 10_000)

    assert state(site) == ("waiting", 2)


@pytest.mark.parametrize("action", ["release", "reject", "take-back"])
def test_a_hold_that_is_not_there_is_not_found(site: Site, action: str) -> None:
    about = {"policy": "everything", **WHY} if action == "release" else WHY

    assert post(site, f"held/99/{action}", about).status == 404


@pytest.mark.parametrize("action", ["release", "reject"])
def test_a_hold_that_is_resolved_can_t_be_worked_on(site: Site, action: str) -> None:
    post(site, "held/re-evaluate", {"holds": [1]})
    about = {"policy": "everything", **WHY} if action == "release" else WHY

    assert post(site, f"held/1/{action}", about).status == 409


def test_every_rule_that_the_code_holds_by_is_said_in_plain_words() -> None:
    root = Path(gatehouse.__file__).parent
    found = {
        rule
        for file in root.rglob("*.py")
        for rule in re.findall(r'"([a-z]+\.[a-z][a-z-]+)"', file.read_text())
        if re.search(rf'(Error|Held|hold)\([^)]*"{re.escape(rule)}"', file.read_text(), re.DOTALL)
    }

    assert len(found) > 20
    vague = words_of("some-check")
    assert {rule for rule in found if words_of(rule) == vague} == set()
    assert all(words for words in (*WORDS.values(), *FAMILIES.values()))
