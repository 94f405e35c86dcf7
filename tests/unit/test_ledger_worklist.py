"""Goal: what people ask for is kept once and for all, on both databases alike.

Method: every method of worklist, proposals, shadows and notices, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest

from gatehouse.adapters.ledger import Ledger
from gatehouse.adapters.ledger_notices import HELD_BEFORE
from gatehouse.errors import StateError
from gatehouse.pipeline.ports import Held, InstanceReceipt
from gatehouse.pipeline.records import DeliveryKey, Retention, StudyKey
from gatehouse.policy.model import Delivery
from support.postgresql import PostgreSQL, database_url, postgresql  # noqa: F401  fixtures
from support.studies import KEY, SERVER, accepted, output, pack, policy, received

NOW = 1000.0


@pytest.fixture
def ledger(database_url: str) -> Iterator[Ledger]:  # noqa: F811
    made = Ledger(database_url)
    made.activate_pack(pack(), "configuration", "policies", NOW - 900)
    for number in (1, 2, 3):
        one = received(f"instance-{number}", f"study-{number}")
        made.record_changes(SERVER, number, [one], NOW - 800)
    for key in made.quiet_studies(NOW - 700, 5):
        made.advance(key, "processing", NOW - 600)
    for number, rule in ((1, "no-policy"), (2, "pixels.suspicious"), (3, "pixels.suspicious")):
        key = StudyKey(number, 1)
        made.hold(key, Held(f"instance-{number}", rule, "a reason"), NOW - 500 + number)
    yield made
    made.close()


def state(ledger: Ledger, study: int = 1) -> tuple[str, int]:
    found = ledger.study(study)
    assert found is not None
    return found.state, found.generation


def test_reasons_are_counted_by_studies(ledger: Ledger) -> None:
    found = [(one.rule, one.studies, one.oldest_held_at) for one in ledger.held_reasons()]

    assert found == [("pixels.suspicious", 2, NOW - 498), ("no-policy", 1, NOW - 499)]


def test_held_studies_are_found_by_reason_and_in_parts(ledger: Ledger) -> None:
    assert ledger.held_studies(None, limit=2) == ([1, 2], 1)
    assert ledger.held_studies("pixels.suspicious", limit=10) == ([2, 3], 0)


def test_a_release_belongs_to_the_run_that_it_opened(ledger: Ledger) -> None:
    key = ledger.release_study(
        1, "basic", ["suspicious-pixels"], "looked at", "petra", NOW, policy_digest="d"
    )

    assert key == StudyKey(1, 2)
    assert state(ledger) == ("waiting", 2)
    release = ledger.release_of(key)
    assert release is not None
    assert (release.policy, release.accept) == ("basic", ("suspicious-pixels",))
    assert ledger.release_of(KEY) is None
    with pytest.raises(StateError):
        ledger.release_study(1, "basic", [], "again", "petra", NOW, policy_digest="d")


def test_a_rejection_is_done_once_when_it_is_due(ledger: Ledger) -> None:
    ledger.reject_later(1, "wrong", "oscar", NOW, NOW + 60)
    assert ledger.pending_rejection(1) is not None

    assert ledger.reject_due(NOW + 59) == []
    assert ledger.reject_due(NOW + 61) == [1]
    assert ledger.reject_due(NOW + 62) == []

    assert state(ledger) == ("rejected", 1)
    assert ledger.pending_rejection(1) is None
    assert ledger.verify_audit().is_intact


def test_what_is_held_for_too_long_expires_once(ledger: Ledger) -> None:
    before = NOW - 498
    assert ledger.expiring(before) == [StudyKey(1, 1)]

    assert ledger.expire(KEY, before, NOW)
    assert not ledger.expire(KEY, before, NOW)
    assert not ledger.expire(StudyKey(2, 1), before, NOW)

    assert state(ledger) == ("rejected", 1)


def test_a_rejected_study_can_be_processed_again(ledger: Ledger) -> None:
    ledger.expire(KEY, NOW, NOW)

    assert ledger.process_again(1, "oscar", NOW) == StudyKey(1, 2)


def test_several_held_studies_are_decided_about_again_at_once(ledger: Ledger) -> None:
    ledger.process_again(2, "alice", NOW)

    begun = ledger.reevaluate([3, 2, 1, 99], "oscar", NOW)

    assert begun == [1, 3]
    assert [state(ledger, number) for number in (1, 2, 3)] == [("waiting", 2)] * 3
    assert [one.object for one in ledger.audit_rows(limit=100) if one.actor == "oscar"] == [
        "study 1",
        "study 3",
    ]
    assert ledger.verify_audit().is_intact


def test_what_people_were_told_of_expiry_counts_from_when_it_was_sent(ledger: Ledger) -> None:
    about = {"counts": {"within 7 days": 1}}
    ledger.add_notice("expiring", ["email"], {**about, HELD_BEFORE: 100.0}, NOW)
    ledger.add_notice("expiring", ["email"], {**about, HELD_BEFORE: 200.0}, NOW + 1)
    ledger.add_notice("expiring", ["email"], about, NOW + 2)
    first, second, older = [one.id for one in ledger.due_notices(NOW + 3)]
    assert ledger.told_of_expiry(NOW + 50) == -math.inf
    ledger.notice_sent(first, NOW + 10)
    ledger.notice_sent(second, NOW + 20)
    ledger.notice_sent(older, NOW + 30)

    assert [ledger.told_of_expiry(NOW + after) for after in (9, 10, 19, 20, 50)] == [
        -math.inf,
        100.0,
        100.0,
        200.0,
        200.0,
    ]


def test_originals_expire_where_everything_of_them_was_delivered(ledger: Ledger) -> None:
    month = {policy().digest: Retention(30.0, is_kept_locally=False)}
    key = ledger.process_again(1, "oscar", NOW)
    ledger.advance(key, "processing", NOW)
    ledger.record_decision(key, accepted(), "digest-of-pack", NOW)
    ledger.record_outputs(key, [output(1)])
    ledger.open_deliveries(key, [Delivery("research-pacs", "dicom")], policy().digest, NOW)
    delivery = DeliveryKey(*key, "dicom", "research-pacs")
    ledger.begin_attempt(delivery, NOW)
    on_its_way = ledger.expired_originals(SERVER, month, NOW + 100, 10)
    receipt = InstanceReceipt(output(1).sop_instance_uid_new, "0x0000", is_stored=True)
    ledger.record_receipts(delivery, [(receipt, output(1).sha256)], NOW)
    ledger.delivered(delivery, NOW)

    assert on_its_way == []
    assert ledger.expired_originals(SERVER, month, NOW + 29, 10) == []
    assert ledger.expired_originals(SERVER, month, NOW + 30, 10) == [key]
    assert ledger.expired_originals("another", month, NOW + 30, 10) == []
    assert ledger.note_expiry(key, 1, NOW + 30)
    assert not ledger.note_expiry(StudyKey(2, 1), 1, NOW + 30)


def told(ledger: Ledger) -> list[tuple[str, str, object]]:
    """Have people told of what is new; return the notices that were made of it."""
    before = {one.id for one in ledger.due_notices(NOW, 100)}
    ledger.tell_news(["email", "webhook"], NOW)
    made = [one for one in ledger.due_notices(NOW, 100) if one.id not in before]
    return [(one.event, one.channel, one.content["counts"]) for one in made]


def test_everything_is_told_once_over_every_way(ledger: Ledger) -> None:
    held = {"no-policy": 1, "pixels.suspicious": 2}

    assert told(ledger) == [("held", "email", held), ("held", "webhook", held)]
    assert ledger.last_told_at("held", "email") == NOW
    assert ledger.last_told_at("expiring", "email") is None
    assert told(ledger) == []


def test_a_study_that_is_held_no_more_needs_no_notice(ledger: Ledger) -> None:
    for number in (1, 2, 3):
        ledger.process_again(number, "oscar", NOW)

    assert told(ledger) == []


def test_a_hold_whose_writer_commits_late_is_told_of(postgresql: PostgreSQL) -> None:  # noqa: F811
    url = postgresql.new_database().replace("postgresql://", "postgresql+psycopg://")
    ledger = Ledger(url)
    for number in (1, 2):
        one = received(f"instance-{number}", f"study-{number}")
        ledger.record_changes(SERVER, number, [one], NOW - 800)
    for key in ledger.quiet_studies(NOW - 700, 5):
        ledger.advance(key, "processing", NOW - 600)

    ledger.hold(KEY, Held("instance-1", "no-policy", "a reason"), NOW - 500)
    ledger.hold(StudyKey(2, 1), Held("instance-2", "no-policy", "a reason"), NOW - 500)
    told(ledger)

    with ledger.writing() as late:
        # Held already, so that this writes no row of the audit trail, for which all others wait.
        ledger._hold(late, KEY, Held("instance-1", "delivery.failed", "a reason"), NOW)
        # Meanwhile another one has a higher number, and is told of.
        ledger.hold(StudyKey(2, 1), Held("instance-2", "adults", "a reason"), NOW)
        first = told(ledger)
    second = told(ledger)

    assert [counts for _, _, counts in first] == [{"adults": 1}] * 2
    assert [counts for _, _, counts in second] == [{"delivery.failed": 1}] * 2
    ledger.close()


def open_deliveries(ledger: Ledger, *names: str) -> list[DeliveryKey]:
    """Process the first study again, up to deliveries that are being tried."""
    key = ledger.process_again(1, "oscar", NOW)
    ledger.advance(key, "processing", NOW)
    ledger.record_decision(key, accepted(), "digest-of-pack", NOW)
    ledger.record_outputs(key, [output(1)])
    wanted = [Delivery(name, "dicom") for name in names]
    ledger.open_deliveries(key, wanted, "digest-of-basic-1", NOW)
    opened = [DeliveryKey(*key, "dicom", name) for name in names]
    for one in opened:
        ledger.begin_attempt(one, NOW)
    return opened


def failures(ledger: Ledger) -> list[object]:
    return [counts for event, way, counts in told(ledger) if (event, way) == ("failed", "email")]


def test_a_delivery_that_failed_is_news_whatever_its_clock_says(ledger: Ledger) -> None:
    first, second = open_deliveries(ledger, "first", "second")
    ledger.give_up(second, "no answer", NOW)
    assert failures(ledger) == [{"second": 1}]

    # By another host, whose clock is late.
    ledger.give_up(first, "no answer", NOW - 90)

    assert failures(ledger) == [{"first": 1}]
    assert failures(ledger) == []


def test_a_delivery_that_is_given_up_again_is_news_again(ledger: Ledger) -> None:
    [key] = open_deliveries(ledger, "research-pacs")
    ledger.give_up(key, "no answer", NOW)
    assert failures(ledger) == [{"research-pacs": 1}]
    [delivery] = ledger.deliveries()

    ledger.retry_delivery(delivery.delivery_id, "oscar", NOW)
    ledger.give_up(key, "no answer", NOW)

    assert failures(ledger) == [{"research-pacs": 1}]


def test_a_notice_is_due_until_it_was_sent_or_given_up(ledger: Ledger) -> None:
    ledger.add_notice("held", ["email"], {"counts": {"x": 1}}, NOW)
    ledger.add_notice("held", ["email"], {"counts": {"x": 1}}, NOW)
    [first, second] = ledger.due_notices(NOW)

    ledger.notice_sent(first.id, NOW)
    ledger.notice_failed(second.id, "no answer", NOW + 60)
    assert ledger.due_notices(NOW) == []
    assert ledger.unsent_notices() == (1, "no answer")
    [again] = ledger.due_notices(NOW + 61)
    assert (again.id, again.attempts) == (second.id, 1)
    ledger.notice_failed(second.id, "no answer", None)
    assert ledger.due_notices(NOW + 10_000) == []


def test_a_proposal_is_one_however_often_it_is_made_and_outdated_by_another(
    ledger: Ledger,
) -> None:
    def propose(text: str, by: str) -> int:
        return ledger.propose("text", "basic", 2, {"f": text}, by, NOW, base_digest="d")

    first = propose("a", "polly")
    assert propose("a", "polly") == first
    second = propose("b", "polly")

    assert [(one.id, one.state) for one in ledger.proposals()] == [
        (second, "open"),
        (first, "outdated"),
    ]
    ledger.decide_proposal(second, "approved", "petra", NOW)
    with pytest.raises(StateError):
        ledger.decide_proposal(second, "approved", "petra", NOW)
    assert ledger.proposal(99) is None


def test_a_shadow_is_asked_once_about_each_run_since_it_began(ledger: Ledger) -> None:
    ledger.begin_shadow(policy(version=8), "polly", NOW - 2000)
    ledger.begin_shadow(policy(version=9), "polly", NOW)
    [shadow] = ledger.shadows("basic")
    key = ledger.process_again(1, "oscar", NOW)
    ledger.advance(key, "processing", NOW)
    assert ledger.uncompared(shadow, 10) == []
    ledger.record_decision(key, accepted(), "digest-of-pack", NOW + 1)

    assert ledger.uncompared(shadow, 10) == [key]
    ledger.record_comparison(shadow, key, "otherwise", {"attributes": []}, NOW)
    ledger.record_comparison(shadow, key, "otherwise", {"attributes": []}, NOW)

    assert ledger.uncompared(shadow, 10) == []
    counts, found = ledger.comparisons(shadow)
    assert counts == {"otherwise": 1}
    assert [one.key for one in found] == [key]
    assert ledger.end_shadow("basic", "polly", NOW)
    assert not ledger.end_shadow("basic", "polly", NOW)
    assert [one.version for one in ledger.shadows(running=False)] == [9, 8]


def test_a_version_knows_each_time_at_which_it_began_to_decide(ledger: Ledger) -> None:
    ledger.activate_pack(pack(policy(version=2), digest="d2"), "polly", "folder", NOW)
    ledger.activate_pack(
        pack(policy(version=2), policy("other"), digest="d3"), "polly", "folder", NOW + 1
    )
    ledger.activate_pack(pack(), "petra", "folder at git commit 1", NOW + 2)

    first = ledger.activations(policy().digest)
    second = ledger.activations(policy(version=2).digest)

    assert [(one.by, one.source) for one in first] == [
        ("petra", "folder at git commit 1"),
        ("configuration", "policies"),
    ]
    assert [one.at for one in second] == [NOW]
