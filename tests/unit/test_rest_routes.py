"""Goal: the routes explain everything about a study, and link it to nobody who may not know.

Method: the real application on a real ledger; the clock stands still.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gatehouse.pipeline.records import StudyKey, WorkerRecord
from support.asgi import Reply, call
from support.rest import NOW, ORIGINAL, Site, headers
from support.studies import SERVER, pack, policy

MADE = "f960d741-2837ba9e-f6f928bc-58d8867d-75c918c6"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def get(site: Site, path: str, user: str = "viola") -> Reply:
    return call(site.app, "GET", f"/gatehouse/{path}", headers(user))


def post(site: Site, path: str, user: str = "oscar") -> Reply:
    return call(site.app, "POST", f"/gatehouse/{path}", headers(user, **{"X-Gatehouse": "1"}))


def test_a_study_is_explained_from_its_decision_to_its_receipts(site: Site) -> None:
    site.deliver()

    found = get(site, "studies/1").json

    assert found["orthanc_id"] == ORIGINAL
    assert found["state"] == "done"
    assert (found["policy"], found["policy_version"]) == ("basic", 1)
    assert found["policy_digest"] == "digest-of-basic-1"
    assert found["decision"]["outcome"] == "accept"
    assert found["decision"]["asked"] == [
        {"policy": "basic", "rule": "match", "answer": "yes", "line": 3}
    ]
    assert found["actions"] == {"X": 6, "D": 2}
    assert [step["state"] for step in found["timeline"]] == [
        "receiving",
        "waiting",
        "processing",
        "delivering",
        "done",
    ]
    [delivery] = found["deliveries"]
    assert delivery["state"] == "delivered"
    assert (delivery["instances"], delivery["receipts"], delivery["warnings"]) == (2, 2, 1)
    assert delivery["statuses"] == {"0x0000": 1, "0xB000": 1}


def test_a_study_is_found_by_its_orthanc_id_too(site: Site) -> None:
    assert get(site, f"studies/{ORIGINAL}").json["id"] == 1


def test_times_are_utc(site: Site) -> None:
    assert get(site, "studies/1").json["first_received_at"] == "1970-01-01T00:15:40.000Z"


@pytest.mark.parametrize(
    ("user", "made"), [("viola", None), ("oscar", None), ("polly", None), ("petra", ["made-study"])]
)
def test_only_privacy_officers_learn_what_a_study_became(
    site: Site, user: str, made: list[str] | None
) -> None:
    site.deliver()

    assert get(site, "studies/1", user).json["deidentified_as"] == made


@pytest.fixture
def made_study(site: Site) -> str:
    """The Orthanc ID of the de-identified study."""
    site.deliver()
    with site.ledger.engine.begin() as connection:
        connection.execute(
            sa.text("UPDATE own_output SET study_orthanc_id = :made"), {"made": MADE}
        )
    return MADE


@pytest.mark.parametrize("user", ["viola", "oscar", "polly"])
def test_a_de_identified_study_tells_others_nothing_of_its_original(
    site: Site, made_study: str, user: str
) -> None:
    found = get(site, f"studies/{made_study}", user).json

    assert found == {
        "orthanc_id": MADE,
        "is_deidentified": True,
        "state": "done",
        "policy": "basic",
        "policy_version": 1,
        "policy_digest": "digest-of-basic-1",
        "actions": {"X": 6, "D": 2},
        "deidentified_from": None,
    }


def test_a_de_identified_study_names_its_original_to_a_privacy_officer(
    site: Site, made_study: str
) -> None:
    assert get(site, f"studies/{made_study}", "petra").json["deidentified_from"] == ORIGINAL


@pytest.mark.parametrize("which", ["2", "0", "x", "99999999999999999999", "a" * 44, "1 OR 1"])
def test_a_study_that_is_not_there_is_not_found(site: Site, which: str) -> None:
    reply = get(site, f"studies/{which}")

    assert (reply.status, reply.json) == (404, {"error": "there is no such study"})


def test_studies_are_listed_by_state_and_policy_page_by_page(site: Site) -> None:
    for number in range(2, 5):
        site.receive(f"instance-{number}", f"study-{number}")
    site.deliver()

    assert [one["id"] for one in get(site, "studies?state=done").json["studies"]] == [1]
    assert [one["id"] for one in get(site, "studies?policy=basic").json["studies"]] == [1]
    first = get(site, "studies?limit=3").json
    rest = get(site, "studies?limit=3&offset=3").json
    assert len(first["studies"]) == 3
    assert first["next_offset"] == 3
    assert len(rest["studies"]) == 1
    assert rest["next_offset"] is None


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "offset=-1", "state=SECRET^VALUE"]
)
def test_a_query_that_is_not_understood_is_refused_without_repeating_it(
    site: Site, query: str
) -> None:
    reply = get(site, f"studies?{query}")

    assert reply.status == 422
    assert "query." in reply.json["error"]
    assert b"SECRET" not in reply.body


def test_a_study_is_processed_again_by_name_and_the_worker_s_queue_is_woken(site: Site) -> None:
    site.deliver()

    reply = post(site, "studies/1/process")

    assert reply.json == {"id": 1, "generation": 2, "state": "waiting"}
    assert site.woken == [True]
    last = site.ledger.audit_rows()[-1]
    assert (last.actor, last.action, last.object) == ("oscar", "study.process-again", "study 1")


def test_a_study_that_waits_already_is_not_processed_again(site: Site) -> None:
    reply = post(site, "studies/1/process")

    assert reply.status == 409
    assert reply.json == {"error": "the study is not complete yet, or waits already"}
    assert site.woken == []


def test_a_hold_names_rule_reason_place_and_instance(site: Site) -> None:
    site.hold()

    [found] = get(site, "held").json["held"]

    assert found["rule"] == "pixels.suspicious"
    assert found["reason"] == "may carry burned-in text"
    assert found["path"] == "PixelData"
    assert found["instance"] == "instance-1"
    assert found["study_orthanc_id"] == ORIGINAL
    assert get(site, f"held/{found['id']}").json == found


def test_a_resolved_hold_is_only_listed_when_asked_for(site: Site) -> None:
    site.hold()
    site.ledger.process_again(1, "oscar", NOW)

    assert get(site, "held").json["held"] == []
    [found] = get(site, "held?resolved=true").json["held"]
    assert found["resolved_by"] == "oscar"


def test_a_hold_that_is_not_there_is_not_found(site: Site) -> None:
    assert get(site, "held/7").status == 404


def test_policies_are_listed_with_their_versions_and_texts(site: Site) -> None:
    newer = pack(policy(version=2, text="policy: basic\nversion: 2\n"), digest="pack-2")
    site.ledger.activate_pack(newer, "polly", "policies", NOW)

    active = get(site, "policies").json
    history = get(site, "policies/basic").json
    old = get(site, "policies/basic/versions/1").json

    assert active["digest"] == "pack-2"
    assert [(one["name"], one["version"]) for one in active["policies"]] == [("basic", 2)]
    assert history["active_version"] == 2
    assert [one["version"] for one in history["versions"]] == [2, 1]
    assert old["text"] == "policy: basic\n"


@pytest.mark.parametrize("path", ["policies/unknown", "policies/basic/versions/9"])
def test_a_policy_that_never_was_is_not_found(site: Site, path: str) -> None:
    assert get(site, path).status == 404


def test_deliveries_are_listed_by_state(site: Site) -> None:
    site.deliver()

    [found] = get(site, "deliveries?state=delivered").json["deliveries"]

    assert (found["via"], found["destination"], found["study"]) == ("dicom", "research-pacs", 1)
    assert get(site, "deliveries?state=failed").json["deliveries"] == []


def test_the_audit_trail_is_listed_and_checked(site: Site) -> None:
    site.deliver()

    rows = get(site, "audit", "petra").json["audit"]
    later = get(site, f"audit?after={rows[0]['sequence']}", "petra").json["audit"]
    report = get(site, "audit/verification", "petra").json

    assert rows[0]["action"] == "pack.activated"
    assert later == rows[1:]
    assert report == {"rows": len(rows), "is_intact": True, "broken_at": None}


def test_the_status_is_ok_when_all_is_well(site: Site) -> None:
    site.deliver()

    reply = get(site, "status")

    assert reply.status == 200
    assert reply.json["status"] == "ok"
    assert reply.json["problems"] == []
    assert reply.json["studies"] == {"done": 1}
    assert reply.json["orthanc_version"] == "1.10.1"
    assert reply.json["pack_digest"] == "digest-of-pack"
    assert reply.json["workers"][0]["heartbeat_age_s"] == 1.0


def test_the_status_is_503_when_no_worker_is_alive(site: Site) -> None:
    site.ledger.heartbeat(WorkerRecord("worker-1", "host", 42, "0.1.0", 2, 0.0, NOW - 31))

    reply = get(site, "status")

    assert reply.status == 503
    assert reply.json["problems"] == ["no worker is alive: nothing is processed"]


def test_the_status_is_503_when_the_change_log_is_not_read(site: Site) -> None:
    site.inbox.caught_up_at = NOW - 61
    site.inbox.problem = "ArchiveError"

    reply = get(site, "status")

    assert reply.status == 503
    assert reply.json["problems"] == ["Orthanc's change log is not read: ArchiveError"]


def test_the_status_names_a_worker_that_is_missing_beside_others(site: Site) -> None:
    site.ledger.heartbeat(WorkerRecord("worker-1", "host", 42, "0.1.0", 2, 0.0, NOW - 31))
    site.ledger.heartbeat(WorkerRecord("worker-2", "host", 43, "0.1.0", 2, 0.0, NOW))

    reply = get(site, "status")

    assert reply.status == 200
    assert reply.json["problems"] == ["worker-1 is not alive"]


def test_a_ledger_that_can_t_be_reached_is_503_everywhere(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise sa.exc.OperationalError("SELECT SECRET", {}, Exception("SECRET"))

    monkeypatch.setattr(site.ledger, "counts", fails)
    monkeypatch.setattr(site.ledger, "studies", fails)

    status, studies = get(site, "status"), get(site, "studies")

    assert (status.status, studies.status) == (503, 503)
    assert status.json["problems"] == ["the ledger can't be reached (OperationalError)"]
    assert studies.json == {"error": "the ledger can't be reached"}
    assert b"SECRET" not in status.body + studies.body


def test_the_text_of_an_unexpected_exception_reaches_nobody(
    site: Site, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ValueError("SECRET^VALUE")

    monkeypatch.setattr(site.ledger, "studies", fails)

    reply = get(site, "studies")

    said = capsys.readouterr()
    assert (reply.status, reply.json) == (500, {"error": "an internal error; see the log"})
    assert "SECRET" not in said.out + said.err
    assert "ValueError" in said.out + said.err


@pytest.mark.parametrize("path", ["status", "studies", "studies/0", "unknown", "audit"])
def test_nothing_is_kept_by_browsers_or_read_as_something_else(site: Site, path: str) -> None:
    reply = get(site, path)

    assert reply.header("cache-control") == "no-store"
    assert reply.header("x-content-type-options") == "nosniff"
    assert reply.header("content-security-policy").startswith("default-src 'self'")


def test_metrics_are_numbers_by_state(site: Site) -> None:
    site.deliver()
    site.receive("instance-9", "study-9")

    lines = get(site, "metrics").body.decode().splitlines()

    assert "gatehouse_ok 1.0" in lines
    assert 'gatehouse_studies{state="done"} 1.0' in lines
    assert 'gatehouse_studies{state="waiting"} 1.0' in lines
    assert 'gatehouse_deliveries{state="delivered"} 1.0' in lines
    assert "gatehouse_queue_depth 1.0" in lines
    assert 'gatehouse_worker_heartbeat_age_seconds{worker="worker-1"} 1.0' in lines


def test_the_routes_describe_themselves(site: Site) -> None:
    described = get(site, "openapi.json").json

    assert described["info"]["title"] == "Gatehouse"
    assert set(described["paths"]) == {
        path
        for _, path in site.routes()
        if path != "/gatehouse/openapi.json" and not path.startswith("/gatehouse/ui")
    }
    assert all(
        operation.get("description")
        for path in described["paths"].values()
        for operation in path.values()
    )


def test_a_study_of_which_new_instances_came_shows_the_holds_of_all_its_runs(site: Site) -> None:
    site.hold()
    site.ledger.process_again(1, "oscar", NOW)
    site.hold(StudyKey(1, 2))

    found = get(site, "studies/1").json

    assert [(one["generation"], one["resolved_at"] is None) for one in found["holds"]] == [
        (2, True),
        (1, False),
    ]
    assert SERVER not in found
