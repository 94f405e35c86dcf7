"""Goal: what is known of destinations and runs is the same on both databases, also later on.

Method: the ledger on SQLite and PostgreSQL, opened again where that matters.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.pipeline.circuit import Breaker
from gatehouse.pipeline.destinations import DestinationKey, mark_of
from gatehouse.pipeline.ports import InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey
from gatehouse.policy.model import Delivery
from support.postgresql import database_url, postgresql  # noqa: F401  fixtures
from support.studies import KEY, SERVER, accepted, output, received

PACS = DestinationKey("dicom", "research-pacs")
TO_PACS = DeliveryKey(*KEY, *PACS)
BREAKER = Breaker(failures=2, probe_min_s=30.0)


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811  the fixture
    made = Ledger(database_url)
    made.record_changes(SERVER, 1, [received("instance-1")], 1.0)
    made.quiet_studies(10.0, 5.0)
    made.advance(KEY, "processing", 11.0)
    made.record_decision(KEY, accepted(), "pack", 12.0)
    made.record_outputs(KEY, [output(1), output(2)])
    made.open_deliveries(KEY, [Delivery(PACS.name, "dicom", verify="query")], "digest", 13.0)
    yield made
    made.close()


def test_a_pause_is_there_after_a_restart_and_resuming_gives_what_waits(
    ledger: Ledger,
    database_url: str,  # noqa: F811  the fixture
) -> None:
    ledger.pause_destination(PACS, "oscar", 20.0)
    again = Ledger(database_url)

    admitted = again.admit(TO_PACS, 21.0)
    [while_paused] = again.destinations()
    waiting = again.resume_destination(PACS, "petra", 22.0)

    assert admitted == (False, None)
    assert (while_paused.paused_by, while_paused.waiting) == ("oscar", 1)
    assert waiting == [(TO_PACS, mark_of(22.0))]
    assert again.overdue_deliveries(30.0) == [(TO_PACS, mark_of(22.0))]
    assert again.admit(TO_PACS, 23.0) == (True, None)
    again.close()


def test_all_workers_see_one_circuit(ledger: Ledger) -> None:
    for _ in range(2):
        ledger.destination_failed(PACS, BREAKER, "it can't be reached", 20.0)

    before_the_probe = ledger.admit(TO_PACS, 21.0)
    probe, others = ledger.admit(TO_PACS, 50.0), ledger.admit(TO_PACS, 50.0)
    ledger.destination_answered(PACS, 51.0)

    assert before_the_probe == (False, 50.0)
    assert probe == (True, None)
    assert others[0] is False
    assert ledger.admit(TO_PACS, 52.0) == (True, None)
    assert [row.action for row in ledger.audit_rows() if row.object == PACS.name] == [
        "destination.circuit-opened"
    ]


def test_a_delivery_that_was_given_up_is_taken_back_confirmed_and_delivered(
    ledger: Ledger,
) -> None:
    ledger.begin_attempt(TO_PACS, 20.0)
    ledger.give_up(TO_PACS, "away", 21.0)
    [failed] = ledger.deliveries()
    [counted] = ledger.destinations()

    key, _ = ledger.retry_delivery(failed.delivery_id, "oscar", 22.0)
    ledger.begin_attempt(key, 23.0)
    receipts = [
        (InstanceReceipt(one.sop_instance_uid_new, "0x0000", True), one.sha256)
        for one in (output(1), output(2))
    ]
    ledger.record_receipts(key, receipts, 24.0)
    to_confirm = ledger.unconfirmed(key)
    ledger.record_confirmations(key, to_confirm, [], "C-FIND", 25.0)
    ledger.delivered(key, 26.0)

    assert (counted.failed, counted.waiting) == (1, 0)
    assert len(to_confirm) == 2
    [delivery] = ledger.deliveries()
    assert (delivery.state, delivery.confirmed) == ("delivered", 2)
    assert [one.state for one in ledger.studies()] == ["done"]
    assert ledger.verify_audit().is_intact


def test_what_a_destination_lost_is_missing_again(ledger: Ledger) -> None:
    ledger.begin_attempt(TO_PACS, 20.0)
    receipt = InstanceReceipt(output(1).sop_instance_uid_new, "0x0000", True)
    ledger.record_receipts(TO_PACS, [(receipt, output(1).sha256)], 21.0)
    before = len(ledger.missing(TO_PACS))

    ledger.record_confirmations(TO_PACS, [], [output(1)], "C-FIND", 22.0)

    assert (before, len(ledger.missing(TO_PACS))) == (1, 2)


def test_a_run_counts_its_studies_and_ends_with_the_last(ledger: Ledger) -> None:
    number = ledger.create_run("basic", "", 2, 60.0, "20:00-06:00", "oscar", 20.0)
    ledger.add_run_items(number, [("a", ""), ("b", ""), ("a", "")], "oscar", 20.0)
    ledger.change_run(number, "running", "oscar", 21.0)
    first, second = ledger.run_items(number)

    ledger.move_item(first, "working", 22.0, generation=1)
    left = ledger.finish_run(number, 23.0)
    begun = ledger.begun_since(number, 22.0)
    ledger.move_item(first, "done", 24.0)
    ledger.move_item(second, "failed", 24.0, reason="it is not in the archive")

    assert (left, begun) == (False, 1)
    assert ledger.finish_run(number, 25.0)
    found = ledger.run(number)
    assert found is not None
    assert (found.state, found.counts, found.hours) == (
        "done",
        {"done": 1, "failed": 1},
        ("20:00", "06:00"),
    )
    assert [one.run_id for one in ledger.runs("done")] == [number]
