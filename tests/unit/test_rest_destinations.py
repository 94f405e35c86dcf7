"""Goal: an operator sees how each destination is, and what he asks for happens and is written down.

Method: the real application on a ledger with one study that waits for a destination, was given up
by it, or has arrived there; what is started is noted by a stand-in for the queue.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gatehouse.pipeline.circuit import Breaker
from gatehouse.pipeline.destinations import DestinationKey
from gatehouse.pipeline.ports import InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey
from gatehouse.policy.model import Delivery
from support.asgi import Reply, call
from support.rest import NOW, Site, headers
from support.studies import KEY, SERVER, accepted, output

PACS = DestinationKey("dicom", "research-pacs")
TO_PACS = DeliveryKey(*KEY, *PACS)
AUDIT_NAMES = ("destination.", "delivery.")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Site(tmp_path) as made:
        yield made


def release(site: Site, *also: Delivery) -> None:
    """Bring the study to where its deliveries wait."""
    site.ledger.advance(KEY, "processing", NOW - 40)
    site.ledger.record_decision(KEY, accepted(), "digest-of-pack", NOW - 39)
    site.ledger.record_outputs(KEY, [output(1)])
    site.ledger.register_own_outputs(KEY, SERVER, [output(1)], NOW - 38)
    deliveries = [Delivery("research-pacs", "dicom"), *also]
    site.ledger.open_deliveries(KEY, deliveries, "digest-of-basic-1", NOW - 37)


def give_up(site: Site, key: DeliveryKey = TO_PACS) -> None:
    site.ledger.begin_attempt(key, NOW - 36)
    site.ledger.give_up(key, "it can't be reached", NOW - 35)


def arrive(site: Site, key: DeliveryKey) -> None:
    receipt = InstanceReceipt("2.25.1", "0x0000", is_stored=True)
    site.ledger.begin_attempt(key, NOW - 34)
    site.ledger.record_receipts(key, [(receipt, output(1).sha256)], NOW - 34)
    site.ledger.delivered(key, NOW - 33)


def ask(site: Site, path: str, user: str = "oscar") -> Reply:
    sent = headers(user, **{"X-Gatehouse": "1"})
    return call(site.app, "POST", f"/gatehouse/{path}", sent)


def look(site: Site, name: str = "research-pacs") -> Any:
    answer = call(site.app, "GET", "/gatehouse/destinations", headers("viola")).json
    [found] = [one for one in answer["destinations"] if one["name"] == name]
    return found


def audited(site: Site) -> list[tuple[str, str, str]]:
    return [
        (row.actor, row.action, row.object)
        for row in site.ledger.audit_rows(limit=1000)
        if row.action.startswith(AUDIT_NAMES)
    ]


def test_every_destination_is_listed_with_its_queue_and_its_limits(site: Site) -> None:
    release(site)

    found, other = look(site), look(site, "away")

    assert (found["state"], found["circuit"], found["waiting"]) == ("ok", "closed", 1)
    assert (found["policies"], found["is_configured"]) == (["basic"], True)
    assert other["limits"] == {
        "concurrency": 2,
        "instances_per_s": None,
        "bytes_per_s": None,
        "window": "18:00-07:00",
        "failures_that_open": 5,
    }


@pytest.mark.parametrize(
    ("name", "is_ok", "detail"),
    [
        ("research-pacs", True, "C-ECHO answered with Success"),
        ("away", False, "it can't be reached"),
    ],
)
def test_a_connection_is_tested(site: Site, name: str, is_ok: bool, detail: str) -> None:
    reply = ask(site, f"destinations/dicom/{name}/test")

    assert reply.status == 200
    assert (reply.json["is_ok"], reply.json["detail"]) == (is_ok, detail)


@pytest.mark.parametrize("what", ["test", "pause", "resume"])
def test_a_destination_that_nobody_configured_is_not_found(site: Site, what: str) -> None:
    assert ask(site, f"destinations/dicom/nobody/{what}").status == 404
    assert ask(site, f"destinations/pigeon/research-pacs/{what}").status == 404


def test_a_pause_lasts_until_somebody_ends_it_and_the_trail_says_who_did(site: Site) -> None:
    release(site)

    ask(site, "destinations/dicom/research-pacs/pause")
    paused = look(site)
    may_try, again_at = site.ledger.admit(TO_PACS, NOW)
    ask(site, "destinations/dicom/research-pacs/resume", "petra")

    assert (paused["state"], paused["paused_by"]) == ("paused", "oscar")
    assert (may_try, again_at) == (False, None)
    assert look(site)["state"] == "ok"
    assert site.started == [TO_PACS]
    assert audited(site) == [
        ("oscar", "destination.paused", "research-pacs"),
        ("petra", "destination.resumed", "research-pacs"),
    ]


def test_a_destination_whose_circuit_is_open_says_so_with_its_last_error(site: Site) -> None:
    release(site)
    for _ in range(2):
        site.ledger.destination_failed(PACS, Breaker(2, 30.0), "it can't be reached", NOW)

    found = look(site)

    assert (found["state"], found["circuit"], found["failures"]) == ("failing", "open", 2)
    assert found["last_error"] == "it can't be reached"
    assert found["next_probe_at"] == "1970-01-01T00:17:10.000Z"


def test_a_delivery_that_was_given_up_is_tried_again_by_hand_and_its_study_is_not_held_any_more(
    site: Site,
) -> None:
    release(site)
    give_up(site)
    [delivery] = site.ledger.deliveries()

    reply = ask(site, f"deliveries/{delivery.delivery_id}/retry")

    assert reply.json == {
        "id": delivery.delivery_id,
        "study": 1,
        "generation": 1,
        "via": "dicom",
        "destination": "research-pacs",
        "state": "waiting",
    }
    assert site.started == [TO_PACS]
    assert [one.state for one in site.ledger.studies()] == ["delivering"]
    assert site.ledger.holds() == []
    # Its longest time begins anew.
    assert site.ledger.delivery_terms(TO_PACS)[1] == NOW
    assert audited(site)[-1][:2] == ("oscar", "delivery.retried")


def test_a_study_is_done_when_the_delivery_that_was_tried_again_has_arrived(site: Site) -> None:
    release(site)
    give_up(site)
    [delivery] = site.ledger.deliveries()
    ask(site, f"deliveries/{delivery.delivery_id}/retry")

    arrive(site, TO_PACS)

    assert [one.state for one in site.ledger.studies()] == ["done"]


def test_a_study_stays_held_while_another_delivery_of_it_is_given_up(site: Site) -> None:
    away = DeliveryKey(*KEY, "dicom", "away")
    release(site, Delivery("away", "dicom"))
    give_up(site)
    give_up(site, away)
    first = next(one for one in site.ledger.deliveries() if one.key == TO_PACS)
    ask(site, f"deliveries/{first.delivery_id}/retry")

    arrive(site, TO_PACS)

    [study] = site.ledger.studies()
    assert (study.state, study.rule) == ("held", "delivery.failed")
    assert study.reason.startswith("away did not take all instances")


def test_a_delivery_that_is_cancelled_leaves_the_study_done_and_says_why(site: Site) -> None:
    release(site)
    give_up(site)
    [delivery] = site.ledger.deliveries()

    reply = ask(site, f"deliveries/{delivery.delivery_id}/cancel")

    assert reply.json["state"] == "cancelled"
    [study] = site.ledger.studies()
    assert (study.state, study.rule) == ("done", "delivery.cancelled")
    assert study.reason == "the delivery to research-pacs was cancelled"
    assert ("oscar", "delivery.cancelled") in [row[:2] for row in audited(site)]


@pytest.mark.parametrize("what", ["retry", "cancel"])
def test_a_delivery_that_has_arrived_can_neither_be_tried_again_nor_cancelled(
    site: Site, what: str
) -> None:
    site.deliver()
    [delivery] = site.ledger.deliveries()

    reply = ask(site, f"deliveries/{delivery.delivery_id}/{what}")

    assert reply.status == 409
    assert site.started == []


@pytest.mark.parametrize("what", ["retry", "cancel"])
def test_a_delivery_that_does_not_exist_is_not_found(site: Site, what: str) -> None:
    assert ask(site, f"deliveries/77/{what}").status == 404


def test_a_delivery_of_a_study_that_was_processed_again_is_left_alone(site: Site) -> None:
    release(site)
    give_up(site)
    [delivery] = site.ledger.deliveries()
    site.ledger.process_again(1, "oscar", NOW)

    reply = ask(site, f"deliveries/{delivery.delivery_id}/retry")

    assert reply.status == 409
    assert site.started == []


def status(site: Site) -> Any:
    return call(site.app, "GET", "/gatehouse/status", headers("viola")).json


def test_the_status_says_which_destinations_are_not_well_and_the_gateway_does_its_work(
    site: Site,
) -> None:
    release(site, Delivery("away", "dicom"))
    give_up(site)
    away = DestinationKey("dicom", "away")
    site.ledger.destination_failed(away, Breaker(1, 30.0), "it can't be reached", NOW)

    found = status(site)

    assert found["status"] == "ok"
    assert found["problems"] == [
        "away (dicom) does not answer: 1 deliveries wait; it can't be reached",
        "research-pacs (dicom): 1 deliveries were given up; retry or cancel them",
    ]


def test_a_pause_is_a_problem_only_while_something_waits_for_it(site: Site) -> None:
    site.ledger.pause_destination(PACS, "oscar", NOW)
    before = status(site)["problems"]

    release(site)

    assert before == []
    assert status(site)["problems"] == ["research-pacs (dicom) is paused: 1 deliveries wait"]


def test_the_metrics_have_each_destination(site: Site) -> None:
    release(site)
    site.ledger.pause_destination(PACS, "oscar", NOW)

    text = call(site.app, "GET", "/gatehouse/metrics", headers("viola")).body.decode()

    where = '{destination="research-pacs",via="dicom"}'
    assert f"gatehouse_destination_paused{where} 1.0" in text
    assert f"gatehouse_destination_waiting{where} 1.0" in text
    assert f"gatehouse_destination_answers{where} 1.0" in text
    assert f"gatehouse_destination_failed{where} 0.0" in text


@pytest.mark.parametrize(
    ("before", "said"),
    [(release, "Going on"), (give_up, "Given up"), (arrive, "")],
    ids=["waiting", "failed", "delivered"],
)
def test_the_page_lists_the_deliveries_that_are_not_at_their_end(
    site: Site, before: Any, said: str
) -> None:
    release(site)
    if before is not release:
        before(site, TO_PACS)

    page = call(site.app, "GET", "/gatehouse/ui/destinations", headers("viola")).body.decode()

    shown = [one for one in ("Going on", "Given up") if one in page]
    assert shown == ([said] if said else [])
